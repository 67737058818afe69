"""The Pareto front of several objectives: sets that no other set beats in all of them. Pure."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search.objective import Objective


def pareto_front(values: Float, feasible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which sets are on the front.

    Parameters
    ----------
    values
        float64 [sets, objectives], all maximised; a set with a NaN is not on the front.
    feasible
        bool [sets]; the others are not on it and beat nobody.

    Returns
    -------
    numpy.ndarray
        bool [sets]. Of sets equal in all objectives each is on it, or none.
    """
    on_front = np.zeros(len(values), np.bool_)
    left = np.flatnonzero(feasible & np.isfinite(values).all(axis=1))
    # By rank, so that objectives of any size can be summed: whoever has the largest sum is beaten
    # by none of those left, and each step takes away all that it beats.
    ranks = np.stack(
        [np.unique(values[left, k], return_inverse=True)[1] for k in range(values.shape[1])],
        axis=1,
    ).astype(np.int64)
    while len(left):
        best = int(np.argmax(ranks.sum(axis=1)))
        equal = (ranks == ranks[best]).all(axis=1)
        on_front[left[equal]] = True
        keep = ~(ranks <= ranks[best]).all(axis=1)
        left, ranks = left[keep], ranks[keep]
    return on_front


def pareto_table(table: pa.Table, objectives: Sequence[Objective]) -> pa.Table:
    """Return the sets on the front of a detector, best first by the first objective."""
    metrics = [objective.metric for objective in objectives]
    order = "descending" if objectives[0].sign > 0 else "ascending"
    own = [n for n in table.column_names if n.startswith("param.")]
    found = table.filter(table["pareto"])
    keys = [(metrics[0], order), ("set_id", "ascending")]
    return found.sort_by(keys).select(["detector", "set_id", *metrics, *own])
