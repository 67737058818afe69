"""Plan a backfill: which sessions are holes, which day files fill them, which months change."""

import collections
import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sweep.ingest.merge import MonthPlan
from sweep.ingest.products import INDICES, PRODUCTS, STOCKS, product_of
from sweep.ingest.publication import may_still_come, newest_closed, utc_now
from sweep.ingest.repair import set_aside_damaged
from sweep.ingest.rest_rows import REST
from sweep.ingest.sources import DaySource, LocalFlatFiles, SourceFile
from sweep.ingest.spec import BackfillSpec
from sweep.ingest.stage import read_manifest
from sweep.market.calendar import as_dates, describe_gap, session_table
from sweep.market.symbols import ETFS, TABLE, Symbol, lookup
from sweep.market.symbols import INDICES as INDEX_NAMES
from sweep.store.coverage import ABSENT, COMPLETE, CoverageStore
from sweep.store.lake import Lake
from sweep.store.place import Place

FileKey = tuple[str, dt.date]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a backfill has to look at.

    Attributes
    ----------
    days
        Sessions of the range.
    symbols
        Symbols asked for; with `all` every one of the table whose product a local folder has, of
        a bucket the ETFs and indices.
    files
        (product name, session) -> current file, None where the source has none.
    late
        Keys of files that the source does not have yet; their sessions stay holes.
    holes
        Symbol -> its sessions to fill now.
    seen
        Symbols that have a complete session in the store, whenever.
    """

    days: tuple[dt.date, ...]
    symbols: tuple[Symbol, ...]
    files: Mapping[FileKey, SourceFile | None]
    late: tuple[str, ...]
    holes: Mapping[str, tuple[dt.date, ...]]
    seen: frozenset[str]

    @property
    def files_absent(self) -> tuple[str, ...]:
        """Return the keys of day files that the source does not have and that are not late."""
        keys = (PRODUCTS[name].key(day) for (name, day), file in self.files.items() if not file)
        return tuple(key for key in keys if key not in self.late)


def make_plan(spec: BackfillSpec, source: DaySource, root: Place) -> Plan:
    """Resolve symbols and range, and find the holes.

    A hole is a session without a record, or whose file has another version than its record. A file
    that has vanished makes no hole: bars are never taken back.

    Raises
    ------
    ValueError
        If the range holds no session or no file, or a product that the symbols need is not there.
    """
    names = _names(spec, source)
    listed = {product_of(lookup(name)) for name in names}
    published = {product.name: source.days(product) for product in listed}
    symbols = _symbols(spec, names, published)
    products = {product_of(symbol).name: product_of(symbol) for symbol in symbols}
    days = _sessions(spec, sorted({day for name in products for day in published[name]}))
    files = {
        (name, day): source.find(product, day)
        for name, product in products.items()
        for day in days
    }
    hybrid = spec.source_kind == "hybrid"
    if not any(files.values()) and not hybrid:
        raise ValueError(
            f"No data found: no day file of {', '.join(products)} from {days[0]} to {days[-1]}; "
            + "; ".join(_extent(name, published[name]) for name in products)
        )
    now = utc_now()
    late = {
        key
        for key, file in files.items()
        if file is None and (hybrid or may_still_come(key[1], now))
    }
    holes, seen = _holes(root, source.name, symbols, days, files)
    due = {
        symbol.name: tuple(
            day for day in holes[symbol.name] if (product_of(symbol).name, day) not in late
        )
        for symbol in symbols
    }
    keys = tuple(PRODUCTS[name].key(day) for name, day in sorted(late))
    return Plan(days, symbols, files, keys, due, seen)


def days_to_stage(
    plan: Plan, root: Place, *, keep_all: bool
) -> list[tuple[SourceFile, tuple[str, ...] | None]]:
    """Return the files to read, with the symbols to take (None: all), rising by day."""
    wanted: dict[FileKey, list[str]] = collections.defaultdict(list)
    for symbol in plan.symbols:
        for day in plan.holes[symbol.name]:
            wanted[product_of(symbol).name, day].append(symbol.name)
    tasks: list[tuple[SourceFile, tuple[str, ...] | None]] = []
    for (product, day), names in sorted(wanted.items(), key=lambda item: (item[0][1], item[0][0])):
        file = plan.files[product, day]
        if file is None:
            continue
        manifest = read_manifest(root, day, product)
        current = manifest is not None and manifest.version == file.version
        if manifest is None or not current or manifest.lacks(names):
            tasks.append((file, None if keep_all else tuple(names)))
    return tasks


def months_to_merge(
    plan: Plan, root: Place, source: str, timeframes: Sequence[str], found: Iterable[str]
) -> list[MonthPlan]:
    """Return the months that change, by month: those with holes or without a timeframe.

    Parameters
    ----------
    plan
        The holes.
    root, source
        Storage root and name of the source.
    timeframes
        Asked for.
    found
        Symbols to merge.
    """
    lake = Lake(root)
    wanted = set(found)
    in_range = {f"{day:%Y-%m}" for day in plan.days}
    months = []
    for symbol in plan.symbols:
        if symbol.name not in wanted:
            continue
        by_month: dict[str, list[dt.date]] = collections.defaultdict(list)
        for day in plan.holes[symbol.name]:
            by_month[f"{day:%Y-%m}"].append(day)
        stored = set(lake.months(symbol.name, "1m")) & in_range
        for timeframe in timeframes:
            for month in stored - set(lake.months(symbol.name, timeframe)):
                by_month[month] += []
        product = product_of(symbol).name
        for month, days in sorted(by_month.items()):
            pairs = tuple((day, plan.files[product, day]) for day in days)
            months.append(MonthPlan(symbol.name, month, product, source, pairs, tuple(timeframes)))
    return sorted(months, key=lambda month: (month.product, month.year_month, month.symbol))


def _names(spec: BackfillSpec, source: DaySource) -> tuple[str, ...]:
    if spec.symbols != "all":
        return spec.symbols
    return TABLE if isinstance(source, LocalFlatFiles) else (*INDEX_NAMES, *ETFS)


def _symbols(
    spec: BackfillSpec, names: Sequence[str], published: Mapping[str, Sequence[dt.date]]
) -> tuple[Symbol, ...]:
    symbols = list({lookup(name).name: lookup(name) for name in names}.values())
    if spec.symbols == "all" and spec.source_kind != "hybrid":
        symbols = [symbol for symbol in symbols if published[product_of(symbol).name]]
        if not symbols:
            raise ValueError(
                f"No data found: source.root {spec.source_root} holds no day file such as "
                f"{STOCKS.key(dt.date(2025, 1, 2))} or {INDICES.key(dt.date(2025, 1, 2))}"
            )
        return tuple(symbols)
    for product in {product_of(symbol).name for symbol in symbols}:
        if not published[product] and spec.source_kind != "hybrid":
            lacking = [s.name for s in symbols if product_of(s).name == product]
            raise ValueError(
                f"source.root {spec.source_root} has no {product} day files, which hold "
                f"{', '.join(lacking)}; leave them out, or add files such as "
                f"{PRODUCTS[product].key(dt.date(2025, 1, 2))}"
            )
    return tuple(symbols)


def _sessions(spec: BackfillSpec, published: Sequence[dt.date]) -> tuple[dt.date, ...]:
    last = spec.last if spec.last is not None else published[-1]
    if spec.days is not None:
        first = last - dt.timedelta(days=spec.days - 1)
    elif spec.first is not None:
        first = spec.first
    elif published:
        first = published[0]
    else:
        raise ValueError("no day file says how far back; give days=90 or from=...")
    if first > last:
        cover = f"{published[0]} to {published[-1]}" if published else "nothing"
        raise ValueError(f"the range is empty, got {first} to {last}: the files cover {cover}")
    days = as_dates(session_table(first, last))
    if not days:
        raise ValueError(
            f"no exchange session from {first} to {last}: {describe_gap(first, last)}; "
            "choose a range with a trading day"
        )
    return tuple(days)


def _holes(
    root: Place,
    source: str,
    symbols: Sequence[Symbol],
    days: Sequence[dt.date],
    files: Mapping[FileKey, SourceFile | None],
) -> tuple[dict[str, tuple[dt.date, ...]], frozenset[str]]:
    coverage, lake = CoverageStore(root), Lake(root)
    holes: dict[str, tuple[dt.date, ...]] = {}
    seen = set()
    set_aside_damaged(root, [symbol.name for symbol in symbols], days)
    for symbol in symbols:
        records = coverage.read([symbol.name]).to_pylist()
        stored = set(lake.months(symbol.name, "1m"))
        if any(record["state"] == COMPLETE for record in records) and stored:
            seen.add(symbol.name)
        records = _held(records, stored)
        known = {r["session"]: r["version"] for r in records if r["source"] == source}
        by_rest = {r["session"] for r in records if r["source"] == REST and r["state"] == COMPLETE}
        missing = []
        for day in days:
            file = files[product_of(symbol).name, day]
            replaced = day in known and file is not None and file.version != known[day]
            if replaced or (day not in known and day not in by_rest):
                missing.append(day)
        holes[symbol.name] = tuple(missing)
    return holes, frozenset(seen)


def _held(records: Sequence[Mapping[str, Any]], stored: Collection[str]) -> list[dict[str, Any]]:
    """Leave out records of bars whose month file is gone (deleted by hand)."""
    return [
        dict(record)
        for record in records
        if record["state"] == ABSENT or f"{record['session']:%Y-%m}" in stored
    ]


def rest_holes(
    root: Place, symbols: Sequence[Symbol], days: Sequence[dt.date]
) -> tuple[dict[str, tuple[dt.date, ...]], frozenset[str]]:
    """Return what only REST can fill now, and the symbols that have a bar in the store.

    A session is filled by a complete record of any source, and by an absent one unless it says
    that the whole file was missing.
    """
    coverage, lake = CoverageStore(root), Lake(root)
    holes: dict[str, tuple[dt.date, ...]] = {}
    seen = set()
    set_aside_damaged(root, [symbol.name for symbol in symbols], days)
    for symbol in symbols:
        stored = set(lake.months(symbol.name, "1m"))
        if stored:
            seen.add(symbol.name)
        filled = {
            record["session"]
            for record in _held(coverage.read([symbol.name]).to_pylist(), stored)
            if record["state"] == COMPLETE
            or (record["state"] == ABSENT and record["key"] is not None)
        }
        holes[symbol.name] = tuple(day for day in days if day not in filled)
    return holes, frozenset(seen)


def rest_range(spec: BackfillSpec) -> tuple[tuple[Symbol, ...], tuple[dt.date, ...]]:
    """Return the symbols and sessions of a backfill by REST."""
    names = (*INDEX_NAMES, *ETFS) if spec.symbols == "all" else spec.symbols
    symbols = tuple({lookup(name).name: lookup(name) for name in names}.values())
    return symbols, _sessions(spec, [newest_closed(utc_now())])


def _extent(name: str, published: Sequence[dt.date]) -> str:
    if not published:
        return f"{name} has no files"
    return f"{name} has files from {published[0]} to {published[-1]}"
