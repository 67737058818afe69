"""Fill the bar store from day files: plan the holes, stage their days, merge their months.

One bad day does not stop the others; the report names it. A second run does only what is missing.
"""

import dataclasses
import datetime as dt
import time
import uuid
from collections.abc import Mapping, Sequence

from sweep.ingest.merge import merge_month
from sweep.ingest.plan import (
    Plan,
    days_to_stage,
    make_plan,
    months_to_merge,
    rest_holes,
    rest_range,
)
from sweep.ingest.products import product_of
from sweep.ingest.publication import due, newest_closed, utc_now
from sweep.ingest.record import record
from sweep.ingest.rest import RestClient
from sweep.ingest.rest_fill import calls_for, fetch_splits, fill_by_rest, unbuilt_months
from sweep.ingest.s3_files import S3FlatFiles, clean_cache, day_files
from sweep.ingest.shards import merge_months, runner, stage_days
from sweep.ingest.sources import DaySource, LocalFlatFiles, flat_file_cache
from sweep.ingest.spec import BackfillReport, BackfillSpec, Failure, Progress
from sweep.ingest.stage import read_manifest
from sweep.ingest.suggest import nearest, tickers_in
from sweep.ingest.tally import Tally
from sweep.ingest.watchlist import watched
from sweep.market.symbols import Symbol
from sweep.market.timeframes import ordered
from sweep.store.coverage import CoverageStore
from sweep.store.place import ObjectPath, Place, place
from sweep.store.splits import SplitStore

__all__ = ["BackfillReport", "BackfillSpec", "Failure", "backfill"]


#: Seconds a byte takes from the vendor: about 12 MB/s in all on a home line.
_DOWNLOAD_S = 8e-8


def backfill(spec: BackfillSpec, *, progress: Progress | None = None) -> BackfillReport:
    """Fill the bar store with what it lacks.

    Parameters
    ----------
    spec
        What to fill it with.
    progress
        Called after every file and month.

    Returns
    -------
    BackfillReport
        `ok` is False where a file, a month or a symbol failed; everything else was done.

    Raises
    ------
    ValueError
        If the order makes no sense: missing source, no session or file in the range, bad symbol.
    OSError
        If `storage.root` cannot be written.
    """
    started = time.monotonic()
    say = progress or _silent
    timeframes = ordered(("1m", *spec.timeframes))
    root = _writable(place(spec.storage_root))
    tally = Tally()
    if spec.symbols == "all" and (listed := watched(spec.store, root)):
        spec = dataclasses.replace(spec, symbols=listed)
        tally.notes.append(f"symbols=all: the {len(listed)} of the watchlist")
    if spec.source_kind == "rest":
        with RestClient(spec.rest) as client:
            symbols, days = rest_range(spec)
            unknown = _by_rest(spec, client, root, symbols, days, {}, tally, say)
        names = (symbol.name for symbol in symbols if symbol.name not in unknown)
        found = frozenset(names)
        return _finish(
            spec, root, days, found, dict.fromkeys(unknown, ()), (), (), tally, started, say
        )
    source = open_source(spec, root)
    if spec.source_kind == "flatfiles":
        plan = make_plan(spec, source, root)
        found = _by_files(spec, source, root, plan, timeframes, tally, say)
        unknown_names = {} if spec.symbols == "all" else _unknown(plan, found, source, root)
        return _finish(
            *(spec, root, plan.days, found, unknown_names, plan.files_absent, plan.late),
            *(tally, started, say),
        )
    with RestClient(spec.rest) as client:
        last = spec.last if spec.last is not None else newest_closed(utc_now())
        plan = make_plan(dataclasses.replace(spec, last=last), source, root)
        plan = _cheaper(spec, plan, source, root, tally)
        _by_files(spec, source, root, plan, timeframes, tally, say)
        by_files, tally.failures = tally.failures, []
        newest = {
            name: max(day for (other, day), file in plan.files.items() if other == name and file)
            for name in {name for (name, _), file in plan.files.items() if file}
        }
        unknown = _by_rest(spec, client, root, plan.symbols, plan.days, newest, tally, say)
        if tally.failures:
            tally.failures = by_files + tally.failures
        else:
            tally.notes += [
                f"taken from REST instead: {one.what} ({one.error})" for one in by_files
            ]
    names = (symbol.name for symbol in plan.symbols if symbol.name not in unknown)
    return _finish(
        *(spec, root, plan.days, frozenset(names), dict.fromkeys(unknown, ()), (), ()),
        *(tally, started, say),
    )


def _finish(
    spec: BackfillSpec,
    root: Place,
    days: Sequence[dt.date],
    found: frozenset[str],
    unknown: Mapping[str, tuple[str, ...]],
    files_absent: tuple[str, ...],
    files_late: tuple[str, ...],
    tally: Tally,
    started: float,
    say: Progress,
) -> BackfillReport:
    """Tell the SQL store what was done, and return the report."""
    today = max(days[0], min(days[-1], newest_closed(utc_now())))
    CoverageStore(root).note_asked(sorted(found), days[0], today)
    record(spec, root, sorted(found), days, tally, say)
    counts = {field.name: getattr(tally, field.name) for field in dataclasses.fields(tally)}
    counts |= {
        "bad_rows": dict(sorted(tally.bad_rows.items())),
        "notes": tuple(tally.notes),
        "failures": tuple(tally.failures),
    }
    return BackfillReport(
        first=days[0],
        last=days[-1],
        sessions=len(days),
        symbols=tuple(sorted(found)),
        unknown={} if spec.symbols == "all" else unknown,
        files_absent=files_absent,
        files_late=files_late,
        seconds=time.monotonic() - started,
        **counts,
    )


