"""Options of the sample market: what is listed and what it costs; nothing tells of the future."""

import collections
import dataclasses
import datetime as dt
import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from py_lets_be_rational import implied_volatility_from_a_transformed_rational_guess as implied

from sweep.ingest.flatfiles import read_day
from sweep.ingest.products import OPTIONS
from sweep.ingest.sample import SampleSpec, generate_sample
from sweep.ingest.sample.events import Market
from sweep.ingest.sample.option_days import OptionDays
from sweep.market.options.contracts import parse_ticker
from tests.ingest.sample_market import InMemory, day_files, rows_in

THURSDAY = 3
STREAMS = (6, 7)
ROOTS = ("SPX", "SPXW", "NDX", "NDXP")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Thirty sessions: option rows by day, and open interest by day and contract."""
    root = tmp_path_factory.mktemp("sample") / "flat"
    generate_sample(SampleSpec(root, sessions=30))
    days = {
        dt.date.fromisoformat(path.name[:10]): rows_in(path)
        for path in day_files(root, "us_options_opra")
    }
    interest = collections.defaultdict(dict)
    for row in pq.read_table(root / "open_interest.parquet").to_pylist():
        interest[row["date"]][row["contract"]] = row["open_interest"]
    return root, days, interest


def test_every_row_is_good_and_single(sample):
    root, days, _ = sample
    for path in day_files(root, "us_options_opra"):
        day = dt.date.fromisoformat(path.name[:10])
        content = io.BytesIO(path.read_bytes())
        found = read_day(content, OPTIONS, day, None, path.name, roots=ROOTS)
        assert found.table.num_rows == len(days[day]) > 3000
        for counts in found.counts.values():
            assert counts.duplicates == 0
            assert not counts.bad


def test_contracts_settle_at_the_close_but_on_thursdays_and_monthly_at_the_open(sample):
    _, days, _ = sample
    roots = collections.Counter()
    for day, rows in days.items():
        contracts = [parse_ticker(ticker) for ticker in {row["ticker"] for row in rows}]
        assert all(contract.expiry >= day for contract in contracts)
        assert any(c.expiry == day for c in contracts) == (day.weekday() != THURSDAY)
        for contract in contracts:
            roots[contract.root] += 1
            assert contract.settlement == ("AM" if contract.root in ("SPX", "NDX") else "PM")
            if contract.settlement == "AM":
                assert contract.expiry.weekday() == 4
                assert 15 <= contract.expiry.day <= 21
                assert contract.expiry > day  # it settles before its last session begins
    assert set(roots) == set(ROOTS)


def test_open_interest_is_known_for_contracts_of_the_day_only(sample):
    _, days, interest = sample
    assert set(interest) == set(days)
    for day, counts in interest.items():
        assert all(parse_ticker(ticker).expiry >= day for ticker in counts)
        assert all(count >= 1 and count == int(count) for count in counts.values())
        known = sum(row["ticker"] in counts for row in days[day])
        assert known > 0.5 * len(days[day])


def test_prices_have_a_plausible_volatility(sample):
    """Out of the money, by another solver; the last hour of an expiry is left out: ticks rule."""
    root, days, _ = sample
    day = max(days)
    index = {
        int(row["window_start"]): float(row["close"])
        for row in rows_in(root / f"us_indices/minute_aggs_v1/{day:%Y/%m}/{day}.csv.gz")
        if row["ticker"] == "I:SPX"
    }
    found = []
    for row in days[day]:
        contract, ts = parse_ticker(row["ticker"]), int(row["window_start"])
        spot = index.get(ts)
        years = (contract.expiry_ns - ts) / 60e9 / 525_600
        if contract.underlying != "SPX" or spot is None or years < 60 / 525_600:
            continue
        side = 1 if contract.call else -1
        if side * (contract.strike - spot) > 0.002 * spot:
            found.append(implied(float(row["close"]), spot, contract.strike, years, side))
    found = np.array(found)
    assert len(found) > 500
    assert (found > 0.04).all()
    assert (found < 0.9).all()
    assert 0.08 < np.median(found) < 0.4


def test_open_interest_tells_nothing_of_a_later_price():
    """Prices from a session on are changed: what that session begins with stays as it was."""
    honest = InMemory(sessions=14)
    cut = 9
    first = int(honest.grid.first[cut])
    moved = []
    for market in honest.markets:
        columns = {
            name: np.where(np.arange(len(honest.grid)) < first, values, values + 0.03)
            for name, values in dataclasses.asdict(market.path).items()
        }
        moved.append(Market(dataclasses.replace(market.path, **columns), market.surge, ()))
    one, other = (
        OptionDays(honest.spec, honest.grid, markets, STREAMS)
        for markets in (honest.markets, moved)
    )
    before, after = ([str(days.listed(s)) for s in range(12)] for days in (one, other))
    assert before[: cut + 1] == after[: cut + 1]
    assert before[cut + 1] != after[cut + 1]


def test_a_market_without_options_has_the_same_prices(tmp_path):
    for name, options in (("with", True), ("without", False)):
        generate_sample(SampleSpec(tmp_path / name, sessions=12, options=options))
    for product in ("us_stocks_sip", "us_indices"):
        one, other = (day_files(tmp_path / name, product) for name in ("with", "without"))
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert not (tmp_path / "without" / "open_interest.parquet").exists()
    assert not day_files(tmp_path / "without", "us_options_opra")


def test_bars_of_a_minute_know_no_later_minute():
    """Prices after a minute are changed: rows up to it stay, those after it do not."""
    honest = InMemory(sessions=4)
    session, minute = 2, 200
    at = int(honest.grid.first[session]) + 330 + minute
    moved = []
    for market in honest.markets:
        columns = {
            name: np.where(np.arange(len(honest.grid)) < at, values, values + 0.01)
            for name, values in dataclasses.asdict(market.path).items()
        }
        moved.append(Market(dataclasses.replace(market.path, **columns), market.surge, ()))
    tables = [
        OptionDays(honest.spec, honest.grid, markets, STREAMS).columns(session)
        for markets in (honest.markets, moved)
    ]
    limit = honest.grid.ts[at]
    rows = [
        {
            (ticker, ts, close)
            for ticker, ts, close in zip(
                table["ticker"].tolist(),
                table["window_start"].tolist(),
                table["close"].tolist(),
                strict=True,
            )
        }
        for table in tables
    ]
    early, late = ([r for r in found if r[1] < limit] for found in rows)
    assert len(early) > 1000
    assert set(early) == set(late)
    assert rows[0] != rows[1]
