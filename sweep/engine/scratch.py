"""Room for what kernels work out on the way: kernels that make no arrays count no references."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.eights import LANES, lines
from sweep.engine.sheet import BATCH, SHEET
from sweep.engine.signals import WORD

Places32 = NDArray[np.int32]

TOGETHER = 2 * LANES
"""Sets that step through a block of sessions together."""


class Scratch(NamedTuple):
    """Room for the longest block of sessions, of n candidates; void between blocks.

    Attributes
    ----------
    words
        int64 [BATCH, n // WORD + 1], bits of a set's signals (`signals.mark_signals`).
    sheets
        float64 [n // BATCH + 1, SHEET], see `sweep.engine.sheet`.
    every
        int32 [n], the candidates of the block.
    members, here
        int32 [BATCH], the set of each lane and its candidate.
    following
        int32 [entry rules, n + 1], next signal at or after each place.
    signals, order
        int64 [entry rules], signals of each, and int64 [sets], sets in the order they go.
    rows
        float64 [(n + 1) * LANES], contributions of the candidates, a cache line each.
    busy
        int32 [n], signal bar of an exit.
    links
        int64 [n + 1], where a set can signal again, and more (`shared_exits`).
    nets
        float64 [(n + 1) * TOGETHER], results of the trades of sets side by side.
    sums
        float64 [LANES], running sums of a set.
    moments
        float64 [5 * TOGETHER], trades before, of the block, mean, squares, fifth best trade.
    """

    words: Int
    sheets: Float
    every: Places32
    members: Places32
    here: Places32
    following: Places32
    signals: Int
    order: Int
    rows: Float
    busy: Places32
    links: Int
    nets: Float
    sums: Float
    moments: Float


def scratch_for(n: int, sets: int, entries: int) -> Scratch:
    """Make room for blocks of at most n candidates, for sets and shared entry rules."""

    def places(*shape: int) -> Places32:
        return np.empty(shape, np.int32)

    return Scratch(
        words=np.empty((BATCH, n // WORD + 1), np.int64),
        sheets=np.ones((n // BATCH + 1, SHEET)),  # lanes without an order: numbers that divide
        every=places(n),
        members=places(BATCH),
        here=places(BATCH),
        following=places(max(entries, TOGETHER), n + 1),
        signals=np.zeros(entries, np.int64),
        order=np.empty(sets, np.int64),
        rows=lines(n + 1).ravel(),
        busy=places(n),
        links=np.empty(n + 1, np.int64),
        nets=_cleared(2 * n + 2),
        sums=lines(1).ravel(),
        moments=_cleared(10),
    )


def _cleared(count: int) -> Float:
    """Return room whose lanes without a set hold numbers that can be calculated with."""
    room = lines(count).ravel()
    room[:] = 0.0
    return room
