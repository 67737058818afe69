"""Stationary bootstrap: resampled sessions in blocks of random length, and intervals from them.

Politis and Romano, "The Stationary Bootstrap", Journal of the American Statistical Association
89(428), 1994. Whole sessions are drawn, never single trades, so trades of a day stay together.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import Float, Int, series

MEAN_BLOCK = 5.0
"""Sessions; daily net R of intraday trades is hardly autocorrelated, and long blocks cost size."""

RESAMPLES = 2_000

SPREAD_FLOOR = 0.5
"""A resample's standard deviation counts as at least this share of the sample's.

A set with few active days has resamples without almost any of them; their studentised means would
be dozens of deviations away and hide every other set. Varied daily series never come near this
floor.
"""


@dataclasses.dataclass(frozen=True)
class Interval:
    """Estimate with bounds, in the unit of the statistic.

    Attributes
    ----------
    estimate
        Of the sample.
    low, high
        Two-sided interval: each side is missed with probability (1 - confidence) / 2.
    lower_bound, upper_bound
        One-sided bounds: each is missed with probability 1 - confidence.
    confidence
        In (0, 1).
    """

    estimate: float
    low: float
    high: float
    lower_bound: float
    upper_bound: float
    confidence: float


def stationary_bootstrap_indices(
    n_sessions: int,
    *,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Int:
    """Draw resampled session numbers.

    Each position goes on to the next session (after the last comes the first), and with
    probability 1 / mean_block jumps to a uniformly drawn one.

    Parameters
    ----------
    n_sessions
        At least 1.
    mean_block
        Mean length of a run in sessions, at least 1; 1 draws sessions independently.
    n_resamples
        At least 1.
    seed
        Of the generator.

    Returns
    -------
    ndarray
        int64 [n_resamples, n_sessions].
    """
    if n_sessions < 1 or n_resamples < 1:
        raise ValueError(
            f"n_sessions and n_resamples must be at least 1, got {n_sessions} and {n_resamples}"
        )
    if not mean_block >= 1:
        raise ValueError(f"mean_block must be at least 1 session, got {mean_block}")
    rng = np.random.default_rng(seed)
    shape = (n_resamples, n_sessions)
    starts = rng.integers(0, n_sessions, size=shape)
    jumps = rng.random(shape) < 1 / mean_block
    jumps[:, 0] = True
    position = np.arange(n_sessions)
    last_jump = np.maximum.accumulate(np.where(jumps, position, 0), axis=1)
    found: Int = np.take_along_axis(starts, last_jump, axis=1) + (position - last_jump)
    return found % n_sessions


def resample_counts(indices: Int) -> Float:
    """Return how often each session occurs in each resample, float64 [resamples, sessions]."""
    n_resamples, n_sessions = indices.shape
    flat = indices + np.arange(n_resamples)[:, None] * n_sessions
    counts = np.bincount(flat.ravel(), minlength=n_resamples * n_sessions)
    return counts.reshape(n_resamples, n_sessions).astype(np.float64)


def mean_interval(
    returns: NDArray[np.floating[Any]],
    *,
    confidence: float = 0.95,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound the mean of a daily series by the studentised bootstrap.

    Parameters
    ----------
    returns
        float [sessions >= 2], daily net R.
    confidence, mean_block, n_resamples, seed
        See `Interval` and `stationary_bootstrap_indices`.

    Returns
    -------
    Interval
        In R per day; of zero width for a constant series.
    """
    values = series(returns, at_least=2)
    indices = stationary_bootstrap_indices(
        len(values), mean_block=mean_block, n_resamples=n_resamples, seed=seed
    )
    mean, spread = float(values.mean()), float(values.std())
    if values.min() == values.max():
        return Interval(mean, mean, mean, mean, mean, confidence)
    drawn = values[indices]
    widths = np.maximum(drawn.std(axis=1), SPREAD_FLOOR * spread)
    # mean - t* spread, so that large draws of t* give the lower end.
    return _interval(mean, mean - (drawn.mean(axis=1) - mean) / widths * spread, confidence)


def statistic_interval(
    returns: NDArray[np.floating[Any]],
    statistic: Callable[[Float], Float],
    *,
    confidence: float = 0.95,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound any statistic of a daily series by percentiles of its resampled values.

    Parameters
    ----------
    returns
        float [sessions], daily net R.
    statistic
        Function from float64 [rows, sessions] to float64 [rows], as `sharpe_of_rows`.
    confidence, mean_block, n_resamples, seed
        See `Interval` and `stationary_bootstrap_indices`.

    Returns
    -------
    Interval
        In the unit of the statistic.
    """
    values = series(returns)
    indices = stationary_bootstrap_indices(
        len(values), mean_block=mean_block, n_resamples=n_resamples, seed=seed
    )
    return _interval(float(statistic(values[None, :])[0]), statistic(values[indices]), confidence)


def ratio_interval(
    numerator: NDArray[np.floating[Any]],
    denominator: NDArray[np.floating[Any]],
    *,
    confidence: float = 0.95,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound a ratio of two sums over sessions, with percentiles of resampled sessions.

    Expectancy is R over trades, win rate is wins over trades, profit factor is won R over lost R,
    each summed per session.

    Parameters
    ----------
    numerator, denominator
        float [sessions], sums per session, `denominator` >= 0.
    confidence, mean_block, n_resamples, seed
        See `Interval` and `stationary_bootstrap_indices`.

    Returns
    -------
    Interval
        x / 0 is infinite for x > 0; resamples with 0 / 0 say nothing and are left out; NaN where
        nothing is left.
    """
    top, below = series(numerator, name="numerator"), series(denominator, name="denominator")
    if len(top) != len(below):
        raise ValueError(f"both sums need the same sessions, got {len(top)} and {len(below)}")
    if below.min() < 0:
        raise ValueError(f"denominator must be 0 or more, got {below.min()}")
    indices = stationary_bootstrap_indices(
        len(top), mean_block=mean_block, n_resamples=n_resamples, seed=seed
    )
    counts = resample_counts(indices)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(top.sum() / below.sum())
        drawn = (counts @ top) / (counts @ below)
    return _interval(estimate, drawn[~np.isnan(drawn)], confidence)


def sharpe_of_rows(rows: Float) -> Float:
    """Return the Sharpe ratio per day (ddof 1) of each row; 0 for a row that never varies."""
    spread = rows.std(axis=1, ddof=1)
    varies = rows.max(axis=1) != rows.min(axis=1)
    sharpes: Float = np.divide(rows.mean(axis=1), spread, out=np.zeros(len(rows)), where=varies)
    return sharpes


def _interval(estimate: float, drawn: Float, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if len(drawn) == 0:
        return Interval(estimate, math.nan, math.nan, math.nan, math.nan, confidence)
    tail = 1 - confidence
    levels = (tail / 2, 1 - tail / 2, tail, 1 - tail)
    # Infinite draws (a profit factor without losses) must not be interpolated to NaN.
    if np.isfinite(drawn).all():
        found = np.quantile(drawn, levels)
    else:
        found = np.quantile(drawn, levels, method="nearest")
    low, high, lower_bound, upper_bound = found.tolist()
    return Interval(estimate, low, high, lower_bound, upper_bound, confidence)
