"""What to do next: one line at the end of a job, a command that can be typed as it stands."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

Config = Mapping[str, Any]

_DEFAULT_ROOT, _DEFAULT_STORE = "data", "sqlite"


def next_step(
    job: str,
    config: Config,
    *,
    holding: tuple[str, ...] = (),
    sweep: str = "",
    tested: bool = True,
) -> str:
    """Return the line.

    Parameters
    ----------
    job
        The job that is done.
    config
        Its configuration.
    holding, sweep
        Detectors that hold, and the id of the sweep, after a sweep.
    tested
        Whether a backtest could test anything.
    """
    if job == "sample":
        return _line("backfill", *_from_sample(config))
    root = _storage(config["storage"])
    if job in ("backfill", "gamma", "coverage"):
        return _line("backtest", *root)
    if job == "backtest":
        searched = ("sweep", *_store(config), *root, "experiment=quick")
        return _line(*(searched if tested else ("coverage", *root)))
    if job == "promote":
        return _line("backtest", *root, "parameters=promoted")
    if holding:
        return _line("promote", *_store(config), *root, f"sweep={sweep}")
    return "next: open the report; it says of every detector what is missing"


def _line(job: str, *words: str) -> str:
    return f"next: {shlex.join(['python', '-m', f'jobs.{job}', *words])}"


def _storage(storage: Config) -> list[str]:
    """Return what was said of where things are kept, other than by default."""
    default = {"root": _DEFAULT_ROOT, "endpoint": None, "region": None}
    return [
        f"storage.{key}={storage[key]}"
        for key, value in default.items()
        if storage.get(key, value) != value
    ]


def _store(config: Config) -> list[str]:
    """Return the SQL store where it is not the default; with a bucket it cannot be."""
    in_bucket = config["storage"]["root"].startswith("s3://")
    kind = "postgres" if in_bucket else config.get("store", {}).get("kind", _DEFAULT_STORE)
    return [] if kind == _DEFAULT_STORE else [f"store={kind}"]


def _from_sample(config: Config) -> tuple[str, ...]:
    """Return where a backfill finds the sample market, and where it puts the bars: beside it."""
    if "experiment=sample" in sys.argv[1:]:
        moved = ("source.root=", "storage.root=")
        typed = [one for one in sys.argv[1:] if one.startswith(moved)]
        return ("experiment=sample", *typed)
    root = config["source"]["root"]
    return (f"source.root={root}", f"storage.root={PurePosixPath(root).parent}")
