"""A folder of Parquet files that are only ever replaced whole: local directory or bucket."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sweep.store.atomic import remove_leftovers, replacing
from sweep.store.place import Place, place

#: A staged day of every US stock has 2.5 million minutes; a hostile file claims any number.
_MOST_ROWS = 20_000_000
_MOST_BYTES = 4 * 1024**3
_LONGEST_TEXT = 4_096


class DamagedFile(ValueError):  # noqa: N818 - what it is
    """A file that is no readable Parquet file of this store; the text names it and the remedy."""


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
            If it is no Parquet file of this schema.
        """
        path = self.join(*parts)
        wanted = list(columns) if columns is not None else schema.names
        source = path if isinstance(path, Path) else pa.BufferReader(path.read_bytes())
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        try:
            # As a dictionary a text of a thousand rows is held once, however long it is.
            with pq.ParquetFile(source, read_dictionary=texts) as file:
                _bound(path, file.metadata)
                table = file.read(columns=wanted, use_threads=False).select(wanted)
            _bound_texts(path, table)
            return table.cast(pa.schema([schema.field(name) for name in wanted]))
        except (pa.ArrowException, KeyError, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the disk, not of what stands in the file
            raise DamagedFile(
                f"{path} is not a readable file of this store ({error}); "
                "delete it and run the backfill again"
            ) from error

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


def _bound(path: Place, metadata: pq.FileMetaData) -> None:
    """Refuse a file that says of itself that it is too large, before it is read."""
    groups = range(metadata.num_row_groups)
    size = sum(metadata.row_group(group).total_byte_size for group in groups)
    for count, most, what in (
        (metadata.num_rows, _MOST_ROWS, "rows"),
        (size, _MOST_BYTES, "bytes of values"),
    ):
        if count > most:
            raise DamagedFile(
                f"{path} has {count:,} {what}, a file of this store {most:,} at most; "
                "delete it and run the backfill again"
            )


def _bound_texts(path: Place, table: pa.Table) -> None:
    """Refuse texts that are long, before every row gets its own copy."""
    for name in table.column_names:
        for chunk in table[name].chunks:
            if not pa.types.is_dictionary(chunk.type):
                continue
            longest = pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0
            if longest > _LONGEST_TEXT:
                raise DamagedFile(
                    f"{path}: {name} has a text of {longest:,} bytes, a file of this store "
                    f"{_LONGEST_TEXT:,} at most; delete it and run the backfill again"
                )
