import concurrent.futures
import contextlib
import dataclasses
import datetime as dt
import json
import os
import resource
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.ingest import merge, stage
from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.coverage import coverage_report
from sweep.market.calendar import as_dates, session_table
from sweep.store.coverage import CoverageStore
from sweep.store.lake import Lake
from sweep.store.lease import Lease
from tests.ingest.day_files import (
    INDEX_HEADER,
    STOCK_HEADER,
    compress,
    index_line,
    minute_lines,
    put,
    stock_line,
)

FIRST, LAST = dt.date(2015, 3, 26), dt.date(2015, 4, 7)
DAYS = as_dates(session_table(FIRST, LAST))  # 26, 27, 30, 31, 1, 2, (Good Friday), 6, 7
HALF_DAY = dt.date(2014, 12, 24)


@pytest.fixture
def market(tmp_path):
    """A folder of eight day files: SPY and QQQ always, AAPL on the first day only."""
    root = tmp_path / "vendor"
    for i, day in enumerate(DAYS):
        lines = [*minute_lines("QQQ", day, 30), *minute_lines("SPY", day, 40, start="09:00")]
        if i == 0:
            lines = [*minute_lines("AAPL", day, 5), *lines]
        put(root, day, [STOCK_HEADER, *lines])
    return root


@pytest.fixture
def order(market, tmp_path):
    def build(*symbols, **options):
        options = {"timeframes": ("1m", "15m", "1d"), "workers": 1, **options}
        return BackfillSpec(market, tmp_path / "store", symbols or ("SPY", "QQQ"), **options)

    return build


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "store")


def states(tmp_path, symbol):
    records = CoverageStore(tmp_path / "store").read([symbol]).to_pylist()
    return {record["session"]: record["state"] for record in records}


def test_it_fills_all_timeframes_and_records_coverage(order, lake, tmp_path):
    seen = []
    report = backfill(order(), progress=lambda *event: seen.append(event))
    assert report.ok
    assert (report.first, report.last, report.sessions) == (FIRST, LAST, 8)
    assert (report.files_read, report.rows, report.sessions_filled) == (8, 560, 16)
    assert lake.symbols() == ["QQQ", "SPY"]
    assert lake.months("SPY", "15m") == ["2015-03", "2015-04"]
    minutes = lake.read("SPY", "1m", DAYS[0], DAYS[0])
    assert minutes["phase"].to_pylist() == ["pre"] * 30 + ["regular"] * 10
    assert set(minutes["source"].to_pylist()) == {"flatfiles"}
    assert len(lake.read("SPY", "15m")) == 8
    assert len(lake.read("QQQ", "15m")) == 16
    assert len(lake.read("QQQ", "1d")) == 8
    assert set(states(tmp_path, "SPY").values()) == {"complete"}
    record = CoverageStore(tmp_path / "store").read(["SPY"]).to_pylist()[0]
    assert (record["minutes_present"], record["minutes_expected"]) == (10, 390)
    assert record["extended_minutes"] == 30
    assert seen[7] == ("day files", 8, 8, 0, report.bytes_read)
    assert seen[-1] == ("symbol months", 4, 4, 0, 0)


def test_a_second_run_does_nothing(order, tmp_path, monkeypatch):
    backfill(order("SPY", "QQQ", "AAPL"))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*.parquet")}
    report = backfill(order("SPY", "QQQ", "AAPL"))
    assert report.ok
    assert (report.files_read, report.months) == (0, 0)
    assert report.lines()[-1] == "nothing was missing"
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*.parquet")}


