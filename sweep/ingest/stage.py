"""Step one of the ingest: a day file -> `<root>/stage/date=D/source=S/part-0.parquet`, manifest.

The part holds the minutes of every symbol asked of that file version so far; the manifest, written
after it, says which. Each is replaced whole, so a killed run leaves the old state or the new one.
"""

import collections
import dataclasses
import datetime as dt
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sweep.ingest.flatfiles import DayRows, SymbolCounts, read_day
from sweep.ingest.sources import DaySource, SourceFile
from sweep.market.calendar import PHASES, session_table
from sweep.market.schema import BARS
from sweep.market.symbols import lookup
from sweep.store.atomic import replacing
from sweep.store.copies import fetched
from sweep.store.folder import Folder, read_file
from sweep.store.lease import lease
from sweep.store.place import Place

_FORMAT = 1
_PART = "part-0.parquet"
#: Bytes: about 40 symbols of a day. A month of such parts is kept in memory while it is merged.
_SMALL_PART = 512 << 10


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What was taken from one version of one day file.

    Attributes
    ----------
    day
        New York date.
    product
        Name of the product.
    key, version, size
        The file: key below its root, version, compressed bytes.
    asked
        Symbols looked for, sorted; None for all in the file.
    counts
        Symbol -> counts, for those found.
    text_bytes
        Inflated size.
    staged_at
        When it was read, ISO 8601, UTC.
    """

    day: dt.date
    product: str
    key: str
    version: str
    size: int
    asked: tuple[str, ...] | None
    counts: Mapping[str, SymbolCounts]
    text_bytes: int
    staged_at: str

    def lacks(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Return the symbols that were not looked for yet, sorted."""
        if self.asked is None:
            return ()
        return tuple(sorted(set(symbols) - set(self.asked)))

    @property
    def bad_rows(self) -> dict[str, int]:
        """Return reason -> refused rows of all symbols."""
        total: collections.Counter[str] = collections.Counter()
        for counts in self.counts.values():
            total.update(counts.bad)
        return dict(total)


@dataclasses.dataclass(frozen=True)
class Staged:
    """Outcome of staging a day.

    Attributes
    ----------
    manifest
        Of everything staged of this version of the file.
    fresh
        Symbols for which the file was read now; none where all was there.
    """

    manifest: Manifest
    fresh: tuple[str, ...]


def stage_folder(root: Place, day: dt.date, product: str) -> Place:
    """Return the folder of a staged day."""
    return root / "stage" / f"date={day}" / f"source={product}"


