"""Fill the holes that loading meets: from staged and cached day files, then by REST.

Without a hole nothing is opened and nobody is asked.
"""

import collections
import dataclasses
import datetime as dt
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sweep.ingest.merge import MonthPlan, merge_month
from sweep.ingest.products import Product, product_of
from sweep.ingest.publication import due, utc_now
from sweep.ingest.sources import SourceFile, apart_from, flat_file_cache
from sweep.ingest.stage import read_manifest, stage_day
from sweep.market.symbols import lookup
from sweep.store.coverage import ABSENT, COMPLETE, CoverageStore
from sweep.store.lake import Lake
from sweep.store.place import Place, place

if TYPE_CHECKING:  # asking by REST takes half a second of imports, and most runs have no hole
    from sweep.ingest.rest import RestSettings

_log = logging.getLogger(__name__)

_CACHED = re.compile(r"(\d{4}-\d{2}-\d{2})\.([0-9A-Za-z_-]+)\.csv\.gz")


@dataclasses.dataclass(frozen=True)
class CachedFlatFiles:
    """Day files that an earlier backfill downloaded; the newest download of a day counts.

    Attributes
    ----------
    root
        `<storage.root>/cache/flatfiles`.
    """

    root: Path

    @property
    def name(self) -> str:
        """Return `flatfiles`."""
        return "flatfiles"

    def describe(self, key: str) -> str:
        """Return the path of a key below the cache."""
        return str(self.root / key)

    def days(self, product: Product) -> list[dt.date]:
        """Return the days that are in the cache, rising."""
        names = (path.name for path in (self.root / product.name).rglob("*.csv.gz"))
        found = (match for name in names if (match := _CACHED.fullmatch(name)))
        return sorted({dt.date.fromisoformat(match.group(1)) for match in found})

    def find(self, product: Product, day: dt.date) -> SourceFile | None:
        """Return the cached file of a day, versioned by the ETag in its name."""
        key = product.key(day)
        paths = list((self.root / key).parent.glob(f"{day}.*.csv.gz"))
        if not paths:
            return None
        newest = max(paths, key=lambda path: path.stat().st_mtime_ns)
        match = _CACHED.fullmatch(newest.name)
        if match is None:
            return None
        return SourceFile(product, day, key, match.group(2), newest.stat().st_size)

    def open(self, file: SourceFile) -> BinaryIO:
        """Open the compressed bytes of a file."""
        return ((self.root / file.key).parent / f"{file.day}.{file.version}.csv.gz").open("rb")


def has_records(storage_root: str | Place, symbol: str) -> bool:
    """Tell whether a backfill ever looked for a symbol."""
    return symbol in CoverageStore(storage_root).symbols()


def unrecorded(
    storage_root: str | Place, symbol: str, days: Sequence[dt.date]
) -> tuple[dt.date, ...]:
    """Return those of the sessions without bars that no record says are known to be so."""
    if not days:
        return ()
    records = CoverageStore(storage_root).read([symbol], days[0], days[-1]).to_pylist()
    known = {row["session"] for row in records if row["state"] in (COMPLETE, ABSENT)}
    return tuple(day for day in days if day not in known)


def fill_holes(
    storage_root: str | Place,
    holes: Mapping[str, Sequence[dt.date]],
    rest: "RestSettings | None" = None,
) -> list[str]:
    """Fill holes as far as it goes without an order: day files at hand, REST with a key.

    Parameters
    ----------
    storage_root
        `storage.root`.
    holes
        Symbol -> sessions, not empty.
    rest
        How to ask, the defaults without. Without `MASSIVE_API_KEY` nobody is asked.

    Returns
    -------
    list of str
        What came from where and what did not work, as sentences.
    """
    root = place(storage_root)
    notes: list[str] = []
    left: dict[str, tuple[dt.date, ...]] = {}
    for symbol, days in holes.items():
        filled = _from_files(root, symbol, days, notes)
        if filled:
            notes.append(f"{symbol}: {len(filled)} sessions came from day files at hand")
        if rest_of := tuple(day for day in days if day not in filled):
            left[symbol] = rest_of
    if left:
        from sweep.ingest.rest import API_KEY  # noqa: PLC0415 - slow

        if os.environ.get(API_KEY):
            notes += _from_rest(root, left, rest)
    for note in notes:
        _log.info(note)
    return notes


def _from_files(
    root: Place, symbol: str, days: Sequence[dt.date], notes: list[str]
) -> set[dt.date]:
    """Fill from staged days and cached files; return the sessions merged."""
    product = product_of(lookup(symbol))
    cache = CachedFlatFiles(flat_file_cache(root))
    by_month: dict[str, list[tuple[dt.date, SourceFile | None]]] = collections.defaultdict(list)
    for day in days:
        manifest = read_manifest(root, day, product.name)
        file = cache.find(product, day)
        if manifest is not None and not manifest.lacks((symbol,)):
            file = SourceFile(product, day, manifest.key, manifest.version, manifest.size)
        if file is None:
            continue
        try:
            stage_day(cache, file, (symbol,), root)
        except (OSError, ValueError) as error:
            named = cache.describe(file.key)
            notes.append(f"{named}: {apart_from(named, str(error))}")
        else:
            by_month[f"{day:%Y-%m}"].append((day, file))
    filled: set[dt.date] = set()
    for month, pairs in by_month.items():
        plan = MonthPlan(symbol, month, product.name, cache.name, tuple(pairs), ("1m",))
        result = merge_month(root, plan)
        filled |= {*result.complete, *result.absent}
    return filled


def _from_rest(
    root: Place, holes: Mapping[str, Sequence[dt.date]], settings: "RestSettings | None"
) -> list[str]:
    from sweep.ingest.rest import RestClient, RestSettings  # noqa: PLC0415 - slow
    from sweep.ingest.rest_fill import fill_by_rest  # noqa: PLC0415 - slow
    from sweep.ingest.tally import Tally  # noqa: PLC0415 - slow

    tally, now = Tally(), utc_now()
    with RestClient(settings or RestSettings()) as client:
        unknown = fill_by_rest(
            root,
            client,
            holes,
            provisional=lambda _, day: now < due(day),
            timeframes=("1m",),
            seen=frozenset(Lake(root).symbols()),
            tally=tally,
            say=_silent,
        )
    notes = [f"{failure.what}: {failure.error}" for failure in tally.failures]
    notes += [f"REST has no bar of {name} in the range" for name in unknown]
    if tally.sessions_filled:
        count = tally.sessions_filled
        notes.append(f"{count} symbol-sessions came by REST ({tally.requests} requests)")
    return notes


def _silent(stage: str, done: int, total: int, failed: int, size: int) -> None:
    """Report progress to nobody."""