def _by_files(
    spec: BackfillSpec,
    source: DaySource,
    root: Place,
    plan: Plan,
    timeframes: Sequence[str],
    tally: Tally,
    say: Progress,
) -> frozenset[str]:
    """Stage the day files of the plan and merge their months; return the symbols found."""
    tasks = days_to_stage(plan, root, keep_all=spec.keep_all_symbols)
    with runner(spec, tasks) as run:
        stage_days(spec, source, root, plan, tasks, run, tally, say)
        found = _found(plan, root)
        months = months_to_merge(plan, root, source.name, timeframes, found)
        merge_months(root, months, run, tally, say)
    return found


def _by_rest(
    spec: BackfillSpec,
    client: RestClient,
    root: Place,
    symbols: Sequence[Symbol],
    days: Sequence[dt.date],
    newest: Mapping[str, dt.date],
    tally: Tally,
    say: Progress,
) -> tuple[str, ...]:
    """Fill from REST what is still a hole; return the symbols of which no bar came.

    Parameters
    ----------
    newest
        Product -> newest session with a day file; later ones are provisional. Without a file
        those are provisional whose file is not due yet.
    """
    now = utc_now()
    timeframes = ordered(("1m", *spec.timeframes))

    def provisional(symbol: Symbol, day: dt.date) -> bool:
        last = newest.get(product_of(symbol).name)
        return now < due(day) if last is None else day > last

    holes, seen = rest_holes(root, symbols, days)
    unknown = fill_by_rest(
        root,
        client,
        holes,
        provisional=provisional,
        timeframes=timeframes,
        seen=seen,
        tally=tally,
        say=say,
    )
    for plan in unbuilt_months(root, symbols, days, timeframes):
        tally.add_month(merge_month(root, plan))
    known = SplitStore(root)
    stale = [
        symbol
        for symbol in symbols
        if symbol.name not in unknown and (holes[symbol.name] or not known.knows(symbol.name))
    ]
    fetch_splits(root, client, stale, spec.store, tally)
    return unknown


def _cheaper(spec: BackfillSpec, plan: Plan, source: DaySource, root: Place, tally: Tally) -> Plan:
    """Leave those holes to REST whose requests take less time than their files not cached."""
    if not isinstance(source, S3FlatFiles):
        tally.notes.append("hybrid: day files where there are any (local), REST for the rest")
        return plan
    holes = dict(plan.holes)
    tasks = days_to_stage(plan, root, keep_all=spec.keep_all_symbols)
    for product in sorted({file.product.name for file, _ in tasks}):
        own = {s.name: holes[s.name] for s in plan.symbols if product_of(s).name == product}
        size = sum(
            file.size
            for file, _ in tasks
            if file.product.name == product and not source.cached(file)
        )
        by_files, by_rest = size * _DOWNLOAD_S, len(calls_for(own)) / spec.rest.requests_per_s
        chosen = "REST" if by_rest < by_files else "day files"
        tally.notes.append(
            f"hybrid, {product}: {chosen} up to the newest file, REST after it ({by_files:.1f} s "
            f"to download {size / 1e6:,.1f} MB, {by_rest:.1f} s to ask for symbol-months)"
        )
        if by_rest < by_files:
            holes |= dict.fromkeys(own, ())
    return dataclasses.replace(plan, holes=holes)


def open_source(spec: BackfillSpec, root: Place) -> LocalFlatFiles | S3FlatFiles:
    """Return the day files that `source_root` names; a bucket's cache is cleaned first."""
    clean_cache(flat_file_cache(root), spec.cache_hours)
    return day_files(spec.source_root or "", root, spec.endpoint)


def _found(plan: Plan, root: Place) -> frozenset[str]:
    """Return the symbols that some file of the range, now or before, had a row of."""
    found = set(plan.seen)
    for symbol in plan.symbols:
        days = iter(plan.days) if symbol.name not in found else iter(())
        for day in days:
            manifest = read_manifest(root, day, product_of(symbol).name)
            if manifest is not None and symbol.name in manifest.counts:
                found.add(symbol.name)
                break
    return frozenset(found)


def _unknown(
    plan: Plan, found: frozenset[str], source: DaySource, root: Place
) -> dict[str, tuple[str, ...]]:
    """Return the names that no file had, with names like them from the newest file read."""
    names: dict[str, tuple[str, ...]] = {}
    known: dict[str, list[str]] = {}
    for symbol in plan.symbols:
        if symbol.name in found:
            continue
        product = product_of(symbol).name
        read = [day for day in plan.days if read_manifest(root, day, product) is not None]
        file = plan.files.get((product, read[-1])) if read else None
        if file is None:
            continue
        if product not in known:
            known[product] = tickers_in(source, file)
        names[symbol.name] = nearest(symbol.vendor_ticker, known[product])
    return names


def _writable(folder: Place) -> Place:
    """Return the storage root once something could be written there."""
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    if isinstance(folder, ObjectPath):
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write storage.root {folder} ({error.strerror}); choose another folder, "
            "or check its permissions and the free space",
        ) from error
    return folder


def _silent(stage: str, done: int, total: int, failed: int, size: int) -> None:
    """Report progress to nobody."""
