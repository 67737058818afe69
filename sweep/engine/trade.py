"""One trade, from a signal to its fills: rules F1 to F10 and F12 of DETECTORS.md 6.2.

Everything is *turned to the long side*: for a short, prices are negated (open' = -open, low' =
-high, high' = -low), so that one set of comparisons serves both sides bit for bit. Only costs look
at the real price. Fill settings and costs are the arrays of `sweep.engine.settings`.
"""

from typing import NamedTuple

import numpy as np

from detectors.bars import Float
from sweep.engine.candidates import Stairs
from sweep.engine.jit import kernel
from sweep.engine.symbol_data import FillBars

LEVELS_FROM_ENTRY, TARGET_AT_OPEN, TRADE_THROUGH, MIN_RISK_SHARE, PARTICIPATION, IMPACT = range(6)
SLIPPAGE, HALF_SPREAD, FEE, FEE_PER_SHARE, FEE_MIN, SELL_FEE, NOTIONAL = range(7)

EXIT_REASONS = ("stop", "stop_gap", "target", "time", "flat", "session_end")
STOP, STOP_GAP, TARGET, TIME, FLAT, SESSION_END = range(6)
OPEN, FORCED = -1, -2  # no exit yet; the flat or time exit is due

DROPS = (
    "in_trade",
    "cooldown",
    "after_flat",
    "no_fill",
    "beyond_stop",
    "beyond_target",
    "risk_too_small",
)
IN_TRADE, COOLDOWN, AFTER_FLAT, NO_FILL, BEYOND_STOP, BEYOND_TARGET, RISK_TOO_SMALL = range(7)


class Levels(NamedTuple):
    """Turned stop and target, and what an intrabar target needs beyond its price (F4)."""

    stop: float
    target: float
    beyond: float


class Moves(NamedTuple):
    """What moves a stop (F12): turned entry fill, breakeven and trail distance in price units."""

    entry_fill: float
    breakeven: float
    trail: float


_ON_TICK = 1e-9  # a raw level this near to a multiple (relative) is that multiple


@kernel
def floor_tick(level: float, ticks: float) -> float:
    """Round a level down to a tick; the result is the double nearest to its decimal price."""
    count = level * ticks
    nearest = np.floor(count + 0.5)
    if abs(count - nearest) <= _ON_TICK * abs(count):
        return float(nearest / ticks)
    return float(np.floor(count) / ticks)


@kernel
def ceil_tick(level: float, ticks: float) -> float:
    """Round a level up to a tick."""
    return -floor_tick(-level, ticks)


@kernel
def fill_price(reference: float, direction: float, costs: Float) -> float:
    """Market or stop fill with slippage and half spread against us (F2); buys are +1, sells -1."""
    slipped = reference * (1.0 + direction * costs[SLIPPAGE])
    return float(slipped + direction * costs[HALF_SPREAD])


@kernel
def fee_per_unit(price: float, sells: bool, quantity: float, costs: Float) -> float:
    """Fees of one leg in price units a share (F10); the minimum is in dollars a leg."""
    fee = costs[FEE] * abs(price) + costs[FEE_PER_SHARE]
    fee = max(fee, costs[FEE_MIN] / quantity)
    if sells:
        fee += costs[SELL_FEE] * abs(price)
    return float(fee)


@kernel
def first_reaching(stairs: Stairs, i: int, level: float) -> int:
    """Return the fill bar of candidate i's first record >= level, or -1."""
    low, end = stairs.start[i], stairs.start[i + 1]
    high = end
    while low < high:
        middle = (low + high) // 2
        if stairs.values[middle] >= level:
            high = middle
        else:
            low = middle + 1
    return int(stairs.bars[low]) if low < end else -1


@kernel
def exit_in_bar(fills: FillBars, bar: int, side: float, levels: Levels) -> tuple[int, bool]:
    """Say which level a bar hits (F3 to F5), OPEN for none, and whether both lay inside the bar.

    Gap through the stop, gap through the target, stop, target, in this order.
    """
    opening = side * fills.open[bar]
    if opening <= levels.stop:
        return STOP_GAP, False
    if opening >= levels.target:
        return TARGET, False
    top = fills.high[bar] if side > 0 else -fills.low[bar]
    bottom = fills.low[bar] if side > 0 else -fills.high[bar]
    reached = top >= levels.target + levels.beyond
    if bottom <= levels.stop:
        return STOP, reached
    return (TARGET, False) if reached else (OPEN, False)


@kernel
def walk_to_exit(
    fills: FillBars, side: float, span: tuple[int, int, int], levels: Levels, moves: Moves
) -> tuple[int, int, bool, float]:
    """Walk the fill bars to the exit; serves moving stops and trade-through targets.

    Parameters
    ----------
    fills
        Fill bars, raw.
    side
        +1 or -1.
    span
        Fill bars of the entry, of the flat or time exit (past the last if there is none), and the
        session's last one.
    levels, moves
        What the trade waits for, turned.

    Returns
    -------
    tuple
        Exit bar, reason (FORCED: flat or time), both levels inside the bar, turned stop in force.
    """
    entry, forced, last = span
    stop, best = levels.stop, -np.inf
    for bar in range(entry, last + 1):
        if bar == forced:
            return bar, FORCED, False, stop
        if best > -np.inf:
            if moves.breakeven > 0.0 and best >= moves.entry_fill + moves.breakeven:
                stop = max(stop, moves.entry_fill)
            if moves.trail > 0.0:
                stop = max(stop, best - moves.trail)
        reason, both = exit_in_bar(fills, bar, side, Levels(stop, levels.target, levels.beyond))
        if reason != OPEN:
            return bar, reason, both, stop
        best = max(best, fills.high[bar] if side > 0 else -fills.low[bar])
    return last, SESSION_END, False, stop


@kernel
def search_exit(
    i: int,
    adverse: Stairs,
    favourable: Stairs,
    fills: FillBars,
    side: float,
    span: tuple[int, int, int],
    levels: Levels,
) -> tuple[int, int, bool]:
    """Find the exit of levels that stay where they are, by binary search in candidate i's records.

    Returns exit bar, reason and whether both levels lay inside the bar, as `walk_to_exit` does.
    """
    _, forced, last = span
    at_stop = first_reaching(adverse, i, -levels.stop)
    at_target = first_reaching(favourable, i, levels.target)
    bar = at_stop if at_target < 0 or 0 <= at_stop <= at_target else at_target
    if forced <= last and (bar < 0 or bar >= forced):
        return forced, FORCED, False
    if bar < 0:
        return last, SESSION_END, False
    reason, both = exit_in_bar(fills, bar, side, levels)
    return bar, reason, both


@kernel
def exit_reference(
    fills: FillBars, bar: int, side: float, reason: int, stop: float, target: float, improve: bool
) -> float:
    """Return the real price of an exit before slippage; stop and target are turned.

    `improve` fills a gap through the target at the open instead of the target (F4).
    """
    if reason == STOP:
        return side * stop
    if reason == TARGET:
        if improve and side * fills.open[bar] >= target:
            return float(fills.open[bar])
        return side * target
    if reason == SESSION_END:
        return float(fills.close[bar])
    return float(fills.open[bar])


@kernel
def result_r(side: float, entry_fill: float, exit_fill: float, risk: float, costs: Float) -> float:
    """Return the net result of two fills in R: price difference less the fees of both legs."""
    quantity = costs[NOTIONAL] / abs(entry_fill)
    fees = fee_per_unit(entry_fill, side < 0, quantity, costs) + fee_per_unit(
        exit_fill, side > 0, quantity, costs
    )
    return (side * (exit_fill - entry_fill) - fees) / risk
