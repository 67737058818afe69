"""Write files so that a reader sees the old one or the new one, also after a `kill -9`."""

import contextlib
import errno
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from sweep.store.place import ObjectPath, Place

#: Whatever was read before, these are of the disk that is written to.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


@contextlib.contextmanager
def replacing(target: Place) -> Iterator[Path]:
    """Yield a temporary local path and put it in the target's place at the end.

    A local file is renamed; an object is written in one request, which is atomic.

    Raises
    ------
    OSError
        If it cannot be written; the text names the file and what to check. What goes wrong with
        other files while the block runs is raised as it came.
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
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _FULL or temporary.name in str(error):
            raise _cannot_write(target, error) from error
        raise  # of something that was read meanwhile
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _cannot_write(target: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"cannot write {target} ({error.strerror or error}); check storage.root, its "
        f"permissions and the free space",
    )


def remove_leftovers(target: Place) -> None:
    """Remove temporary files that a killed writer of this file left (under its lease only)."""
    if isinstance(target, Path):
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            leftover.unlink(missing_ok=True)
