"""Write files so that a reader sees the old one or the new one, also after a `kill -9`."""

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from sweep.store.place import ObjectPath, Place


@contextlib.contextmanager
def replacing(target: Place) -> Iterator[Path]:
    """Yield a temporary local path and put it in the target's place at the end.

    A local file is renamed; an object is written in one request, which is atomic.

    Raises
    ------
    OSError
        If it cannot be written; the text names the file and what to check.
    """
    if isinstance(target, ObjectPath):
        with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
            temporary = Path(folder) / target.name
            yield temporary
            target.bucket.put(target.key, temporary)
        return
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write {target} ({error.strerror or error}); check storage.root, its "
            f"permissions and the free space",
        ) from error


def remove_leftovers(target: Place) -> None:
    """Remove temporary files that a killed writer of this file left (under its lease only)."""
    if isinstance(target, Path):
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
