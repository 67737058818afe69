"""Quantities of a list of trades in R, with bounds that few trades cannot fool."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sweep.evidence.columns import series


@dataclasses.dataclass(frozen=True)
class TradeSummary:
    """Trades in R multiples, net.

    Attributes
    ----------
    n_trades, n_wins
        Trades, and those with net R above 0 (0 is no win).
    win_rate, win_rate_low, win_rate_high
        Share of wins and its Wilson interval; NaN, 0 and 1 without trades.
    breakeven_win_rate
        1 / (1 + payoff): what the win rate has to beat, not 50 %.
    profit_factor
        Won R / lost R: infinite without losses, NaN without trades that won or lost.
    payoff_ratio
        Average win / average loss, the same at the ends.
    average_win, average_loss
        R, the loss as a positive number; NaN where there is none.
    expectancy, expectancy_lower
        Mean R and its one-sided lower bound (Student t); NaN below 1 and 2 trades.
    """

    n_trades: int
    n_wins: int
    win_rate: float
    win_rate_low: float
    win_rate_high: float
    breakeven_win_rate: float
    profit_factor: float
    payoff_ratio: float
    average_win: float
    average_loss: float
    expectancy: float
    expectancy_lower: float


def wilson_interval(wins: int, n_trades: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Bound a win rate by Wilson's score interval (JASA 22, 1927).

    Parameters
    ----------
    wins, n_trades
        0 <= wins <= n_trades.
    alpha
        Two-sided: 0.05 gives 95 %, 0.10 gives one-sided 95 % bounds.

    Returns
    -------
    tuple
        Low and high in [0, 1]; (0, 1) without trades.
    """
    if not 0 <= wins <= n_trades:
        raise ValueError(f"wins must lie between 0 and the trades, got {wins} of {n_trades}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    if n_trades == 0:
        return 0.0, 1.0
    z = -float(special.ndtri(alpha / 2))
    share, scale = wins / n_trades, 1 + z * z / n_trades
    centre = (share + z * z / (2 * n_trades)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n_trades + (z / (2 * n_trades)) ** 2)
    low = 0.0 if wins == 0 else centre - half
    return low, 1.0 if wins == n_trades else centre + half


def trade_summary(
    r_multiples: NDArray[np.floating[Any]], *, confidence: float = 0.95
) -> TradeSummary:
    """Summarise trades.

    Parameters
    ----------
    r_multiples
        float [trades], net R of each trade; may be empty.
    confidence
        Of the Wilson interval (two-sided) and the bound of the expectancy (one-sided).

    Returns
    -------
    TradeSummary
    """
    r = series(r_multiples, name="r_multiples", at_least=0)
    wins, losses = r[r > 0], r[r < 0]
    average_win = float(wins.mean()) if len(wins) else math.nan
    average_loss = -float(losses.mean()) if len(losses) else math.nan
    low, high = wilson_interval(len(wins), len(r), alpha=1 - confidence)
    payoff = _ratio(average_win, average_loss)
    return TradeSummary(
        n_trades=len(r),
        n_wins=len(wins),
        win_rate=len(wins) / len(r) if len(r) else math.nan,
        win_rate_low=low,
        win_rate_high=high,
        breakeven_win_rate=1 / (1 + payoff),
        profit_factor=_ratio(float(wins.sum()), -float(losses.sum())),
        payoff_ratio=payoff,
        average_win=average_win,
        average_loss=average_loss,
        expectancy=float(r.mean()) if len(r) else math.nan,
        expectancy_lower=mean_lower_bound(r, confidence=confidence) if len(r) else math.nan,
    )


def mean_lower_bound(returns: NDArray[np.floating[Any]], *, confidence: float = 0.95) -> float:
    """Return the one-sided lower bound of a mean, `mean - t s / sqrt(n)`, independent values.

    Parameters
    ----------
    returns
        float [n], daily or per trade.
    confidence
        In (0, 1).

    Returns
    -------
    float
        In the unit of the values; NaN below 2 values, where there is no spread.
    """
    values = series(returns)
    if len(values) < 2:
        return math.nan
    quantile = float(special.stdtrit(len(values) - 1, confidence))
    return float(values.mean() - quantile * values.std(ddof=1) / math.sqrt(len(values)))


def _ratio(won: float, lost: float) -> float:
    """Return won / lost, where 0 or NaN stands for "none"."""
    has_won, has_lost = won > 0, lost > 0
    if not has_won and not has_lost:
        return math.nan
    if not has_lost:
        return math.inf
    return won / lost if has_won else 0.0
