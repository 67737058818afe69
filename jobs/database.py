"""Create or migrate the schema of the SQL store: `python -m jobs.database action=upgrade`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/database.py cannot work; run: python -m jobs.database\n")
    sys.exit(2)

import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.launch import DONE, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="database")
def _application(config: DictConfig) -> None:
    finish("database", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.store.database import Database  # noqa: PLC0415 - slow

    with Database.open(config["store"]["kind"], settings.storage_root(config)) as database:
        upgrade = database.upgrade()
    if upgrade.before == upgrade.after:
        _log.info("%s is up to date (schema %s)", database.place, upgrade.after)
    else:
        before = upgrade.before or "nothing"
        _log.info("%s: schema %s, before %s", database.place, upgrade.after, before)
    return DONE


def main() -> None:
    """Run the job from the command line."""
    launch("database", _application)


if __name__ == "__main__":
    main()
