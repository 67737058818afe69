"""Bounds on Parquet files that are read back: in a bucket others may have written them.

A small file can claim any number of rows and columns, or one long text for every row. What it
claims is looked at before anything is decoded, its texts while they are held once.
"""

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sweep.store.copies import named

REMEDY = "remove the sweep.json of its sweep and run that again, which writes all tables anew"
_FILE_ROWS = 20_000_000  # a staged day of every US stock has 2.5 million minutes
_FILE_BYTES = 4 * 1024**3
_FILE_TEXT = 4_096

# Results are decoded a row group at a time, of 4,096 rows as we write them. A million sets of all
# detectors have 17 million rows, their trades far more.
_RESULT_ROWS = 1_000_000_000
_GROUP_ROWS = 1_048_576
_GROUP_BYTES = 1024**3
_COLUMNS = 4_096
_RESULT_TEXT = 65_536

_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)


class DamagedFile(ValueError):  # noqa: N818 - what it is
    """A file that is no readable Parquet file of this store; the text names it and the remedy."""


def file_fault(metadata: pq.FileMetaData) -> str:
    """Say why a file is too large to be read whole, by its own words; empty where it is not."""
    size = sum(metadata.row_group(g).total_byte_size for g in range(metadata.num_row_groups))
    return (
        _above("rows", metadata.num_rows, _FILE_ROWS)
        or _above("bytes of values", size, _FILE_BYTES)
        or _kind_fault(metadata)
    )


def texts_of(metadata: pq.FileMetaData) -> list[str]:
    """Return the columns that hold texts, whatever the file calls their type."""
    columns = map(metadata.schema.column, range(metadata.num_columns))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _kind_fault(metadata: pq.FileMetaData) -> str:
    """Say which column is of a kind that is never written here; a value of it has any length."""
    for column in map(metadata.schema.column, range(metadata.num_columns)):
        nested = column.physical_type == "BYTE_ARRAY" and "." in column.path
        if nested or column.physical_type == "FIXED_LEN_BYTE_ARRAY":
            return f"has a column {column.path} of {column.physical_type}"
    return ""


def text_fault(table: pa.Table, *, longest: int = _FILE_TEXT, most: int = _FILE_BYTES) -> str:
    """Say which text is too long, or too long for so many rows; empty where none is.

    Parameters
    ----------
    table
        With its texts as dictionaries: so each is held once, however many rows have it.
    longest, most
        Bytes of one, and of all rows of a column.
    """
    for name in table.column_names:
        total = 0
        for chunk in table[name].chunks:
            if pa.types.is_dictionary(chunk.type):
                lengths = pc.binary_length(chunk.dictionary)
                found = pc.max(lengths).as_py() or 0
                if found > longest:
                    return f"has a text of {found:,} bytes in {name}, {longest:,} at most"
                total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
        if total > most:
            return f"has {total:,} bytes of text in {name}, {most:,} at most"
    return ""


def result_fault(path: Path) -> str:
    """Say why a table of results cannot be read, empty where it can; looked at once a version."""
    stat = path.stat()
    return _result_fault(str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=100_000)
def _result_fault(path: str, inode: int, size: int, modified_ns: int) -> str:
    del inode, size, modified_ns
    try:
        with pq.ParquetFile(path) as file:
            fault = _footer_fault(file.metadata) or _lists_fault(file)
        return fault or _texts_fault(path, file.metadata)
    except _UNREADABLE as error:
        return f"is no readable Parquet file ({_told(error)})"


def page_fault(path: Path) -> str:
    """Say why a table of results has no readable end, empty where it has; reads all of it."""
    fault = result_fault(path)
    if fault:
        return fault
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(use_threads=False):
                pass
    except _UNREADABLE as error:
        return f"is damaged ({_told(error)})"
    return ""


def _told(error: Exception) -> Exception:
    """Return an error of what stands in a file; raise one of the disk."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return error


@contextlib.contextmanager
def damage_named(rows: ds.Dataset) -> Iterator[None]:
    """Read tables of results within; raises `DamagedFile` where one has no readable end."""
    try:
        yield
    except _UNREADABLE as error:
        raise DamagedFile(_damage(rows.files, _told(error))) from error


def collected(
    rows: ds.Dataset, columns: Sequence[str] | None = None, wanted: ds.Expression | None = None
) -> pa.Table:
    """Read what a filter keeps of tables of results, half of this machine's memory at most.

    Raises
    ------
    DamagedFile
        If it is more, or a file cannot be read to its end.
    """
    most, size, found = _most_memory(), 0, []
    scanner = rows.scanner(columns=columns, filter=wanted)
    with damage_named(rows):
        for batch in scanner.to_batches():
            size += batch.nbytes
            if size > most:
                first, others = named(rows.files[0]), len(rows.files) - 1
                raise DamagedFile(
                    f"{first} needs more than {most:,} bytes with {others} others, half of this "
                    "machine's memory; read it on a larger one"
                )
            found.append(batch)
    return pa.Table.from_batches(found, scanner.projected_schema)


def _most_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _damage(files: Sequence[str], error: Exception) -> str:
    """Name the file that cannot be read to its end."""
    for name in files:
        fault = page_fault(Path(name))
        if fault:
            return f"{named(name)} {fault}; {REMEDY}"
    return f"{named(files[0])} or another of {len(files)} is damaged ({error}); {REMEDY}"


def _footer_fault(metadata: pq.FileMetaData) -> str:
    fault = (
        _above("columns", metadata.num_columns, _COLUMNS)
        or _above("rows", metadata.num_rows, _RESULT_ROWS)
        or _kind_fault(metadata)
    )
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        fault = (
            fault
            or _above("rows in a group", group.num_rows, _GROUP_ROWS)
            or _above("bytes in a group", group.total_byte_size, _GROUP_BYTES)
        )
    return fault


def _lists_fault(file: pq.ParquetFile) -> str:
    """Look at lists of one length: rows without a list take its room all the same."""
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    rows = max((group.num_rows for group in groups), default=0)
    for field in file.schema_arrow:
        if pa.types.is_fixed_size_list(field.type):
            size = rows * field.type.list_size * 8  # bytes of the widest number
            fault = _above(f"bytes of {field.name} in a group", size, _GROUP_BYTES)
            if fault:
                return fault
    return ""


def _texts_fault(path: str, metadata: pq.FileMetaData) -> str:
    """Look at all texts: what the footer says of their size need not be so."""
    names = texts_of(metadata)
    if names:
        how = {"read_dictionary": names, "page_checksum_verification": True}
        with pq.ParquetFile(path, metadata=metadata, **how) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=names, use_threads=False)
                fault = text_fault(table, longest=_RESULT_TEXT, most=_GROUP_BYTES)
                if fault:
                    return fault
    return ""


def _above(what: str, count: int, most: int) -> str:
    return f"has {count:,} {what}, {most:,} at most" if count > most else ""
