"""The results folder of a sweep: `<storage.root>/results/<sweep_id>/`, written and read.

Blocks land first as `parts/`; the tables are made of them, sorted by key, so that they are the
same bytes of content for any number of workers, kills and resumes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sweep.store.atomic import replacing
from sweep.store.bounds import (
    REMEDY,
    DamagedFile,
    collected,
    damage_named,
    page_fault,
    result_fault,
)
from sweep.store.copies import fetched, fetched_all, forget
from sweep.store.place import ObjectPath, Place, matching, place, rename

SWEEP = "sweep.json"
STALE = "stale.json"
PARAMETER_SETS = "parameter_sets.parquet"
FOLD_SCORES = "fold_scores.parquet"
TRADES = "trades.parquet"
FUNNEL = "funnel.parquet"
LEADERBOARD = "leaderboard.csv"
BREAKDOWNS = "breakdowns.parquet"
STITCHED = "stitched.parquet"
PARETO = "pareto.csv"
EVIDENCE = "evidence.json"
LOCK = ".lock"
REPORT = "report.html"
DAILY = "daily"
PARTS = "parts"

SORT_KEYS: Mapping[str, tuple[str, ...]] = {
    PARAMETER_SETS: ("detector", "set_id"),
    FOLD_SCORES: ("detector", "set_id", "fold"),
    TRADES: ("detector", "set_id", "symbol", "signal_ts"),
    DAILY: ("detector", "set_id"),
}
"""Tables of the determinism digest, and the keys that order their rows."""

DAILY_ROWS = 65_536  # rows of one daily/part file
_GROUP_ROWS = 4_096
_KINDS = ("sets", "trades", "searches", "screening")  # what a trial leaves
_DIGEST_ROWS = 16_384

# A bit that turned on a disk may decode to another number: pages are written and read with a sum.
_CHECKED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


class Results:
    """One results folder.

    Parameters
    ----------
    storage_root
        `storage.root`.
    name
        Id of the sweep.
    guard
        Called before a file takes its place; raises where this process may write no longer.
    """

    def __init__(
        self, storage_root: Place | str, name: str, guard: Callable[[], None] = lambda: None
    ) -> None:
        self.path = place(storage_root) / "results" / name
        self._guard = guard

    def write_json(self, name: str, content: Mapping[str, object]) -> None:
        """Replace a JSON file."""
        with replacing(self.path / name) as temporary:
            text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
            self._guard()

    def read_json(self, name: str = SWEEP) -> dict[str, Any] | None:
        """Return a JSON file, None where there is none."""
        try:
            text = (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        content: dict[str, Any] = json.loads(text)
        return content

    def remove(self, name: str) -> None:
        """Remove a file, where there is one."""
        (self.path / name).unlink(missing_ok=True)

    def write_text(self, name: str, text: str) -> None:
        """Replace a text file."""
        with replacing(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
            self._guard()

    def write_table(
        self,
        name: str,
        tables: Iterable[pa.Table],
        schema: pa.Schema | None = None,
        *,
        compression: str = "zstd",
    ) -> int:
        """Replace a table by tables that come one after the other; returns the rows.

        Parameters
        ----------
        name
            File name, with a subfolder where there is one.
        tables
            Parts of one schema.
        schema
            Needed where there may be no part at all; else that of the first part.
        compression
            Codec of Parquet.
        """
        rows = 0
        with replacing(self.path / name) as temporary:
            writer: pq.ParquetWriter | None = None
            try:
                for table in tables:
                    writer = writer or _writer(temporary, schema or table.schema, compression)
                    writer.write_table(table, row_group_size=_GROUP_ROWS)
                    rows += table.num_rows
                if writer is None:
                    if schema is None:
                        raise ValueError(f"{name} has neither rows nor a schema")
                    writer = _writer(temporary, schema, compression)
            finally:
                if writer is not None:
                    writer.close()
            self._guard()
        return rows

    def parts(self, detector: str, kind: str = "sets") -> list[Place]:
        """Return the finished blocks of a detector, sorted by name."""
        return matching(self.path / PARTS / kind, f"{detector}-*.parquet")

    def set_aside_damaged(self, detector: str, *, pages: bool = False) -> list[str]:
        """Rename finished blocks that cannot be read within bounds, so that they are done again.

        Parameters
        ----------
        detector
            Name.
        pages
            True: read all of them; else what a footer and the texts show.

        Returns
        -------
        list of str
            Names of the files, now with the ending `.damaged`.
        """
        fault_of, damaged = page_fault if pages else result_fault, set()
        for kind in _KINDS:
            for file in self.parts(detector, kind):
                if fault_of(fetched(file, fixed=True)):
                    damaged.add(file.name)
        for name in damaged:  # with its trades, or its sets
            for kind in _KINDS:
                file = self.path / PARTS / kind / name
                if file.exists():
                    forget(file)
                    rename(file, f"{name}.damaged")
        return sorted(damaged)

    def write_part(self, name: str, table: pa.Table, kind: str = "sets") -> Place:
        """Write one block under its content's name; writing it again changes nothing.

        Trials write parts, and by the million: LZ4 takes 2.9 us a set and 1.4 to read it, zstd 4.0
        and 2.5, for 13 % more bytes.
        """
        self.write_table(f"{PARTS}/{kind}/{name}", [table], compression="lz4")
        return self.path / PARTS / kind / name

    def read_part(self, name: str, kind: str = "sets") -> pa.Table | None:
        """Return one part, None where there is none."""
        file = self.path / PARTS / kind / name
        return collected(dataset(file)) if file.exists() else None

    def read_parts(
        self,
        detector: str,
        columns: Sequence[str],
        low: int = 0,
        high: int = 2**64 - 1,
        *,
        kind: str = "sets",
    ) -> pa.Table | None:
        """Read columns of all finished sets of a detector, each set once, rising by key.

        Parameters
        ----------
        detector
            Name.
        columns
            Columns of the parts.
        low, high
            Keys wanted, both included.
        kind
            Folder of the parts, of those with a row a set.

        Returns
        -------
        pyarrow.Table or None
            None where there is no part. Where blocks of two runs overlap, a set that was
            evaluated comes before one that failed.
        """
        files = self.parts(detector, kind)
        if not files:
            return None
        key = ds.field("key")
        wanted = list(dict.fromkeys(("key", "status", *columns)))
        bounds = (pa.scalar(low, pa.uint64()), pa.scalar(high, pa.uint64()))
        between = (key >= bounds[0]) & (key <= bounds[1])
        table = collected(dataset(files, fixed=True), wanted, between)
        keys = table["key"].to_numpy()
        failed = pc.equal(table["status"], "failed").to_numpy()
        order = np.lexsort((failed, keys))
        ordered = keys[order]
        first = np.ones(len(ordered), np.bool_)
        first[1:] = ordered[1:] != ordered[:-1]
        places, found = pa.array(order[first]), {}
        for name in dict.fromkeys(columns):  # one by one: a million sets are 600 MB
            found[name] = table[name].take(places)
            table = table.drop_columns([name])
        return pa.table(found)

    def clear_daily(self) -> None:
        """Remove daily files, before they are written again."""
        for file in matching(self.path / DAILY, "part-*.parquet"):
            file.unlink()


def _writer(file: Path, schema: pa.Schema, compression: str) -> pq.ParquetWriter:
    """Open a table; numbers hardly repeat, and without looking for it take 60 % of the time."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return pq.ParquetWriter(
        file, schema, compression=compression, use_dictionary=texts, write_page_checksum=True
    )


