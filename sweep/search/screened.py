"""What a halving means for the evidence, what it saved, and what it may have lost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search.choose import median_over_folds
from sweep.search.evaluation import Task
from sweep.search.halving import SCREENED, Halving
from sweep.search.identity import Keys, set_ids
from sweep.search.in_sample import floats, matrix, with_status
from sweep.search.merge import Merged
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.screen import halvings_of
from sweep.search.tuner import Tally
from sweep.search.wanted import Wanted
from sweep.store.results import Results


def fair_sample(merged: Merged) -> Keys | None:
    """Return a uniform sample of all sets among those evaluated in full; None: all of them are.

    Keys are hashes, so the sets below the first one that is not evaluated in full are a fair
    sample of what was kept and of what was dropped, at equal rates.
    """
    waiting = with_status(merged.sets, SCREENED)
    return merged.keys[: int(np.argmax(waiting))] if waiting.any() else None


def reservation(merged: Merged) -> str:
    """Return why the verdict of a detector is open, empty where no set is left."""
    left = int(with_status(merged.sets, SCREENED).sum())
    if not left:
        return ""
    return (
        f"{left:,} of {len(merged.keys):,} sets were screened on a part of the sessions only; the "
        f"command with screening=none evaluates them."
    )


def describe_screening(
    plan: DetectorPlan, results: Results, halving: Halving, merged: Merged
) -> dict[str, Any]:
    """Return what a finished halving saved, and what the sample says that it lost.

    Returns
    -------
    dict
        Ready for JSON. `set_sessions` evaluated, against those without screening
        (`of_set_sessions`). A row of `choices` per fold and for the final set: the best in-sample
        objective among the sets that were kept and among the sampled ones of those dropped, and
        how many of the latter are better than the best that was kept, and than the chosen set.
    """
    scored = halving.rungs[0].scored
    in_full, n = len(halving.kept) + len(halving.sampled), len(plan.columns)
    spent = sum(rung.scored * rung.sessions for rung in halving.rungs) + in_full * n
    return {
        "rungs": [
            {"sessions": r.sessions, "sets": r.scored, "kept": r.kept} for r in halving.rungs
        ],
        "sets": scored,
        "sessions": n,
        "in_full": in_full,
        "dropped": len(halving.dropped),
        "sampled": len(halving.sampled),
        "set_sessions": spent,
        "of_set_sessions": scored * n,
        "choices": _choices(plan, results, halving, merged),
    }


def _choices(
    plan: DetectorPlan, results: Results, halving: Halving, merged: Merged
) -> list[dict[str, Any]]:
    evaluated = np.flatnonzero(with_status(merged.sets, "ok", "infeasible"))
    keys = merged.keys[evaluated]
    kept, sampled = np.isin(keys, halving.kept), np.isin(keys, halving.sampled)
    rows = (*merged.chosen.folds, merged.chosen.final)
    found = []
    seen = _seen(plan, results, merged, evaluated)
    for (name, values), row in zip(seen.items(), rows, strict=True):
        chosen = None if row is None else int(np.searchsorted(keys, merged.keys[row]))
        above = values[sampled]
        found.append(
            {
                "choice": name,
                "set_id": None if row is None else set_ids(merged.keys[[row]])[0],
                "from_sample": chosen is not None and bool(sampled[chosen]),
                "best_kept": _finite(_top(values[kept])),
                "best_sampled": _finite(_top(above)),
                "sampled_above_kept": int((above > _top(values[kept])).sum()),
                "sampled_above_chosen": (
                    None if chosen is None else int((above > values[chosen]).sum())
                ),
            }
        )
    return found


def _seen(
    plan: DetectorPlan, results: Results, merged: Merged, rows: NDArray[np.int64]
) -> dict[str, Float]:
    """Return by choice what it sees of some evaluated rows, NaN where it cannot choose the set."""
    names, width = ("objective", "violation", "trades"), len(plan.folds)
    if width:
        columns = [f"fold_{name}" for name in names]
        table = results.read_parts(plan.detector.name, ["key", *columns])
        if table is None:
            raise ValueError(f"{plan.detector.name} has rows, but no parts in {results.path}")
        places = np.searchsorted(table["key"].to_numpy(), merged.keys[rows])
        objective, violation, trades = (matrix(table, name, places, width) for name in columns)
    else:
        objective, violation, trades = (
            floats(merged.sets, name)[rows, np.newaxis] for name in names
        )
    values = np.where((trades > 0) & np.isfinite(objective), objective, np.nan)
    feasible = with_status(merged.sets, "ok")[rows]
    by_fold = {
        f"fold {k}": np.where(violation[:, k] == 0, values[:, k], np.nan) for k in range(width)
    }
    return {**by_fold, "final": np.where(feasible, median_over_folds(values), np.nan)}


def _top(values: Float) -> float:
    return float(np.max(values, where=~np.isnan(values), initial=-np.inf))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def screenings(
    plan: SweepPlan,
    results: Results,
    tasks: Mapping[str, Task],
    wanted: Mapping[str, Wanted],
    merged: Mapping[str, Merged],
) -> dict[str, dict[str, Any]]:
    """Return what finished halvings saved and may have lost, by detector."""
    plans = {one.detector.name: one for one in plan.judged}
    return {
        name: describe_screening(plans[name], results, halving, merged[name])
        for name, halving in halvings_of(plan, tasks, wanted, results).items()
        if halving.finished and name in merged
    }


def engine_seconds(tally: Tally, found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return what this run spent in the engine, and what all sets would have taken in full."""
    seconds = {"engine_seconds": tally.seconds, "screening_seconds": tally.screening_seconds}
    if found and tally.sets:
        every = sum(one["sets"] for one in found.values())
        seconds["unscreened_engine_seconds"] = tally.seconds / tally.sets * every
    return seconds


def time_notes(timings: Mapping[str, float]) -> list[str]:
    """Say what time screening saved, where this run measured it."""
    if "unscreened_engine_seconds" not in timings:
        return []
    screening, every = timings["screening_seconds"], timings["unscreened_engine_seconds"]
    spent = timings["engine_seconds"] + screening
    text = (
        f"screening: {spent:,.1f} s in the engine on one processor, {screening:,.1f} s of them on "
        f"rungs; all sets in full would take about {every:,.1f} s"
    )
    return [text]
