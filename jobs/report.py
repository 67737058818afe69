"""Write the HTML report of a sweep, or compare several: `python -m jobs.report`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/report.py cannot work; run: python -m jobs.report\n")
    sys.exit(2)

import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.launch import DONE, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="report")
def _application(config: DictConfig) -> None:
    finish("report", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.promotion.records import read_records  # noqa: PLC0415 - slow
    from sweep.report.page.compare import write_comparison  # noqa: PLC0415 - slow
    from sweep.report.page.promotions import write_promotions  # noqa: PLC0415 - slow
    from sweep.report.page.source import sweep_folders  # noqa: PLC0415 - slow
    from sweep.report.page.write import write_report  # noqa: PLC0415 - slow

    root = settings.storage_root(config)
    if config["promotions"]:
        made = write_promotions(root, [one.shown() for one in read_records(root)])
    else:
        folders = sweep_folders(root, config["sweep"])
        made = write_report(folders[0]) if len(folders) == 1 else write_comparison(folders)
    _log.info("%s", made)
    _log.info("open it in a browser; it needs no network")
    return DONE


def main() -> None:
    """Run the job from the command line."""
    launch("report", _application)


if __name__ == "__main__":
    main()
