"""Candidates among the bars that fill their orders: everything about an entry that no set changes.

Two arrays, a cache line a candidate each: kernels read both for every trade.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from sweep.engine.eights import lines
from sweep.engine.first_passage import Records, collect_records
from sweep.engine.jit import at, kernel, making
from sweep.engine.sets import Bounds
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import BUCKET, MINUTE, OPEN, FillBars, SymbolData, read_only
from sweep.engine.trade import Exits, Order, fee_per_share, fill_price, place_levels

Places = NDArray[np.int32]

CLOSE, ATR, TICKS, OPENING, ENTRY_PRICE, ENTRY_FEE, QUANTITY, SIDE = range(8)
"""Columns of `CandidateTable.prices`."""

(
    ROW,
    AXIS,
    ENTRY,
    ENTRY_MINUTE,
    LAST,
    DECISION,
    LENGTH,
    PLACE,
    AFTER,
    ADVERSE,
    FAVOURABLE,
    ENTRY_BUCKET,
) = range(12)
"""Columns of `CandidateTable.places`."""


class Placed(NamedTuple):
    """Candidates of a table as kernels read them; see `CandidateTable`, `fills` is its rows."""

    prices: Float
    places: Places
    first_at: Places
    at_row: Places
    adverse: Records
    favourable: Records
    fills: Float


@kernel
def widened(place: np.int32) -> int:
    """Return a place as the 64 bits that kernels count in; `int` alone keeps 32 when compiled."""
    return int(place) + 0


@kernel
def forced_bar(places: Places, first_at: Places, minute: int) -> int:
    """Return the first fill bar of the session at or after a minute, past the last if none."""
    if minute < first_at.shape[1]:
        bar = widened(first_at[at(places[PLACE]), at(minute)])
        if bar >= 0:
            return bar
    return widened(places[LAST]) + 1


@kernel
def order_of(
    prices: Float, places: Places, first_at: Places, exits: Exits, bar_minutes: int
) -> Order:
    """Make the order of a candidate, given its row of prices and of places, with a set's exits."""
    decision, last = widened(places[DECISION]), widened(places[LAST])
    flat = widened(places[LENGTH]) - exits.flat_minutes
    timed = decision + exits.hold_bars * bar_minutes
    return Order(
        prices[SIDE],
        prices[CLOSE],
        prices[ATR],
        prices[TICKS],
        prices[OPENING],
        prices[ENTRY_PRICE],
        prices[ENTRY_FEE],
        prices[QUANTITY],
        exits,
        widened(places[ENTRY]),
        widened(places[ENTRY_MINUTE]),
        last,
        decision,
        flat,
        timed,
        forced_bar(places, first_at, min(flat, timed)),
        widened(places[ADVERSE]),
        widened(places[FAVOURABLE]),
    )


@kernel
def _lay_out(
    rows: Int,
    side: NDArray[np.int8],
    sessions: tuple[Int, Int, Int, Int, Int],
    times: tuple[Int, Int, Float],
    features: tuple[Float, Float],
    first_at: Places,
    prices: Float,
    places: Places,
) -> None:
    """Fill in what a candidate takes from its bar and session.

    `sessions` are first candidate, the one after the last, last fill bar, length and column of the
    axis of each; `times` the end of every bar, and open and price factor of each session.
    """
    begins, after, last, length, axis = sessions
    end_ns, open_ns, factor = times
    close, atr = features
    for k in range(len(begins)):
        for i in range(begins[k], after[k]):
            decision = (end_ns[rows[i]] - open_ns[k]) // MINUTE_NS
            prices[i, SIDE] = side[i]
            prices[i, CLOSE] = side[i] * (close[rows[i]] / factor[k])
            prices[i, ATR] = atr[rows[i]] / factor[k]
            places[i, ROW], places[i, AXIS], places[i, PLACE] = rows[i], axis[k], k
            places[i, ENTRY], places[i, LAST] = first_at[k, decision], last[k]
            places[i, DECISION], places[i, LENGTH] = decision, length[k]
            places[i, AFTER], places[i, ENTRY_MINUTE] = after[k], 0
            for column in range(ENTRY_BUCKET, places.shape[1]):
                places[i, column] = 0


