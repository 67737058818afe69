"""Fill the bar store from day files: plan the holes, stage their days, merge their months.

One bad day does not stop the others; the report names it. A second run does only what is missing.
"""

import collections
import dataclasses
import functools
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sweep.ingest.downloads import Downloads
from sweep.ingest.merge import MonthResult, merge_month
from sweep.ingest.plan import Plan, days_to_stage, make_plan, months_to_merge
from sweep.ingest.pool import Outcome, run_tasks
from sweep.ingest.products import product_of
from sweep.ingest.s3_files import S3FlatFiles, clean_cache
from sweep.ingest.sources import DaySource, LocalFlatFiles, SourceFile
from sweep.ingest.spec import BackfillReport, BackfillSpec, Failure
from sweep.ingest.stage import Staged, read_manifest, stage_day
from sweep.ingest.suggest import nearest, tickers_in
from sweep.market.timeframes import ordered

__all__ = ["BackfillReport", "BackfillSpec", "Failure", "backfill"]

#: Called with what is being done, items done, items in all, items failed, bytes so far.
Progress = Callable[[str, int, int, int, int], None]

# Seconds of one core, measured: a small file, a compressed byte, a month of one symbol with six
# timeframes. A process takes about 1.5 s to start: less work than this is done in the driver.
_FILE_S, _BYTE_S, _MONTH_S, _WORTH_S = 0.01, 1e-8, 0.08, 4.0

StageTask = tuple[SourceFile, tuple[str, ...] | None]


@dataclasses.dataclass
class _Tally:
    """What was done so far."""

    files: int = 0
    bytes_read: int = 0
    text_bytes: int = 0
    rows: int = 0
    duplicates: int = 0
    bad_rows: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    filled: int = 0
    absent: int = 0
    months: int = 0
    failures: list[Failure] = dataclasses.field(default_factory=list)

    def add_file(self, staged: Staged, symbols: Iterable[str]) -> None:
        """Count a file read now, for those of the symbols that were taken from it."""
        manifest = staged.manifest
        self.files += 1
        self.bytes_read += manifest.size
        self.text_bytes += manifest.text_bytes
        for name in set(staged.fresh) & set(symbols):
            counts = manifest.counts.get(name)
            if counts is not None:
                self.rows += counts.rows
                self.duplicates += counts.duplicates
                self.bad_rows.update(counts.bad)

    def add_month(self, result: MonthResult) -> None:
        """Count a month merged now."""
        self.months += 1
        self.filled += len(result.complete)
        self.absent += len(result.absent)


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
    root = _writable(os.fspath(spec.storage_root))
    source = open_source(spec, root)
    workers = spec.workers or os.cpu_count() or 1
    plan = make_plan(spec, source, root)
    tally = _Tally()
    _stage_days(spec, source, root, plan, tally, say)
    found = _found(plan, root)
    months = months_to_merge(plan, root, source.name, timeframes, found)
    for done, month in enumerate(
        run_tasks(functools.partial(merge_month, root), months, workers), 1
    ):
        if month.result is None:
            what = f"{month.task.symbol} {month.task.year_month}"
            tally.failures.append(Failure(what, month.error or ""))
        else:
            tally.add_month(month.result)
        say("symbol months", done, len(months), len(tally.failures), 0)
    return BackfillReport(
        first=plan.days[0],
        last=plan.days[-1],
        sessions=len(plan.days),
        symbols=tuple(sorted(found)),
        unknown={} if spec.symbols == "all" else _unknown(plan, found, source, root),
        files_read=tally.files,
        files_absent=plan.files_absent,
        files_late=plan.late,
        bytes_read=tally.bytes_read,
        text_bytes=tally.text_bytes,
        rows=tally.rows,
        bad_rows=dict(sorted(tally.bad_rows.items())),
        duplicates=tally.duplicates,
        sessions_filled=tally.filled,
        sessions_absent=tally.absent,
        months=tally.months,
        failures=tuple(tally.failures),
        seconds=time.monotonic() - started,
    )


def open_source(spec: BackfillSpec, root: Path) -> LocalFlatFiles | S3FlatFiles:
    """Return the day files that `source_root` names; a bucket's cache is cleaned first."""
    place = os.fspath(spec.source_root)
    if "://" not in place or place.startswith("file://"):
        return LocalFlatFiles.at(place)
    cache = root / "cache" / "flatfiles"
    clean_cache(cache, spec.cache_hours)
    return S3FlatFiles.at(place, cache, endpoint=spec.endpoint)


def _stage_days(
    spec: BackfillSpec, source: DaySource, root: Path, plan: Plan, tally: _Tally, say: Progress
) -> None:
    """Stage the files of all holes; those of a bucket while others are on their way."""
    tasks = days_to_stage(plan, root, keep_all=spec.keep_all_symbols)
    workers = spec.workers or os.cpu_count() or 1
    stage = functools.partial(_stage_one, source, root)
    names = [symbol.name for symbol in plan.symbols]
    done = 0

    def count(outcomes: Iterable[Outcome[StageTask, Staged]], arrived: int | None) -> None:
        nonlocal done
        for day in outcomes:
            done += 1
            if day.result is None:
                tally.failures.append(Failure(source.describe(day.task[0].key), day.error or ""))
            elif day.result.fresh:
                tally.add_file(day.result, names)
            size = tally.bytes_read if arrived is None else arrived
            say("day files", done, len(tasks), len(tally.failures), size)

    if not isinstance(source, S3FlatFiles):
        count(_staged(stage, tasks, workers), None)
        return
    with Downloads(source, tasks, spec.downloads) as downloads:
        for batch in downloads.batches():
            failed = [Outcome[StageTask, Staged](task, None, text) for task, text in batch if text]
            count(failed, downloads.arrived)
            ready = [task for task, text in batch if text is None]
            count(_staged(stage, ready, workers), downloads.arrived)
            if not batch:
                say("day files", done, len(tasks), len(tally.failures), downloads.arrived)


def _staged(
    stage: Callable[[StageTask], Staged], tasks: Sequence[StageTask], workers: int
) -> Iterator[Outcome[StageTask, Staged]]:
    """Stage files, in processes where the work is worth their start."""
    work_s = sum(_FILE_S + file.size * _BYTE_S for file, _ in tasks)
    return run_tasks(stage, tasks, workers if work_s > _WORTH_S else 1)


def _stage_one(source: DaySource, root: Path, task: StageTask) -> Staged:
    file, symbols = task
    return stage_day(source, file, symbols, root)


def _found(plan: Plan, root: Path) -> frozenset[str]:
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
    plan: Plan, found: frozenset[str], source: DaySource, root: Path
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


def _writable(root: str) -> Path:
    if "://" in root and not root.startswith("file://"):
        raise ValueError(f"storage.root of a backfill must be a local folder, got {root}")
    folder = Path(root.removeprefix("file://")).expanduser()
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
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
