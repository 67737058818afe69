"""Do sets earn more the nearer they lie to the end of a range? A local line, judged by days.

A parameter set at the end of a searched range is suspicious only if sets like it earn more the
nearer they lie to that end: then the best may lie outside. Where the parameter changes nothing, or
its best value lies inside, an end is a place like any other.

The slope of a least-squares line is a weighted sum of what the sets earn, so it has a value on
every day, and its error is that of a mean over days. The scatter of the sets around the line would
not do: neighbours share their luck, which then looks like a slope without error.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from sweep.evidence.columns import Bool, Float, Int

LEAST_FREEDOM = 10
"""Sets beyond the coefficients of the line: with fewer it follows single sets."""

SETS_PER_COEFFICIENT = 6


@dataclasses.dataclass(frozen=True)
class LocalLine:
    """A line through the sets around one set.

    Attributes
    ----------
    sets
        int64 [sets of the line], their rows.
    weights
        float64 [sets of the line]; the weighted sum of what they earn is what the line rises from
        the middle of the range to its end.
    """

    sets: Int
    weights: Float


@dataclasses.dataclass(frozen=True)
class LocalRise:
    """What more is earned at the end of a range than in its middle, by the line.

    Attributes
    ----------
    rise
        R per day, positive where the end is better.
    error
        Its standard error over days.
    p_value
        Chance of at least this rise where there is none (Student t, one-sided).
    n_sets
        Sets that the line is drawn through.
    """

    rise: float
    error: float
    p_value: float
    n_sets: int


def local_line(
    parameters: NDArray[np.floating[Any]], usable: Bool, row: int, column: int, *, upward: bool
) -> LocalLine | None:
    """Draw a line in one parameter, through sets like one set in the half that ends there.

    The sets are those in the outer half of the parameter's ranks that are nearest to `row` in all
    other parameters (Euclidean, ranks scaled to [0, 1], as in `plateau_score_nearest`). The line
    has a slope in every parameter, so that what the others do is not taken for this one's.

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
    LocalLine or None
        None where there are too few sets for a line.
    """
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
    outer = np.flatnonzero((along >= 0.5) & usable[rows])
    distance = ((others[outer] - others[centre]) ** 2).sum(axis=1)
    wanted = SETS_PER_COEFFICIENT * (ranks.shape[1] + 1)
    near = outer[np.argsort(distance, kind="stable")[:wanted]]
    design = np.column_stack([along[near], np.ones(len(near)), others[near]])
    if len(near) - design.shape[1] < LEAST_FREEDOM:
        return None
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    return LocalLine(rows[near], np.linalg.pinv(design)[0] / 2)


def local_rise(line: LocalLine, daily: NDArray[np.floating[Any]]) -> LocalRise:
    """Measure a line.

    Parameters
    ----------
    line
        The line.
    daily
        float [sets of the line, sessions >= 2], daily net R in the order of `line.sets`.

    Returns
    -------
    LocalRise
    """
    series = line.weights @ np.asarray(daily, dtype=np.float64)
    rise, n = float(series.mean()), len(series)
    error = float(series.std(ddof=1)) / math.sqrt(n)
    if error <= 1e-12 * float(np.abs(series).max(initial=0.0)):
        p_value = 0.0 if rise > 0 else 1.0
    else:
        p_value = float(special.stdtr(n - 1, -rise / error))
    return LocalRise(rise, error, p_value, len(line.sets))