@kernel
def _enter(fills: Float, terms: Terms, prices: Float, places: Places) -> None:
    """Fill in what an entry that fills whole costs; NaN where there is no bar to enter at."""
    for i in range(len(prices)):
        bar, side = places[i, ENTRY], prices[i, SIDE]
        if bar < 0:
            prices[i, OPENING : QUANTITY + 1] = np.nan
            continue
        places[i, ENTRY_MINUTE] = int(fills[bar, MINUTE])
        places[i, ENTRY_BUCKET] = int(fills[bar, BUCKET])
        opening = fills[bar, OPEN]
        price = fill_price(opening, side, terms)
        quantity = terms.notional / abs(opening)
        prices[i, OPENING], prices[i, ENTRY_PRICE], prices[i, QUANTITY] = opening, price, quantity
        prices[i, ENTRY_FEE] = fee_per_share(price, side < 0, quantity, terms)


@making
def _reach(
    prices: Float, places: Places, first_at: Places, exits: Exits, terms: Terms
) -> tuple[Int, Float, Float]:
    """Say how far exits of any set reach: first bar past them, adverse and favourable level."""
    n = len(prices)
    until, adverse, favourable = np.empty(n, np.int64), np.empty(n), np.empty(n)
    for i in range(n):
        order = order_of(prices[i], places[i], first_at, exits, terms.bar_minutes)
        base = order.side * order.entry_price if terms.from_entry else order.close
        levels = place_levels(base, order.atr, order.ticks, exits, terms)
        until[i] = order.forced
        adverse[i], favourable[i] = -levels.stop, levels.trigger
    return until, adverse, favourable


def widest_exits(bounds: Bounds) -> Exits:
    """Return the widest exits inside the bounds: what no set's exit lies beyond."""
    return Exits(
        stop_atr=bounds["stop_atr"][1],
        target_atr=bounds["target_atr"][1],
        breakeven=0.0,
        trail=0.0,
        hold_bars=int(bounds["max_hold_bars"][1]),
        flat_minutes=int(bounds["flat_before_close_minutes"][0]),
        cooldown_bars=0,
    )


def first_at_minute(fills: FillBars, first: Int, last: Int, length: Int) -> Places:
    """Return the first fill bar at or after each minute of each session, -1 if none."""
    table = np.full((len(first), int(length.max(initial=0)) + 1), -1, np.int32)
    _fill_first(fills.rows, first, last, table)
    return table


@kernel
def _fill_first(fills: Float, first: Int, last: Int, table: Places) -> None:
    for k in range(len(table)):
        bar = first[k]
        for minute in range(table.shape[1]):
            while bar <= last[k] and fills[bar, MINUTE] < minute:
                bar += 1
            if bar > last[k]:
                break
            table[k, minute] = bar


def place(
    data: SymbolData,
    fills: FillBars,
    terms: Terms,
    rows: Int,
    side: NDArray[np.int8],
    axis: NDArray[np.int32],
    bounds: Bounds,
) -> tuple[Float, Places, Places, tuple[Records, Records]]:
    """Place candidates among the fill bars.

    Parameters
    ----------
    data, fills, terms
        Symbol, its fill bars, settings and costs.
    rows, side
        Signal bar int64 [n] and side int8 [n] of each candidate.
    axis
        int32 [sessions], column of the session axis.
    bounds
        Of the sets: their widest exits bound the records.

    Returns
    -------
    tuple
        `prices`, `places`, `first_at`, and adverse and favourable records.
    """
    bars, sessions = data.features.bars, data.sessions
    session = bars.session[rows]
    begins = np.flatnonzero(np.diff(session, prepend=-1))  # sessions rise with the rows
    counts = np.diff(begins, append=len(session))
    used = session[begins]
    begin = np.searchsorted(fills.session, used, "left")
    end = np.searchsorted(fills.session, used, "right") - 1
    length = (sessions.close_ns[used] - sessions.open_ns[used]) // MINUTE_NS
    first_at = first_at_minute(fills, begin, end, length)
    after = begins + counts
    prices, places = lines(len(rows)), lines(len(rows)).view(np.int32)
    _lay_out(
        rows,
        side,
        (begins, after, end, length, axis[used].astype(np.int64)),
        (read_only(bars.end), sessions.open_ns[used], data.factor[used]),
        (read_only(data.features["close"]), read_only(data.features["atr"])),
        first_at,
        prices,
        places,
    )
    prices[:, TICKS] = data.ticks(prices[:, CLOSE])
    _enter(fills.rows, terms, prices, places)
    until, *levels = _reach(prices, places, first_at, widest_exits(bounds), terms)
    entry, records = places[:, ENTRY], places[:, ADVERSE : FAVOURABLE + 1]
    found = collect_records(
        fills.rows, entry, until, prices[:, SIDE], (levels[0], levels[1]), records
    )
    return prices, places, first_at, found
