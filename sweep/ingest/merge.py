"""Step two of the ingest: staged days -> the month files of one symbol, all timeframes.

A month has one writer (a lease). The order is minutes, higher timeframes, coverage: whoever is
killed between leaves a hole in the coverage, and the next run does the month again.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.bars import Sessions
from sweep.ingest.sources import SourceFile
from sweep.ingest.stage import Manifest, read_manifest, read_staged
from sweep.market.aggregation import aggregate
from sweep.market.calendar import as_dates, midnight_ns, session_minutes, session_table
from sweep.market.schema import BARS
from sweep.market.symbols import file_name
from sweep.market.timeframes import MINUTES
from sweep.store.coverage import ABSENT, COMPLETE, PROVISIONAL, CoverageStore
from sweep.store.lake import Lake
from sweep.store.lease import Lease, lease
from sweep.store.place import Place

#: Columns that a backtest reads: bars that differ elsewhere alone are the same to it.
_TESTED = ["ts", "open", "high", "low", "close", "volume"]


@dataclasses.dataclass(frozen=True)
class MonthPlan:
    """What to merge into one month of one symbol.

    Attributes
    ----------
    symbol
        Name.
    year_month
        `YYYY-MM`.
    product
        Name of the product whose staged days hold the symbol.
    source
        Value of the column `source`.
    days
        (session, file) of the holes; the file is None where the source has none.
    timeframes
        Asked for; those the symbol has in any month are built too, so that none ends early.
    provisional
        Days whose bars a flat file will replace.
    """

    symbol: str
    year_month: str
    product: str
    source: str
    days: tuple[tuple[dt.date, SourceFile | None], ...]
    timeframes: tuple[str, ...]
    provisional: frozenset[dt.date] = frozenset()


@dataclasses.dataclass(frozen=True)
class MonthResult:
    """What a merge did.

    Attributes
    ----------
    symbol, year_month
        The month.
    complete, absent, pending
        Sessions merged; recorded as absent; left as holes because their file could not be staged.
    changed
        Sessions merged that had other minutes before.
    minutes
        Rows of the month's 1m file.
    """

    symbol: str
    year_month: str
    complete: tuple[dt.date, ...]
    absent: tuple[dt.date, ...]
    pending: tuple[dt.date, ...]
    changed: tuple[dt.date, ...]
    minutes: int


def merge_month(root: Place, plan: MonthPlan) -> MonthResult:
    """Merge staged days of one symbol into its month and rebuild the higher timeframes.

    A day whose file has no row of the symbol, or that has no file, becomes `absent_at_vendor`;
    bars stored before are kept then. A day whose file could not be staged stays a hole.

    Raises
    ------
    ValueError, OSError
        If stored files are damaged or cannot be written.
    """
    lake, coverage = Lake(root), CoverageStore(root)
    lock = root / "locks" / file_name(plan.symbol) / f"{plan.year_month}.lock"
    with lease(lock) as held:
        first, last = _month_dates(plan.year_month)
        sessions = session_table(first, last)
        expected = dict(zip(as_dates(sessions), session_minutes(sessions).tolist(), strict=True))
        complete: list[dt.date] = []
        absent: list[dt.date] = []
        pending: list[dt.date] = []
        tables, records = [], []
        for day, file in plan.days:
            manifest = read_manifest(root, day, plan.product) if file is not None else None
            staged = manifest if file is not None and _holds(manifest, file, plan.symbol) else None
            if file is not None and staged is None:
                pending.append(day)
                continue
            present = staged is not None and plan.symbol in staged.counts
            minutes = (
                read_staged(root, day, plan.product, plan.symbol)
                if present
                else BARS.empty_table()
            )
            (complete if present else absent).append(day)
            tables.append(minutes)
            records.append(_record(plan, day, file, staged, minutes, expected.get(day, 0)))
        whole, changed = _write_bars(lake, plan, complete, tables, sessions, held)
        if records:
            held.check()
            coverage.update_month(plan.symbol, plan.year_month, records)
    return MonthResult(
        *(plan.symbol, plan.year_month, tuple(complete), tuple(absent), tuple(pending)),
        *(changed, whole),
    )


def _holds(manifest: Manifest | None, file: SourceFile, symbol: str) -> bool:
    return (
        manifest is not None and manifest.version == file.version and not manifest.lacks((symbol,))
    )


def _write_bars(
    lake: Lake,
    plan: MonthPlan,
    replaced: Sequence[dt.date],
    tables: Sequence[pa.Table],
    sessions: Sessions,
    held: Lease,
) -> tuple[int, tuple[dt.date, ...]]:
    """Write the month's files; return its minutes, and the days that had other ones before.

    Whoever lost the lease writes nothing: days that another writer merged meanwhile are not in
    what was read, and coverage would say that they are there.
    """
    first, last = _month_dates(plan.year_month)
    stored = lake.read(plan.symbol, "1m", first, last)
    kept = stored.filter(pa.array(~_on_days(stored, replaced)))
    month = pa.concat_tables([kept, *tables]).sort_by("ts").combine_chunks()
    if len(month) == 0:
        return 0, ()
    changed = tuple(day for day in replaced if _changes(stored, month, day))
    held.check()
    if replaced:
        lake.replace_month(plan.symbol, "1m", plan.year_month, month)
    has = [name for name in MINUTES if lake.months(plan.symbol, name)]
    for timeframe in sorted({*has, *plan.timeframes} - {"1m"}, key=MINUTES.__getitem__):
        bars = aggregate(month, sessions, timeframe)
        lake.replace_month(plan.symbol, timeframe, plan.year_month, bars)
    return len(month), changed


def _changes(stored: pa.Table, month: pa.Table, day: dt.date) -> bool:
    """Tell whether a day had bars, and has other prices or volumes now."""
    before, after = (
        bars.filter(pa.array(_on_days(bars, [day]))).select(_TESTED) for bars in (stored, month)
    )
    return bool(len(before)) and not before.equals(after)


def _on_days(
    bars: pa.Table, days: Sequence[dt.date]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    ts = bars["ts"].cast(pa.int64()).to_numpy()
    inside = np.zeros(len(ts), bool)
    for day in days:
        inside |= (ts >= midnight_ns(day)) & (ts < midnight_ns(day + dt.timedelta(days=1)))
    return inside


def _record(
    plan: MonthPlan,
    day: dt.date,
    file: SourceFile | None,
    staged: Manifest | None,
    minutes: pa.Table,
    expected: int,
) -> dict[str, object]:
    regular = int(pc.sum(pc.equal(minutes["phase"], "regular")).as_py() or 0)
    counts = staged.counts.get(plan.symbol) if staged is not None else None
    there = PROVISIONAL if day in plan.provisional else COMPLETE
    return {
        "symbol": plan.symbol,
        "session": day,
        "source": plan.source,
        "state": ABSENT if counts is None else there,
        "minutes_present": regular,
        "minutes_expected": expected,
        "extended_minutes": len(minutes) - regular,
        "duplicates": counts.duplicates if counts is not None else 0,
        "bad_rows": json.dumps(dict(counts.bad) if counts is not None else {}, sort_keys=True),
        "key": file.key if file is not None else None,
        "version": file.version if file is not None else None,
        "fetched_at": dt.datetime.now(dt.UTC),
    }


def _month_dates(year_month: str) -> tuple[dt.date, dt.date]:
    first = dt.date.fromisoformat(f"{year_month}-01")
    after = (first + dt.timedelta(days=31)).replace(day=1)
    return first, after - dt.timedelta(days=1)
