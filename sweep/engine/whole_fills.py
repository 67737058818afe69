"""A trade whose orders fill whole, each in one fill bar: the usual case and the fast one."""

import numpy as np

from sweep.engine.first_passage import Records, search_exit
from sweep.engine.jit import kernel
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import FillBars
from sweep.engine.trade import (
    AFTER_FLAT,
    FLAT,
    NO_FILL,
    OPEN,
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
    fills: FillBars, order: Order, levels: Levels, entry_price: float
) -> tuple[int, int, bool, bool, float]:
    """Walk the fill bars with a moving stop; as `search_exit`, and the turned stop in force."""
    stop, best = levels.stop, -np.inf
    for bar in range(order.entry, min(order.forced, order.last + 1)):
        if bar > order.entry:
            stop = moved_stop(order, stop, best, entry_price)
        now = Levels(stop, levels.target, levels.trigger)
        reason, at_open, both = exit_in_bar(fills, bar, order.side, now)
        if reason != OPEN:
            return bar, reason, at_open, both, stop
        best = max(best, fills.high[bar] if order.side > 0 else -fills.low[bar])
    return order.last, OPEN, False, False, stop


@kernel
def trade_whole(
    i: int, adverse: Records, favourable: Records, fills: FillBars, order: Order, terms: Terms
) -> Outcome:
    """Follow candidate i's order from entry to exit.

    Parameters
    ----------
    i, adverse, favourable
        Candidate and the records of its extremes.
    fills, order, terms
        Fill bars, the order, settings and costs.
    """
    entry, side = order.entry, order.side
    if entry < 0:
        return dropped(AFTER_FLAT if order.decision >= order.flat else NO_FILL)
    if fills.minute[entry] >= order.flat:
        return dropped(AFTER_FLAT)
    opening = fills.open[entry]
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
        bar, reason, at_open, both = search_exit(i, adverse, favourable, fills, order, levels)
    if reason == OPEN and order.forced <= order.last:
        bar = order.forced
        reason = FLAT if fills.minute[bar] >= order.flat else TIME
    elif reason == OPEN:
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
