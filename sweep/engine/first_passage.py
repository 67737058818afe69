"""Which level is hit first: records of running extremes after every candidate's entry.

Only the bars that set a new extreme can be the first to reach a level, and their values rise, so
"first bar at or beyond a level" is a look at some five records instead of hundreds of bars. An
infinite one ends each candidate's, so that the search needs no other end.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.eights import LANES, below, eight, spread, trailing_zeros
from sweep.engine.jit import at, kernel, making
from sweep.engine.symbol_data import HIGH, LOW

NEVER = 2**31 - 1
"""Fill bar of a level that no record reaches."""


class Records(NamedTuple):
    """Records of all candidates in one direction.

    Attributes
    ----------
    extremes
        float64 [n + LANES], extremes turned so that they rise within a candidate; infinity ends
        it.
    bars
        int32 [n + LANES], the fill bar that set each; NEVER at the end.
    """

    extremes: Float
    bars: NDArray[np.int32]


@making
def collect_records(
    fills: Float, entry: NDArray[np.int32], until: Int, direction: Float, level: Float
) -> tuple[Int, Float, NDArray[np.int32]]:
    """Collect the records of each candidate, towards its target or towards its stop.

    Parameters
    ----------
    fills
        `FillBars.rows`.
    entry, until
        int [candidates]: fill bar of the entry (-1: none), and the first one that no exit of any
        set waits for.
    direction
        float64 [candidates], +1 for rising highs, -1 for falling lows.
    level
        float64 [candidates], turned level of the farthest exit: what comes after the first record
        at or beyond it is hit by none.

    Returns
    -------
    tuple
        start int64 [candidates], the first record of each; extremes and bars of `Records`.
    """
    n, count = len(entry), 0
    start = np.empty(n, np.int64)
    extremes, bars = np.empty(8 * n + LANES), np.empty(8 * n + LANES, np.int32)
    for i in range(n):
        start[i] = count
        needed = count + max(until[i] - entry[i], 0) + 1 + LANES
        if needed > len(extremes):
            extremes = np.concatenate((extremes, np.empty(needed)))
            bars = np.concatenate((bars, np.empty(needed, np.int32)))
        best, bar = -np.inf, entry[i]
        while 0 <= bar < until[i] and best < level[i]:
            x = fills[bar, HIGH] if direction[i] > 0 else -fills[bar, LOW]
            if x > best:
                best = x
                extremes[count], bars[count] = x, bar
                count += 1
            bar += 1
        extremes[count], bars[count] = np.inf, NEVER
        count += 1
    extremes[count : count + LANES], bars[count : count + LANES] = np.inf, NEVER
    return start, extremes[: count + LANES].copy(), bars[: count + LANES].copy()


@kernel
def first_reaching(records: Records, start: int, level: float) -> int:
    """Return the fill bar of the first record from `start` on that is >= level, or NEVER."""
    place, levels = start, spread(level)
    short = trailing_zeros(~below(eight(records.extremes, place), levels))
    while short == LANES:
        place += LANES
        short = trailing_zeros(~below(eight(records.extremes, place), levels))
    return int(records.bars[at(place + short)]) + 0
