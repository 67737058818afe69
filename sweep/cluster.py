"""Join the Ray cluster that a command names or is a job of, else start a private Ray."""

import contextlib
import importlib
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any

#: What `ray job submit` and `ray start` leave in the environment of those who belong to a cluster.
_MARKS = ("RAY_ADDRESS", "RAY_JOB_ID", "RAY_JOB_SUBMISSION_ID")

_TOO_SLOW = "timed out during startup"

_log = logging.getLogger(__name__)


def ray_module(name: str = "ray") -> Any:  # noqa: ANN401
    """Return Ray or a part of it, imported when first needed.

    The import takes a second that `--help` must not wait for. Its own annotations are incomplete,
    so the module is untyped here.
    """
    return importlib.import_module(name)


def cluster_named(address: str | None) -> bool:
    """Tell whether a cluster was named, or this is a job of one."""
    return address is not None or any(os.environ.get(name) for name in _MARKS)


@contextlib.contextmanager
def ray_session(address: str | None, workers: int | None, *, insecure: bool) -> Iterator[bool]:
    """Have Ray while this lasts; yield True where it is a cluster, which may grow with the work.

    A Ray that this process has already is used and left alone; one started here is shut down.

    Parameters
    ----------
    address
        `auto` or host:port, None for the one of the environment.
    workers
        Processors of a private Ray, None for all.
    insecure
        True: accept a cluster without token authentication.

    Raises
    ------
    ValueError
        If the cluster's ports are open to everybody.
    OSError
        If a private Ray does not come up.
    """
    ray = ray_module()
    if ray.is_initialized():
        yield False
        return
    named = cluster_named(address)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    quiet = {"log_to_driver": False, "logging_level": "WARNING"}
    if not named:
        there = os.cpu_count() or 1
        processors = workers or there
        if processors > there:
            _log.warning(
                "ray.workers=%d share %d processors: no faster than %d, and each takes memory",
                *(processors, there, there),
            )
        # Each trial is a thread, whose own arena would keep what it freed: 600 MB, not 270.
        os.environ.setdefault("MALLOC_ARENA_MAX", "1")
        _start(ray, address="local", num_cpus=processors, include_dashboard=False, **quiet)
    elif os.environ.get("RAY_AUTH_MODE") == "token" or insecure:
        ray.init(address=address or os.environ.get("RAY_ADDRESS", "auto"), **quiet)
    else:
        raise ValueError(
            "a cluster without token authentication runs anybody's code; start it and this "
            "command with RAY_AUTH_MODE=token, or set ray.insecure=true on an isolated network"
        )
    _speak_alike()
    _hear_again(handlers)
    try:
        yield named
    finally:
        ray.shutdown()  # not in a thread: a reference that is let go meanwhile ends the process


def _speak_alike() -> None:
    """Give the lines of Ray the form of ours, JSON where wanted: its handlers are apart."""
    ours = [handler.formatter for handler in logging.getLogger().handlers]
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in loggers:
        if ours and logger.name.split(".")[0] == "ray":
            for handler in logger.handlers:
                handler.setFormatter(ours[0])


def _hear_again(handlers: Mapping[signal.Signals, Any]) -> None:
    """Put a program's own handlers back: Ray's leaves by `sys.exit` from wherever it is."""
    for number, handler in handlers.items():
        if callable(handler):
            with contextlib.suppress(ValueError):  # not the main thread, which alone hears
                signal.signal(number, handler)


def _start(ray: Any, **settings: Any) -> None:  # noqa: ANN401
    """Start a private Ray; on a busy machine its 30 s may be too few for the first try."""
    for tries in (1, 2):
        try:
            ray.init(**settings)
        except Exception as error:
            if _TOO_SLOW not in str(error):
                raise
            ray.shutdown()
            if tries == 2:
                raise OSError(
                    "Ray did not start within 30 s, twice; the machine may be overloaded or its "
                    "memory full; run the same command again, with fewer ray.workers"
                ) from error
        else:
            return
