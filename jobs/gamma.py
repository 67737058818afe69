"""Build per-minute gamma tables from option bars: `python -m jobs.gamma`."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/gamma.py cannot work; run: python -m jobs.gamma\n")
    sys.exit(2)

import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, FAILED, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="gamma")
def _application(config: DictConfig) -> None:
    finish("gamma", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.ingest.gamma.build import build_gamma  # noqa: PLC0415 - slow
    from sweep.ingest.gamma.spec import GammaSpec  # noqa: PLC0415 - slow
    from sweep.report.progress import Reporter  # noqa: PLC0415 - slow

    if config["source"]["root"] is None:
        raise ValueError("no source: give source.root=<folder that holds us_options_opra/>")
    names = settings.symbols(config)
    first, last = settings.dates(config, names)
    spec = GammaSpec(
        source_root=config["source"]["root"],
        storage_root=settings.storage_root(config),
        underlyings=names,
        first=first,
        last=last,
        open_interest=config["gamma"]["open_interest"],
        chains=config["gamma"]["chains"],
        settings=settings.options(config),
        workers=config["gamma"]["workers"],
    )
    with Reporter() as reporter:
        report = build_gamma(spec, progress=reporter.update)
    for line in report.lines():
        _log.info(line)
    _log.info("gamma tables in %s/gamma", spec.storage_root)
    if report.ok:
        _log.info(next_step("gamma", config))
    return DONE if report.ok else FAILED


def main() -> None:
    """Run the job from the command line."""
    launch("gamma", _application)


if __name__ == "__main__":
    main()
