"""Show what the bar store has and lacks: `python -m jobs.coverage`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/coverage.py cannot work; run: python -m jobs.coverage\n")
    sys.exit(2)

import dataclasses
import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, FAILED, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="coverage")
def _application(config: DictConfig) -> None:
    finish("coverage", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.ingest.coverage import coverage_report, write_report  # noqa: PLC0415 - slow
    from sweep.report.console import show_coverage  # noqa: PLC0415 - slow

    wanted = config["symbols"]
    names = settings.symbols(config)
    first, last = settings.dates(config, names)
    report = coverage_report(
        settings.storage_root(config),
        symbols="all" if wanted == "all" else names,
        timeframes=config["timeframes"],
        first=first,
        last=last,
        source=settings.day_source(config),
    )
    series = [dataclasses.asdict(one) for one in report.series]
    show_coverage(report.first, report.last, series)
    for fact in report.facts():
        _log.info(fact)
    try:
        _log.info("rows by session in %s", write_report(settings.storage_root(config), report))
    except OSError as error:  # it was asked what is there, which a read-only store can tell
        _log.warning("rows by session are not kept: %s", error)
    faults = report.faults()
    for fault in faults:
        _log.warning(fault)
    if not faults:
        _log.info(next_step("coverage", config))
    return FAILED if faults and config["strict"] else DONE


def main() -> None:
    """Run the job from the command line."""
    launch("coverage", _application)


if __name__ == "__main__":
    main()
