"""Drawdown in R, and how much of it is the order in which days came.

Equity is the running sum and starts at 0, so a loss on the first day is a drawdown. Days are
shuffled, not trades: losses cluster within days, and shuffling single trades would hide that.
"""

import collections
import dataclasses
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import Float, series

MAX_EXACT = 9
"""Values whose orders can be listed: 9! = 362,880."""

ROWS = 512


@dataclasses.dataclass(frozen=True)
class ExactDrawdowns:
    """Maximum drawdown over every order of a few values.

    Attributes
    ----------
    actual
        Of the order as given.
    counts
        Orders by maximum drawdown, rising, equal to 12 digits taken as one.
    total
        Number of orders.
    mean
        Mean maximum drawdown.
    """

    actual: float
    counts: dict[float, int]
    total: int
    mean: float


@dataclasses.dataclass(frozen=True)
class DrawdownDistribution:
    """Maximum drawdown of redrawn days, in R, positive.

    Attributes
    ----------
    actual
        Of the days as they came.
    median, high, extreme
        50 %, 95 % and 99 % quantile of the draws.
    share_worse
        Share of draws at least as deep as the actual one.
    n_draws
        Draws.
    """

    actual: float
    median: float
    high: float
    extreme: float
    share_worse: float
    n_draws: int


def max_drawdown(returns: NDArray[np.floating[Any]]) -> float:
    """Return the deepest fall of the running sum from its peak so far.

    Parameters
    ----------
    returns
        float [n], R of days or trades in order. (Of `log(1 + r)`, the answer d is the drawdown
        `1 - exp(-d)` of compounded returns.)

    Returns
    -------
    float
        R, 0 or more; the peak includes the start at 0.
    """
    return float(_drawdowns(series(returns, at_least=0)[None, :])[0])


def shuffle_drawdown_distribution_exact(returns: NDArray[np.floating[Any]]) -> ExactDrawdowns:
    """Return the maximum drawdown over all orders of at most 9 values.

    Parameters
    ----------
    returns
        float [1..9], R.

    Returns
    -------
    ExactDrawdowns
    """
    values = series(returns)
    if len(values) > MAX_EXACT:
        raise ValueError(
            f"all orders can be listed up to {MAX_EXACT} values, got {len(values)}; "
            "use monte_carlo_drawdown"
        )
    orders = np.array(list(itertools.permutations(values)))
    found = _drawdowns(orders)
    counts = collections.Counter(float(f"{value:.12g}") for value in found)
    return ExactDrawdowns(
        actual=max_drawdown(values),
        counts=dict(sorted(counts.items())),
        total=len(found),
        mean=float(found.mean()),
    )


def monte_carlo_drawdown(
    returns: NDArray[np.floating[Any]],
    *,
    redraw: bool = False,
    n_draws: int = 2_000,
    seed: int = 0,
) -> DrawdownDistribution:
    """Estimate the maximum drawdown that other orders of the same days would have had.

    Parameters
    ----------
    returns
        float [sessions], daily net R.
    redraw
        False: permute the days, so that the sum stays and only path risk is left. True: draw days
        with replacement, which adds the uncertainty of the edge itself.
    n_draws
        At least 1.
    seed
        Of the generator.

    Returns
    -------
    DrawdownDistribution
    """
    values = series(returns)
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}")
    rng = np.random.default_rng(seed)
    pieces = []
    for start in range(0, n_draws, ROWS):
        shape = (min(ROWS, n_draws - start), len(values))
        if redraw:
            rows = values[rng.integers(0, len(values), size=shape)]
        else:
            rows = rng.permuted(np.broadcast_to(values, shape), axis=1)
        pieces.append(_drawdowns(rows))
    found = np.concatenate(pieces)
    actual = max_drawdown(values)
    # Equal up to rounding counts as equal: all orders of one-signed days are.
    reached = found >= actual - 1e-12 * math.fsum(np.abs(values))
    median, high, extreme = (float(value) for value in np.quantile(found, (0.5, 0.95, 0.99)))
    return DrawdownDistribution(actual, median, high, extreme, float(np.mean(reached)), n_draws)


def _drawdowns(rows: Float) -> Float:
    """Return the maximum drawdown of each row of [rows, n]."""
    equity = np.zeros((rows.shape[0], rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=equity[:, 1:])
    deepest: Float = (np.maximum.accumulate(equity, axis=1) - equity).max(axis=1)
    return deepest
