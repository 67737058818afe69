"""Hear SIGINT and SIGTERM from the first line of a job to its last."""

import contextlib
import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

_log = logging.getLogger(__name__)

_SOON_S = 0.05


def listen() -> None:
    """Let both raise `KeyboardInterrupt`, at once acknowledged: to leave Ray takes seconds.

    Python drops what is raised in a destructor or in a callback of an import; it comes again then.
    """
    signal.signal(signal.SIGTERM, _interrupt)  # `ray job stop` counts as Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = functools.partial(_dropped, sys.unraisablehook)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    with contextlib.suppress(RuntimeError):  # the stream was just being written to
        _log.warning("stopping")
    raise KeyboardInterrupt


def _dropped(otherwise: Callable[[Any], object], about: "sys.UnraisableHookArgs") -> None:
    if not issubclass(about.exc_type, KeyboardInterrupt | SystemExit):  # the latter by Ray
        otherwise(about)
        return
    again = threading.Timer(_SOON_S, os.kill, (os.getpid(), signal.SIGTERM))
    again.daemon = True
    again.start()
