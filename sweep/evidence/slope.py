"""Do sets earn more and more up to the end of a range? The slope there, judged by days.

A parameter set at the end of a searched range is suspicious only if sets like it still earn more
the nearer they lie to that end: then the best may lie outside. Where the parameter changes
nothing, or its best value lies inside, an end is a place like any other.

The slope at the end of a least-squares parabola is a weighted sum of what the sets earn. It has
two errors, which add: that of a mean over days, since neighbours share their luck, which would
look like a slope without error; and that of the curve, since sets differ in other parameters too.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sweep.evidence.columns import Bool, Float, Int

LEAST_FREEDOM = 10
"""Sets beyond the coefficients of the curve: with fewer it follows single sets."""

SETS_PER_COEFFICIENT = 10
STRETCH = 0.25
"""Share of the range further out for which the slope at its end is continued."""


@dataclasses.dataclass(frozen=True)
class EndSlope:
    """How to read the slope at an end from the sets around one set.

    Attributes
    ----------
    sets
        int64 [sets of the curve], their rows.
    weights
        float64 [sets of the curve]; the weighted sum of what they earn is what a range longer by
        `STRETCH` would add, if the slope at its end went on.
    design
        float64 [sets of the curve, coefficients], what it is fitted with.
    """

    sets: Int
    weights: Float
    design: Float


@dataclasses.dataclass(frozen=True)
class EndRise:
    """What more would be earned beyond the end of a range, by the slope there.

    Attributes
    ----------
    rise
        R per day for a range longer by `STRETCH`, positive where the end is better.
    error
        Its standard error, over days and around the curve.
    p_value
        Chance of at least this rise where there is none (Student t, one-sided).
    n_sets
        Sets that the curve is drawn through.
    """

    rise: float
    error: float
    p_value: float
    n_sets: int


def end_slope(
    parameters: NDArray[np.floating[Any]], usable: Bool, row: int, column: int, *, upward: bool
) -> EndSlope | None:
    """Draw a parabola in one parameter, through sets like one set, and take its slope at an end.

    The sets are those nearest to `row` in all other parameters (Euclidean, ranks scaled to [0, 1],
    as in `plateau_score_nearest`). The curve has a slope in every other parameter, so that what
    those do is not taken for this one's.

    Parameters
    ----------
    parameters
        float [sets, parameters], finite.
    usable
        bool [sets], False for sets whose results mean nothing.
    row, column
        The set, and the parameter whose end is in question.
    upward
        True for the upper end.

    Returns
    -------
    EndSlope or None
        None where there are too few sets for a curve.
    """
    from scipy import stats  # noqa: PLC0415 - slow

    known = usable.copy()
    known[row] = True  # what the others are near to; it need not be usable
    rows = np.flatnonzero(known)
    places = np.asarray(parameters, dtype=np.float64)[rows]
    centre = int(np.searchsorted(rows, row))
    varying = places.max(axis=0) > places.min(axis=0)
    if not varying[column]:
        return None
    ranks = (stats.rankdata(places[:, varying], axis=0) - 1) / (len(places) - 1)
    column = int(varying[:column].sum())
    along = ranks[:, column] if upward else 1.0 - ranks[:, column]
    others = np.delete(ranks, column, axis=1)
    candidates = np.flatnonzero(usable[rows])
    distance = ((others[candidates] - others[centre]) ** 2).sum(axis=1)
    wanted = SETS_PER_COEFFICIENT * (ranks.shape[1] + 2)
    near = candidates[np.argsort(distance, kind="stable")[:wanted]]
    # Measured from the end, so that the coefficient of the first power is the slope there.
    before = along[near] - 1.0
    design = np.column_stack([before, before**2, np.ones(len(near)), others[near]])
    if len(near) - design.shape[1] < LEAST_FREEDOM:
        return None
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    return EndSlope(rows[near], np.linalg.pinv(design)[0] * STRETCH, design)


def end_rise(slope: EndSlope, daily: NDArray[np.floating[Any]]) -> EndRise:
    """Measure a slope.

    Parameters
    ----------
    slope
        How to read it.
    daily
        float [sets of the curve, sessions >= 2], daily net R in the order of `slope.sets`.

    Returns
    -------
    EndRise
    """
    values = np.asarray(daily, dtype=np.float64)
    series = slope.weights @ values
    rise, n = float(series.mean()), len(series)
    means = values.mean(axis=1)
    fitted = slope.design @ np.linalg.lstsq(slope.design, means, rcond=None)[0]
    freedom = len(means) - slope.design.shape[1]
    scatter = float(((means - fitted) ** 2).sum()) / freedom * float(slope.weights @ slope.weights)
    error = math.sqrt(float(series.var(ddof=1)) / n + scatter)
    if error <= 1e-9 * float(np.abs(series).max(initial=0.0)):
        p_value = 0.0 if rise > 0 else 1.0
    else:
        p_value = float(special.stdtr(min(n - 1, freedom), -rise / error))
    return EndRise(rise, error, p_value, len(slope.sets))
