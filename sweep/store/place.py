"""Where things are kept: a local path, or an object of a bucket that is used like one.

Code that reads and writes below `storage.root` takes a `Place` and does not ask which it is. What
pathlib cannot do for both is in functions here, in `sweep.store.copies` and `sweep.store.atomic`.
"""

import dataclasses
import fnmatch
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import urlsplit

from sweep.store.bucket import Bucket, Conflict

_FOLDER = ".folder"  # says that a folder was made, where folders are names only


@dataclasses.dataclass(frozen=True, order=True)
class ObjectPath:
    """A name in a bucket with the part of `pathlib.Path` that this project uses; picklable.

    Attributes
    ----------
    key
        Without slashes at its ends.
    bucket
        Where it lies.
    """

    key: str
    bucket: Bucket = dataclasses.field(compare=False)

    def __str__(self) -> str:
        """Return the URL."""
        return self.bucket.describe(self.key).rstrip("/")

    def __truediv__(self, name: str | PurePosixPath) -> "ObjectPath":
        """Return a name below."""
        return self._at(posixpath.join(self.key, str(name)) if self.key else str(name))

    def _at(self, key: str) -> "ObjectPath":
        return dataclasses.replace(self, key=key)

    @property
    def name(self) -> str:
        """Return the last part."""
        return posixpath.basename(self.key)

    @property
    def parent(self) -> "ObjectPath":
        """Return the name above."""
        return self._at(posixpath.dirname(self.key))

    def with_name(self, name: str) -> "ObjectPath":
        """Return another name beside."""
        return self.parent / name

    def absolute(self) -> "ObjectPath":
        """Return itself."""
        return self

    def is_file(self) -> bool:
        """Tell whether there is such an object."""
        return self.bucket.head(self.key) is not None

    def is_dir(self) -> bool:
        """Tell whether anything lies below."""
        return any(self.bucket.names(self._prefix))

    def exists(self) -> bool:
        """Tell whether there is such an object, or anything below."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """Return the content."""
        return self.bucket.get(self.key)[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> int:
        """Write it whole."""
        self.bucket.put(self.key, content)
        return len(content)

    def write_text(self, text: str, encoding: str = "utf-8") -> int:
        """Write it whole."""
        return self.write_bytes(text.encode(encoding))

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the object."""
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(f"{self} is not there")
        self.bucket.delete(self.key)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Make sure that the folder is ours: of several that make it at once, one does not fail.

        With `exist_ok` there is nothing to do, as folders of a bucket are names only.
        """
        del parents
        if exist_ok:
            return
        if self.is_dir():
            raise FileExistsError(f"{self} is there")
        try:
            self.bucket.put((self / _FOLDER).key, b"", absent=True)
        except Conflict:
            raise FileExistsError(f"{self} is there") from None

    def iterdir(self) -> Iterator["ObjectPath"]:
        """Yield what lies in the folder, by name."""
        files, folders = self.bucket.names(self._prefix)
        for name in sorted({*files, *folders} - {_FOLDER}):
            yield self / name

    def glob(self, pattern: str) -> Iterator["ObjectPath"]:
        """Yield what matches; `**` is not known."""
        head, _, rest = pattern.partition("/")
        if not any(mark in head for mark in "*?["):
            below = self / head
            if rest:
                yield from below.glob(rest)
            elif below.exists():
                yield below
            return
        for found in self.iterdir():
            if fnmatch.fnmatchcase(found.name, head):
                if rest:
                    yield from found.glob(rest)
                else:
                    yield found

    @property
    def _prefix(self) -> str:
        return f"{self.key}/" if self.key else ""


Place: TypeAlias = Path | ObjectPath


def place(
    root: str | os.PathLike[str] | ObjectPath,
    *,
    endpoint: str | None = None,
    region: str | None = None,
) -> Place:
    """Return the place that a text names.

    Parameters
    ----------
    root
        Local path, `file://` or `s3://bucket/prefix` URL; a place is returned as it is.
    endpoint, region
        Of the server, for a bucket.

    Raises
    ------
    ValueError
        If a URL cannot be read.
    """
    if isinstance(root, ObjectPath):
        return root
    text = os.fspath(root)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://")).expanduser()
    if "://" not in text:
        return Path(text).expanduser()
    if fault := url_fault(text):
        raise ValueError(fault)
    parts = urlsplit(text)
    return ObjectPath(parts.path.strip("/"), Bucket(parts.netloc, endpoint, region))


def words_of(root: Place) -> list[str]:
    """Return the words of a command that say where things are kept; SQLite needs a folder."""
    if isinstance(root, Path):
        return [f"storage.root={root}"]
    server = {"endpoint": root.bucket.endpoint, "region": root.bucket.region}
    said = [f"storage.{key}={value}" for key, value in server.items() if value]
    return ["store=postgres", f"storage.root={root}", *said]


def url_fault(text: str) -> str | None:
    """Return why a URL names no place, None if it does; a part of it may be a secret."""
    parts = urlsplit(text)
    if parts.scheme not in ("s3", "file"):
        return f"must be a folder or s3://bucket/prefix, got {text.partition('://')[0]}://..."
    if parts.scheme == "s3" and (
        not parts.netloc or set("@:") & set(parts.netloc) or parts.query or parts.fragment
    ):
        return "must read s3://bucket or s3://bucket/prefix, without keys, port or query"
    if any(piece in (".", "..") for piece in parts.path.split("/")):
        return "must not hold . or .. as a part of its path"
    return None


def matching(folder: Place, pattern: str) -> list[Place]:
    """Return what matches a pattern of `glob` below a folder, sorted."""
    found: list[Place] = []
    found.extend(folder.glob(pattern))
    return sorted(found, key=str)


def rename(file: Place, name: str) -> None:
    """Give a file another name in its folder; in a bucket not in one step."""
    if isinstance(file, Path):
        file.replace(file.with_name(name))
    else:
        file.with_name(name).write_bytes(file.read_bytes())
        file.unlink(missing_ok=True)


def end_of(file: Place, count: int) -> bytes:
    """Return the last bytes of a file, all where it has no more.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    if isinstance(file, ObjectPath):
        try:
            return file.bucket.get(file.key, last=count)[0]
        except EOFError:
            return b""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - count, 0))
        return stream.read()


def versions(folder: Place, ending: str) -> dict[str, str]:
    """Return name -> a text that changes with the content, of the files of a folder.

    In a bucket this is one request for a thousand names.
    """
    if isinstance(folder, ObjectPath):
        files, _ = folder.bucket.names(f"{folder.key}/")
        return {name: file.etag for name, file in files.items() if name.endswith(ending)}
    found = {}
    for file in sorted(folder.glob(f"*{ending}")):
        stat = file.stat()
        found[file.name] = f"{stat.st_size}-{stat.st_mtime_ns}"
    return found


def cache_folder(root: Place) -> Path:
    """Return the local folder for downloads of a store: inside it, of a bucket the user's."""
    if isinstance(root, Path):
        return root / "cache"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "detector-sweep" / "downloads" / root.bucket.name