def read_manifest(root: Place, day: dt.date, product: str) -> Manifest | None:
    """Return the manifest of a staged day, None where nothing valid is staged."""
    folder = stage_folder(root, day, product)
    try:
        text = json.loads((folder / "manifest.json").read_text("utf-8"))
        if text["format"] != _FORMAT or not (folder / _PART).is_file():
            return None
        return Manifest(
            day=day,
            product=product,
            key=text["key"],
            version=text["version"],
            size=text["size"],
            asked=None if text["asked"] is None else tuple(text["asked"]),
            counts={name: SymbolCounts(**counts) for name, counts in text["symbols"].items()},
            text_bytes=text["text_bytes"],
            staged_at=text["staged_at"],
        )
    except (FileNotFoundError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def read_staged(root: Place, day: dt.date, product: str, symbol: str) -> pa.Table:
    """Return the staged minutes of one symbol: columns of `BARS`, rising.

    Small parts are kept for the next symbol of the month; of large ones the row groups of other
    symbols are skipped by their statistics.
    """
    part = stage_folder(root, day, product) / _PART
    path = fetched(part)
    stat = path.stat()
    if stat.st_size <= _SMALL_PART:
        table = _whole_part(path, part, stat.st_ino, stat.st_mtime_ns)
    else:
        table = read_file(path, part, schema=BARS, holding=("symbol", symbol))
    return table.filter(pc.equal(table["symbol"], symbol))


@functools.lru_cache(maxsize=24)
def _whole_part(path: Path, named: Place, inode: int, modified_ns: int) -> pa.Table:
    """Read a part; its identity is in the arguments, so that a replaced one is read again."""
    del inode, modified_ns
    return read_file(path, named, schema=BARS)


def _staged_before(part: Place) -> pa.Table:
    """Read what was staged earlier."""
    return read_file(fetched(part), part, schema=BARS)


def stage_day(
    source: DaySource, file: SourceFile, symbols: Sequence[str] | None, root: Place
) -> Staged:
    """Read a day file for the symbols not taken from this version yet, and stage their minutes.

    Parameters
    ----------
    source, file
        The file and where it comes from.
    symbols
        Names; None for all in the file.
    root
        `storage.root`.

    Returns
    -------
    Staged
        Everything staged of this version, and what was read for it now.

    Raises
    ------
    BarsError
        If the file cannot be taken as bars; what was staged before stays.
    OSError
        If reading or writing fails.
    """
    folder = stage_folder(root, file.day, file.product.name)
    with lease(folder / ".lock") as held:
        before = read_manifest(root, file.day, file.product.name)
        same = before is not None and before.version == file.version
        missing = _missing(before, symbols, same_version=same)
        if before is not None and same and missing == ():
            return Staged(before, ())
        tickers = None if missing is None else {lookup(s).vendor_ticker: s for s in missing}
        with source.open(file) as stream:
            rows = read_day(stream, file.product, file.day, tickers, source.describe(file.key))
        table = as_bars(rows, file.day, source.name)
        counts = dict(rows.counts)
        if before is not None and same and missing is not None:
            old = _staged_before(folder / _PART)
            again = pc.is_in(old["symbol"], value_set=pa.array(missing, pa.string()))
            table = pa.concat_tables([old.filter(pc.invert(again)), table])
            table = table.sort_by([("symbol", "ascending"), ("ts", "ascending")])
            counts = {**before.counts, **counts}
            asked: tuple[str, ...] | None = tuple(sorted({*(before.asked or ()), *missing}))
        else:
            asked = missing
        manifest = Manifest(
            day=file.day,
            product=file.product.name,
            key=file.key,
            version=file.version,
            size=file.size,
            asked=asked,
            counts=counts,
            text_bytes=rows.text_bytes,
            staged_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
        held.check()  # what another writer staged meanwhile is not in what was read
        part = Folder(folder)
        part.remove_leftovers(_PART)
        part.replace(_PART, table=table)
        _write_manifest(folder, manifest)
    return Staged(manifest, tuple(sorted(rows.counts if missing is None else missing)))


def _missing(
    before: Manifest | None, symbols: Sequence[str] | None, *, same_version: bool
) -> tuple[str, ...] | None:
    """Return what must be read: names, None for all; a new version for all asked before."""
    if before is None:
        return None if symbols is None else tuple(sorted(set(symbols)))
    if same_version:
        if symbols is None:
            return () if before.asked is None else None
        return before.lacks(symbols)
    if symbols is None or before.asked is None:
        return None
    return tuple(sorted({*before.asked, *symbols}))


def as_bars(rows: DayRows, day: dt.date, source: str) -> pa.Table:
    """Return the minutes of a day file as bars: columns of `BARS`."""
    table = rows.table
    count = table.num_rows
    columns: dict[str, Any] = {
        "timeframe": pa.repeat("1m", count),
        "vwap": pa.nulls(count, pa.float64()),
        "vwap_basis": pa.nulls(count, pa.string()),
        "phase": phases(table["ts"].cast(pa.int64()).to_numpy(), day),
        "source": pa.repeat(source, count),
    }
    columns |= {name: table[name] for name in table.column_names}
    return pa.table({name: columns[name] for name in BARS.names}, schema=BARS)


def phases(ts: NDArray[np.int64], day: dt.date) -> pa.Array:
    """Return the phase of each minute of a New York date: string [n]."""
    sessions = session_table(day, day)
    # A day without a session (indices have files on holidays) is all before and after: `pre`.
    phase = np.zeros(len(ts), np.int64)
    if len(sessions):
        phase = (ts >= sessions.open_ns[0]).astype(np.int64) + (ts >= sessions.close_ns[0])
    return pa.array(PHASES).take(pa.array(phase))


def stage_symbol(
    root: Place,
    day: dt.date,
    source: str,
    symbol: str,
    table: pa.Table,
    counts: SymbolCounts | None,
    key: str,
) -> None:
    """Put one symbol's minutes of a day beside those of others from the same source.

    Parameters
    ----------
    root
        `storage.root`.
    day, source, symbol
        What the minutes are of; `source` names the folder and its version.
    table
        Columns of `BARS`, strictly rising; replaces what was staged of the symbol.
    counts
        None where no row came: looked for and not there.
    key
        What was asked.
    """
    folder = stage_folder(root, day, source)
    with lease(folder / ".lock") as held:
        before = read_manifest(root, day, source)
        kept = dict(before.counts) if before is not None else {}
        kept.pop(symbol, None)
        if before is not None:
            old = _staged_before(folder / _PART)
            table = pa.concat_tables([old.filter(pc.not_equal(old["symbol"], symbol)), table])
            table = table.sort_by([("symbol", "ascending"), ("ts", "ascending")])
        asked = before.asked if before is not None and before.asked is not None else ()
        manifest = Manifest(
            day=day,
            product=source,
            key=key,
            version=source,
            size=0,
            asked=tuple(sorted({*asked, symbol})),
            counts=kept if counts is None else {**kept, symbol: counts},
            text_bytes=0,
            staged_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
        held.check()  # what another writer staged meanwhile is not in what was read
        part = Folder(folder)
        part.remove_leftovers(_PART)
        part.replace(_PART, table=table)
        _write_manifest(folder, manifest)


def _write_manifest(folder: Place, manifest: Manifest) -> None:
    text = {
        "format": _FORMAT,
        "date": str(manifest.day),
        "source": manifest.product,
        "key": manifest.key,
        "version": manifest.version,
        "size": manifest.size,
        "asked": manifest.asked,
        "rows": sum(counts.rows for counts in manifest.counts.values()),
        "duplicates": sum(counts.duplicates for counts in manifest.counts.values()),
        "bad_rows": manifest.bad_rows,
        "symbols": {
            name: {"rows": c.rows, "duplicates": c.duplicates, "bad": dict(c.bad)}
            for name, c in sorted(manifest.counts.items())
        },
        "text_bytes": manifest.text_bytes,
        "staged_at": manifest.staged_at,
    }
    with replacing(folder / "manifest.json") as temporary:
        temporary.write_text(json.dumps(text, indent=1) + "\n", "utf-8")
