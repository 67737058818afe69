import collections
import dataclasses
import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sweep.ingest import follow
from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.rest import API_KEY, RestSettings
from sweep.ingest.watch import WatchSpec, edit_queue, watch
from sweep.ingest.watchlist import default_symbols
from sweep.market.calendar import as_dates, session_table
from sweep.store.coverage import CoverageStore
from sweep.store.database import Database
from sweep.store.lake import Lake
from sweep.store.queue import IngestionQueue
from sweep.store.retry import Retry
from tests.ingest.day_files import INDEX_HEADER, STOCK_HEADER, index_line, minute_lines, put
from tests.rest_server import KEY, RestServer

DAYS = as_dates(session_table(dt.date(2015, 3, 26), dt.date(2015, 4, 7)))
NAMES = tuple(f"S{i}" for i in range(6))


def publish(root, day, *symbols, price=10.0):
    lines = [line for name in symbols for line in minute_lines(name, day, 30, price=price)]
    put(root, day, [STOCK_HEADER, *lines])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kind(request):
    if request.param == "postgres":
        request.getfixturevalue("postgres_store")
    return request.param


@pytest.fixture
def order(kind, tmp_path):
    """A watcher of a folder with files of SPY and QQQ for all but the last session."""
    for day in DAYS[:-1]:
        publish(tmp_path / "vendor", day, "SPY", "QQQ")
    files = BackfillSpec(
        tmp_path / "vendor",
        tmp_path / "store",
        ("SPY", "QQQ"),
        days=90,
        timeframes=("1m", "1d"),
        workers=1,
        store=kind,
    )
    return WatchSpec(files, once=True)


def queue_of(spec):
    _, entries = edit_queue(spec.backfill.store, spec.backfill.storage_root)
    return {(entry.symbol, entry.task): entry for entry in entries}


def states(spec):
    return {key: entry.state for key, entry in queue_of(spec).items()}


def stored(spec, symbol, day=None):
    return len(Lake(spec.backfill.storage_root).read(symbol, "1m", day, day))


def test_a_symbol_put_on_the_list_is_filled_and_followed(order):
    assert watch(order).done == 2
    assert (stored(order, "SPY"), stored(order, "QQQ")) == (210, 210)
    assert watch(order).done == 0
    publish(order.backfill.source_root, DAYS[-1], "SPY", "QQQ")
    assert watch(order).done == 2
    task = f"session:{DAYS[-1]}"
    assert states(order)["SPY", task] == states(order)["QQQ", task] == "done"
    assert stored(order, "QQQ", DAYS[-1]) == 30
    assert len(Lake(order.backfill.storage_root).read("SPY", "1d")) == 8


def test_a_replaced_file_is_followed_too(order):
    watch(order)
    publish(order.backfill.source_root, DAYS[-2], "SPY", "QQQ", price=77.0)
    assert watch(order).done == 2
    bars = Lake(order.backfill.storage_root).read("SPY", "1m", DAYS[-2], DAYS[-2])
    assert bars["open"][0].as_py() == 77.0


def test_no_bars_is_a_failure_that_says_so_and_can_be_queued_again(order):
    place = order.backfill.store, order.backfill.storage_root
    edit_queue(*place, add=["SPYY"])
    report = watch(order)
    assert (report.done, report.failed) == (2, 1)
    entry = queue_of(order)["SPYY", "backfill"]
    assert entry.state == "failed"
    assert entry.error.startswith("no bars came: the source has none of SPYY of 2015-")
    assert entry.error.endswith("nearest names: SPY")
    assert watch(order).failed == 0
    for day in DAYS[:-1]:
        publish(order.backfill.source_root, day, "SPY", "QQQ", "SPYY")
    edit_queue(*place, retry=["SPYY"])
    assert watch(order).failed == 0
    assert stored(order, "SPYY") == 210


def test_a_damaged_day_is_tried_again_and_the_rest_is_kept(order):
    path = order.backfill.source_root / f"us_stocks_sip/minute_aggs_v1/2015/04/{DAYS[-2]}.csv.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert watch(order).put_off == 2
    entry = queue_of(order)["SPY", "backfill"]
    assert (entry.state, entry.attempts) == ("queued", 1)
    assert "truncated or damaged gzip" in entry.error
    assert stored(order, "SPY") == 180
    assert watch(order).put_off == 0
    assert queue_of(order)["SPY", "backfill"].available_at > entry.enqueued_at


def test_a_thin_symbol_without_a_row_of_a_session_is_not_asked_for_again(order):
    watch(order)
    publish(order.backfill.source_root, DAYS[-1], "SPY")
    report = watch(order)
    assert (report.done, report.failed) == (1, 1)
    entry = queue_of(order)["QQQ", f"session:{DAYS[-1]}"]
    assert entry.error == f"no bars came: the source has none of QQQ of {DAYS[-1]}"
    again = watch(order)
    assert (again.done, again.failed) == (0, 0)


