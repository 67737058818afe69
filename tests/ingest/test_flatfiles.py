import datetime as dt
import gzip
import io
import random

import pyarrow as pa
import pytest

from sweep.ingest.flatfiles import read_day
from sweep.ingest.inflate import BarsError
from sweep.ingest.products import INDICES, STOCKS
from tests.ingest.day_files import (
    INDEX_HEADER,
    STOCK_HEADER,
    compress,
    index_line,
    minute_lines,
    stock_line,
    window_start,
)

DAY = dt.date(2015, 3, 9)


def read(lines, wanted=("SPY",), product=STOCKS, raw=None, day=DAY):
    tickers = None if wanted is None else {name: name for name in wanted}
    data = compress(lines) if raw is None else raw
    return read_day(io.BytesIO(data), product, day, tickers, "2015-03-09.csv.gz")


def values(rows, column):
    return rows.table[column].to_pylist()


def test_columns_are_found_by_name_in_the_vendors_order():
    rows = read([STOCK_HEADER, f"SPY,100,10,11,12,9,{window_start(DAY, '09:30')},7"])
    assert [values(rows, c) for c in ("open", "high", "low", "close", "volume", "trades")] == [
        [10.0],
        [12.0],
        [9.0],
        [11.0],
        [100.0],
        [7],
    ]
    assert rows.table["ts"].cast(pa.int64()).to_pylist() == [window_start(DAY, "09:30")]


def test_header_order_extra_columns_bom_and_crlf_do_not_matter():
    ts = window_start(DAY, "09:30")
    lines = [
        "\ufefftransactions,window_start,otc,low,high,close,open,volume,ticker",
        f"7,{ts},x,9,12,11,10,100,SPY",
        f"7,{ts},x,9,12,11,10,100,SPYX",
    ]
    raw = gzip.compress(("\r\n".join(lines) + "\r\n").encode())
    rows = read(None, raw=raw)
    assert values(rows, "high") == [12.0]
    assert values(rows, "trades") == [7]
    assert list(rows.counts) == ["SPY"]


def test_one_pass_serves_all_wanted_symbols_whatever_the_order():
    lines = [
        line for name in ("AAPL", "QQQ", "SPY", "ZZZ") for line in minute_lines(name, DAY, 200)
    ]
    plain = read([STOCK_HEADER, *lines], ("SPY", "AAPL"))
    assert {name: c.rows for name, c in plain.counts.items()} == {"AAPL": 200, "SPY": 200}
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        assert read([STOCK_HEADER, *lines], ("SPY", "AAPL")).table.equals(plain.table)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_may_end_anywhere(monkeypatch, block):
    monkeypatch.setattr("sweep.ingest.inflate.BLOCK", block)
    lines = [STOCK_HEADER, *minute_lines("A", DAY, 20), *minute_lines("SPY", DAY, 30)]
    assert values(read(lines), "open") == [round(10 + 0.01 * i, 2) for i in range(30)]


def test_a_is_not_aa_and_case_matters():
    names = ["A", "AA", "AAP", "AAPL", "BACPL", "BACpL", "BRK.B", "BRK.A", "SPYX"]
    lines = [STOCK_HEADER, *(stock_line(name, DAY, "09:30") for name in names)]
    for name in names:
        assert list(read(lines, (name,)).counts) == [name]
    assert list(read(lines, ("AAPL", "A", "NONE", "ZZ", "B", "BACpL")).counts) == [
        "A",
        "AAPL",
        "BACpL",
    ]


def test_long_tickers_are_told_apart():
    names = ["O:SPY251125C00670000", "O:SPY251125C00680000", "LONGNAME1", "LONGNAME2"]
    lines = [STOCK_HEADER, *(stock_line(name, DAY, "09:30") for name in names)]
    for name in names:
        assert list(read(lines, (name,)).counts) == [name]


@pytest.mark.parametrize("name", ["NA", "NAN", "TRUE", "INF", "NULL", "ON"])
def test_tickers_that_parsers_eat_survive(name):
    lines = [STOCK_HEADER, stock_line(name, DAY, "09:30")]
    assert values(read(lines, (name,)), "symbol") == [name]
    assert values(read(lines, None), "symbol") == [name]


def test_all_symbols():
    lines = [STOCK_HEADER, *(stock_line(n, DAY, "09:30") for n in ("ZZ", "A", "BACpL"))]
    assert values(read(lines, None), "symbol") == ["A", "BACpL", "ZZ"]


def test_a_hostile_ticker_is_a_bad_row():
    lines = [STOCK_HEADER, stock_line("../x", DAY, "09:30"), stock_line("A", DAY, "09:30")]
    rows = read(lines, None)
    assert values(rows, "symbol") == ["A"]
    assert rows.counts[""].bad == {"bad_ticker": 1}


def test_quoted_fields_are_read():
    line = stock_line("SPY", DAY, "09:30").replace("SPY", '"SPY"')
    assert list(read([STOCK_HEADER, line]).counts) == ["SPY"]


