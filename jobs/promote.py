"""Put proven parameters to use, or take them back: `python -m jobs.promote sweep=<id>`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/promote.py cannot work; run: python -m jobs.promote\n")
    sys.exit(2)

import dataclasses
import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, FAILED, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="promote")
def _application(config: DictConfig) -> None:
    finish("promote", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.promotion import promote as promotion  # noqa: PLC0415 - slow
    from sweep.promotion.source import read_sweep  # noqa: PLC0415 - slow
    from sweep.report.page.source import sweep_folders  # noqa: PLC0415 - slow
    from sweep.report.page.write import ensure_report  # noqa: PLC0415 - slow
    from sweep.report.promotions import show_promotions  # noqa: PLC0415 - slow

    spec, names = settings.promotion(config), tuple(config["params"])
    if config["pull"]:
        report = promotion.pull(spec, names)
    elif config["undo"]:
        if config["sweep"] is not None:
            mine = promotion.promoted_by(spec.storage_root, config["sweep"])
            names = tuple(name for name in names if name in mine)
        report = promotion.undo(spec, names)
    else:
        about = read_sweep(spec.storage_root, config["sweep"])
        report = promotion.promote(
            spec, settings.swept(config, about), about, settings.among(names, about["detectors"])
        )
        for folder in sweep_folders(spec.storage_root, config["sweep"]):
            ensure_report(folder)  # which says how often its hold-out was seen
    show_promotions([dataclasses.asdict(outcome) for outcome in report.outcomes])
    for note in report.notes:
        _log.info(note)
    if not report.outcomes:
        _log.info("nothing of this kind is promoted")
    if any(outcome.status == "promoted" for outcome in report.outcomes):
        _log.info(next_step("promote", config))
    refused = [outcome for outcome in report.outcomes if outcome.status == "refused"]
    return FAILED if refused and len(refused) == len(report.outcomes) else DONE


def main() -> None:
    """Run the job from the command line."""
    launch("promote", _application)


if __name__ == "__main__":
    main()
