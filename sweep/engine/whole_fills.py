"""A trade whose orders fill whole, each in one fill bar: the usual case and the fast one."""

import numpy as np

from detectors.bars import Float
from sweep.engine.first_passage import search_exit
from sweep.engine.jit import kernel
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import HIGH, LOW, MINUTE, OPEN
from sweep.engine.trade import (
    AFTER_FLAT,
    FLAT,
    HELD,
    NO_FILL,
    SESSION_END,
    TAKEN,
    TARGET,
    TIME,
    Levels,
    Order,
    Outcome,
    dropped,
    entry_fault,
    exit_in_bar,
    exit_reference,
    fill_price,
    moved_stop,
    net_result,
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
def trade_whole(
    adverse: Float, favourable: Float, fills: Float, order: Order, terms: Terms
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
    if fills[entry, MINUTE] >= order.flat:
        return dropped(AFTER_FLAT)
    opening = fills[entry, OPEN]
    entry_price = fill_price(opening, side, terms)
    base = side * entry_price if terms.from_entry else order.close
    levels = place_levels(order, base, terms)
    fault = entry_fault(side * opening, side * entry_price, base, levels, terms)
    if fault != TAKEN:
        return dropped(fault)
    stop = levels.stop
    if order.breakeven > 0.0 or order.trail > 0.0:
        bar, reason, at_open, both, stop = walk_exit(fills, order, levels, side * entry_price)
    else:
        bar, reason, at_open, both = search_exit(adverse, favourable, fills, order, levels)
    if reason == HELD and order.forced <= order.last:
        bar = order.forced
        reason = FLAT if fills[bar, MINUTE] >= order.flat else TIME
    elif reason == HELD:
        reason = SESSION_END
    now = Levels(stop, levels.target, levels.trigger)
    reference = exit_reference(fills, bar, side, (reason, at_open), now, terms)
    exit_price = reference if reason == TARGET else fill_price(reference, -side, terms)
    limit = side * levels.target
    risk = max(abs(side * entry_price - levels.stop), 1.0 / order.ticks)
    quantity = terms.notional / abs(opening)
    both_legs = (quantity, quantity)
    net = net_result(side, entry_price, exit_price, both_legs, terms) / risk
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
        net_result(side, entry_price, limit, both_legs, terms) / risk if both else net,
        (abs(opening) + abs(reference)) / risk,
    )
