"""Keep the bar store current, symbol by symbol and session by session: `python -m jobs.watch`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/watch.py cannot work; run: python -m jobs.watch\n")
    sys.exit(2)

import dataclasses
import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.launch import DONE, FAILED, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="watch")
def _application(config: DictConfig) -> None:
    finish("watch", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.ingest.watch import edit_queue, watch  # noqa: PLC0415 - slow
    from sweep.report.console import show_queue  # noqa: PLC0415 - slow

    retry = config["retry"]
    watched, entries = edit_queue(
        config["store"]["kind"],
        settings.storage_root(config),
        add=config["add"],
        remove=config["remove"],
        retry=None if retry == "all" else retry,
    )
    if config["list"]:
        show_queue(watched, [dataclasses.asdict(entry) for entry in entries])
        return DONE
    report = watch(settings.watch(config))
    _log.info("%d done, %d put off, %d failed", report.done, report.put_off, report.failed)
    return FAILED if report.failed or report.put_off else DONE


def main() -> None:
    """Run the job from the command line."""
    launch("watch", _application)


if __name__ == "__main__":
    main()
