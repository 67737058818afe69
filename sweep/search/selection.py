"""Which of a detector's finished sets each choice is made among, and what was chosen. Pure.

All folds share the sets of a pool, which was drawn without looking. The sets of an adaptive search
went where its own fold's numbers led, so only that fold may choose among them: other searches have
seen its out-of-sample sessions.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search.adaptive import FINAL
from sweep.search.choose import MOST_SETS, Chosen, InSample, choose, choose_final, choose_fold
from sweep.search.in_sample import floats, matrix
from sweep.search.plan import DetectorPlan

Rows = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Selected:
    """What was chosen, as rows of the table of sets.

    Attributes
    ----------
    chosen
        Final set and one per fold.
    candidates
        Rising; the evaluated sets that the final set was chosen among.
    searches
        Search -> its sets in the order they were proposed; empty for a pool.
    baseline
        Rising; random sets beside an adaptive search, else none.
    rival
        What the same rules choose among the baseline; None for a pool.
    """

    chosen: Chosen
    candidates: Rows
    searches: Mapping[int, Rows]
    baseline: Rows
    rival: Chosen | None = None


def select(
    plan: DetectorPlan,
    table: pa.Table,
    evaluated: NDArray[np.bool_],
    values: Mapping[str, Float],
    objective: Float,
    violation: Float,
    *,
    searches: Mapping[int, Rows],
    baseline: Rows,
) -> Selected:
    """Choose among the evaluated sets of a table.

    Parameters
    ----------
    plan
        Folds and searched dimensions.
    table
        In-sample columns of the parts, by key.
    evaluated
        bool [rows].
    values, objective, violation
        float64 [rows]: parameters by name, and values outside the hold-out.
    searches, baseline
        See `Selected`; both empty for a pool.
    """
    with_folds = len(plan.folds) > 0

    def choices(rows: Rows) -> tuple[InSample, NDArray[np.bool_]]:
        rows = rows[:MOST_SETS]  # more would be gathered, then left out
        found = _in_sample(plan, table, rows, values, objective, violation)
        return found, violation[rows] == 0

    def pooled(rows: Rows) -> Chosen:
        known, feasible = choices(rows)
        return _placed(choose(known, feasible=feasible, with_folds=with_folds), rows)

    if not searches:
        rows = np.flatnonzero(evaluated)
        return Selected(pooled(rows), rows[:MOST_SETS], {}, np.empty(0, np.int64))
    own = {one: np.sort(rows[evaluated[rows]]) for one, rows in searches.items()}
    final = choose_final(*choices(own[FINAL]))
    folds = [choose_fold(choices(own[k])[0], k) for k in range(len(plan.folds))]
    chosen = Chosen(
        None if final is None else int(own[FINAL][final]),
        tuple(None if row is None else int(own[k][row]) for k, row in enumerate(folds)),
    )
    drawn = baseline[evaluated[baseline]]
    return Selected(chosen, own[FINAL][:MOST_SETS], searches, drawn, pooled(drawn))


def _placed(chosen: Chosen, rows: Rows) -> Chosen:
    """Turn rows of a selection into rows of the table."""
    return Chosen(
        None if chosen.final is None else int(rows[chosen.final]),
        tuple(None if row is None else int(rows[row]) for row in chosen.folds),
    )


def _in_sample(
    plan: DetectorPlan,
    table: pa.Table,
    rows: Rows,
    values: Mapping[str, Float],
    objective: Float,
    violation: Float,
) -> InSample:
    """Return what a selector may know of some evaluated rows."""
    searched = [values[d.name][rows] for d in plan.space.searched]
    parameters = np.stack(searched, axis=1) if searched else np.zeros((len(rows), 1))
    if len(plan.folds):
        names = ("fold_objective", "fold_violation", "fold_trades")
        seen, broken, trades = (matrix(table, name, rows, len(plan.folds)) for name in names)
    else:
        seen, broken = objective[rows, np.newaxis], violation[rows, np.newaxis]
        trades = floats(table, "trades")[rows, np.newaxis]
    keys = table["key"].to_numpy()[rows]
    return InSample(keys, parameters, seen, broken, trades.astype(np.int64))
