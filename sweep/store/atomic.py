"""Write local files so that a reader sees the old one or the new one, also after a `kill -9`."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` and rename it into place at the end.

    Raises
    ------
    OSError
        If it cannot be written; the text names the file and what to check.
    """
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
