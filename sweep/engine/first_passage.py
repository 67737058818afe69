"""Which level is hit first: records of running extremes after every candidate's entry.

Only the bars that set a new extreme can be the first to reach a level, and their values rise, so
"first bar at or beyond a level" is the number of records below it, among some ten instead of
hundreds of bars. Records lie in groups of eight, the last one filled up with infinity: counting a
group takes two instructions and no branch that a processor could guess wrongly (a binary search
took 2.4 times as long for a trade).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.jit import kernel
from sweep.engine.symbol_data import HIGH, LOW

GROUP = 8
NEVER = 2**31 - 1
"""Fill bar of a level that no record reaches."""


class Records(NamedTuple):
    """Records of all candidates in one direction.

    Attributes
    ----------
    extremes
        float64 [n], extremes turned so that they rise within a candidate; infinity fills up.
    bars
        int32 [n], the fill bar that set each; NEVER fills up.
    """

    extremes: Float
    bars: NDArray[np.int32]


@kernel
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
    n = len(entry)
    start = np.zeros(n, np.int64)
    extremes, bars = np.empty(0), np.empty(0, np.int32)
    count = 0
    for writing in (False, True):
        if writing:
            extremes, bars = np.full(count, np.inf), np.full(count, NEVER, np.int32)
        count = 0
        for i in range(n):
            start[i] = count
            best, bar = -np.inf, entry[i]
            while 0 <= bar < until[i] and best < level[i]:
                x = fills[bar, HIGH] if direction[i] > 0 else -fills[bar, LOW]
                if x > best:
                    best = x
                    if writing:
                        extremes[count], bars[count] = x, bar
                    count += 1
                bar += 1
            count = (count // GROUP + 1) * GROUP
    return start, extremes, bars


@kernel
def first_reaching(records: Records, start: int, level: float) -> int:
    """Return the fill bar of the first record from `start` on that is >= level, or NEVER."""
    place = start
    while True:
        below = 0
        for k in range(GROUP):
            below += records.extremes[place + k] < level
        if below < GROUP:
            return int(records.bars[place + below]) + 0
        place += GROUP
