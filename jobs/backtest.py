"""Run detectors with configured parameters: `python -m jobs.backtest detector=all`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/backtest.py cannot work; run: python -m jobs.backtest\n")
    sys.exit(2)

import dataclasses
import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="backtest")
def _application(config: DictConfig) -> None:
    finish("backtest", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.backtest.run import run_backtest  # noqa: PLC0415 - slow
    from sweep.report.console import show_backtest  # noqa: PLC0415 - slow
    from sweep.report.funnels import show_funnels  # noqa: PLC0415 - slow
    from sweep.report.progress import Reporter  # noqa: PLC0415 - slow

    if note := settings.promotion_note(config):
        _log.info(note)
    with Reporter() as reporter:
        report = run_backtest(settings.backtest(config), on_progress=reporter.update)
    for note in report.notes:
        _log.info(note)
    results = [dataclasses.asdict(result) for result in report.results]
    show_funnels(results)
    show_backtest(report.first, report.last, results)
    _log.info("results in %s", report.folder)
    tested = any(result.status != "not_evaluable" for result in report.results)
    if not tested:
        _log.warning("nothing could be tested: the reasons stand above; what is stored:")
    _log.info(next_step("backtest", config, tested=tested))
    return DONE


def main() -> None:
    """Run the job from the command line."""
    launch("backtest", _application)


if __name__ == "__main__":
    main()
