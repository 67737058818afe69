"""What an adaptive search found beside as many random sets, by the same rules of choice. Pure."""

from typing import Any

import numpy as np
import pyarrow as pa

from detectors.bars import Float
from sweep.search.adaptive import FINAL
from sweep.search.adaptive_trial import search_label
from sweep.search.evaluation import Task
from sweep.search.identity import set_ids
from sweep.search.in_sample import matrix, told, with_status
from sweep.search.selection import Rows, Selected


def compare(task: Task, table: pa.Table, selected: Selected) -> list[dict[str, Any]]:
    """Compare each search with the random baseline.

    Parameters
    ----------
    task
        Objectives and folds.
    table
        The parts of a detector: what searches are told, and `fold_out_mean` where there are folds.
    selected
        What was chosen of both.

    Returns
    -------
    list of dict
        Per search: sets proposed by it and drawn at random; the best in-sample objective of a
        feasible set of each, as the search was told; the chosen set of each; its mean net R a
        session out of sample, None for the final search, which has no such sessions. Empty for a
        pool.
    """
    if selected.rival is None:
        return []
    found: list[dict[str, Any]] = []
    keys = table["key"].to_numpy()
    outside = _out_of_sample(task, table)
    folds = zip(selected.chosen.folds, selected.rival.folds, strict=True)
    chosen = dict(enumerate(folds)) | {FINAL: (selected.chosen.final, selected.rival.final)}
    for search, rows in selected.searches.items():
        scores = told(task, table, search)
        usable = (scores.violation == 0.0) & np.isfinite(scores.objectives[:, 0])
        value = np.where(usable, scores.objectives[:, 0], -np.inf)
        best, rival = _best(value, rows), _best(value, selected.baseline)
        found.append(
            {
                "search": search_label(search),
                "sets": len(rows),
                "random_sets": len(selected.baseline),
                "best": None if best is None else task.objective.sign * best,
                "random_best": None if rival is None else task.objective.sign * rival,
                "gain": None if best is None or rival is None else best - rival,
            }
        )
        for row, whose in zip(chosen[search], ("", "random_"), strict=True):
            found[-1][f"{whose}chosen"] = None if row is None else set_ids(keys[[row]])[0]
            found[-1][f"{whose}out_of_sample_mean_r"] = _mean(outside, search, row)
    return found


def _best(value: Float, rows: Rows) -> float | None:
    best = float(np.max(value[rows], initial=-np.inf))
    return best if np.isfinite(best) else None


def _out_of_sample(task: Task, table: pa.Table) -> Float | None:
    """Return out-of-sample means, float64 [sets, folds], NaN for sets without a result."""
    if not task.folds:
        return None
    out = np.full((len(table), len(task.folds)), np.nan)
    rows = np.flatnonzero(with_status(table, "ok"))
    out[rows] = matrix(table, "fold_out_mean", rows, len(task.folds))
    return out


def _mean(outside: Float | None, search: int, row: int | None) -> float | None:
    """Return the mean of a fold's chosen set; without a feasible one nothing is traded."""
    if outside is None or search == FINAL:
        return None
    return 0.0 if row is None else float(outside[row, search])
