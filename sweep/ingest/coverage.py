"""What the bar store holds and lacks, per symbol, timeframe and session."""

import collections
import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Sessions
from sweep.ingest.load import stored_range
from sweep.ingest.products import product_of
from sweep.ingest.publication import may_still_come, utc_now
from sweep.ingest.repair import set_aside
from sweep.ingest.sources import DaySource
from sweep.ingest.suggest import backfill_command
from sweep.market.calendar import (
    as_dates,
    midnight_ns,
    session_index,
    session_minutes,
    session_table,
)
from sweep.market.splits import Split
from sweep.market.symbols import lookup
from sweep.market.timeframes import MINUTES, ordered
from sweep.store.bounds import DamagedFile
from sweep.store.coverage import ABSENT, COMPLETE, PROVISIONAL, CoverageStore
from sweep.store.folder import Folder
from sweep.store.lake import Lake
from sweep.store.place import Place
from sweep.store.splits import SplitStore

#: States beside those of the records: never fetched; the source has another version than was read;
#: complete, but the minutes are not in the store as recorded; this timeframe was never built; its
#: month file is damaged; there are bars and no record (copied into the store by other means).
#: A session without a record whose file may still come is late.
HOLE, LATE, REPLACED, LOST, NOT_BUILT = "hole", "late", "replaced", "lost", "not_built"
DAMAGED, UNRECORDED = "damaged", "unrecorded"

_OF_SESSIONS = {
    HOLE: "never fetched; run the backfill for them",
    LATE: "not published yet; run the backfill for them later",
    REPLACED: "of which the vendor has another file now; run the backfill again",
    LOST: "not in the store as recorded; delete the symbol's bars and run the backfill again",
    DAMAGED: "in damaged month files; run the backfill again",
    ABSENT: "absent at the vendor",
}
_OF_TIMEFRAMES = {NOT_BUILT: "not built; run the backfill with this timeframe"}

