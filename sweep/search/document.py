"""What a sweep says of itself: `sweep.json`, `leaderboard.csv`, and its relatives in the store."""

import datetime as dt
import importlib.metadata
import io
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from sweep.engine.symbol_data import volume_proxies
from sweep.search.chosen_sets import FullSets, configured_values, set_id_of
from sweep.search.identity import canonical
from sweep.search.merge import Merged
from sweep.search.objective import read_objective
from sweep.search.pareto import pareto_table
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.store.results import Results, sweep_names

LEADERS = 20  # sets per detector in the leaderboard
_PACKAGES = ("detector-sweep", "numpy", "numba", "scipy", "pyarrow", "ray")
_DATA_KEYS = ("sessions", "holdout", "data")


def document(
    plan: SweepPlan,
    status: str,
    command: str,
    *,
    started: dt.datetime,
    finished: dt.datetime | None = None,
    counts: Mapping[str, int] | None = None,
    merged: Mapping[str, Merged] | None = None,
    full: Mapping[str, FullSets] | None = None,
    judged: Mapping[str, Mapping[str, Any]] | None = None,
    screening: Mapping[str, Mapping[str, Any]] | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Return the content of `sweep.json`.

    Parameters
    ----------
    plan, status, reason
        The sweep, how it stands, and why it is not done.
    command
        Hash of budget, result settings, thresholds of the verdict and configured sets.
    started, finished, counts
        Instants, UTC; `sets`, `failed`, `evaluated` (by this run).
    merged, full
        Tables and fully evaluated sets by detector, once there are any.
    judged
        Verdict and main numbers by detector, once they are known.
    screening
        What halvings saved and may have lost, by detector.
    """
    spec = plan.spec
    return {
        "sweep_id": plan.sweep_id,
        "status": status,
        "reason": reason,
        "command": command,
        "budget": spec.search.budget,
        "config": dict(spec.config),
        "identity": json.loads(canonical(plan.identity)),
        "sessions": list(plan.dates),
        "holdout": list(plan.held_out),
        "fingerprint": {name: dict(days) for name, days in plan.fingerprint.items()},
        "detectors": {
            one.detector.name: _about(plan, one, merged or {}, full or {})
            | {"evidence": (judged or {}).get(one.detector.name)}
            | {"screening": (screening or {}).get(one.detector.name)}
            for one in plan.detectors
        },
        "counts": dict(counts or {}),
        "mirrored": False,
        "timings": {
            "started_at": started.isoformat(),
            "finished_at": None if finished is None else finished.isoformat(),
            "seconds": None if finished is None else (finished - started).total_seconds(),
        },
        **_made_with(),
    }


def finished(before: Mapping[str, Any], command: str) -> bool:
    """Tell whether a stored sweep is complete for a command, its SQL rows included."""
    return (before["status"], before["command"], before["mirrored"]) == ("done", command, True)


def _about(
    plan: SweepPlan,
    one: DetectorPlan,
    tables: Mapping[str, Merged],
    full_sets: Mapping[str, FullSets],
) -> dict[str, Any]:
    """Return what is to be said of one detector."""
    merged, full = tables.get(one.detector.name), full_sets.get(one.detector.name)
    configured = configured_values(plan.spec, one.detector)
    name = set_id_of(one.detector, configured)
    final, *chosen = [None] if merged is None else merged.chosen_ids
    unjudged = {} if full is None else full.results[name].unjudged
    return {
        "revision": one.detector.revision,
        "reason": one.reason,
        "symbols": [data.symbol for data in one.symbols],
        "volume_proxies": volume_proxies(one.symbols),
        "unjudged": unjudged,
        "axis": one.columns.tolist(),
        "folds": [
            {"in_sample": fold.in_sample.tolist(), "out_of_sample": fold.out_of_sample.tolist()}
            for fold in one.folds.folds
        ],
        "paths": one.folds.paths.tolist(),
        "space": one.space.as_json(),
        "chosen": {
            "final": final,
            "folds": chosen,
        },
        "searches": [] if merged is None else list(merged.rivalry),
        "configured": {
            "set_id": name,
            "parameters": configured,
            "metrics": {} if full is None else _metrics(full, name),
        },
    }


def _metrics(full: FullSets, name: str) -> dict[str, float | None]:
    found = {key: column[0].item() for key, column in full.results[name].block.metrics.items()}
    return {key: value if math.isfinite(value) else None for key, value in found.items()}


def _made_with() -> dict[str, Any]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return {
        "versions": found,
        "python": platform.python_version(),
        "git_commit": _git_commit(),
        "host": platform.node(),
    }


def _git_commit() -> str | None:
    """Return the commit of the code, None outside a checkout."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git the user has
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def leaderboard(tables: Sequence[pa.Table]) -> str:
    """Return the best sets of every detector as CSV."""
    best = []
    for table in tables:
        if "rank" in table.column_names:
            ranked = table.filter(pc.less_equal(pc.fill_null(table["rank"], LEADERS + 1), LEADERS))
            best.append(ranked.sort_by("rank"))
    joined = pa.concat_tables(best or [pa.table({})], promote_options="default")
    buffer = io.BytesIO()
    if joined.num_columns:
        pyarrow.csv.write_csv(joined, buffer)
    return buffer.getvalue().decode()


def pareto_csv(plan: SweepPlan, tables: Sequence[pa.Table]) -> str | None:
    """Return the Pareto front of every detector as CSV, None for a single objective."""
    objectives = [read_objective(text) for text in plan.spec.search.objectives]
    if len(objectives) < 2:
        return None
    fronts = [pareto_table(t, objectives) for t in tables if "pareto" in t.column_names]
    joined = pa.concat_tables(fronts or [pa.table({})], promote_options="default")
    buffer = io.BytesIO()
    if joined.num_columns:
        pyarrow.csv.write_csv(joined, buffer)
    return buffer.getvalue().decode()


def relatives(plan: SweepPlan) -> list[str]:
    """Name stored sweeps that differ from this one in data or dates only."""
    mine = json.loads(canonical(plan.identity))
    found = []
    for name in sweep_names(plan.spec.storage_root):
        if name == plan.sweep_id:
            continue
        other = Results(plan.spec.storage_root, name).read_json()
        if other is None or _without_data(other["identity"]) != _without_data(mine):
            continue
        days = other["identity"]["sessions"]
        same_days = days == mine["sessions"]
        found.append(
            f"this is a new sweep, {plan.sweep_id}; {name} differs in "
            + ("bars only" if same_days else f"dates only; go on with it: {_go_on(other)}")
        )
    return found


def _without_data(identity: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in identity.items() if key not in _DATA_KEYS}
    return kept | {"holdout": identity["holdout"][0]}


def _go_on(other: Mapping[str, Any]) -> str:
    days = [*other["identity"]["sessions"], *other["holdout"]]
    return f"the same command with from={days[0]} to={days[-1]}"
