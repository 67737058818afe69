"""Promoted parameters as configuration: `conf/detector/promoted/<detector>.yaml`.

For review and version control; what a job reads with `parameters=promoted` are the records.
Written from a writable checkout only: an installed package and the throw-away copy of a Ray job
are not where a configuration is kept. Anywhere else `pull=true` brings it later.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detectors.registry import get
from sweep.engine.sets import every_parameter
from sweep.promotion.records import Record
from sweep.store.atomic import replacing

FOLDER = Path("detector") / "promoted"
_RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def refusal(conf: Path) -> str:
    """Return why nothing is written below a configuration folder, empty where it may be."""
    if _RAY_JOB in os.environ:
        return "this is a Ray job, whose copy of the configuration is thrown away"
    if not (conf.parent / ".git").exists() or not (conf.parent / "pyproject.toml").exists():
        return f"{conf} lies in no checkout"
    if not os.access(conf / "detector", os.W_OK):
        return f"{conf / 'detector'} cannot be written"
    return ""


def write_configuration(conf: Path, record: Record) -> Path | None:
    """Make the file of a detector as the record says; returns it where it was changed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = conf / FOLDER / f"{record.detector}.yaml"
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if record.parameters is None or record.current is None:
        path.unlink(missing_ok=True)
        return path if before is not None else None
    text = configuration_text(record.detector, record.parameters, record.current)
    if text == before:
        return None
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def configuration_text(
    detector: str, values: Mapping[str, float], event: Mapping[str, Any]
) -> str:
    """Return the content of a file: values with their units, and where they come from."""
    evidence, data, holdout = event["evidence"], event["data"], event.get("holdout") or {}
    named = {p.name: p for p in every_parameter(get(detector))}
    tries, ever = evidence.get("tries"), evidence.get("tries_ever")
    spa_p, pbo = evidence.get("spa_p_adjusted"), evidence.get("pbo")
    lines = [
        f"# @package params.{detector}",
        f"# {detector}: promoted {event['at']} by jobs.promote, {event['promotion_id']}",
        f"# sweep {event['sweep_id']}, set {event['set_id']}, verdict {evidence['verdict']}",
        f"# data: {', '.join(data['symbols'])}, {data['first']} to {data['last']}",
        f"# digest of the data: {data.get('digest')}",
        f"# tries: {tries} in the sweep, {ever} ever; PBO {pbo}, SPA p {spa_p}",
        f"# hold-out: {holdout.get('first')} to {holdout.get('last')}",
        f"# net R a day: {holdout.get('mean_r_new')}, before {holdout.get('mean_r_old')}",
    ]
    if event["forced"]:
        lines.append(f"# FORCED against the gate: {' '.join(str(event['reason']).split())}")
    lines.append("# Every line: promoted value, value before, unit.")
    old = event["old"]
    for name, value in values.items():
        parameter = named.get(name)
        unit = parameter.unit if parameter else "ratio"
        shown = int(value) if parameter is not None and parameter.integer else value
        lines.append(f"{name}: {shown!r}  # {old.get(name, 'default')!r}, {unit}")
    return "\n".join(lines) + "\n"
