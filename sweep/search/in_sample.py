"""Read what blocks left: columns as arrays, and what an adaptive search may be told of them. Pure.

Nothing here hands on an out-of-sample number.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search.adaptive import FINAL, Scores
from sweep.search.choose import median_over_folds
from sweep.search.evaluation import Task
from sweep.search.objective import total_violation
from sweep.search.samplers import WORST


def with_status(table: pa.Table, *names: str) -> NDArray[np.bool_]:
    """Tell which rows have one of these statuses."""
    found: NDArray[np.bool_] = pc.is_in(table["status"], value_set=pa.array(names)).to_numpy()
    return found


def floats(table: pa.Table, name: str) -> Float:
    """Return a column as float64 [rows]; null is NaN."""
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)


def matrix(table: pa.Table, name: str, rows: NDArray[np.int64], width: int) -> Float:
    """Return rows of a list column that have a list as float64 [rows, width]; null is NaN."""
    lists = table[name].combine_chunks()
    lists = lists.chunk(0) if isinstance(lists, pa.ChunkedArray) else lists
    values = lists.take(pa.array(rows)).flatten().cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(-1, width)


def told_columns(task: Task) -> list[str]:
    """Return the columns of a part that `told` reads."""
    whole = [o.metric for o in task.objectives] + [c.metric for c in task.constraints]
    folds = ["fold_violation", "fold_trades", *task.fold_objectives] if task.folds else []
    return list(dict.fromkeys(["key", "status", "trades", *whole, *folds]))


def told(task: Task, table: pa.Table, fold: int) -> Scores:
    """Return what the search of a fold hears of the sets of a table.

    Parameters
    ----------
    task
        Objectives, constraints and folds.
    table
        `told_columns`, one row a set.
    fold
        Number of the fold, which decides whose in-sample values; `FINAL`: medians over the folds,
        with the constraints on all sessions outside the hold-out.
    """
    shape = (len(table), len(task.objectives))
    objectives, violation = np.full(shape, np.nan), np.full(len(table), WORST)
    rows = np.flatnonzero(with_status(table, "ok"))
    if len(rows) == 0:
        return Scores(objectives, violation)
    whole = {o.metric for o in task.objectives} | {c.metric for c in task.constraints}
    metrics = {name: floats(table, name)[rows] for name in {*whole, "trades"}}
    if fold == FINAL:
        violation[rows] = total_violation(task.constraints, metrics)
    if not task.folds:
        for k, objective in enumerate(task.objectives):
            objectives[rows, k] = np.where(metrics["trades"] > 0, objective.of(metrics), np.nan)
        return Scores(objectives, violation)
    width = len(task.folds)
    traded = matrix(table, "fold_trades", rows, width) > 0
    if fold != FINAL:
        violation[rows] = matrix(table, "fold_violation", rows, width)[:, fold]
    for k, name in enumerate(task.fold_objectives):
        seen = np.where(traded, matrix(table, name, rows, width), np.nan)
        objectives[rows, k] = median_over_folds(seen) if fold == FINAL else seen[:, fold]
    return Scores(objectives, violation)
