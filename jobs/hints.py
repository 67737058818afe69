"""What to do next: one line at the end of a job, a command that can be typed as it stands."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from jobs.compose import JOBS

Config = Mapping[str, Any]

_DEFAULT_ROOT = "data"


def next_step(job: str, config: Config, *, holding: tuple[str, ...] = (), sweep: str = "") -> str:
    """Return the line.

    Parameters
    ----------
    job
        The job that is done.
    config
        Its configuration.
    holding, sweep
        Detectors that hold, and the id of the sweep, after a sweep.
    """
    if job == "sample":
        return _line("backfill", *_from_sample(config))
    if job == "backfill":
        return _line("backtest", *_root(config["storage"]["root"]))
    if job == "backtest":
        return _line("sweep", *_root(config["storage"]["root"]), "experiment=quick")
    if holding and "promote" in JOBS:
        return _line("promote", *_root(config["storage"]["root"]), f"sweep={sweep}")
    return "next: open the report; it says of every detector what is missing"


def _line(job: str, *words: str) -> str:
    return f"next: {shlex.join(['python', '-m', f'jobs.{job}', *words])}"


def _root(root: str) -> tuple[str, ...]:
    return () if root == _DEFAULT_ROOT else (f"storage.root={root}",)


def _from_sample(config: Config) -> tuple[str, ...]:
    """Return where a backfill finds the sample market, and where it puts the bars: beside it."""
    if "experiment=sample" in sys.argv[1:]:
        moved = ("source.root=", "storage.root=")
        typed = [one for one in sys.argv[1:] if one.startswith(moved)]
        return ("experiment=sample", *typed)
    root = config["source"]["root"]
    return (f"source.root={root}", f"storage.root={PurePosixPath(root).parent}")
