"""Run a job in this process as the shell would: no start of Python, no import anew."""

import importlib
import logging
import signal
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra


def run_here(job, *arguments):
    """Return the exit code; what a job installs (handlers, arguments) is put back."""
    root = logging.getLogger()
    kept = (sys.argv, sys.orig_argv, root.handlers[:], root.level)
    dropped = sys.unraisablehook
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    sys.argv = [f"jobs/{job}.py", *arguments]
    sys.orig_argv = [sys.executable, "-m", f"jobs.{job}", *arguments]
    try:
        with pytest.raises(SystemExit) as left:
            importlib.import_module(f"jobs.{job}").main()
    finally:
        sys.argv, sys.orig_argv, root.handlers[:] = kept[:3]
        root.setLevel(kept[3])
        for number, handler in signals.items():
            signal.signal(number, handler)
        sys.unraisablehook = dropped
        GlobalHydra.instance().clear()
    return left.value.code or 0