@pytest.mark.s3
def test_a_bucket_is_filled_with_the_same_bars_as_a_folder(order, lake, s3_root):
    backfill(order())
    there = dataclasses.replace(order(), storage_root=s3_root, workers=2)
    first = backfill(dataclasses.replace(there, last=DAYS[3]))
    assert (first.ok, first.files_read, first.months) == (True, 4, 2)
    second = backfill(there)
    assert (second.ok, second.files_read) == (True, 4)
    again = backfill(there)
    assert (again.files_read, again.lines()[-1]) == (0, "nothing was missing")
    for symbol in ("SPY", "QQQ"):
        for timeframe in ("1m", "15m", "1d"):
            bars = Lake(s3_root).read(symbol, timeframe)
            assert bars.equals(lake.read(symbol, timeframe))
    report = coverage_report(s3_root, symbols=("SPY", "QQQ"), timeframes=("1m",))
    assert report.faults() == []


def test_only_what_is_missing_is_done(order, lake):
    backfill(order("SPY", last=DAYS[3]))
    assert backfill(order("SPY")).files_read == 4
    more = backfill(order("SPY", "QQQ"))
    assert (more.files_read, more.rows) == (8, 240)
    assert len(lake.read("SPY", "1m")) == 320
    wider = backfill(order("SPY", timeframes=("5m",)))
    assert (wider.files_read, wider.months) == (0, 2)
    assert len(lake.read("SPY", "5m")) == 16


def test_a_timeframe_stored_before_is_kept_up_to_date(order, lake):
    backfill(order("QQQ", last=DAYS[1], timeframes=("15m",)))
    backfill(order("QQQ", timeframes=("1d",)))
    assert len(lake.read("QQQ", "15m")) == 16


def test_keeping_all_symbols_makes_a_second_one_need_no_file(order, lake):
    backfill(order("SPY", keep_all_symbols=True))
    assert lake.symbols() == ["SPY"]
    report = backfill(order("QQQ", "AAPL"))
    assert (report.files_read, report.months) == (0, 4)
    assert len(lake.read("QQQ", "1m")) == 240


def test_a_replaced_file_is_read_again_for_all_its_symbols(order, lake, market):
    backfill(order("SPY", "QQQ"))
    put(market, DAYS[2], [STOCK_HEADER, *minute_lines("SPY", DAYS[2], 3, price=77.0)])
    report = backfill(order("SPY"))
    assert (report.files_read, report.sessions_filled) == (1, 1)
    assert lake.read("SPY", "1m", DAYS[2], DAYS[2])["open"].to_pylist() == [77.0, 77.01, 77.02]
    assert len(lake.read("SPY", "1m")) == 283
    # QQQ is no longer in the new version: known without another reading, its bars stay.
    again = backfill(order("SPY", "QQQ"))
    assert (again.files_read, again.sessions_absent) == (0, 1)
    assert len(lake.read("QQQ", "1m", DAYS[2], DAYS[2])) == 30


def test_a_missing_file_and_a_missing_symbol_are_absent_and_come_later(
    order, lake, market, tmp_path
):
    path = market / "us_stocks_sip/minute_aggs_v1/2015/03" / f"{DAYS[1]}.csv.gz"
    saved = path.read_bytes()
    path.unlink()
    report = backfill(order("SPY", "AAPL"))
    assert report.ok
    assert report.files_absent == (f"us_stocks_sip/minute_aggs_v1/2015/03/{DAYS[1]}.csv.gz",)
    assert states(tmp_path, "SPY")[DAYS[1]] == "absent_at_vendor"
    assert [day for day, state in states(tmp_path, "AAPL").items() if state == "complete"] == [
        DAYS[0]
    ]
    assert backfill(order("SPY", "AAPL")).months == 0
    path.write_bytes(saved)
    assert backfill(order("SPY", "AAPL")).files_read == 1
    assert states(tmp_path, "SPY")[DAYS[1]] == "complete"
    assert len(lake.read("SPY", "1m")) == 320


def test_a_vanished_file_takes_no_bars_back(order, lake, market):
    backfill(order())
    (market / "us_stocks_sip/minute_aggs_v1/2015/03" / f"{DAYS[1]}.csv.gz").unlink()
    assert backfill(order()).months == 0
    assert len(lake.read("SPY", "1m")) == 320