def test_volume_may_be_fractional_and_text_after_the_last_newline_counts():
    lines = [STOCK_HEADER, stock_line("SPY", DAY, "09:30", volume="9099.618093")]
    raw = gzip.compress("\n".join(lines).encode())
    assert values(read(None, raw=raw), "volume") == [9099.618093]


def test_transactions_that_are_all_zero_are_unknown():
    lines = [
        STOCK_HEADER,
        stock_line("QQQ", DAY, "09:30", trades=0),
        stock_line("QQQ", DAY, "09:31", trades=0),
        stock_line("SPY", DAY, "09:30", trades=0),
        stock_line("SPY", DAY, "09:31", trades=3),
        stock_line("TLT", DAY, "09:31", trades=""),
    ]
    rows = read(lines, ("SPY", "QQQ", "TLT"))
    assert values(rows, "trades") == [None, None, 0, 3, None]
    assert all(not counts.bad for counts in rows.counts.values())


def test_indices_have_neither_volume_nor_transactions():
    lines = [INDEX_HEADER, index_line("I:SPX", DAY, "09:30"), index_line("I:SPXX", DAY, "09:30")]
    rows = read_day(io.BytesIO(compress(lines)), INDICES, DAY, {"I:SPX": "SPX"}, "x")
    assert values(rows, "symbol") == ["SPX"]
    assert values(rows, "close") == [5000.12]
    assert values(rows, "volume") == [None]
    assert values(rows, "trades") == [None]
    every = read_day(io.BytesIO(compress(lines)), INDICES, DAY, None, "x")
    assert values(every, "symbol") == ["I:SPXX", "SPX"]


BAD = {
    "unparsable": [
        "SPY,100,x,11,12,9,{ts},7",
        "SPY,,10,11,12,9,{ts},7",
        "SPY,100,10,11,12,9,1.4e18,7",
        "SPY,100,10,11,12,9",
        "SPY,100,10,11,12,9,{ts},7,8,9",
        "SPY,100,10,11,12,9,99999999999999999999,7",
    ],
    "non_finite": ["SPY,100,nan,11,12,9,{ts},7", "SPY,inf,10,11,12,9,{ts},7"],
    "low_not_positive": ["SPY,100,10,11,12,0,{ts},7", "SPY,100,10,11,12,-9,{ts},7"],
    "range": ["SPY,100,10,11,10.5,9,{ts},7", "SPY,100,10,11,12,10.5,{ts},7"],
    "negative_volume": ["SPY,-1,10,11,12,9,{ts},7"],
    "off_minute": ["SPY,100,10,11,12,9,{off},7"],
    "foreign_date": [
        "SPY,100,10,11,12,9,-68400000000000,7",
        "SPY,100,10,11,12,9,{before},7",
        "SPY,100,10,11,12,9,{after},7",
        "SPY,100,10,11,12,9,0,7",
    ],
}


@pytest.mark.parametrize(("reason", "line"), [(r, line) for r, ls in BAD.items() for line in ls])
def test_bad_rows_are_counted_by_reason_and_the_rest_stays(reason, line):
    ts = window_start(DAY, "09:30")
    next_day = window_start(DAY + dt.timedelta(days=1), "00:00")
    text = line.format(
        ts=ts,
        off=ts + 1_000_000_000,
        before=window_start(DAY, "00:00") - 60 * 10**9,
        after=next_day,
    )
    good = minute_lines("SPY", DAY, 5, start="10:00")
    for place in (0, 3, 5):
        lines = [STOCK_HEADER, *good[:place], text, *good[place:]]
        for wanted in (("SPY",), None):
            rows = read(lines, wanted)
            assert rows.counts["SPY"].bad == {reason: 1}
            assert rows.counts["SPY"].rows == len(rows.table) == 5


def test_a_row_of_zero_volume_is_kept():
    rows = read([STOCK_HEADER, stock_line("SPY", DAY, "09:30", volume="0", trades=0)])
    assert values(rows, "volume") == [0.0]


def test_bad_rows_of_other_symbols_are_not_ours():
    lines = [STOCK_HEADER, "QQQ,x,x,x,x,x,x,x", "QQQ,1", stock_line("SPY", DAY, "09:30")]
    assert read(lines).counts["SPY"].bad == {}


def test_of_duplicates_the_larger_volume_wins_in_any_order():
    lines = [
        stock_line("SPY", DAY, "09:30", price=10.0, volume="100"),
        stock_line("SPY", DAY, "09:30", price=20.0, volume="300"),
        stock_line("SPY", DAY, "09:30", price=30.0, volume="200"),
        stock_line("SPY", DAY, "09:31", price=40.0, volume="50"),
        stock_line("SPY", DAY, "09:31", price=41.0, volume="50"),
    ]
    for seed in range(6):
        random.Random(seed).shuffle(lines)
        rows = read([STOCK_HEADER, *lines])
        assert values(rows, "open") == [20.0, 41.0]
        assert rows.counts["SPY"].duplicates == 3
        assert rows.counts["SPY"].rows == 2