def test_one_symbols_fault_is_not_the_others(order):
    edit_queue(order.backfill.store, order.backfill.storage_root, add=["SPX"])
    report = watch(order)
    assert (report.done, report.failed) == (2, 1)
    assert "has no us_indices day files" in queue_of(order)["SPX", "backfill"].error


def test_what_is_taken_off_the_list_is_not_followed_and_keeps_its_bars(order):
    watch(order)
    place = order.backfill.store, order.backfill.storage_root
    watched, entries = edit_queue(*place, remove=["QQQ"])
    assert (watched, [entry.symbol for entry in entries]) == (("SPY",), ["SPY"])
    publish(order.backfill.source_root, DAYS[-1], "SPY", "QQQ")
    files = BackfillSpec(**{**vars(order.backfill), "symbols": "all"})
    watch(WatchSpec(files, once=True))
    assert (stored(order, "SPY"), stored(order, "QQQ")) == (240, 210)
    with pytest.raises(ValueError, match="QQQ: not on the watchlist, which holds SPY"):
        edit_queue(*place, remove=["QQQ"])
    with pytest.raises(ValueError, match="SPY: no failed entry to retry; failed are none"):
        edit_queue(*place, retry=["SPY"], add=["NVDA"])
    assert edit_queue(*place)[0] == ("SPY",)


def test_all_symbols_of_a_backfill_are_the_watchlist(order):
    files = BackfillSpec(**{**vars(order.backfill), "symbols": "all"})
    assert backfill(files).symbols == ("QQQ", "SPY")
    edit_queue(files.store, files.storage_root, add=["QQQ", "NVDA"])
    report = backfill(files)
    assert (report.symbols, tuple(report.unknown)) == (("QQQ",), ("NVDA",))


def test_an_empty_list_begins_with_what_the_newest_files_have(order, tmp_path):
    put(
        tmp_path / "vendor",
        DAYS[0],
        [INDEX_HEADER, index_line("I:SPX", DAYS[0], "09:30")],
        "us_indices",
    )
    files = BackfillSpec(**{**vars(order.backfill), "symbols": "all"})
    assert default_symbols(files) == ("SPX", "SPY", "QQQ")
    watch(WatchSpec(files, once=True))
    assert edit_queue(files.store, files.storage_root)[0] == ("QQQ", "SPX", "SPY")


def test_a_session_that_rest_gave_is_followed_until_its_file_is_there(tmp_path, monkeypatch, kind):
    monkeypatch.setenv(API_KEY, KEY)
    now = dt.datetime(2015, 4, 6, 21, tzinfo=dt.UTC)
    for module in ("follow", "plan", "backfill"):
        monkeypatch.setattr(f"sweep.ingest.{module}.utc_now", lambda: now)
    publish(tmp_path / "vendor", DAYS[5], "SPY")
    with RestServer() as server:
        for day in DAYS[5:]:
            server.put("SPY", day, 20, price=20.0)
        rest = RestSettings(server.url, 1000.0, 2, Retry(2, 0.01, 0.01, 1.0))
        files = BackfillSpec(
            *(tmp_path / "vendor", tmp_path / "store", ("SPY",)),
            days=4,
            source_kind="hybrid",
            timeframes=("1m",),
            rest=rest,
            workers=1,
            store=kind,
        )
        spec = WatchSpec(files, once=True)
        assert watch(spec).done == 1
        newest = CoverageStore(files.storage_root).read(["SPY"], DAYS[6]).to_pylist()
        assert [(row["state"], row["source"]) for row in newest] == [("provisional", "rest")]
        assert follow.sessions_due(files, ["SPY"]) == {}
        publish(tmp_path / "vendor", DAYS[6], "SPY")
        assert watch(spec).done == 1
        assert stored(spec, "SPY", DAYS[6]) == 30
        now = dt.datetime(2015, 4, 7, 21, tzinfo=dt.UTC)
        assert list(follow.sessions_due(files, ["SPY"])) == [DAYS[7]]
        assert watch(spec).done == 1
        assert stored(spec, "SPY", DAYS[7]) == 20


SCRIPT = """
import dataclasses, logging, sys, time
import sweep.ingest.watch as module
from sweep.ingest.backfill import BackfillSpec

def hang(spec):
    print("claimed", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    vendor, store, kind, hangs = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    if hangs == "yes":
        module.backfill = hang
    module._AT_ONCE = 1
    files = BackfillSpec(vendor, store, "all", days=90, timeframes=("1m",), workers=1, store=kind)
    print("ready", flush=True)
    sys.stdin.readline()
    module.watch(module.WatchSpec(files, lease_s=1.0, once=True))
"""


