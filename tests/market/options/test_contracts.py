import datetime as dt

import numpy as np
import pytest

from sweep.market.options.contracts import contract_table, parse_ticker, roots_of


def instant(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("ticker", "root", "underlying", "settlement", "strike"),
    [
        ("O:SPXW251125C06700000", "SPXW", "SPX", "PM", 6700.0),
        ("O:SPX251121P06702500", "SPX", "SPX", "AM", 6702.5),
        ("O:F251121C00012500", "F", "F", "PM", 12.5),
        ("NDXP251121C25000000", "NDXP", "NDX", "PM", 25000.0),
        ("O:RUT251121C02400000", "RUT", "RUT", "AM", 2400.0),
    ],
)
def test_a_ticker_is_read_from_the_right(ticker, root, underlying, settlement, strike):
    contract = parse_ticker(ticker)
    found = contract.root, contract.underlying, contract.settlement, contract.strike
    assert found == (root, underlying, settlement, strike)


def test_a_root_may_end_in_a_digit_and_is_then_no_standard_contract():
    adjusted = parse_ticker("O:TSLA1251121C00100000")
    assert (adjusted.root, adjusted.expiry) == ("TSLA1", dt.date(2025, 11, 21))
    assert not adjusted.standard
    assert parse_ticker("O:TSLA251121C00100000").standard
    table = contract_table("TSLA", ["O:TSLA1251121C00100000", "O:TSLA251121C00100000", "junk"])
    assert table.tickers == ("O:TSLA251121C00100000",)


@pytest.mark.parametrize("text", ["", "O:SPX", "O:SPXW251325C06700000", "O:SPXW251125X06700000"])
def test_what_is_no_contract_is_refused(text):
    with pytest.raises(ValueError, match="an option ticker is root, YYMMDD"):
        parse_ticker(text)


@pytest.mark.parametrize(
    ("ticker", "expected"),
    [
        ("O:SPXW251125C06700000", "2025-11-25T21:00"),  # winter: 16:00 New York
        ("O:SPXW250725C06300000", "2025-07-25T20:00"),  # summer
        ("O:SPXW251128C06700000", "2025-11-28T18:00"),  # half day: 13:00
        ("O:SPX251121C06700000", "2025-11-21T14:30"),  # AM: the opening prints
        ("O:SPXW251121C06700000", "2025-11-21T21:00"),  # the same date, PM
        ("O:AAPL140621C00093000", "2014-06-20T20:00"),  # Saturday of a monthly contract
        ("O:SPY140419C00180000", "2014-04-17T20:00"),  # Saturday after Good Friday
    ],
)
def test_expiry_instants_follow_root_and_calendar(ticker, expected):
    assert parse_ticker(ticker).expiry_ns == instant(expected)


def test_minutes_to_expiry_on_a_half_day():
    contract = parse_ticker("O:SPXW251128C06700000")
    assert contract.minutes_to_expiry(instant("2025-11-28T17:00")) == 60


def test_roots_of_an_underlying():
    assert roots_of("SPX") == ("SPX", "SPXW")
    assert roots_of("BRK.B") == ("BRKB",)
    assert roots_of("SPY") == ("SPY",)


def test_the_table_is_sorted_and_keyed_by_root():
    both = ["O:SPXW251121C06700000", "O:SPX251121C06700000", "O:SPX251121P06700000"]
    table = contract_table("SPX", [*both, both[0], "O:SPY251121C00670000"])
    assert table.tickers == (both[2], both[1], both[0])
    assert table.expiry_ns[0] < table.expiry_ns[2]
    assert table.call.tolist() == [False, True, True]