def sweep_names(storage_root: Place | str) -> list[str]:
    """Return the ids of the sweeps with a `sweep.json`, sorted."""
    return [file.parent.name for file in matching(place(storage_root), f"results/s*/{SWEEP}")]


def dataset(where: Place | Sequence[Place], *, fixed: bool = False) -> ds.Dataset:
    """Open Parquet files, or those of a folder, as one dataset.

    Parameters
    ----------
    where
        A file, a folder of files, or files.
    fixed
        As for `fetched`.

    Raises
    ------
    DamagedFile
        If one cannot be read, or not within bounds.
    """
    if isinstance(where, Path | ObjectPath):
        files = [where] if where.is_file() else matching(where, "*.parquet")
    else:
        files = list(where)
    copies = fetched_all(files, fixed=fixed)
    for file, copy in zip(files, copies, strict=True):
        fault = result_fault(copy)
        if fault:
            raise DamagedFile(f"{file} {fault}; {REMEDY}")
    return ds.dataset([str(copy) for copy in copies], format=_CHECKED)


def read_table(
    folder: Place, name: str, *, detector: str | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a table of a results folder, or the rows of one detector."""
    wanted = None if detector is None else ds.field("detector") == detector
    return collected(dataset(folder / name), columns, wanted)


def daily_chunks(
    folder: Place, detector: str, *, rows: int = _GROUP_ROWS
) -> Iterator[tuple[pa.Array, NDArray[np.float32]]]:
    """Read daily net R of one detector a piece at a time.

    Parameters
    ----------
    folder
        Results folder.
    detector
        Name.
    rows
        Sets in a piece, at most.

    Yields
    ------
    tuple
        Ids as a string column, and float32 [sets, sessions of the detector's axis]; sets that were
        evaluated only, sorted by id.

    Raises
    ------
    DamagedFile
        If a file cannot be read to its end.
    """
    content = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
    columns = np.array(content["detectors"][detector]["axis"], np.int64)
    for file in matching(folder / DAILY, "part-*.parquet"):
        part = dataset(file)
        with damage_named(part):
            for batch in part.to_batches(
                filter=ds.field("detector") == detector, batch_size=rows, use_threads=False
            ):
                if batch.num_rows:
                    values = batch["r"].flatten().to_numpy(zero_copy_only=False)
                    chosen = values.reshape(batch.num_rows, -1)[:, columns]
                    yield batch["set_id"], chosen


def digest(folder: Place) -> dict[str, str]:
    """Return a SHA-256 per table of the determinism promise, and one over all (`all`).

    Rows are ordered by key; file layout, timings and hosts do not enter.
    """
    digests = {}
    for name in (PARAMETER_SETS, FOLD_SCORES, DAILY, TRADES):
        if (folder / name).exists():
            digests[name] = _table_digest(folder / name, SORT_KEYS[name])
    joined = "".join(f"{name}={value}\n" for name, value in sorted(digests.items()))
    return {**digests, "all": hashlib.sha256(joined.encode()).hexdigest()}


def _table_digest(path: Place, keys: Sequence[str]) -> str:
    stored = dataset(path)
    table = stored.to_table(columns=list(keys))
    order = pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys]).to_numpy()
    found = hashlib.sha256("".join(map(str, stored.schema)).encode())
    in_place = bool((order == np.arange(len(order))).all())
    whole = stored if in_place else stored.to_table().take(order)
    pieces = (
        stored.to_batches(batch_size=_DIGEST_ROWS)
        if in_place
        else whole.to_batches(max_chunksize=_DIGEST_ROWS)
    )
    # Two hashes a column, so that it does not matter where the pieces end.
    columns = [(hashlib.sha256(), hashlib.sha256()) for _ in stored.schema]
    for batch in pieces:
        for column, states in zip(batch.columns, columns, strict=True):
            _feed(column, *states)
    for states in columns:
        for state in states:
            found.update(state.digest())
    return found.hexdigest()


def _feed(column: pa.Array, present: "hashlib._Hash", content: "hashlib._Hash") -> None:
    """Add the values of a column to a hash, whatever lies below its nulls."""
    present.update(column.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_fixed_size_list(column.type):
        content.update(column.flatten().to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_string(column.type):
        content.update("".join(f"{text}\0" for text in column.to_pylist()).encode())
    else:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        content.update(column.drop_null().to_numpy(zero_copy_only=False).tobytes())
