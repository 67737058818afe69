"""A folder of Parquet files that are only ever replaced whole: local directory or bucket."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.store.atomic import remove_leftovers, replacing
from sweep.store.bounds import DamagedFile, file_fault, text_fault, texts_of
from sweep.store.place import Place, place


class Folder:
    """A folder of Parquet files that are written whole.

    Parameters
    ----------
    root
        Path, `s3://bucket/prefix` or place; created by the first write.
    """

    def __init__(self, root: str | Place) -> None:
        self.path = place(root)

    def join(self, *parts: str) -> Place:
        """Return a path below the folder."""
        path = self.path
        for part in parts:
            path = path / part
        return path

    def names(self, *parts: str) -> list[str]:
        """Return the sorted names in a subfolder, empty where it does not exist."""
        path = self.join(*parts)
        if isinstance(path, Path) and not path.is_dir():
            return []
        return sorted(entry.name for entry in path.iterdir())

    def exists(self, *parts: str) -> bool:
        """Tell whether a file is there."""
        return self.join(*parts).is_file()

    def read(
        self, *parts: str, schema: pa.Schema, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read one file; columns come in the order of the schema.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        DamagedFile
            If it is no Parquet file of this schema, or larger than one of this store.
        """
        path = self.join(*parts)
        source = path if isinstance(path, Path) else pa.BufferReader(path.read_bytes())
        return read_file(source, path, schema=schema, columns=columns)

    def replace(self, *parts: str, table: pa.Table) -> None:
        """Write one file atomically: a temporary name and a rename, in a bucket one PUT.

        Raises
        ------
        OSError
            If the folder cannot be written; the text names it.
        """
        with replacing(self.join(*parts)) as temporary:
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                compression_level=3,
                row_group_size=65_536,
            )

    def remove_leftovers(self, *parts: str) -> None:
        """Remove temporary files that a killed writer of this file left (under its lease only)."""
        remove_leftovers(self.join(*parts))


def read_file(
    source: Path | pa.BufferReader,
    named: Place,
    *,
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
    holding: tuple[str, str] | None = None,
) -> pa.Table:
    """Read a file of bars within bounds.

    Parameters
    ----------
    source, named
        The file, and how errors call it.
    schema, columns
        Columns come in the order of the schema.
    holding
        Column and value: row groups that cannot have it, by their statistics, are left out.

    Raises
    ------
    DamagedFile
        If it is no Parquet file of this schema, or larger than one of this store.
    """
    wanted = list(columns) if columns is not None else schema.names
    remedy = "delete it and run the backfill again"
    try:
        metadata = pq.read_metadata(source)
        fault = file_fault(metadata)
        if fault:
            raise DamagedFile(f"{named} {fault} in a file of this store; {remedy}")
        # As a dictionary a text of a thousand rows is held once, however long it is.
        texts = texts_of(metadata)
        with pq.ParquetFile(source, metadata=metadata, read_dictionary=texts) as file:
            groups = [n for n in range(file.num_row_groups) if _may_hold(file, n, holding)]
            table = file.read_row_groups(groups, columns=wanted, use_threads=False).select(wanted)
        fault = text_fault(table)
        if fault:
            raise DamagedFile(f"{named} {fault} in a file of this store; {remedy}")
        return table.cast(pa.schema([schema.field(name) for name in wanted]))
    except (pa.ArrowException, KeyError, OSError, TypeError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of what stands in the file
        raise DamagedFile(
            f"{named} is not a readable file of this store ({error}); {remedy}"
        ) from error


def _may_hold(file: pq.ParquetFile, group: int, holding: tuple[str, str] | None) -> bool:
    if holding is None or holding[0] not in file.schema.names:
        return True
    place = file.schema.names.index(holding[0])
    known = file.metadata.row_group(group).column(place).statistics
    return known is None or not known.has_min_max or known.min <= holding[1] <= known.max
