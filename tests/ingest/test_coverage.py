import dataclasses
import datetime as dt
import json
import shutil

import pyarrow.parquet as pq
import pytest

from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.coverage import ROWS, coverage_report, write_report
from sweep.ingest.sources import LocalFlatFiles
from sweep.market.splits import Split
from sweep.store.splits import SplitStore
from tests.ingest.day_files import STOCK_HEADER, minute_lines, put, stock_line

WEDNESDAY, HALF_DAY, FRIDAY = (dt.date(2014, 12, day) for day in (23, 24, 26))


@pytest.fixture
def market(tmp_path):
    root = tmp_path / "vendor"
    put(root, WEDNESDAY, [STOCK_HEADER, *minute_lines("SPY", WEDNESDAY)])
    short = [*minute_lines("SPY", HALF_DAY, 200), *minute_lines("QQQ", HALF_DAY, 210)]
    twice = stock_line("SPY", HALF_DAY, "09:30", volume="1")
    bad = "SPY,1,1,1,1,-1,0,0"
    put(root, HALF_DAY, [STOCK_HEADER, *short, twice, bad])
    return root


@pytest.fixture
def store(market, tmp_path):
    order = BackfillSpec(
        *(market, tmp_path / "store", ("SPY", "QQQ"), WEDNESDAY, FRIDAY),
        timeframes=("1m", "1h"),
        workers=1,  # one process is enough for three files, and starts none
    )
    assert backfill(order).ok
    return tmp_path / "store"


def test_rows_by_symbol_timeframe_and_session(store):
    report = coverage_report(store, timeframes=("1m", "60m"))
    assert (report.first, report.last) == (WEDNESDAY, FRIDAY)
    assert report.rows.schema == ROWS
    rows = {
        (row["symbol"], row["timeframe"], row["session"]): row for row in report.rows.to_pylist()
    }
    assert len(rows) == 12
    half = rows["SPY", "1m", HALF_DAY]
    assert (half["expected"], half["present"], half["state"]) == (210, 200, "complete")
    assert (half["duplicates"], json.loads(half["bad_rows"])) == (1, {"low_not_positive": 1})
    assert rows["SPY", "1h", HALF_DAY]["expected"] == rows["SPY", "1h", HALF_DAY]["present"] == 4
    assert rows["SPY", "1h", WEDNESDAY]["expected"] == 7
    missing = rows["SPY", "1m", FRIDAY]
    assert (missing["state"], missing["key"]) == ("absent_at_vendor", None)
    unlisted = rows["QQQ", "1m", WEDNESDAY]
    assert unlisted["state"] == "absent_at_vendor"
    assert unlisted["key"].endswith("2014-12-23.csv.gz")


def test_a_missing_minute_is_no_fault_and_a_missing_session_is_one(store):
    report = coverage_report(store, symbols=("SPY",), timeframes=("1m", "1h"))
    assert report.faults() == ["SPY: 1 of 3 sessions absent at the vendor (2014-12-26)"]
    first = report.series[0]
    assert (first.expected, first.present, first.duplicates) == (990, 590, 1)
    assert first.bad_rows == {"low_not_positive": 1}
    assert first.sources == {"flatfiles": 3}


def test_a_session_never_fetched_is_a_hole(store):
    report = coverage_report(store, symbols=("SPY",), last=dt.date(2014, 12, 31))
    assert any("3 of 6 sessions never fetched" in text for text in report.faults())
    other = coverage_report(store, symbols=("IWM",), first=WEDNESDAY, last=WEDNESDAY)
    assert other.faults() == [
        "IWM: 1 of 1 sessions never fetched; run the backfill for them (2014-12-23)"
    ]


def test_replaced_and_late_files_are_noticed(store, market):
    put(market, FRIDAY, [STOCK_HEADER, *minute_lines("SPY", FRIDAY)])
    put(market, WEDNESDAY, [STOCK_HEADER, *minute_lines("SPY", WEDNESDAY, 100)])
    report = coverage_report(store, symbols=("SPY",), source=LocalFlatFiles(market))
    assert any("2 of 3 sessions of which the vendor has another" in t for t in report.faults())


def test_lost_bars_and_unbuilt_timeframes_are_noticed(store):
    texts = coverage_report(store, symbols=("SPY",), timeframes=("1m", "5m")).faults()
    assert any("SPY 5m: 2 of 3 sessions not built" in text for text in texts)
    shutil.rmtree(store / "bars/timeframe=1m/symbol=SPY")
    texts = coverage_report(store, symbols=("SPY",)).faults()
    assert any("2 of 3 sessions not in the store as recorded" in text for text in texts)


