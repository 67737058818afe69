"""Choose parameter sets by plateau, inside the folds; a choice sees in-sample values only. Pure.

The set of fold k is the feasible one with the best plateau score in its in-sample window; the
final set follows the same rule with the median of its in-sample values over the folds. Of sets
with equal scores the one with the better value of its own is chosen, then the smallest key.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.evidence.plateau import plateau_score_nearest
from sweep.search.identity import Keys

MOST_SETS = 10_000
"""Sets a choice is made among; of more, those with the smallest keys, which is a fair sample.

Neighbours cost most of a choice and grow faster than the sets: in 11 parameters one choice takes
1.3 s of processor time among 10,000 and 9.3 s among 30,000. A plateau needs no more to be seen.
"""


@dataclasses.dataclass(frozen=True)
class InSample:
    """What a selector may know of n sets, sorted by key.

    Attributes
    ----------
    keys
        uint64 [n].
    parameters
        float64 [n, parameters].
    objective, violation
        float64 [n, folds]; without folds one column for all sessions outside the hold-out.
    trades
        int64 [n, folds].
    """

    keys: Keys
    parameters: Float
    objective: Float
    violation: Float
    trades: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Rows of the chosen sets.

    Attributes
    ----------
    final
        Row, None where no set is feasible.
    folds
        One row or None per fold.
    """

    final: int | None
    folds: tuple[int | None, ...]


def choose(known: InSample, *, feasible: NDArray[np.bool_], with_folds: bool) -> Chosen:
    """Choose a set per fold and a final one.

    Parameters
    ----------
    known
        In-sample values.
    feasible
        bool [n], the set keeps all constraints outside the hold-out; binds the final set only.
    with_folds
        False where the columns of `known` are no folds.
    """
    folds = range(known.objective.shape[1]) if with_folds else ()
    return Chosen(choose_final(known, feasible), tuple(choose_fold(known, k) for k in folds))


def choose_final(known: InSample, feasible: NDArray[np.bool_]) -> int | None:
    """Return the row of the final set, None where no set is feasible."""
    known = _sample(known)
    return _best(known.parameters, median_over_folds(_values(known)), feasible[: len(known.keys)])


def choose_fold(known: InSample, fold: int) -> int | None:
    """Return the row of the set of one fold, None where no set is feasible."""
    known = _sample(known)
    return _best(known.parameters, _values(known)[:, fold], known.violation[:, fold] == 0)


def _sample(known: InSample) -> InSample:
    columns = (getattr(known, field.name)[:MOST_SETS] for field in dataclasses.fields(known))
    return InSample(*columns)


def _values(known: InSample) -> Float:
    """Return objectives; a set without trades has a mean of 0 by default, which says nothing."""
    return np.where((known.trades > 0) & np.isfinite(known.objective), known.objective, np.nan)


def median_over_folds(values: Float) -> Float:
    """Return the median of each row; NaN where half of the folds or more have no value."""
    present = (~np.isnan(values)).sum(axis=1)
    out = np.full(len(values), np.nan)
    enough = 2 * present > values.shape[1]
    out[enough] = np.nanmedian(values[enough], axis=1)
    return out


def _best(parameters: Float, objective: Float, feasible: NDArray[np.bool_]) -> int | None:
    """Return the feasible row of the best plateau score; of equals the best own value, the first.

    Equal scores are common: few sets share neighbourhoods, and so do copies in the parameters.
    """
    usable = feasible & ~np.isnan(objective)
    if not usable.any():
        return None
    scores = plateau_score_nearest(parameters, objective).scores
    best = usable & (scores == scores[usable].max())
    return int(np.argmax(np.where(best, objective, -np.inf)))
