"""A trade whose orders fill whole, each in one fill bar: the usual case and the fast one."""

import numpy as np

from detectors.bars import Float
from sweep.engine.first_passage import Records, first_reaching
from sweep.engine.jit import kernel
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import CLOSE, HIGH, LOW, MINUTE, OPEN
from sweep.engine.trade import (
    AFTER_FLAT,
    FLAT,
    HELD,
    NO_FILL,
    SESSION_END,
    STOP,
    STOP_GAP,
    TAKEN,
    TARGET,
    TIME,
    Levels,
    Order,
    Outcome,
    dropped,
    entry_fault,
    exit_in_bar,
    fee_per_share,
    fill_price,
    moved_stop,
    place_levels,
)


@kernel
def walk_exit(
    fills: Float, order: Order, levels: Levels, entry_price: float
) -> tuple[int, int, bool, bool, float]:
    """Walk the fill bars with a moving stop; as `search_exit`, and the turned stop in force."""
    stop, best = levels.stop, -np.inf
    for bar in range(order.entry, min(order.forced, order.last + 1)):
        if bar > order.entry:
            stop = moved_stop(order, stop, best, entry_price)
        now = Levels(stop, levels.target, levels.trigger)
        reason, at_open, both = exit_in_bar(fills, bar, order.side, now)
        if reason != HELD:
            return bar, reason, at_open, both, stop
        best = max(best, fills[bar, HIGH] if order.side > 0 else -fills[bar, LOW])
    return order.last, HELD, False, False, stop


@kernel
def search_exit(
    adverse: Records, favourable: Records, fills: Float, order: Order, levels: Levels
) -> tuple[int, int, bool, bool]:
    """Find where levels that stay in place are hit, by the rules of `exit_in_bar`.

    Written without branches where the processor could only guess: which exit comes is a coin toss
    (measured on random sets: 15 % of the time of a trade).

    Returns
    -------
    tuple
        Fill bar, reason, whether at its open, whether both levels lay inside the bar; the reason
        is HELD where neither is hit before the forced exit or the session's end.
    """
    at_stop = first_reaching(adverse, order.adverse, -levels.stop)
    at_target = first_reaching(favourable, order.favourable, levels.trigger)
    bar = min(at_stop, at_target)
    held = bar >= order.forced
    bar = order.last if held else bar
    opening = order.side * fills[bar, OPEN]
    gap_stop, gap_target = opening <= levels.stop, opening >= levels.trigger
    reason = STOP if at_stop <= at_target else TARGET
    reason = TARGET if gap_target else reason
    reason = STOP_GAP if gap_stop else reason
    at_open = gap_stop | gap_target
    both = (at_stop == at_target) & (not at_open) & (not held)
    return bar, HELD if held else reason, at_open, both


@kernel
def _net(order: Order, exit_price: float, terms: Terms) -> float:
    """Return `net_result` of legs that fill whole."""
    fees = order.entry_fee
    fees += fee_per_share(exit_price, order.side > 0, order.quantity, terms)
    return order.side * (exit_price - order.entry_price) - fees


@kernel
def trade_whole(
    adverse: Records, favourable: Records, fills: Float, order: Order, terms: Terms
) -> Outcome:
    """Follow an order from entry to exit.

    Parameters
    ----------
    adverse, favourable, fills
        Records of extremes, and `FillBars.rows`.
    order, terms
        The order, settings and costs.
    """
    entry, side = order.entry, order.side
    if entry < 0:
        return dropped(AFTER_FLAT if order.decision >= order.flat else NO_FILL)
    if order.entry_minute >= order.flat:
        return dropped(AFTER_FLAT)
    opening, entry_price = order.opening, order.entry_price
    base = side * entry_price if terms.from_entry else order.close
    levels = place_levels(base, order.atr, order.ticks, order.exits, terms)
    fault = entry_fault(side * opening, side * entry_price, base, levels, terms)
    if fault != TAKEN:
        return dropped(fault)
    stop = levels.stop
    if order.exits.breakeven > 0.0 or order.exits.trail > 0.0:
        bar, reason, at_open, both, stop = walk_exit(fills, order, levels, side * entry_price)
    else:
        bar, reason, at_open, both = search_exit(adverse, favourable, fills, order, levels)
    held, timed = reason == HELD, order.forced <= order.last
    bar = order.forced if held & timed else bar
    forced = FLAT if fills[bar, MINUTE] >= order.flat else TIME
    forced = forced if timed else SESSION_END
    reason = forced if held else reason
    # As `exit_reference`, and without branches as `search_exit`.
    reference = fills[bar, CLOSE] if reason == SESSION_END else fills[bar, OPEN]
    level = side * stop if reason == STOP else side * levels.target
    limit_fill = (reason == TARGET) & (not (at_open & terms.target_at_open))
    reference = level if (reason == STOP) | limit_fill else reference
    exit_price = reference if reason == TARGET else fill_price(reference, -side, terms)
    limit = side * levels.target
    risk = max(abs(side * entry_price - levels.stop), 1.0 / order.ticks)
    quantity = order.quantity
    net = _net(order, exit_price, terms) / risk
    return Outcome(
        TAKEN,
        entry,
        bar,
        reason,
        both,
        side * levels.stop,
        limit,
        entry_price,
        exit_price,
        quantity,
        side * (reference - opening) / risk,
        net,
        _net(order, limit, terms) / risk if both else net,
        (abs(opening) + abs(reference)) / risk,
    )