def test_deleted_bars_are_filled_again_from_the_stage(order, lake, tmp_path):
    backfill(order())
    (tmp_path / "store/bars/timeframe=1m/symbol=SPY/2015-03.parquet").unlink()
    report = backfill(order())
    assert (report.files_read, report.months) == (0, 1)
    assert len(lake.read("SPY", "1m")) == 320


def test_a_second_symbol_leaves_the_first_staged(order, lake, tmp_path):
    backfill(order("SPY"))
    backfill(order("QQQ"))
    (tmp_path / "store/bars/timeframe=1m/symbol=SPY/2015-03.parquet").unlink()
    assert backfill(order("SPY")).files_read == 0
    assert len(lake.read("SPY", "1m")) == 320


def test_a_damaged_replacement_leaves_what_was_there(order, lake, market):
    backfill(order())
    put(market, DAYS[1], None, raw=compress([STOCK_HEADER])[:-3])
    for _ in range(2):
        report = backfill(order())
        assert (len(report.failures), report.sessions_filled) == (1, 0)
    assert len(lake.read("SPY", "1m")) == 320


def test_one_bad_day_does_not_stop_the_others(order, lake, market, tmp_path):
    good = (market / "us_stocks_sip/minute_aggs_v1/2015/03" / f"{DAYS[1]}.csv.gz").read_bytes()
    put(market, DAYS[1], None, raw=good[:-20])
    put(market, DAYS[2], [STOCK_HEADER])
    report = backfill(order())
    assert not report.ok
    assert [str(DAYS[1]) in f.what for f in report.failures] == [True, False]
    assert "truncated or damaged gzip" in report.failures[0].error
    assert "a header and no rows" in report.failures[1].error
    named = [line for line in report.lines() if f"{DAYS[1]}.csv.gz" in line]
    assert [line.count(f"{DAYS[1]}.csv.gz") for line in named] == [1]
    assert len(lake.read("SPY", "1m")) == 240
    assert DAYS[1] not in states(tmp_path, "SPY")
    put(market, DAYS[1], None, raw=good)
    assert [f.what[-17:] for f in backfill(order()).failures] == [f"{DAYS[2]}.csv.gz"]
    assert len(lake.read("SPY", "1m")) == 280


def test_bad_rows_and_duplicates_are_counted(order, market, tmp_path):
    day = DAYS[0]
    double = stock_line("SPY", day, "09:30", volume="999")
    bad = ["SPY,1,1,1,1,-1,0,0", "SPY,1"]
    put(market, day, [STOCK_HEADER, *minute_lines("SPY", day), double, *bad])
    report = backfill(order("SPY", last=day))
    assert report.bad_rows == {"low_not_positive": 1, "unparsable": 1}
    assert report.duplicates == 1
    record = CoverageStore(tmp_path / "store").read(["SPY"]).to_pylist()[0]
    assert json.loads(record["bad_rows"]) == {"low_not_positive": 1, "unparsable": 1}
    assert (record["duplicates"], record["minutes_present"]) == (1, 390)


def test_all_symbols_are_those_of_the_table_found_in_the_files(market, tmp_path, lake):
    put(market, DAYS[0], [INDEX_HEADER, index_line("I:SPX", DAYS[0], "09:30")], "us_indices")
    put(market, DAYS[1], [STOCK_HEADER, *minute_lines("ZZZZ", DAYS[1], 3)])
    spec = BackfillSpec(market, tmp_path / "store", "all", workers=1)
    assert backfill(spec).symbols == ("AAPL", "QQQ", "SPX", "SPY")
    assert lake.symbols() == ["AAPL", "QQQ", "SPX", "SPY"]
    again = backfill(spec)
    assert (again.files_read, again.months, again.unknown) == (0, 0, {})
    bars = lake.read("SPX", "1m")
    assert bars["volume"].to_pylist() == [None]
    assert lake.read("SPX", "1d")["vwap"].to_pylist() == [None]


