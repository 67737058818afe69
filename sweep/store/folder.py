"""A folder of Parquet files that are only ever replaced whole: local directory or object store."""

import io
import posixpath
import uuid
from collections.abc import Sequence
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem


class Folder:
    """A folder of Parquet files that are written whole: local directory or object store.

    Parameters
    ----------
    root
        Path or URL (`s3://bucket/prefix`), created by the first write.
    """

    def __init__(self, root: str) -> None:
        filesystem, path = fsspec.core.url_to_fs(root)
        self.filesystem = filesystem
        self.path: str = path
        self.local = isinstance(filesystem, LocalFileSystem)

    def join(self, *parts: str) -> str:
        """Return a path below the folder."""
        return posixpath.join(self.path, *parts)

    def names(self, *parts: str) -> list[str]:
        """Return the sorted names in a subfolder, empty where it does not exist."""
        path = self.join(*parts)
        if self.local:
            here = Path(path)
            return sorted(entry.name for entry in here.iterdir()) if here.is_dir() else []
        try:
            listed = self.filesystem.ls(path, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(posixpath.basename(name.rstrip("/")) for name in listed)

    def exists(self, *parts: str) -> bool:
        """Tell whether a file is there."""
        return bool(self.filesystem.exists(self.join(*parts)))

    def read(
        self, *parts: str, schema: pa.Schema, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read one file; columns come in the order of the schema.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        ValueError
            If it is no Parquet file of this schema.
        """
        path = self.join(*parts)
        wanted = list(columns) if columns is not None else schema.names
        try:
            with self.filesystem.open(path, "rb") as file:
                table = pq.ParquetFile(file).read(columns=wanted, use_threads=False)
            return table.select(wanted).cast(pa.schema([schema.field(name) for name in wanted]))
        except (pa.ArrowException, KeyError) as error:
            raise ValueError(
                f"{path} is not a readable file of this store ({error}); "
                "delete it and run the backfill again"
            ) from error

    def replace(self, *parts: str, table: pa.Table) -> None:
        """Write one file atomically: a temporary name and a rename, on S3 one PUT.

        Raises
        ------
        OSError
            If the folder cannot be written; the text names it.
        """
        path = self.join(*parts)
        if not self.local:
            buffer = io.BytesIO()
            _write(table, buffer)
            self.filesystem.pipe_file(path, buffer.getvalue())
            return
        target = Path(path)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(table, temporary)
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot write {path} ({error.strerror or error}); "
                "check storage.root, its permissions and the free space",
            ) from error

    def remove_leftovers(self, *parts: str) -> None:
        """Remove temporary files that a killed writer of this file left (under its lease only)."""
        if self.local:
            target = Path(self.join(*parts))
            for leftover in target.parent.glob(f".{target.name}.*.tmp"):
                leftover.unlink(missing_ok=True)


def _write(table: pa.Table, target: Path | io.BytesIO) -> None:
    pq.write_table(table, target, compression="zstd", compression_level=3, row_group_size=65_536)