#: One row per (symbol, timeframe, session). `expected` and `present` count bars of the regular
#: session, `extended` the minutes before and after it (1m only). `bad_rows` is a JSON object
#: (reason -> rows). `key` is null where the source had no file.
ROWS = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("timeframe", pa.string(), nullable=False),
        pa.field("session", pa.date32(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("expected", pa.int64(), nullable=False),
        pa.field("present", pa.int64(), nullable=False),
        pa.field("extended", pa.int64(), nullable=False),
        pa.field("duplicates", pa.int64(), nullable=False),
        pa.field("bad_rows", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("key", pa.string()),
        pa.field("version", pa.string()),
    ]
)

Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class SeriesCoverage:
    """Coverage of one symbol and timeframe over the range.

    Attributes
    ----------
    symbol, timeframe
        The series.
    sessions
        Sessions of the range.
    expected, present
        Bars of the regular session: wanted by the calendar, stored.
    states
        State -> its sessions, rising.
    duplicates
        Rows dropped for another one of the same minute.
    bad_rows
        Reason -> rows refused.
    sources
        Source -> sessions.
    """

    symbol: str
    timeframe: str
    sessions: int
    expected: int
    present: int
    states: Mapping[str, tuple[dt.date, ...]]
    duplicates: int
    bad_rows: Mapping[str, int]
    sources: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class CoverageReport:
    """Coverage of several series.

    Attributes
    ----------
    first, last
        Resolved range.
    rows
        Columns of `ROWS`.
    series
        One entry per symbol and timeframe.
    splits
        Splits known of the symbols inside the range.
    """

    first: dt.date
    last: dt.date
    rows: pa.Table
    series: tuple[SeriesCoverage, ...]
    splits: tuple[Split, ...] = ()

    def facts(self) -> list[str]:
        """Return what is worth knowing and no fault: sources and splits, in sentences."""
        texts = []
        for one in self.series:
            if len(one.sources) > 1 and one.timeframe == self.series[0].timeframe:
                mix = ", ".join(f"{count} from {name}" for name, count in one.sources.items())
                texts.append(f"{one.symbol}: sessions {mix}")
            if (days := one.states.get(UNRECORDED)) and one.timeframe == self.series[0].timeframe:
                texts.append(
                    f"{one.symbol}: {len(days)} sessions have bars and no record of their source; "
                    f"a backfill fetches them again ({_some(days)})"
                )
        return texts + [
            f"{split.symbol}: split {split.split_to:g} for {split.split_from:g} on "
            f"{split.execution_date}"
            for split in self.splits
        ]

    def faults(self) -> list[str]:
        """Return what is missing, in sentences: what `strict` fails on.

        A missing minute inside a complete session is a fact and no fault; bad rows and duplicates
        are facts too.
        """
        texts = []
        named: set[str] = set()
        for one in self.series:
            # What is wrong with a session is said once, not for each of its timeframes.
            which = _OF_TIMEFRAMES if one.symbol in named else _OF_SESSIONS | _OF_TIMEFRAMES
            named.add(one.symbol)
            for state, text in which.items():
                days = one.states.get(state, ())
                if days:
                    label = f"{one.symbol} {one.timeframe}" if state == NOT_BUILT else one.symbol
                    texts.append(
                        f"{label}: {len(days)} of {one.sessions} sessions {text} ({_some(days)})"
                    )
        return texts


def coverage_report(
    storage_root: str | Place,
    *,
    symbols: Sequence[str] | Literal["all"] = "all",
    timeframes: Sequence[str] = ("1m",),
    first: dt.date | None = None,
    last: dt.date | None = None,
    source: DaySource | None = None,
) -> CoverageReport:
    """Compare the stored bars with the calendar and with what is known of the vendor's files.

    Parameters
    ----------
    storage_root
        Root of the store.
    symbols
        Names; `all`: those in the store.
    timeframes
        Names.
    first, last
        New York dates, both included; None: as far as backfills were asked, and bars or records
        go.
    source
        The vendor's files, to notice those that came or changed after they were read.

    Returns
    -------
    CoverageReport
        Rows by symbol, timeframe and session.

    Raises
    ------
    ValueError
        If the store is empty, or the range holds no session.
    """
    lake, store = Lake(storage_root), CoverageStore(storage_root)
    names = sorted({*lake.symbols(), *store.symbols()})
    if symbols != "all":
        names = sorted({lookup(name).name for name in symbols})
    records = store.read(names).to_pylist()
    begin, end = _extent(lake, store, names, records)
    first, last = first or begin, last or end
    if first is None or last is None:
        raise ValueError(
            f"No data found: the store in {storage_root} knows nothing of "
            f"{', '.join(names) or 'any symbol'}; fill it with: "
            f"{backfill_command(storage_root, names)}"
        )
    sessions = session_table(first, last)
    if len(sessions) == 0:
        raise ValueError(f"no exchange session from {first} to {last}; choose a wider range")
    blocks, series = [], []
    for name in names:
        own = _by_session([row for row in records if row["symbol"] == name])
        replaced = _replaced(source, name, own) if source is not None else set()
        minutes = _stored(lake, name, "1m", sessions)
        aside = set_aside(lake, name)
        for timeframe in ordered(tuple(timeframes)):
            bars = minutes if timeframe == "1m" else _stored(lake, name, timeframe, sessions)
            rows = _rows(name, timeframe, sessions, own, replaced, minutes, bars, aside)
            _mark_late(rows, source, name)
            series.append(_series(name, timeframe, rows))
            blocks.append(pa.Table.from_pylist(rows, schema=ROWS))
    splits = [s for s in SplitStore(storage_root).read(names) if first <= s.execution_date <= last]
    return CoverageReport(first, last, pa.concat_tables(blocks), tuple(series), tuple(splits))


def write_report(storage_root: str | Place, report: CoverageReport) -> str:
    """Write the rows of a report to `<storage_root>/coverage/report.parquet`; return the path."""
    folder = Folder(storage_root)
    folder.replace("coverage", "report.parquet", table=report.rows)
    return str(folder.join("coverage", "report.parquet"))


def _mark_late(rows: Sequence[dict[str, Any]], source: DaySource | None, name: str) -> None:
    """Tell sessions whose file may still come from those nobody fetched."""
    now, product = utc_now(), product_of(lookup(name))
    for row in rows:
        day = row["session"]
        if row["state"] == HOLE and may_still_come(day, now):
            there = source is not None and source.find(product, day) is not None
            row["state"] = HOLE if there else LATE


def _by_session(records: Sequence[Record]) -> dict[dt.date, Record]:
    """Return one record per session: the best state where several sources know it."""
    rank = {COMPLETE: 0, PROVISIONAL: 1, ABSENT: 2}
    best: dict[dt.date, Record] = {}
    for record in sorted(records, key=lambda row: rank[row["state"]]):
        best.setdefault(record["session"], record)
    return best


def _replaced(source: DaySource, name: str, records: Mapping[dt.date, Record]) -> set[dt.date]:
    product = product_of(lookup(name))
    found = {day: source.find(product, day) for day in records}
    return {
        day
        for day, record in records.items()
        if (file := found[day]) is not None
        and record["source"] == source.name
        and file.version != record["version"]
    }


def _rows(
    symbol: str,
    timeframe: str,
    sessions: Sessions,
    records: Mapping[dt.date, Record],
    replaced: Collection[dt.date],
    minutes: "_Stored",
    bars: "_Stored",
    aside: Collection[str],
) -> list[dict[str, Any]]:
    finest = timeframe == "1m"
    expected = -(-session_minutes(sessions) // MINUTES[timeframe])
    rows = []
    for i, day in enumerate(as_dates(sessions)):
        known, month = records.get(day, {}), f"{day:%Y-%m}"
        there = minutes.regular[i] + minutes.extended[i] > 0
        state = known.get("state", UNRECORDED if there else HOLE)
        if state in (COMPLETE, PROVISIONAL) and minutes.regular[i] != known["minutes_present"]:
            state = LOST
        elif state not in (HOLE, ABSENT) and minutes.regular[i] > 0 and bars.regular[i] == 0:
            state = NOT_BUILT
        if state != ABSENT and (
            month in minutes.damaged | bars.damaged or (state == HOLE and month in aside)
        ):
            state = DAMAGED
        rows.append(
            {
                "symbol": symbol,
                "timeframe": timeframe,
                "session": day,
                "state": REPLACED if day in replaced else state,
                "expected": int(expected[i]),
                "present": int(bars.regular[i]),
                "extended": int(bars.extended[i]) if finest else 0,
                "duplicates": known.get("duplicates", 0),
                "bad_rows": known.get("bad_rows", "{}"),
                **{name: known.get(name) for name in ("source", "key", "version")},
            }
        )
    return rows


def _series(symbol: str, timeframe: str, rows: Sequence[Record]) -> SeriesCoverage:
    states: dict[str, list[dt.date]] = collections.defaultdict(list)
    bad: collections.Counter[str] = collections.Counter()
    for row in rows:
        states[row["state"]].append(row["session"])
        bad.update(json.loads(row["bad_rows"]))
    return SeriesCoverage(
        symbol=symbol,
        timeframe=timeframe,
        sessions=len(rows),
        expected=sum(row["expected"] for row in rows),
        present=sum(row["present"] for row in rows),
        states={state: tuple(days) for state, days in states.items()},
        duplicates=sum(row["duplicates"] for row in rows),
        bad_rows=dict(sorted(bad.items())),
        sources=collections.Counter(row["source"] for row in rows if row["source"] is not None),
    )


@dataclasses.dataclass(frozen=True)
class _Stored:
    """What is stored of a series: bars inside and outside each session, and unreadable months."""

    regular: NDArray[np.int64]
    extended: NDArray[np.int64]
    damaged: frozenset[str]


def _stored(lake: Lake, symbol: str, timeframe: str, sessions: Sessions) -> _Stored:
    """Count the stored bars of each session's date, month by month."""
    days, parts, damaged = as_dates(sessions), [np.empty(0, np.int64)], set()
    low, high = (f"{day:%Y-%m}" for day in (days[0], days[-1]))
    for month in lake.months(symbol, timeframe):
        if low <= month <= high:
            try:
                bars = lake.read_month(symbol, timeframe, month, ["ts"])
            except DamagedFile:
                damaged.add(month)
            else:
                parts.append(bars["ts"].cast(pa.int64()).to_numpy())
    ts = np.concatenate(parts)
    index = session_index(sessions, ts)
    begins, ends = (
        np.array([midnight_ns(day + dt.timedelta(days=n)) for day in days]) for n in (0, 1)
    )
    outside = ts[index < 0]
    date = np.searchsorted(begins, outside, side="right") - 1
    date = date[(date >= 0) & (outside < ends[np.maximum(date, 0)])]
    return _Stored(
        np.bincount(index[index >= 0], minlength=len(days)),
        np.bincount(date, minlength=len(days)),
        frozenset(damaged),
    )


def _extent(
    lake: Lake, store: CoverageStore, names: Sequence[str], records: Sequence[Record]
) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and last date that is known of: asked for, recorded, or with bars."""
    asked = store.asked()
    found = [day for name in names for day in asked.get(name, ())]
    found += [record["session"] for record in records]
    unreadable: set[str] = set()
    for name in {*names} - {record["symbol"] for record in records}:
        try:
            found += stored_range(lake, name) or ()
        except DamagedFile:
            months = lake.months(name, "1m")
            unreadable |= {months[0], months[-1]}
    # Where in its month a damaged file begins nobody knows; the month is looked at all the same.
    unreadable -= {f"{day:%Y-%m}" for day in found}
    found += [dt.date.fromisoformat(f"{month}-01") for month in unreadable]
    return min(found, default=None), max(found, default=None)


def _some(dates: Sequence[dt.date]) -> str:
    """Return dates as text, neighbours left out where there are many."""
    if len(dates) <= 6:
        return ", ".join(map(str, dates))
    return f"{', '.join(map(str, dates[:3]))}, ..., {dates[-1]}"
