"""What every job shares: check the command line, run under Hydra, leave with an exit code.

0 done, 1 failed, 2 the command cannot be used as it is.
"""

import logging
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf

from jobs.overrides import Refused, checked
from jobs.stopping import listen
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.lease import Held

_log = logging.getLogger(__name__)

DONE, FAILED, UNUSABLE = 0, 1, 2

_LAST_LINE = {"sweep": "SWEEP RESULT status={} sets=0 failed=0 results={}"}
"""Last line of a job that came to nothing: `ray job submit` does not hand on the exit code."""


def launch(job: str, application: Callable[[], None]) -> None:
    """Check the command line all at once, then hand over to Hydra.

    Parameters
    ----------
    job
        Name of the primary configuration.
    application
        Function under `hydra.main`; it leaves by `finish`.
    """
    listen()
    try:
        sys.argv[1:] = checked(job, sys.argv[1:])
        application()
    except Refused as refusal:
        _refuse(job, refusal.faults)
    except KeyboardInterrupt:
        _interrupted(job)


def finish(job: str, work: Callable[[dict[str, Any]], int], config: DictConfig) -> NoReturn:
    """Run a job's work and leave with its exit code; known errors are one line, not a traceback.

    Parameters
    ----------
    job
        Name of the job, for messages.
    work
        Takes the configuration as plain Python and returns an exit code. A `ValueError` says that
        the command cannot be used as it is.
    config
        Composed configuration.
    """
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    if plain["log"]["json"]:
        from sweep.report import json_lines  # noqa: PLC0415 - not needed to print help

        json_lines.turn_on()
    try:
        code = work(plain)
    except (KeyboardInterrupt, SystemExit):  # Ray answers SIGTERM with sys.exit
        _interrupted(job)
    except ValueError as error:
        _log.debug("where it was refused", exc_info=True)
        head, *below = str(error).splitlines() or [""]
        _refuse(job, [text.strip() for text in below] if head.endswith(":") else [head, *below])
    except OSError as error:
        _log.debug("where it failed", exc_info=True)
        # Who else is at work says what to do himself; nothing is wrong with the file system.
        remedy = "" if isinstance(error, Held) else _remedy(str(error), plain)
        _log.error("%s%s", re.sub(r"^\[Errno -?\d+\] ", "", str(error)), remedy)
        _leave(job, FAILED, "failed", error.results if isinstance(error, Held) else None)
    except (StoreTerminal, StoreTransient) as error:
        _log.debug("where it failed", exc_info=True)
        _log.error("%s", error)
        _leave(job, FAILED, "failed")
    except Exception:  # noqa: BLE001 - the boundary of a job
        _log.exception("jobs.%s failed", job)
        _leave(job, FAILED, "failed")
    logging.shutdown()
    sys.exit(code)


def command() -> str:
    """Return the command line of this process, as it can be typed again."""
    return shlex.join(sys.orig_argv)


def _remedy(text: str, config: Mapping[str, Any]) -> str:
    """Return what to check after a failure of the file system, empty where the text says it."""
    roots = [
        f"{section}.root"
        for section in ("storage", "source")
        if config.get(section, {}).get("root") is not None
    ]
    if not roots or any(root in text for root in roots):
        return ""
    whose = "its" if len(roots) == 1 else "their"
    return f"; check {' and '.join(roots)} and {whose} permissions"


def _interrupted(job: str) -> NoReturn:
    _log.warning("interrupted; to go on: %s", command())
    _leave(job, FAILED, "interrupted")


def _refuse(job: str, faults: tuple[str, ...] | list[str]) -> NoReturn:
    many = "" if len(faults) == 1 else "s"
    lines = "".join(f"  {fault}\n" for fault in faults)
    sys.stdout.flush()
    sys.stderr.write(f"jobs.{job}: {len(faults)} fault{many}, nothing was done\n{lines}")
    sys.stderr.flush()
    _leave(job, UNUSABLE, "failed")


def _leave(job: str, code: int, status: str, results: object = None) -> NoReturn:
    if job in _LAST_LINE:
        last = _LAST_LINE[job].format(status, results or "none")
        if logging.getLogger().isEnabledFor(logging.INFO):  # Hydra's, or JSON
            _log.info(last)
        else:
            sys.stdout.write(f"{last}\n")
    logging.shutdown()
    sys.exit(code)
