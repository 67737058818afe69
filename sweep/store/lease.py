"""A lease on a part of the store: one holder at a time, freed when its holder dies.

On a local disk the kernel's file lock does it. In a bucket the lock is an object that is written
only over the version last seen, kept fresh by a thread of its holder, and taken over when it has
grown old by the server's own clock: after a `kill -9`, a lost node, a cut network.
"""

import contextlib
import dataclasses
import datetime as dt
import errno
import fcntl
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from typing import IO, Any

from sweep.store.bucket import Conflict, Object
from sweep.store.place import ObjectPath, Place

_POLL_S = 0.05
_REMOTE_POLL_S = 1.0
#: Age at which an object's holder counts as gone; it is refreshed four times as often.
EXPIRES_S = 60.0
REFRESH_S = EXPIRES_S / 4


class Held(TimeoutError):  # noqa: N818 - nothing broke, somebody is at work
    """Somebody else holds the lease.

    Parameters
    ----------
    holder
        In words: host, process, since when.
    text
        What to do.
    results
        Where the results of the other's work come to, if it is a sweep.
    """

    def __init__(self, holder: str, text: str, results: Place | None = None) -> None:
        super().__init__(holder, text)
        self.results = results
        self.holder = holder
        self.text = text

    def __str__(self) -> str:
        """Return the text."""
        return self.text


@dataclasses.dataclass
class Lease:
    """A lease that is held.

    Attributes
    ----------
    lost
        Why it is held no longer, empty while it is.
    """

    lost: str = ""

    def check(self) -> None:
        """Raise if it is held no longer: another holder may be writing.

        Raises
        ------
        OSError
            With the reason.
        """
        if self.lost:
            raise OSError(errno.EBUSY, self.lost)


@contextlib.contextmanager
def lease(path: Place, *, timeout_s: float = 120.0) -> Iterator[Lease]:
    """Hold the lock file or object `path` while the block runs.

    Parameters
    ----------
    path
        Made where missing and left behind: removing it would let two holders in.
    timeout_s
        Longest wait for another holder, seconds; in a bucket at least until it shows that it
        lives, at most `EXPIRES_S`.

    Raises
    ------
    Held
        If another process held it all that time.
    """
    if isinstance(path, ObjectPath):
        with _remote(path, timeout_s) as held:
            yield held
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with path.open("a+b") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _held(path, _read_local(file), timeout_s) from None
                time.sleep(_POLL_S)
        file.truncate(0)
        file.write(json.dumps(_myself()).encode())
        file.flush()
        yield Lease()
        file.truncate(0)


def _read_local(file: IO[bytes]) -> dict[str, Any]:
    file.seek(0)
    return _parsed(file.read())


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _myself() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "token": uuid.uuid4().hex,
    }


def _held(path: Place, about: dict[str, Any], timeout_s: float) -> Held:
    holder = (
        f"process {about['pid']} on {about['host']}, since {about['since']}"
        if {"pid", "host", "since"} <= about.keys()
        else "another process"
    )
    return Held(
        holder,
        f"another process has held {path} for {timeout_s:g} s ({holder}); "
        "wait for it to end, then run this command again",
    )


@dataclasses.dataclass
class _Lock:
    """The lock object as this process last wrote it."""

    path: ObjectPath
    about: dict[str, Any]
    etag: str = ""

    def take(self, expected: Object | None) -> bool:
        """Write it over what was seen, or where nothing was; False if somebody was faster."""
        try:
            self.etag = self._put(
                absent=expected is None, expected=None if expected is None else expected.etag
            )
        except Conflict:
            return self._mine()
        return True

    def refresh(self) -> bool:
        """Write it again; False if it is another's now."""
        self.about["refreshed"] = time.time()  # other bytes, another version
        try:
            self.etag = self._put(expected=self.etag)
        except Conflict:
            return self._mine()
        return True

    def free(self) -> None:
        """Mark it as free, if it is still ours."""
        with contextlib.suppress(Conflict):
            self.path.bucket.put(self.path.key, b"{}", expected=self.etag)

    def _put(self, *, expected: str | None, absent: bool = False) -> str:
        content = json.dumps(self.about).encode()
        return self.path.bucket.put(self.path.key, content, expected=expected, absent=absent)

    def _mine(self) -> bool:
        """Tell whether a write whose answer was lost had come through."""
        try:
            content, found = self.path.bucket.get(self.path.key)
        except FileNotFoundError:
            return False
        if _parsed(content).get("token") != self.about["token"]:
            return False
        self.etag = found.etag
        return True


@contextlib.contextmanager
def _remote(path: ObjectPath, timeout_s: float) -> Iterator[Lease]:
    """Hold a lock object. Whoever holds it gets the time to show that it lives."""
    lock, deadline, first = _Lock(path, _myself()), time.monotonic() + timeout_s, ""
    while True:
        try:
            content, found = path.bucket.get(path.key)
        except FileNotFoundError:
            content, found = b"{}", None
        about = _parsed(content)
        if (not about or found is None or found.age_s > EXPIRES_S) and lock.take(found):
            break
        seen = "" if found is None else found.etag
        first = first or seen
        if time.monotonic() > deadline and seen != first:
            raise _held(path, about, timeout_s)
        time.sleep(_REMOTE_POLL_S)
    held, ended = Lease(), threading.Event()
    thread = threading.Thread(target=_keep_fresh, args=(lock, held, ended), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join()
        if not held.lost:
            lock.free()


def _keep_fresh(lock: _Lock, held: Lease, ended: threading.Event) -> None:
    """Refresh the lock until it is no longer needed, or lost.

    A server that is away is waited for: as long as nobody else reaches it, nobody takes over.
    """
    while not ended.wait(REFRESH_S):
        try:
            if lock.refresh():
                continue
            held.lost = (
                f"{lock.path} was taken over by another process, this one was away too long"
            )
        except OSError as error:
            held.lost = f"{lock.path} could not be kept: {error}"
        return
