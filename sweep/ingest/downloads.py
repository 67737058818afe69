"""Download day files several at a time while earlier ones are parsed."""

import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from sweep.ingest.sources import SourceFile

Task = TypeVar("Task")

_LOOK_S = 1.0


class Fetches(Protocol):
    """A source that brings a file to this machine before it is opened."""

    def fetch(self, file: SourceFile, tell: Callable[[int], None] | None = None) -> None:
        """Bring a file into the cache."""


class _StoppedError(Exception):
    """The driver wants no more bytes."""


class Downloads(Generic[Task]):
    """Files on their way; leaving the `with` block ends what is under way at its next range.

    Parameters
    ----------
    source
        Brings files.
    tasks
        Each with its file.
    at_once
        Files in flight, at least 1.
    """

    def __init__(
        self, source: Fetches, tasks: Sequence[tuple[SourceFile, Task]], at_once: int
    ) -> None:
        self.arrived = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(at_once, "download")
        self._under_way = {
            self._pool.submit(source.fetch, file, self._tell): (file, rest) for file, rest in tasks
        }

    def __enter__(self) -> "Downloads[Task]":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def batches(self) -> Iterator[list[tuple[tuple[SourceFile, Task], str | None]]]:
        """Yield what came since the last look, with an error or None; empty while nothing did."""
        waiting = set(self._under_way)
        while waiting:
            done, waiting = concurrent.futures.wait(
                waiting, _LOOK_S, concurrent.futures.FIRST_COMPLETED
            )
            batch = []
            for future in done:
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                text = None if error is None else f"{error}" or type(error).__name__
                batch.append((self._under_way[future], text))
            batch.sort(key=lambda item: item[0][0].day)
            yield batch

    def _tell(self, count: int) -> None:
        if self._stop.is_set():
            raise _StoppedError
        with self._lock:
            self.arrived += count
