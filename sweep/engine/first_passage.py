"""Which level is hit first: records of running extremes after every candidate's entry.

Only the minutes that set a new extreme can be the first to reach a level, and their values rise,
so "first minute at or beyond a level" is a binary search among some 15 records instead of a walk
over hundreds of minutes.
"""

import numpy as np

from detectors.bars import Float, Int
from sweep.engine.jit import kernel
from sweep.engine.symbol_data import HIGH, LOW
from sweep.engine.trade import HELD, Levels, Order, exit_in_bar

EXTREME, BAR = range(2)
"""Columns of records: the extreme, turned so that it rises, and the fill bar that set it."""


@kernel
def collect_records(
    fills: Float, entry: Int, last: Int, side: Int, towards: int
) -> tuple[Int, Float]:
    """Collect the favourable (`towards` +1: a long's highs) or adverse (-1: its lows) records.

    Parameters
    ----------
    fills
        `FillBars.rows`.
    entry, last, side
        int64 [candidates]: fill bar of the entry (-1: none), last one of the session, +1 or -1.
    towards
        +1 or -1.

    Returns
    -------
    tuple
        start int64 [candidates + 1], candidate i owns `start[i]:start[i + 1]`; records float64
        [n, 2] of EXTREME and BAR.
    """
    n = len(entry)
    start = np.zeros(n + 1, np.int64)
    records = np.empty((0, 2))
    for writing in (False, True):
        if writing:
            records = np.empty((start[n], 2))
        count = 0
        for i in range(n):
            best = -np.inf
            if entry[i] >= 0:
                for bar in range(entry[i], last[i] + 1):
                    x = fills[bar, HIGH] if side[i] * towards > 0 else -fills[bar, LOW]
                    if x > best:
                        best = x
                        if writing:
                            records[count, EXTREME] = x
                            records[count, BAR] = bar
                        count += 1
            start[i + 1] = count
    return start, records


@kernel
def first_reaching(records: Float, start: int, end: int, level: float) -> int:
    """Return the fill bar of the first record in `start:end` that is >= level, or -1."""
    low, high = start, end
    while low < high:
        middle = (low + high) // 2
        if records[middle, EXTREME] >= level:
            high = middle
        else:
            low = middle + 1
    return int(records[low, BAR]) if low < end else -1


@kernel
def search_exit(
    adverse: Float, favourable: Float, fills: Float, order: Order, levels: Levels
) -> tuple[int, int, bool, bool]:
    """Find where levels that stay in place are hit.

    Returns
    -------
    tuple
        Fill bar, reason, whether at its open, whether both levels lay inside the bar; the reason
        is HELD where neither is hit before the forced exit or the session's end.
    """
    at_stop = first_reaching(adverse, order.adverse, order.adverse_end, -levels.stop)
    at_target = first_reaching(favourable, order.favourable, order.favourable_end, levels.trigger)
    bar = at_stop if at_target < 0 or 0 <= at_stop <= at_target else at_target
    if bar < 0 or bar >= order.forced:
        return order.last, HELD, False, False
    reason, at_open, both = exit_in_bar(fills, bar, order.side, levels)
    return bar, reason, at_open, both
