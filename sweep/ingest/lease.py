"""A lease on a part of the store: one writer at a time, freed when its holder dies."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

_POLL_S = 0.05


@contextlib.contextmanager
def lease(path: Path, *, timeout_s: float = 120.0) -> Iterator[None]:
    """Hold the lock file `path` while the block runs.

    Parameters
    ----------
    path
        Lock file, made where missing and left behind: removing it would let two holders in.
    timeout_s
        Longest wait for another holder, seconds.

    Raises
    ------
    TimeoutError
        If another process held it all that time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"another process has held {path} for {timeout_s:g} s; "
                        "wait for its backfill to end, then run this one again"
                    ) from None
                time.sleep(_POLL_S)
        yield
