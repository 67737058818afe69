"""What walk-forward folds say, and how many paths combinatorial folds give."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import Float, series


@dataclasses.dataclass(frozen=True)
class WalkForwardEfficiency:
    """Out-of-sample against in-sample result of the sets chosen anew in each fold.

    Attributes
    ----------
    efficiency
        Mean out-of-sample R per day / mean in-sample R per day, over all folds, weighted by
        out-of-sample sessions; NaN where the in-sample mean is not positive.
    in_sample, out_of_sample
        These means, R per day.
    per_fold
        float64 [folds], the same ratio fold by fold, NaN where the fold's in-sample mean is not
        positive.
    share_positive
        Share of folds with an out-of-sample mean above 0.
    """

    efficiency: float
    in_sample: float
    out_of_sample: float
    per_fold: Float
    share_positive: float


@dataclasses.dataclass(frozen=True)
class CombinatorialCounts:
    """Splits of purged combinatorial cross-validation, and the whole paths they make."""

    n_splits: int
    n_test_paths: int


def walk_forward_efficiency(
    in_sample: NDArray[np.floating[Any]],
    out_of_sample: NDArray[np.floating[Any]],
    sessions: NDArray[np.integer[Any]] | None = None,
) -> WalkForwardEfficiency:
    """Compare what chosen sets earned after their choice with what they had earned before.

    Parameters
    ----------
    in_sample, out_of_sample
        float [folds], mean daily net R of each fold's chosen set.
    sessions
        int [folds], out-of-sample sessions of each fold; default: all alike.

    Returns
    -------
    WalkForwardEfficiency
    """
    before = series(in_sample, name="in_sample")
    after = series(out_of_sample, name="out_of_sample")
    weights = np.ones(len(before)) if sessions is None else series(sessions.astype(np.float64))
    if not len(before) == len(after) == len(weights):
        raise ValueError(
            "in_sample, out_of_sample and sessions need one value a fold, got "
            f"{len(before)}, {len(after)} and {len(weights)}"
        )
    if not weights.min() > 0:
        raise ValueError(f"each fold needs out-of-sample sessions, got {weights.min():g}")
    mean_before = float(np.average(before, weights=weights))
    mean_after = float(np.average(after, weights=weights))
    per_fold = np.full(len(before), math.nan)
    np.divide(after, before, out=per_fold, where=before > 0)
    return WalkForwardEfficiency(
        efficiency=mean_after / mean_before if mean_before > 0 else math.nan,
        in_sample=mean_before,
        out_of_sample=mean_after,
        per_fold=per_fold,
        share_positive=float(np.mean(after > 0)),
    )


def combinatorial_counts(n_folds: int, n_test_folds: int) -> CombinatorialCounts:
    """Count splits `C(n, k)` and paths `C(n, k) k / n` of combinatorial cross-validation.

    Lopez de Prado, "Advances in Financial Machine Learning", 2018, chapter 12.

    Parameters
    ----------
    n_folds, n_test_folds
        1 <= n_test_folds < n_folds.

    Returns
    -------
    CombinatorialCounts
    """
    if not 1 <= n_test_folds < n_folds:
        raise ValueError(
            "test folds must be at least 1 and fewer than the folds, got "
            f"{n_test_folds} of {n_folds}"
        )
    n_splits = math.comb(n_folds, n_test_folds)
    return CombinatorialCounts(n_splits, n_splits * n_test_folds // n_folds)
