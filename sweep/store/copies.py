"""Local copies of objects, for readers that want a file; a local file is its own copy."""

import atexit
import concurrent.futures
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sweep.store.place import ObjectPath, Place

_AT_ONCE = 16  # objects that are fetched at a time

_objects: dict[str, ObjectPath] = {}
"""Path of every copy -> what it is a copy of."""


def fetched(where: Place, *, fixed: bool = False) -> Path:
    """Return a local file with the content: itself, or a copy kept while this process lives.

    Parameters
    ----------
    where
        A file.
    fixed
        The content follows from the name, so that a copy need not be compared.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    if isinstance(where, Path):
        return where
    version = "fixed"
    if not fixed:
        about = where.bucket.head(where.key)
        if about is None:
            raise FileNotFoundError(f"{where} is not there")
        version = "".join(filter(str.isalnum, about.etag))
    folder = _copies(where)
    local = folder / version / where.name
    _objects[str(local)] = where
    if not local.exists():
        content, _ = where.bucket.get(where.key)
        local.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).replace(local)  # threads that fetch the same meet in one file
        for earlier in folder.iterdir():
            if earlier.is_dir() and earlier.name != version:
                shutil.rmtree(earlier, ignore_errors=True)
    return local


def fetched_all(files: Sequence[Place], *, fixed: bool = False) -> list[Path]:
    """Return local files with the content of many, as `fetched`; several come at a time."""
    if all(isinstance(file, Path) for file in files):
        return [fetched(file) for file in files]
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE, "fetch") as pool:
        return list(pool.map(functools.partial(fetched, fixed=fixed), files))


def named(local: str) -> str:
    """Return how users know a local file: itself, or the object that it is a copy of."""
    return str(_objects.get(local, local))


def forget(where: Place) -> None:
    """Drop the copy of an object that is another one now, whatever its name says."""
    if isinstance(where, ObjectPath):
        shutil.rmtree(_copies(where), ignore_errors=True)


def _copies(where: ObjectPath) -> Path:
    """Return the folder for copies of an object."""
    text = f"{where.bucket.endpoint}/{where.bucket.name}/{where.key}"
    return _copies_folder() / hashlib.sha256(text.encode()).hexdigest()[:32]


@functools.cache
def _copies_folder() -> Path:
    """Return the folder of this process for copies; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="sweep-copies-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked child
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
