"""Keep the bar store current: work off the queue, and enqueue what the vendor publishes.

A watcher claims entries of one task, fetches them by the backfill in one pass over the files, and
closes each with what came. Any number of watchers may run: an entry is one's at a time, and one
that dies leaves its entries to the others when its lease runs out.
"""

import contextlib
import dataclasses
import datetime as dt
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence

from sweep.ingest.backfill import backfill
from sweep.ingest.follow import sessions_due
from sweep.ingest.spec import BackfillReport, BackfillSpec
from sweep.ingest.watchlist import default_symbols
from sweep.market.symbols import lookup
from sweep.store.coverage import ABSENT, CoverageStore
from sweep.store.database import Database
from sweep.store.errors import StoreTransient
from sweep.store.place import Place
from sweep.store.queue import BACKFILL, DONE, FAILED, QUEUED, Entry, IngestionQueue
from sweep.store.sql.connect import Kind

_log = logging.getLogger(__name__)

SESSION = "session:"

#: Symbols fetched together: one pass over a day file serves them all.
_AT_ONCE = 50


@dataclasses.dataclass(frozen=True)
class WatchSpec:
    """What a watcher does.

    Attributes
    ----------
    backfill
        Source, store and range of a symbol that is new; its symbols are put on the watchlist,
        `all` means those on it (the default of `default_symbols` where it is empty).
    interval_s
        Longest time between two looks at the queue, seconds.
    refresh_s
        Time between two looks for newly published sessions, seconds.
    lease_s
        How long a claim holds unless renewed: a dead watcher's entries wait so long, seconds.
    once
        True: work off what is there and end.
    """

    backfill: BackfillSpec
    interval_s: float = 60.0
    refresh_s: float = 1800.0
    lease_s: float = 120.0
    once: bool = False


@dataclasses.dataclass
class WatchReport:
    """What a watcher did: entries done, failed for good, put off to a later try."""

    done: int = 0
    failed: int = 0
    put_off: int = 0


def watch(spec: WatchSpec, stop: threading.Event | None = None) -> WatchReport:
    """Watch until told to stop, or once.

    Parameters
    ----------
    spec
        What to do.
    stop
        Ends the watch after the entries under way.

    Raises
    ------
    StoreTerminal
        If the database refuses; one that is away is waited for.
    ValueError
        If the source cannot be used as it is.
    """
    report, owner = WatchReport(), f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    with Database.open(spec.backfill.store, spec.backfill.storage_root) as database:
        database.upgrade()
        queue = IngestionQueue(database)
        _put_on(queue, spec.backfill)
        refreshed = -spec.refresh_s
        with queue.listener() as listener:
            while not (stop and stop.is_set()):
                try:
                    if time.monotonic() - refreshed >= spec.refresh_s or spec.once:
                        refreshed = time.monotonic()
                        _refresh(queue, spec.backfill)
                    _work_off(queue, owner, spec, report, stop)
                except StoreTransient as error:
                    if spec.once:
                        raise
                    _log.warning("%s; looking again in %.0f s", error, spec.interval_s)
                    time.sleep(min(spec.interval_s, 5.0))
                if spec.once:
                    break
                with contextlib.suppress(StoreTransient):
                    listener.wait(min(spec.interval_s, spec.refresh_s), stop)
    return report


def edit_queue(
    store: Kind,
    storage_root: str | Place,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    retry: Sequence[str] | None = (),
) -> tuple[tuple[str, ...], list[Entry]]:
    """Change the watchlist and the queue, and return both.

    Parameters
    ----------
    store, storage_root
        The database.
    add, remove
        Symbols put on and taken off the watchlist, in this order.
    retry
        Symbols whose failed entries are queued again; None: of all.

    Raises
    ------
    ValueError
        If a symbol to remove is not on the watchlist, or one to retry has no failed entry.
    """
    with Database.open(store, storage_root) as database:
        database.upgrade()
        queue = IngestionQueue(database)
        held = {*queue.watched(), *_names(add)}
        failed = {entry.symbol for entry in queue.entries() if entry.state == FAILED}
        faults = []
        if missing := sorted({*_names(remove)} - held):
            there = ", ".join(sorted(held)) or "nothing"
            faults.append(f"{', '.join(missing)}: not on the watchlist, which holds {there}")
        if missing := sorted({*_names(retry or ())} - failed):
            there = ", ".join(sorted(failed)) or "none"
            faults.append(f"{', '.join(missing)}: no failed entry to retry; failed are {there}")
        if faults:
            raise ValueError("\n".join(faults))
        if new := queue.add(_names(add)):
            _log.info("on the watchlist now: %s", ", ".join(new))
        if gone := queue.remove(_names(remove)):
            _log.info("off the watchlist: %s; stored bars stay", ", ".join(gone))
        if retry is None or retry:
            again = queue.retry(None if retry is None else _names(retry))
            _log.info("queued again: %s", ", ".join(again) or "nothing had failed")
        return queue.watched(), queue.entries()