def test_bars_without_a_record_are_counted(store):
    shutil.rmtree(store / "coverage")
    (series,) = coverage_report(store, symbols=("SPY",)).series
    assert (series.sessions, series.expected, series.present) == (2, 600, 590)
    assert series.states == {"unrecorded": (WEDNESDAY, HALF_DAY)}
    report = coverage_report(store, symbols=("SPY",), last=FRIDAY)
    assert report.faults() == [
        "SPY: 1 of 3 sessions never fetched; run the backfill for them (2014-12-26)"
    ]
    (fact,) = report.facts()
    assert fact.startswith("SPY: 2 sessions have bars and no record of their source")
    (store / "bars/timeframe=1m/symbol=QQQ/2014-12.parquet").write_bytes(b"damaged")
    report = coverage_report(store)
    assert (report.first, report.last) == (WEDNESDAY, HALF_DAY)
    assert [sorted(one.states) for one in report.series] == [["damaged"], ["unrecorded"]]
    alone = coverage_report(store, symbols=("QQQ",))
    assert (alone.first, alone.last) == (dt.date(2014, 12, 1), dt.date(2014, 12, 1))


def test_a_damaged_month_is_named_before_and_after_it_is_set_aside(store, market):
    whole = coverage_report(store, symbols=("SPY",), timeframes=("1m", "1h"))
    file = store / "bars/timeframe=1m/symbol=SPY/2014-12.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    damaged = (
        "SPY: 2 of 3 sessions in damaged month files; run the backfill again "
        "(2014-12-23, 2014-12-24)"
    )
    report = coverage_report(store, symbols=("SPY",), timeframes=("1m", "1h"))
    assert report.faults()[0] == damaged
    assert report.series[1].states["damaged"] == (WEDNESDAY, HALF_DAY)
    order = BackfillSpec(market, store, ("SPY",), WEDNESDAY, FRIDAY, workers=1)
    shutil.rmtree(store / "stage")
    files = {path: path.read_bytes() for path in market.rglob("*.csv.gz")}
    for path, content in files.items():
        path.write_bytes(content[:-9])
    assert not backfill(order).ok
    report = coverage_report(store, symbols=("SPY",))
    assert report.faults() == [  # the record that Friday has no file went too
        damaged.replace("2 of 3", "3 of 3").replace("24)", "24, 2014-12-26)")
    ]
    for path, content in files.items():
        path.write_bytes(content)
    assert backfill(order).ok
    after = coverage_report(store, symbols=("SPY",), timeframes=("1m", "1h"))
    assert [one.states for one in after.series] == [one.states for one in whole.series]


def test_sessions_that_failed_at_the_ends_of_a_range_are_holes(market, tmp_path):
    path = next(market.rglob("2014-12-23.csv.gz"))
    path.write_bytes(path.read_bytes()[:-9])
    order = BackfillSpec(market, tmp_path / "s", ("SPY",), WEDNESDAY, FRIDAY, workers=1)
    assert not backfill(order).ok
    report = coverage_report(tmp_path / "s")
    assert (report.first, report.last) == (WEDNESDAY, FRIDAY)
    assert "SPY: 1 of 3 sessions never fetched; run the backfill for them (2014-12-23)" in (
        report.faults()
    )


def test_an_empty_store_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"No data found: .*python -m jobs.backfill"):
        coverage_report(tmp_path)


def test_a_range_without_session_is_refused(store):
    with pytest.raises(ValueError, match="no exchange session from 2014-12-25"):
        coverage_report(store, first=dt.date(2014, 12, 25), last=dt.date(2014, 12, 25))


def test_a_session_whose_file_may_still_come_is_late(store, market, monkeypatch):
    monday = dt.date(2014, 12, 29)
    now = dt.datetime(2014, 12, 30, 12, tzinfo=dt.UTC)
    monkeypatch.setattr("sweep.ingest.coverage.utc_now", lambda: now)
    options = {"symbols": ("SPY",), "last": dt.date(2014, 12, 30)}
    states = coverage_report(store, **options).series[0].states
    assert states["late"] == (monday, dt.date(2014, 12, 30))
    put(market, monday, [STOCK_HEADER, *minute_lines("SPY", monday)])
    report = coverage_report(store, source=LocalFlatFiles(market), **options)
    assert report.series[0].states["hole"] == (monday,)
    assert any("1 of 5 sessions not published yet" in text for text in report.faults())


def test_splits_and_mixed_sources_are_facts(store):
    ratios = [(HALF_DAY, 1, 4), (dt.date(2013, 1, 2), 2, 1)]
    SplitStore(store).replace("SPY", [Split("SPY", *ratio) for ratio in ratios], "rest")
    report = coverage_report(store, symbols=("SPY",), timeframes=("1m", "1h"))
    assert report.facts() == ["SPY: split 4 for 1 on 2014-12-24"]
    mixed = dataclasses.replace(report.series[0], sources={"flatfiles": 60, "rest": 2})
    report = dataclasses.replace(report, series=(mixed, report.series[1]), splits=())
    assert report.facts() == ["SPY: sessions 60 from flatfiles, 2 from rest"]


def test_the_rows_are_kept_as_parquet(store):
    report = coverage_report(store)
    path = write_report(store, report)
    assert path == str(store / "coverage/report.parquet")
    assert pq.ParquetFile(path).read().equals(report.rows)
    assert coverage_report(store).rows.equals(report.rows)
