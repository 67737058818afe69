"""Which level is hit first: records of running extremes after every candidate's entry.

Only the minutes that set a new extreme can be the first to reach a level, and their values rise,
so "first minute at or beyond a level" is a binary search among some 15 records instead of a walk
over hundreds of minutes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.jit import kernel
from sweep.engine.symbol_data import FillBars
from sweep.engine.trade import OPEN, Levels, Order, exit_in_bar


class Records(NamedTuple):
    """New extremes from each candidate's entry to the session's last fill bar.

    Attributes
    ----------
    start
        int64 [candidates + 1]; candidate i owns `start[i]:start[i + 1]`.
    values
        float64 [records], turned so that they rise for each candidate.
    bars
        int64 [records], fill bar of the record.
    """

    start: Int
    values: Float
    bars: Int


@kernel
def collect_records(
    fills: FillBars,
    entry: Int,
    last: Int,
    side: NDArray[np.int8],
    towards: int,
) -> Records:
    """Collect the favourable (`towards` +1: a long's highs) or adverse (-1: its lows) records."""
    n = len(entry)
    start = np.zeros(n + 1, np.int64)
    values = np.empty(0)
    bars = np.empty(0, np.int64)
    for writing in (False, True):
        if writing:
            values = np.empty(start[n])
            bars = np.empty(start[n], np.int64)
        count = 0
        for i in range(n):
            best = -np.inf
            if entry[i] >= 0:
                for bar in range(entry[i], last[i] + 1):
                    x = fills.high[bar] if side[i] * towards > 0 else -fills.low[bar]
                    if x > best:
                        best = x
                        if writing:
                            values[count] = x
                            bars[count] = bar
                        count += 1
            start[i + 1] = count
    return Records(start, values, bars)


@kernel
def first_reaching(records: Records, i: int, level: float) -> int:
    """Return the fill bar of candidate i's first record >= level, or -1."""
    low, end = records.start[i], records.start[i + 1]
    high = end
    while low < high:
        middle = (low + high) // 2
        if records.values[middle] >= level:
            high = middle
        else:
            low = middle + 1
    return int(records.bars[low]) if low < end else -1


@kernel
def search_exit(
    i: int, adverse: Records, favourable: Records, fills: FillBars, order: Order, levels: Levels
) -> tuple[int, int, bool, bool]:
    """Find where levels that stay in place are hit.

    Returns
    -------
    tuple
        Fill bar, reason, whether at its open, whether both levels lay inside the bar; the reason
        is OPEN where neither is hit before the forced exit or the session's end.
    """
    at_stop = first_reaching(adverse, i, -levels.stop)
    at_target = first_reaching(favourable, i, levels.trigger)
    bar = at_stop if at_target < 0 or 0 <= at_stop <= at_target else at_target
    if bar < 0 or bar >= order.forced:
        return order.last, OPEN, False, False
    reason, at_open, both = exit_in_bar(fills, bar, order.side, levels)
    return bar, reason, at_open, both
