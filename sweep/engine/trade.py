"""Prices of one trade: levels, fills, fees and results (F2 to F5, F7, F10 of DETECTORS.md 6.2).

Levels are *turned to the long side*: for a short, prices are negated (open' = -open, low' = -high,
high' = -low), so that one set of comparisons serves both sides bit for bit. Fills and results are
in real prices.
"""

from typing import NamedTuple

import numpy as np

from detectors.bars import Float
from sweep.engine.jit import kernel
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import CLOSE, HIGH, LOW, OPEN

EXIT_REASONS = ("stop", "stop_gap", "target", "time", "flat", "session_end")
STOP, STOP_GAP, TARGET, TIME, FLAT, SESSION_END = range(6)
HELD = -1  # no exit yet

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
TAKEN = -1

_ON_TICK = 1e-9  # a raw level this near to a multiple (relative) is that multiple


class Exits(NamedTuple):
    """Exit parameters of a set: distances in ATR (0 when off), bars, minutes."""

    stop_atr: float
    target_atr: float
    breakeven: float
    trail: float
    hold_bars: int
    flat_minutes: int
    cooldown_bars: int


class Order(NamedTuple):
    """A signal as the fills see it.

    Attributes
    ----------
    side
        +1.0 or -1.0.
    close, atr
        Turned close and ATR of the signal bar, raw price units.
    ticks
        Ticks per price unit.
    opening, entry_price, entry_fee, quantity
        What an entry that fills whole costs: real open, fill, fee a share, shares.
    exits
        Of the set.
    entry, entry_minute, last
        First fill bar at or after T (-1: none) and its minute, last fill bar of the session.
    decision, flat, timed
        Minutes from the open to T, to the flat instant and to the time exit.
    forced
        First fill bar at or after the earlier of flat and time exit; past `last` if there is none.
    adverse, favourable
        Its first records of running extremes (`sweep.engine.first_passage`).
    """

    side: float
    close: float
    atr: float
    ticks: float
    opening: float
    entry_price: float
    entry_fee: float
    quantity: float
    exits: Exits
    entry: int
    entry_minute: int
    last: int
    decision: int
    flat: int
    timed: int
    forced: int
    adverse: int
    favourable: int


class Levels(NamedTuple):
    """Turned stop, target, and the price that fills the target (F4: one tick beyond at most)."""

    stop: float
    target: float
    trigger: float


class Outcome(NamedTuple):
    """What became of an order; prices are real, `stop` and `target` the initial ones.

    `drop` is TAKEN for a trade, else an index into DROPS and the rest is void. `notional` is the
    sum of both references over the risk, `first` the net result had the target come first.
    """

    drop: int
    entry: int
    exit: int
    reason: int
    ambiguous: bool
    stop: float
    target: float
    entry_price: float
    exit_price: float
    quantity: float
    gross: float
    net: float
    first: float
    notional: float


@kernel
def dropped(code: int) -> Outcome:
    """Return the outcome of an order that became no trade."""
    no = False
    return Outcome(code, 0, 0, 0, no, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@kernel
def floor_tick(level: float, ticks: float) -> float:
    """Round a level down to a tick; the result is the double nearest to its decimal price."""
    count = level * ticks
    nearest = np.floor(count + 0.5)
    whole = nearest if abs(count - nearest) <= _ON_TICK * abs(nearest) else np.floor(count)
    return float(whole / ticks)


@kernel
def place_levels(base: float, atr: float, ticks: float, exits: Exits, terms: Terms) -> Levels:
    """Round stop and target away from `base`, the turned close or entry fill (6.1)."""
    stop = floor_tick(base - exits.stop_atr * atr, ticks)
    target = -floor_tick(-(base + exits.target_atr * atr), ticks)
    if terms.trade_through:
        return Levels(stop, target, (np.floor(target * ticks + 0.5) + 1.0) / ticks)
    return Levels(stop, target, target)


@kernel
def entry_fault(opening: float, price: float, base: float, levels: Levels, terms: Terms) -> int:
    """Say why an entry is skipped (F7), TAKEN if it is not; all prices turned."""
    if opening <= levels.stop:
        return BEYOND_STOP
    if opening >= levels.target:
        return BEYOND_TARGET
    if abs(price - levels.stop) < terms.min_risk_share * abs(base - levels.stop):
        return RISK_TOO_SMALL
    return TAKEN


@kernel
def fill_price(reference: float, direction: float, terms: Terms) -> float:
    """Market or stop fill with slippage and half spread against us (F2); buys are +1, sells -1."""
    return reference * (1.0 + direction * terms.slippage) + direction * terms.half_spread


@kernel
def fee_per_share(price: float, sells: bool, quantity: float, terms: Terms) -> float:
    """Fees of one leg in price units a share (F10); sell fees come on top of the minimum."""
    fee = terms.fee * abs(price) + terms.fee_per_share
    if terms.fee_min > 0.0:
        fee = max(fee, terms.fee_min / quantity)
    if sells:
        fee += terms.sell_fee * abs(price)
    return fee


@kernel
def net_result(
    side: float, entry_price: float, exit_price: float, quantity: tuple[float, float], terms: Terms
) -> float:
    """Return price difference less the fees of both legs, in price units a share."""
    fees = fee_per_share(entry_price, side < 0, quantity[0], terms)
    fees += fee_per_share(exit_price, side > 0, quantity[1], terms)
    return side * (exit_price - entry_price) - fees


@kernel
def exit_in_bar(fills: Float, bar: int, side: float, levels: Levels) -> tuple[int, bool, bool]:
    """Say which level a bar hits (F3 to F5).

    Gap through the stop, gap through the target, stop, target, in this order.

    Returns
    -------
    tuple
        Reason (HELD for none), whether it falls on the bar's open, whether both levels lay inside.
    """
    opening = side * fills[bar, OPEN]
    if opening <= levels.stop:
        return STOP_GAP, True, False
    if opening >= levels.trigger:
        return TARGET, True, False
    top = fills[bar, HIGH] if side > 0 else -fills[bar, LOW]
    bottom = fills[bar, LOW] if side > 0 else -fills[bar, HIGH]
    reached = top >= levels.trigger
    if bottom <= levels.stop:
        return STOP, False, reached
    return (TARGET if reached else HELD), False, False


@kernel
def moved_stop(order: Order, stop: float, best: float, entry_price: float) -> float:
    """Return the stop after breakeven, then trail (F12); all prices turned.

    `best` is the favourable extreme from the entry bar through the bar before.
    """
    breakeven, trail = order.exits.breakeven, order.exits.trail
    if breakeven > 0.0 and best - entry_price >= breakeven * order.atr:
        stop = max(stop, entry_price)
    if trail > 0.0:
        stop = max(stop, best - trail * order.atr)
    return stop


@kernel
def exit_reference(
    fills: Float, bar: int, side: float, hit: tuple[int, bool], levels: Levels, terms: Terms
) -> float:
    """Return the real price of an exit before slippage; `hit`: its reason, whether at the open.

    A gap through the target fills at the target, or at the open by setting (F4).
    """
    reason, at_open = hit
    if reason == STOP:
        return side * levels.stop
    if reason == TARGET and not (at_open and terms.target_at_open):
        return side * levels.target
    if reason == SESSION_END:
        return float(fills[bar, CLOSE])
    return float(fills[bar, OPEN])