def test_volume_comes_before_trades_among_duplicates():
    lines = [
        stock_line("SPY", DAY, "09:30", price=10.0, volume="100", trades=9),
        stock_line("SPY", DAY, "09:30", price=20.0, volume="300", trades=1),
    ]
    assert values(read([STOCK_HEADER, *lines]), "open") == [20.0]


def test_a_bad_row_never_wins_over_its_good_double():
    good = stock_line("SPY", DAY, "09:30", volume="100")
    bad = f"SPY,900,10,11,10.5,9,{window_start(DAY, '09:30')},7"
    rows = read([STOCK_HEADER, bad, good])
    assert values(rows, "volume") == [100.0]


def test_several_gzip_members_are_one_file():
    lines = minute_lines("SPY", DAY, 10)
    text = "\n".join([STOCK_HEADER, *lines]) + "\n"
    cut = len(text) // 2 + 3
    raw = gzip.compress(text[:cut].encode()) + gzip.compress(text[cut:].encode())
    assert read(None, raw=raw).table.equals(read([STOCK_HEADER, *lines]).table)


def test_every_truncation_is_an_error_and_never_a_short_day():
    raw = compress([STOCK_HEADER, *minute_lines("SPY", DAY, 50)])
    for cut in range(1, len(raw)):
        with pytest.raises(BarsError, match=r"2015-03-09.csv.gz: truncated or damaged gzip"):
            read(None, raw=raw[:cut])


def test_damage_is_an_error():
    raw = bytearray(compress([STOCK_HEADER, *minute_lines("SPY", DAY, 50)]))
    raw[-6] ^= 0xFF
    with pytest.raises(BarsError, match="truncated or damaged gzip"):
        read(None, raw=bytes(raw))


@pytest.mark.parametrize("text", [b"<html>no such file</html>", b"ticker,volume\nSPY,1\n", b"t"])
def test_a_file_that_is_no_gzip_is_called_so(text):
    with pytest.raises(BarsError, match="no gzip file, it begins with") as no:
        read(None, raw=text)
    assert repr(text[:16]) in str(no.value)
    assert "truncated" not in str(no.value)


def test_text_behind_a_gzip_member_is_damage():
    raw = compress([STOCK_HEADER, *minute_lines("SPY", DAY, 50)])
    with pytest.raises(BarsError, match="truncated or damaged gzip"):
        read(None, raw=raw + b"and so on, and so on")


def test_a_header_alone_is_an_error_and_nothing_at_all_too():
    with pytest.raises(BarsError, match="a header and no rows"):
        read([STOCK_HEADER])
    for raw in (b"", gzip.compress(b"")):
        with pytest.raises(BarsError, match="not even a header"):
            read(None, raw=raw)


def test_a_file_without_its_columns_is_named():
    with pytest.raises(BarsError, match=r"must name each of .* once; not so: volume"):
        read([INDEX_HEADER, index_line("SPY", DAY, "09:30")])
    with pytest.raises(BarsError, match="not so: ticker"):
        read([stock_line("SPY", DAY, "09:30")])
    with pytest.raises(BarsError, match="not so: open"):
        read([STOCK_HEADER + ",open", stock_line("SPY", DAY, "09:30") + ",1"])


def test_a_gzip_bomb_is_stopped(monkeypatch):
    monkeypatch.setattr("sweep.ingest.inflate._RATIO_FROM", 1 << 20)
    bomb = gzip.compress(
        STOCK_HEADER.encode() + b"\n" + (stock_line("ZZZ", DAY, "09:30") + "\n").encode() * 400_000
    )
    with pytest.raises(BarsError, match="inflate to more than"):
        read(None, raw=bomb)
    with pytest.raises(BarsError, match="a line of more than 65,536 bytes"):
        read(None, raw=gzip.compress(b"a" * 10_000_000))


def test_a_day_of_daylight_saving_has_its_own_bounds():
    sunday = dt.date(2015, 3, 8)
    edges = [window_start(sunday, "00:00"), window_start(sunday, "23:59")]
    assert edges[1] - edges[0] == (23 * 60 - 1) * 60 * 10**9
    lines = [STOCK_HEADER, *(stock_line("SPY", sunday, ts) for ts in edges)]
    assert read(lines, day=sunday).counts["SPY"].rows == 2
    late = stock_line("SPY", sunday, edges[1] + 60 * 10**9)
    assert read([STOCK_HEADER, late], day=sunday).counts["SPY"].bad == {"foreign_date": 1}


def test_a_symbol_that_is_not_there_has_no_counts():
    rows = read([STOCK_HEADER, stock_line("QQQ", DAY, "09:30")])
    assert rows.counts == {}
    assert len(rows.table) == 0
