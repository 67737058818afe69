"""Search detector parameters: `python -m jobs.sweep`; the same command again goes on."""

import sys

if not __package__:  # as a script, its folder would come first and hide the package `sweep`
    sys.stderr.write("python jobs/sweep.py cannot work; run: python -m jobs.sweep\n")
    sys.exit(2)

import logging
from typing import Any

import hydra
from omegaconf import DictConfig

from jobs.hints import next_step
from jobs.launch import DONE, FAILED, command, finish, launch

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="sweep")
def _application(config: DictConfig) -> None:
    finish("sweep", _run, config)


def _run(config: dict[str, Any]) -> int:
    from jobs import settings  # noqa: PLC0415 - slow
    from sweep.report.leaderboard import show_sweep  # noqa: PLC0415 - slow
    from sweep.report.page.write import ensure_report  # noqa: PLC0415 - slow
    from sweep.report.progress import Reporter  # noqa: PLC0415 - slow
    from sweep.report.verdicts import holding  # noqa: PLC0415 - slow
    from sweep.search.dry_run import rehearse  # noqa: PLC0415 - slow
    from sweep.search.runner import run_sweep  # noqa: PLC0415 - slow

    spec = settings.sweep(config)
    if spec.execution.dry_run:
        _log.info("%s\nSWEEP RESULT status=done sets=0 failed=0 results=none", rehearse(spec))
        return DONE
    if note := settings.promotion_note(config):
        _log.info(note)
    with Reporter() as reporter:
        outcome = run_sweep(
            spec,
            on_progress=lambda now: reporter.update(
                now.stage, now.done, now.total, now.failed, note=now.note
            ),
        )
    for note in outcome.notes:
        _log.info(note)
    if outcome.sets:
        show_sweep(outcome.folder)
        try:
            _log.info("report: %s", ensure_report(outcome.folder))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - it costs no result
            why = "no report; the results are complete, python -m jobs.report makes it"
            _log.warning(why, exc_info=not isinstance(error, KeyboardInterrupt))
    if outcome.sets and outcome.status == "done":
        held = holding(outcome.folder)
        _log.info(next_step("sweep", config, holding=held, sweep=outcome.sweep_id))
    if outcome.status == "interrupted":
        _log.warning("%s; to go on: %s", outcome.reason, command())
    elif outcome.reason:
        _log.error(outcome.reason)
    _log.info(
        "SWEEP RESULT status=%s sets=%d failed=%d results=%s",
        outcome.status,
        outcome.sets,
        outcome.failed,
        outcome.folder,
    )
    return DONE if outcome.status == "done" else FAILED


def main() -> None:
    """Run the job from the command line."""
    launch("sweep", _application)


if __name__ == "__main__":
    main()