def start(spec, tmp_path, *, hangs=False):
    script = tmp_path / "watcher.py"
    script.write_text(SCRIPT)
    files = spec.backfill
    process = subprocess.Popen(
        [
            *(sys.executable, script, files.source_root, files.storage_root, files.store),
            "yes" if hangs else "no",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_watchers_never_do_the_same_entry(order, tmp_path):
    for day in DAYS[:-1]:
        publish(tmp_path / "vendor", day, *NAMES)
    edit_queue(order.backfill.store, order.backfill.storage_root, add=NAMES)
    watchers = [start(order, tmp_path) for _ in range(2)]
    for process in watchers:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [process.communicate(timeout=120)[0].splitlines() for process in watchers]
    done = collections.Counter(line for part in lines for line in part if "backfill: done" in line)
    assert done == {f"{name}, backfill: done": 1 for name in NAMES}
    assert all(any("done" in line for line in part) for part in lines)
    assert {entry.attempts for entry in queue_of(order).values()} == {1}
    assert [stored(order, name) for name in NAMES] == [210] * 6


@pytest.mark.parametrize("kind", ["sqlite"])  # leases of both stores: tests/store/test_queue.py
def test_the_entry_of_a_killed_watcher_is_taken_over(order, tmp_path):
    edit_queue(order.backfill.store, order.backfill.storage_root, add=["SPY"])
    victim = start(order, tmp_path, hangs=True)
    victim.stdin.write("go\n")
    victim.stdin.flush()
    assert "claimed\n" in iter(victim.stdout.readline, "")
    time.sleep(1.5)  # longer than the lease: the victim renews it
    one = WatchSpec(BackfillSpec(**{**vars(order.backfill), "symbols": "all"}), once=True)
    assert watch(one).done == 0
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    stop, deadline = threading.Event(), time.monotonic() + 60
    follower = WatchSpec(one.backfill, interval_s=0.2, refresh_s=60.0)
    thread = threading.Thread(target=watch, args=(follower, stop))
    thread.start()
    while states(order)["SPY", "backfill"] != "done" and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.set()
    thread.join()
    assert queue_of(order)["SPY", "backfill"].attempts == 2
    assert stored(order, "SPY") == 210


@pytest.mark.postgres
def test_a_new_symbol_wakes_a_waiting_watcher_of_postgres(postgres_store, tmp_path):
    publish(tmp_path / "vendor", DAYS[0], "SPY")
    files = BackfillSpec(
        *(tmp_path / "vendor", tmp_path / "store", ("SPY",)), days=9, workers=1, store="postgres"
    )
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=(WatchSpec(files, interval_s=300.0), stop))
    thread.start()
    queue, deadline = IngestionQueue(postgres_store), time.monotonic() + 30
    for name in ("SPY", "AMD"):
        if name == "AMD":  # comes while the watcher waits
            queue.add(["AMD"])
        while time.monotonic() < deadline:
            if any(e.symbol == name and e.finished_at for e in queue.entries()):
                break
            time.sleep(0.1)
    stop.set()
    thread.join()
    assert {entry.symbol: entry.state for entry in queue.entries()} == {
        "AMD": "failed",
        "SPY": "done",
    }


def test_a_watcher_that_is_told_to_stop_gives_its_entries_back(order, monkeypatch):
    def interrupted(spec):
        raise KeyboardInterrupt

    monkeypatch.setattr("sweep.ingest.watch.backfill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        watch(order)
    assert {(e.state, e.attempts) for e in queue_of(order).values()} == {("queued", 0)}


def test_an_entry_that_ends_its_watcher_is_given_up_in_the_end(order, monkeypatch):
    def broken(spec, entries):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("sweep.ingest.watch.fetch", broken)
    monkeypatch.setattr("sweep.store.queue.MOST_ATTEMPTS", 2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a fault of ours"):
            watch(dataclasses.replace(order, lease_s=0.05))
        time.sleep(0.1)
    assert watch(order).done == 0
    entry = queue_of(order)["SPY", "backfill"]
    assert (entry.state, entry.attempts) == ("failed", 2)
    assert "its worker died or stood still" in entry.error


def test_a_database_that_is_away_means_the_table(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    publish(tmp_path / "vendor", DAYS[0], "SPY")
    files = BackfillSpec(tmp_path / "vendor", tmp_path / "store", "all", store="postgres")
    assert backfill(files).symbols == ("SPY",)
    assert "no watchlist" in caplog.text
    assert not (Path(files.storage_root) / "detector_sweep.sqlite").exists()
    with Database.open("sqlite", tmp_path / "store") as database:
        database.upgrade()
    assert backfill(BackfillSpec(**{**vars(files), "store": "sqlite"})).symbols == ("SPY",)
