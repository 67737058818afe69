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


@kernel
def _record(records: Records, count: int, bar: int, x: float, best: float, level: float) -> int:
    """Write a bar as the next record; return how many there are, one more if it is one.

    No branch: whether a bar is a record cannot be guessed.
    """
    records.extremes[at(count)], records.bars[at(count)] = x, bar
    return count + ((x > best) & (best < level))


@making
def _longer(records: Records, needed: int) -> Records:
    if needed <= len(records.extremes):
        return records
    return Records(
        np.concatenate((records.extremes, np.empty(needed))),
        np.concatenate((records.bars, np.empty(needed, np.int32))),
    )


@making
def _ended(records: Records, count: int) -> Records:
    records.extremes[count : count + LANES], records.bars[count : count + LANES] = np.inf, NEVER
    return Records(records.extremes[: count + LANES], records.bars[: count + LANES])


@making
def collect_records(
    fills: Float,
    entry: NDArray[np.int32],
    until: Int,
    side: Float,
    levels: tuple[Float, Float],
    start: NDArray[np.int32],
) -> tuple[Records, Records]:
    """Collect the records of each candidate towards its stop, and those towards its target.

    Parameters
    ----------
    fills
        `FillBars.rows`.
    entry, until
        int [n]: fill bar of the entry (-1: none), and the first one that no exit of any set waits
        for.
    side
        float64 [n], +1 or -1.
    levels
        float64 [n] each, turned so that they lie above: adverse and favourable level of the
        farthest exit; what comes after the first record at or beyond it is hit by none.
    start
        int32 [n, 2], out: first adverse and first favourable record of each.
    """
    n, stops, targets = len(entry), 0, 0
    adverse = Records(np.empty(8 * n + LANES), np.empty(8 * n + LANES, np.int32))
    favourable = Records(np.empty(8 * n + LANES), np.empty(8 * n + LANES, np.int32))
    for i in range(n):
        start[i, 0], start[i, 1] = stops, targets
        bar, long = int(entry[i]) + 0, side[i] > 0
        end = until[i] if bar >= 0 else bar
        room = max(end - bar, 0) + 1 + LANES
        adverse, favourable = _longer(adverse, stops + room), _longer(favourable, targets + room)
        down, up = -np.inf, -np.inf
        while bar < end and (down < levels[0][i] or up < levels[1][i]):
            high, low = fills[bar, HIGH], -fills[bar, LOW]
            towards_stop, towards_target = low if long else high, high if long else low
            stops = _record(adverse, stops, bar, towards_stop, down, levels[0][i])
            targets = _record(favourable, targets, bar, towards_target, up, levels[1][i])
            down, up = max(down, towards_stop), max(up, towards_target)
            bar += 1
        adverse.extremes[stops], adverse.bars[stops] = np.inf, NEVER
        favourable.extremes[targets], favourable.bars[targets] = np.inf, NEVER
        stops, targets = stops + 1, targets + 1
    return _ended(adverse, stops), _ended(favourable, targets)


@kernel
def first_reaching(records: Records, start: int, level: float) -> int:
    """Return the fill bar of the first record from `start` on that is >= level, or NEVER."""
    place, levels = start, spread(level)
    short = trailing_zeros(~below(eight(records.extremes, place), levels))
    while short == LANES:
        place += LANES
        short = trailing_zeros(~below(eight(records.extremes, place), levels))
    return int(records.bars[at(place + short)]) + 0
