"""A trade whose orders fill in parts: participation and impact (F11 of DETECTORS.md 6.2).

A fill bar takes at most `participation` of its volume; the remainder of a leg goes to the opens of
the next fill bars, at market. What is unfilled of the entry when an exit is due stays unfilled; an
exit's remainder at the session's end fills at the last close. Prices are share-weighted means. The
adverse move of impact is k * ATR * sqrt(quantity / volume) on market and stop fills.
"""

from typing import NamedTuple

import numpy as np

from detectors.bars import Float
from sweep.engine.jit import kernel
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import CLOSE, HIGH, LOW, MINUTE, OPEN, VOLUME
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


class Leg(NamedTuple):
    """One leg as far as it is filled: shares left, fills, sums, the last fill bar.

    `price` and `reference` are of the only fill while there is one, else sums over shares.
    """

    left: float
    fills: int
    quantity: float
    price: float
    reference: float
    bar: int


@kernel
def take(
    leg: Leg,
    at: tuple[int, float, float],
    kind: tuple[bool, bool],
    volume: float,
    order: Order,
    terms: Terms,
) -> Leg:
    """Fill what a bar takes of a leg.

    `at` is the fill bar, the real reference price and the direction (+1 buys); `kind` says whether
    it is a limit fill (no slippage) and whether participation caps it.
    """
    bar, reference, direction = at
    limit, capped = kind
    quantity = leg.left
    if capped and terms.participation > 0.0:
        quantity = min(quantity, terms.participation * volume)
    if quantity <= 0.0:
        return leg
    price = reference
    if not limit:
        price = fill_price(reference, direction, terms)
        if terms.impact > 0.0:
            share = quantity / max(volume, 1.0)
            price += direction * terms.impact * order.atr * np.sqrt(share)
    left, filled = leg.left - quantity, leg.quantity + quantity
    if leg.fills == 0:
        return Leg(left, 1, filled, price, reference, bar)
    before = leg.quantity if leg.fills == 1 else 1.0
    return Leg(
        left,
        leg.fills + 1,
        filled,
        leg.price * before + price * quantity,
        leg.reference * before + reference * quantity,
        bar,
    )


@kernel
def averages(leg: Leg) -> tuple[float, float]:
    """Return the mean price and mean reference of a leg."""
    if leg.fills == 1:
        return leg.price, leg.reference
    return leg.price / leg.quantity, leg.reference / leg.quantity


@kernel
def close_leg(
    fills: Float,
    order: Order,
    quantity: float,
    at: tuple[int, float, int],
    terms: Terms,
) -> Leg:
    """Fill an exit from fill bar `at[0]` on; `at` holds also its reference and its reason."""
    bar, reference, reason = at
    leg = Leg(quantity, 0, 0.0, 0.0, 0.0, bar)
    kind = (reason == TARGET, reason != SESSION_END)
    leg = take(leg, (bar, reference, -order.side), kind, fills[bar, VOLUME], order, terms)
    for later in range(bar + 1, order.last + 1):
        opening = (later, fills[later, OPEN], -order.side)
        leg = take(leg, opening, (False, True), fills[later, VOLUME], order, terms)
    close = (order.last, fills[order.last, CLOSE], -order.side)
    return take(leg, close, (False, False), fills[order.last, VOLUME], order, terms)


@kernel
def open_leg(fills: Float, order: Order, terms: Terms) -> tuple[int, Leg, Levels]:
    """Fill the first part of an entry: drop code or TAKEN, the leg, its levels.

    A bar without volume fills nothing: the entry waits for the first that does.
    """
    side, levels = order.side, Levels(0.0, 0.0, 0.0)
    entry = order.entry
    while 0 <= entry <= order.last:
        if fills[entry, MINUTE] >= order.flat:
            return AFTER_FLAT, Leg(0.0, 0, 0.0, 0.0, 0.0, entry), levels
        leg = Leg(terms.notional / abs(fills[entry, OPEN]), 0, 0.0, 0.0, 0.0, entry)
        opening = (entry, fills[entry, OPEN], side)
        leg = take(leg, opening, (False, True), fills[entry, VOLUME], order, terms)
        if leg.fills > 0:
            base = side * leg.price if terms.from_entry else order.close
            levels = place_levels(base, order.atr, order.ticks, order.exits, terms)
            fault = entry_fault(side * leg.reference, side * leg.price, base, levels, terms)
            return fault, leg, levels
        entry += 1
    late = order.decision >= order.flat
    return (AFTER_FLAT if late else NO_FILL), Leg(0.0, 0, 0.0, 0.0, 0.0, entry), levels


@kernel
def due_exit(fills: Float, bar: int, order: Order, levels: Levels) -> tuple[int, bool, bool]:
    """Say which exit a fill bar brings, flat and time first (F9); as `exit_in_bar`."""
    if fills[bar, MINUTE] >= order.flat:
        return FLAT, True, False
    if fills[bar, MINUTE] >= order.timed:
        return TIME, True, False
    return exit_in_bar(fills, bar, order.side, levels)


@kernel
def trade_in_parts(fills: Float, order: Order, terms: Terms) -> Outcome:
    """Follow an order from entry to exit, bar by bar."""
    code, leg, levels = open_leg(fills, order, terms)
    if code != TAKEN:
        return dropped(code)
    side, entry = order.side, leg.bar
    stop, best = levels.stop, -np.inf
    reason, at_open, both = HELD, False, False
    bar = entry - 1
    while reason == HELD:
        bar += 1
        if bar > entry:
            stop = moved_stop(order, stop, best, side * averages(leg)[0])
        now = Levels(stop, levels.target, levels.trigger)
        reason, at_open, both = due_exit(fills, bar, order, now)
        if bar > entry and not at_open:
            opening = (bar, fills[bar, OPEN], side)
            leg = take(leg, opening, (False, True), fills[bar, VOLUME], order, terms)
        if reason == HELD and bar == order.last:
            reason = SESSION_END
        best = max(best, fills[bar, HIGH] if side > 0 else -fills[bar, LOW])
    now = Levels(stop, levels.target, levels.trigger)
    reference = exit_reference(fills, bar, side, (reason, at_open), now, terms)
    out = close_leg(fills, order, leg.quantity, (bar, reference, reason), terms)
    entry_price, entry_reference = averages(leg)
    exit_price, exit_mean = averages(out)
    risk = max(abs(side * entry_price - levels.stop), 1.0 / order.ticks)
    legs = (leg.quantity, out.quantity)
    net = net_result(side, entry_price, exit_price, legs, terms) / risk
    first = net
    if both:
        limit = close_leg(fills, order, leg.quantity, (bar, side * levels.target, TARGET), terms)
        legs = (leg.quantity, limit.quantity)
        first = net_result(side, entry_price, averages(limit)[0], legs, terms) / risk
    return Outcome(
        TAKEN,
        entry,
        out.bar,
        reason,
        both,
        side * levels.stop,
        side * levels.target,
        entry_price,
        exit_price,
        leg.quantity,
        side * (exit_mean - entry_reference) / risk,
        net,
        first,
        (abs(entry_reference) + abs(exit_mean)) / risk,
    )
