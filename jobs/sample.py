"""Write the sample market as flat files: `python -m jobs.sample`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/sample.py cannot work; run: python -m jobs.sample\n")
    sys.exit(2)

import datetime as dt
import logging
import pathlib
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="sample")
def _application(config: DictConfig) -> None:
    finish("sample", _run, config)


def _run(config: dict[str, Any]) -> int:
    from sweep.ingest.sample import SampleSpec, generate_sample  # noqa: PLC0415 - slow
    from sweep.report.progress import Reporter  # noqa: PLC0415 - slow

    settings = config["sample"]
    spec = SampleSpec(
        root=pathlib.Path(config["source"]["root"]).expanduser(),
        **{**settings, "last": dt.date.fromisoformat(settings["last"])},
    )
    with Reporter() as reporter:
        report = generate_sample(
            spec, progress=lambda done, total: reporter.update("day files", done, total)
        )
    _log.info(
        "sample market %s: %s files, %s rows, %s to %s, in %s",
        "was there already" if report.reused else "written",
        f"{report.files:,}",
        f"{report.rows:,}",
        report.first,
        report.last,
        report.root,
    )
    _log.info(next_step("sample", config))
    return DONE


def main() -> None:
    """Run the job from the command line."""
    launch("sample", _application)


if __name__ == "__main__":
    main()
