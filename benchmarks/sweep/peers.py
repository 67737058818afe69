"""The common work by the peers, each in its own idiom. Imports no project code but `work`."""

from typing import Any

import numpy as np
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice

from benchmarks.sweep.work import FEE, SIZES, Float, bars_of, sets_of

CELLS = 4_000_000  # bars x columns of a call: its arrays are that large


@njit
def _enters(c, dev, rsi, rvol, late, d, r, v):
    """Signal at the close of bar i; the order is placed there, at the price of the next open."""
    i, k = c.i, c.col
    enters = dev[i] > d[k] and rsi[i] < r[k] and rvol[i] > v[k] and not late[i]
    return enters, False, False, False


@njit
def _exit_bar(init_i, k, h, last):
    """First bar at or after the time exit, or the session's last."""
    return min(init_i + 1 + h[k], last[init_i])


@njit
def _stop(c, open_, atr, a, h, last):
    """Distance of the stop; at the exit bar 0 below the entry, so that its open is sold at."""
    if c.position_now == 0 or c.init_i < 0:
        return np.nan, False
    if c.i >= _exit_bar(c.init_i, c.col, h, last):
        return (0.0 if open_[c.i] <= c.init_price else np.nan), False
    return a[c.col] * atr[c.init_i] / c.init_price, False


@njit
def _target(c, atr, b, h, last):
    """Distance of the target; at the exit bar 0, for opens above the entry."""
    if c.position_now == 0 or c.init_i < 0:
        return np.nan
    if c.i >= _exit_bar(c.init_i, c.col, h, last):
        return 0.0
    return b[c.col] * atr[c.init_i] / c.init_price


def _portfolio(bars: dict[str, Float], size: str, sets: dict[str, Float]) -> Any:
    per_session = 390 // SIZES[size].bar_minutes
    n, columns = len(bars["close"]), len(sets["d"])
    row = np.arange(n)
    last = row - row % per_session + per_session - 1
    following = np.append(bars["open"][1:], bars["close"][-1])
    shape = (n, columns)
    wide = {
        k: np.broadcast_to(bars[k][:, np.newaxis], shape) for k in ("open", "high", "low", "close")
    }
    hold = sets["h"].astype(np.int64)
    return vbt.Portfolio.from_signals(
        wide["close"],
        signal_func_nb=_enters,
        signal_args=(
            bars["dev"],
            bars["rsi"],
            bars["rvol"],
            row + 1 >= last,
            sets["d"],
            sets["r"],
            sets["v"],
        ),
        open=wide["open"],
        high=wide["high"],
        low=wide["low"],
        price=following[:, np.newaxis],
        size=np.inf,
        fees=FEE,
        use_stops=True,
        sl_stop=np.nan,
        stop_entry_price=StopEntryPrice.FillPrice,
        stop_exit_price=StopExitPrice.StopLimit,
        adjust_sl_func_nb=_stop,
        adjust_sl_args=(bars["open"], bars["atr"], sets["a"], hold, last),
        adjust_tp_func_nb=_target,
        adjust_tp_args=(bars["atr"], sets["b"], hold, last),
        accumulate=False,
        freq="1min",
    )


def vectorbt_sweep(size: str, kind: str, n: str, count: str) -> dict[str, Any]:
    """Evaluate the first `count` of n sets: six metrics; trades and total return come back."""
    every = sets_of(kind, int(n))
    sets = {name: column[: int(count)] for name, column in every.items()}
    symbols = bars_of(size)
    most = max(1, CELLS // len(symbols[0]["close"]))
    trades, returns = [], []
    for bars in symbols:
        for start in range(0, int(count), most):
            some = {name: column[start : start + most] for name, column in sets.items()}
            portfolio = _portfolio(bars, size, some)
            records = portfolio.trades
            _ = (records.win_rate(), records.profit_factor(), records.expectancy())
            _ = portfolio.max_drawdown()
            trades += records.count().tolist()
            returns += portfolio.total_return().tolist()
    return {"trades": trades, "returns": returns}
