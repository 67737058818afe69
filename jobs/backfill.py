"""Fill the bar store with what it lacks: `python -m jobs.backfill`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/backfill.py cannot work; run: python -m jobs.backfill\n")
    sys.exit(2)

import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, FAILED, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="backfill")
def _application(config: DictConfig) -> None:
    finish("backfill", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.ingest.backfill import backfill  # noqa: PLC0415 - slow
    from sweep.report.progress import Reporter  # noqa: PLC0415 - slow

    spec = settings.backfill(config)
    with Reporter() as reporter:
        report = backfill(spec, progress=reporter.update)
    for line in report.lines():
        _log.info(line)
    _log.info("bars in %s/bars", spec.storage_root)
    if report.ok:
        _log.info(next_step("backfill", config))
    return DONE if report.ok else FAILED


def main() -> None:
    """Run the job from the command line."""
    launch("backfill", _application)


if __name__ == "__main__":
    main()