def test_a_holiday_file_of_an_index_is_no_session(tmp_path):
    friday = dt.date(2015, 4, 3)
    for day in (dt.date(2015, 4, 2), friday):
        put(tmp_path / "v", day, [INDEX_HEADER, index_line("I:SPX", day, "09:30")], "us_indices")
    spec = BackfillSpec(tmp_path / "v", tmp_path / "store", ("SPX",), workers=1)
    assert (backfill(spec).sessions, len(Lake(tmp_path / "store").read("SPX", "1m"))) == (1, 1)


def test_a_half_day_is_cut_at_its_close(tmp_path):
    put(tmp_path / "v", HALF_DAY, [STOCK_HEADER, *minute_lines("SPY", HALF_DAY, 390)])
    spec = BackfillSpec(tmp_path / "v", tmp_path / "store", ("SPY",), workers=1)
    backfill(spec)
    lake = Lake(tmp_path / "store")
    assert lake.read("SPY", "1m")["phase"].to_pylist().count("regular") == 210
    assert len(lake.read("SPY", "1h")) == 4
    assert lake.read("SPY", "1d")["close"].to_pylist() == [pytest.approx(10 + 2.09 + 0.5)]


def test_an_unknown_symbol_is_named_with_its_neighbours(order, lake, tmp_path):
    report = backfill(order("SPY", "QQQQ", "spy"))
    assert not report.ok
    assert report.unknown["QQQQ"][0] == "QQQ"
    assert report.unknown["spy"] == ("SPY",)
    assert "no row of spy in any file of the range; nearest names: SPY" in report.lines()
    assert lake.symbols() == ["SPY"]
    assert CoverageStore(tmp_path / "store").symbols() == ["SPY"]
    assert not backfill(order("SPY", "QQQQ", "spy")).ok


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"first": dt.date(2015, 4, 3), "last": dt.date(2015, 4, 3)},
            r"\(Fri, exchange holiday\)",
        ),
        ({"first": dt.date(2015, 4, 4), "last": dt.date(2015, 4, 5)}, r"\(Sat, weekend\)"),
        ({"first": LAST, "last": FIRST}, "from must not be after to, got 2015-04-07 > 2015-03-26"),
        ({"first": dt.date(2016, 1, 4)}, "the range is empty, got 2016-01-04 to 2015-04-07"),
        (
            {"first": dt.date(2016, 1, 4), "last": dt.date(2016, 1, 5)},
            "No data found: no day file .* files from 2015-03-26 to 2015-04-07",
        ),
        ({"days": 3, "first": FIRST}, "give days or from, not both"),
        ({"days": 0}, "days must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"timeframes": ("7m",)}, "unknown timeframe '7m'"),
        ({"source_kind": "tape"}, "unknown source 'tape', known: flatfiles"),
        ({"symbols": ("../x",)}, "a symbol starts with a letter"),
        ({"symbols": ()}, "no symbols asked for"),
        ({"symbols": ("SPX",)}, "has no us_indices day files, which hold SPX"),
        ({"storage_root": "gs://bucket/x"}, "must be a folder or s3://bucket/prefix, got gs://"),
    ],
)
def test_orders_that_make_no_sense_are_refused(market, tmp_path, options, text):
    store = tmp_path / "store"
    with pytest.raises(ValueError, match=text):
        backfill(BackfillSpec(**{
            "source_root": market, "storage_root": store, "symbols": ("SPY",), "workers": 1,
            **options,
        }))  # fmt: skip


def test_days_count_back_from_the_newest_file(order):
    report = backfill(order(days=8))
    assert (report.first, report.sessions) == (dt.date(2015, 3, 31), 5)