def _names(symbols: Sequence[str]) -> list[str]:
    return [lookup(name).name for name in symbols]


def _put_on(queue: IngestionQueue, spec: BackfillSpec) -> None:
    names: Sequence[str] = () if spec.symbols == "all" else spec.symbols
    if spec.symbols == "all" and not queue.watched():
        names = default_symbols(spec)
        _log.info("the watchlist is empty: %s are put on it", ", ".join(names) or "no symbols")
    if names:
        queue.add(_names(names))


def _refresh(queue: IngestionQueue, spec: BackfillSpec) -> None:
    """Enqueue the published sessions that symbols of the watchlist lack."""
    waiting = {entry.symbol for entry in queue.entries() if entry.task == BACKFILL
               and entry.state != DONE}  # fmt: skip
    names = [name for name in queue.watched() if name not in waiting]
    try:
        found = sessions_due(spec, names)
    except OSError as error:
        _log.warning("what is published is not known: %s", error)
        return
    for day, symbols in found.items():
        count = queue.enqueue(f"{SESSION}{day}", symbols)
        if count:
            _log.info("%s is published: %d symbols enqueued", day, count)


def _work_off(
    queue: IngestionQueue,
    owner: str,
    spec: WatchSpec,
    report: WatchReport,
    stop: threading.Event | None,
) -> None:
    while not (stop and stop.is_set()):
        entries = queue.claim(owner, spec.lease_s, _AT_ONCE)
        if not entries:
            return
        try:
            with _renewed(queue, owner, spec.lease_s):
                outcomes = fetch(spec.backfill, entries)
        except (KeyboardInterrupt, SystemExit):  # after a fault of ours the attempt counts
            with contextlib.suppress(StoreTransient):
                queue.release(owner)
            raise
        for entry in entries:
            error, again = outcomes[entry.symbol]
            state = queue.finish(entry, error, again=again)
            if state is None:
                _log.info("%s, %s: taken over by another watcher", entry.symbol, entry.task)
                continue
            report.done += state == DONE
            report.put_off += state == QUEUED
            report.failed += state not in {DONE, QUEUED}
            later = "; it is tried again" if state == QUEUED else ""
            _log.info("%s, %s: %s", entry.symbol, entry.task, f"{error}{later}" if error else DONE)


@contextlib.contextmanager
def _renewed(queue: IngestionQueue, owner: str, lease_s: float) -> Iterator[None]:
    """Renew a worker's claims while the block runs."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(lease_s / 3):
            with contextlib.suppress(StoreTransient):
                queue.renew(owner, lease_s)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def fetch(spec: BackfillSpec, entries: Sequence[Entry]) -> dict[str, tuple[str | None, bool]]:
    """Fetch what entries of one task ask for, and say of each symbol how it went.

    Returns
    -------
    dict
        Symbol -> (why it did not work, None where it did; whether a later try may work).
    """
    names = tuple(entry.symbol for entry in entries)
    task = entries[0].task
    day = dt.date.fromisoformat(task.removeprefix(SESSION)) if task != BACKFILL else None
    wanted = dataclasses.replace(spec, symbols=names)
    if day is not None:
        wanted = dataclasses.replace(wanted, first=day, last=day, days=None)
    try:
        report = backfill(wanted)
    except (ValueError, OSError) as error:
        if len(entries) > 1:  # one symbol's fault is not the others'
            return {e.symbol: fetch(spec, [e])[e.symbol] for e in entries}
        return {names[0]: (str(error), isinstance(error, OSError) or day is not None)}
    return {name: _outcome(wanted, name, day, report) for name in names}


def _outcome(
    spec: BackfillSpec, name: str, day: dt.date | None, report: BackfillReport
) -> tuple[str | None, bool]:
    names = spec.symbols
    others = tuple(f"{other} " for other in names if other != name)
    failures = [one for one in report.failures if not one.what.startswith(others)]
    if failures:
        more = f" and {len(failures) - 1} more failures" if len(failures) > 1 else ""
        return f"{failures[0].what}: {failures[0].error}{more}", True
    records = CoverageStore(spec.storage_root).read([name], report.first, report.last)
    states = set(records["state"].to_pylist())
    if states - {ABSENT}:
        return None, False
    if day is not None and not states:
        return f"no bars came: {day} is not published yet", True
    near = report.unknown.get(name, ())
    hint = f"; nearest names: {', '.join(near)}" if near else ""
    days = str(day) if day is not None else f"{report.first} to {report.last}"
    return f"no bars came: the source has none of {name} of {days}{hint}", False
