"""Metrics of parameter sets from running sums of trades and daily net R (DESIGN.md 6).

Terms: R = net result / initial risk; daily series = net R per session of the axis, 0 without
trade.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.bars import Float, Int
from sweep.engine.eights import LANES, down, put, spread, where_below
from sweep.engine.jit import kernel, making
from sweep.engine.sums import (
    AMBIGUOUS,
    BARS,
    GROSS,
    LOSSES,
    LOST,
    MEAN,
    MINUTES,
    NOTIONAL,
    REASONS,
    SQUARES,
    TARGET_FIRST,
    TOP,
    TRADES,
    WINS,
    WON,
)
from sweep.engine.trade import EXIT_REASONS

LEVEL = 0.95

_SQUARES, _DOWNSIDE, _DRAWDOWN = range(LANES, 4 * LANES, LANES)


@kernel
def _moments(daily: Float, first: int, room: Float) -> None:
    """Run over the sessions of eight sets side by side.

    `room` is float64 [4 * LANES], out: mean, sum of squares, of losses squared, drawdown.
    """
    none = spread(0.0)
    mean, squares, downside, total, peak, drawdown = none, none, none, none, none, none
    for t in range(daily.shape[1]):
        x = down(daily, first, t)
        step = x - mean
        mean = mean + step / spread(t + 1.0)
        squares = squares + step * (x - mean)
        loss = where_below(x, none, x, none)
        downside = downside + loss * loss
        total = total + x
        peak = where_below(peak, total, total, peak)
        below_peak = peak - total
        drawdown = where_below(drawdown, below_peak, below_peak, drawdown)
    put(room, 0, mean)
    put(room, _SQUARES, squares)
    put(room, _DOWNSIDE, downside)
    put(room, _DRAWDOWN, drawdown)


@making
def daily_moments(daily: Float, trades: NDArray[np.int32]) -> Float:
    """Mean, sample deviation, downside deviation, max drawdown and active days of each row.

    Returns float64 [sets, 5]. Drawdown is measured from a peak that includes the start at 0.
    """
    sets, n = daily.shape
    out, room = np.full((sets, 5), np.nan), np.empty(4 * LANES)
    for first in range(0, sets, LANES):
        begin = min(first, sets - LANES)  # the last eight again in part
        if begin < 0:
            few = np.zeros((LANES, n))
            few[:sets] = daily
            _moments(few, 0, room)
        else:
            _moments(daily, begin, room)
        for s in range(first, min(first + LANES, sets)):
            lane, active = s - max(begin, 0), 0
            for t in range(n):
                active += trades[s, t] > 0
            if n > 0:
                out[s, 0] = room[lane]
                out[s, 2] = np.sqrt(room[_DOWNSIDE + lane] / n)
            if n > 1:
                out[s, 1] = np.sqrt(room[_SQUARES + lane] / (n - 1.0))
            out[s, 3], out[s, 4] = room[_DRAWDOWN + lane], active
    return out


def lower_bound(mean: Float, deviation: Float, count: Float | float) -> Float:
    """One-sided 95 % lower confidence bound of a mean by Student's t; NaN below two values."""
    count = np.asarray(count, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        quantile = np.where(count > 1, special.stdtrit(np.maximum(count - 1, 1), LEVEL), np.nan)
        return np.asarray(mean - quantile * deviation / np.sqrt(count))


def wilson(wins: Float, trades: Float) -> tuple[Float, Float]:
    """Two-sided 95 % Wilson interval of a win rate; [0, 1] without trades."""
    z = float(special.ndtri(1 - (1 - LEVEL) / 2))
    n = np.maximum(trades, 1)
    share = wins / n
    centre = share + z * z / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
    none = trades == 0
    return np.where(none, 0.0, np.maximum(low, 0)), np.where(none, 1.0, np.minimum(high, 1))


def metrics_of(
    sums: Float, daily: Float, daily_trades: NDArray[np.int32], session_minutes: int
) -> dict[str, NDArray[np.float64] | Int]:
    """Turn running sums and daily series into the metrics of each set.

    Parameters
    ----------
    sums
        float64 [n, SUMS], filled by `account`.
    daily, daily_trades
        [n, sessions], net R and trades entered.
    session_minutes
        Session minutes of the axis, summed over symbols; the base of exposure.

    Returns
    -------
    dict
        name -> [n]. Means of nothing are NaN; profit factor and Sortino ratio without losses are
        inf; a net result of 0 is neither win nor loss; `average_loss_r` is negative.
    """
    trades, wins, losses = sums[:, TRADES], sums[:, WINS], sums[:, LOSSES]
    moments = daily_moments(daily, daily_trades)
    mean, deviation, downside, drawdown, active = moments.T
    with np.errstate(invalid="ignore", divide="ignore"):
        expectancy = np.where(trades > 0, sums[:, MEAN], np.nan)
        trade_deviation = np.sqrt(sums[:, SQUARES] / (trades - 1))
        average_win, average_loss = sums[:, WON] / wins, -sums[:, LOST] / losses
        payoff = -average_win / average_loss
        total = sums[:, WON] - sums[:, LOST]
        gross = sums[:, GROSS] / trades
        best = np.where(np.isfinite(sums[:, TOP:]), sums[:, TOP:], 0.0).sum(axis=1) / total
        low, high = wilson(wins, trades)
        metrics: dict[str, NDArray[np.float64] | Int] = {
            "trades": trades.astype(np.int64),
            "win_rate": wins / trades,
            "win_rate_low": low,
            "win_rate_high": high,
            "profit_factor": np.where(trades > 0, sums[:, WON] / sums[:, LOST], np.nan),
            "expectancy_r": expectancy,
            "expectancy_gross_r": gross,
            "expectancy_lcb_r": lower_bound(expectancy, trade_deviation, trades),
            "total_r": total,
            "average_win_r": average_win,
            "average_loss_r": average_loss,
            "payoff": payoff,
            "breakeven_win_rate": 1 / (1 + payoff),
            "daily_mean_r": mean,
            "daily_lcb_r": lower_bound(mean, deviation, daily.shape[1]),
            "daily_sharpe": np.where(deviation > 0, mean / deviation, 0.0),
            "daily_sortino": np.where(mean == 0, 0.0, mean / downside),
            "max_drawdown_r": drawdown,
            "bars_held": sums[:, BARS] / trades,
            "exposure_frac": sums[:, MINUTES] / session_minutes,
            "ambiguous_frac": sums[:, AMBIGUOUS] / trades,
            "expectancy_target_first_r": sums[:, TARGET_FIRST] / trades,
            "cost_r": gross - expectancy,
            "breakeven_cost_bps": sums[:, GROSS] / (sums[:, NOTIONAL] * 1e-4),
            "best5_share": np.where(total > 0, best, np.nan),
            "active_days": active.astype(np.int64),
        }
    for k, reason in enumerate(EXIT_REASONS):
        metrics[f"exits_{reason}"] = sums[:, REASONS + k].astype(np.int64)
    return metrics