def test_a_wrong_source_root_says_what_was_expected(market, tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        backfill(BackfillSpec(tmp_path / "nowhere", tmp_path / "store", ("SPY",)))
    with pytest.raises(ValueError, match=r"expected e.g. us_stocks_sip/.*did you mean .*vendor"):
        backfill(BackfillSpec(market / "us_stocks_sip", tmp_path / "store", ("SPY",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="found: nothing"):
        backfill(BackfillSpec(tmp_path / "empty", tmp_path / "store", "all"))


def test_an_unwritable_store_is_named_before_anything_is_read(market, tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(OSError, match=r"cannot write storage.root .*store .*choose another"):
        backfill(BackfillSpec(market, tmp_path / "store", ("SPY",)))


def test_a_crash_between_part_and_manifest_loses_nothing(order, lake, monkeypatch):
    backfill(order("SPY"))

    def crash(folder, manifest):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "_write_manifest", crash)
    with pytest.raises(KeyboardInterrupt):
        backfill(order("QQQ"))
    monkeypatch.undo()
    assert backfill(order("QQQ")).ok
    assert len(lake.read("QQQ", "1m")) == 240
    assert len(lake.read("SPY", "1m")) == 320


def test_a_crash_between_bars_and_coverage_is_repaired(order, lake, tmp_path, monkeypatch):
    def crash(self, symbol, year_month, records):
        raise KeyboardInterrupt

    monkeypatch.setattr(CoverageStore, "update_month", crash)
    with pytest.raises(KeyboardInterrupt):
        backfill(order())
    monkeypatch.undo()
    report = backfill(order())
    assert (report.ok, report.files_read) == (True, 0)
    assert len(lake.read("SPY", "1m")) == len(lake.read("QQQ", "1m")) + 80 == 320


def test_processes_give_the_same_store(market, tmp_path, monkeypatch):
    monkeypatch.setattr("sweep.ingest.shards._WORTH_S", 0.0)
    for day in as_dates(session_table(dt.date(2015, 4, 8), dt.date(2015, 4, 20))):
        put(market, day, [STOCK_HEADER, *minute_lines("SPY", day, 20)])
    put(market, dt.date(2015, 4, 21), None, raw=compress([STOCK_HEADER])[:-3])
    reports = {}
    for workers in (1, 2):
        spec = BackfillSpec(market, tmp_path / str(workers), ("SPY", "QQQ"), workers=workers)
        reports[workers] = backfill(spec)
        assert len(reports[workers].failures) == 1
    one, two = (sorted((tmp_path / str(n) / "bars").rglob("*.parquet")) for n in (1, 2))
    assert [p.name for p in one] == [p.name for p in two]
    for left, right in zip(one, two, strict=True):
        assert pq.read_table(left, partitioning=None).equals(
            pq.read_table(right, partitioning=None)
        )


SCRIPT = """
import sys
from sweep.ingest.backfill import BackfillSpec, backfill
if __name__ == "__main__":
    backfill(BackfillSpec(sys.argv[1], sys.argv[2], ("SPY", "QQQ"), workers=1))
"""


def test_kill_nine_leaves_nothing_half(market, tmp_path):
    """Killed at several moments; after each the store reads, and a last run completes it."""
    whole = tmp_path / "whole"
    backfill(BackfillSpec(market, whole, ("SPY", "QQQ"), workers=1))
    store = tmp_path / "store"
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for files in (2, 9, 20):
        process = subprocess.Popen(
            [sys.executable, script, market, store], env=environment, start_new_session=True
        )
        while process.poll() is None and len(list(store.rglob("*.parquet"))) < files:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for symbol in Lake(store).symbols():
            for timeframe in ("1m", "5m", "1d"):
                Lake(store).read(symbol, timeframe)
        CoverageStore(store).read()
    assert backfill(BackfillSpec(market, store, ("SPY", "QQQ"), workers=1)).ok
    for symbol in ("SPY", "QQQ"):
        for timeframe in ("1m", "15m", "1d"):
            assert Lake(store).read(symbol, timeframe).equals(Lake(whole).read(symbol, timeframe))
    assert coverage_report(store).faults() == []
    assert not list((store / "bars").rglob("*.tmp"))


def test_stage_layout_and_manifest(order, tmp_path):
    backfill(order("SPY"))
    folder = tmp_path / "store/stage" / f"date={DAYS[0]}" / "source=us_stocks_sip"
    part = pq.read_table(folder / "part-0.parquet", partitioning=None)
    assert pa.compute.unique(part["symbol"]).to_pylist() == ["SPY"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["asked"] == ["SPY"]
    assert manifest["rows"] == 40
    assert manifest["size"] == (order().source_root / manifest["key"]).stat().st_size


def test_large_parts_are_read_by_row_group(order, lake, monkeypatch):
    monkeypatch.setattr(stage, "_SMALL_PART", 0)
    backfill(order("SPY", "QQQ"))
    assert len(lake.read("SPY", "1m")) == len(lake.read("QQQ", "1m")) + 80 == 320


def test_two_backfills_at_once_lose_nothing(order, lake):
    orders = [order("SPY"), order("QQQ"), order("SPY", "QQQ", "AAPL")]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(backfill, orders))
    assert all(report.ok for report in reports)
    assert len(lake.read("SPY", "1m")) == len(lake.read("QQQ", "1m")) + 80 == 320
    assert len(lake.read("AAPL", "1m")) == 5
    assert backfill(orders[2]).files_read == 0


@pytest.mark.parametrize("step", [stage, merge])
def test_a_step_that_lost_its_lease_writes_nothing(order, lake, tmp_path, monkeypatch, step):
    backfill(order("SPY", last=DAYS[1]))
    before = lake.read("SPY", "1m")

    @contextlib.contextmanager
    def lost(path):
        yield Lease("the lock was taken over by another process")

    monkeypatch.setattr(step, "lease", lost)
    report = backfill(order("SPY"))
    assert "was taken over by another process" in report.failures[0].error
    assert lake.read("SPY", "1m").equals(before)
    assert list(states(tmp_path, "SPY")) == list(DAYS[:2])
    monkeypatch.undo()
    assert backfill(order("SPY")).ok
    assert len(lake.read("SPY", "1m")) == 320


def test_a_damaged_month_is_set_aside_and_built_again_from_the_stage(order, lake, tmp_path):
    backfill(order())
    before = {name: lake.read("SPY", name) for name in ("1m", "1d")}
    bars = tmp_path / "store/bars"
    minutes = bars / "timeframe=1m/symbol=SPY/2015-03.parquet"
    minutes.write_bytes(minutes.read_bytes()[:-9])
    (bars / "timeframe=1d/symbol=SPY/2015-04.parquet").write_bytes(b"PAR1 and no more")
    report = backfill(order(last=DAYS[1]))
    assert (report.ok, report.files_read, report.sessions_filled) == (True, 0, 2)
    assert minutes.with_name("2015-03.parquet.damaged").is_file()
    report = backfill(order())
    assert (report.ok, report.files_read) == (True, 0)
    for name, table in before.items():
        assert lake.read("SPY", name).equals(table)
    assert backfill(order()).months == 0


@pytest.mark.s3
def test_damaged_months_of_a_bucket_are_set_aside_too(order, s3_root):
    there = dataclasses.replace(order("SPY"), storage_root=s3_root)
    backfill(there)
    folder = s3_root / "bars/timeframe=1m/symbol=SPY"
    before = Lake(s3_root).read("SPY", "1m")
    (folder / "2015-03.parquet").write_bytes((folder / "2015-03.parquet").read_bytes()[:-9])
    (folder / "2015-04.parquet").write_bytes(b"")
    report = backfill(there)
    assert (report.ok, report.files_read, report.months) == (True, 0, 2)
    assert (folder / "2015-03.parquet.damaged").is_file()
    assert Lake(s3_root).read("SPY", "1m").equals(before)


def test_a_full_disk_is_named_and_leaves_nothing_half(order, lake, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to let any file grow further, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        report = backfill(order())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not report.ok
    assert all("cannot write" in one.error for one in report.failures)
    assert all("the free space" in one.error for one in report.failures)
    assert not list((tmp_path / "store/bars").rglob("*.tmp"))
    assert not list((tmp_path / "store/stage").rglob("*.tmp"))
    assert backfill(order()).ok
    assert len(lake.read("SPY", "1m")) == len(lake.read("QQQ", "1m")) + 80 == 320
