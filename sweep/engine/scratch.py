"""Room for what kernels work out on the way: kernels that make no arrays count no references."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.orders import SHEET
from sweep.engine.tally import BATCH, ROWS

Places32 = NDArray[np.int32]


class Scratch(NamedTuple):
    """Room for the longest block of sessions, of n candidates; void between blocks.

    Attributes
    ----------
    passes
        bool [n], which candidates are signals of a set.
    following
        int32 [entry rules, n + 1], next signal at or after each place.
    signals, before
        int32 [n + 1], places of the signals, and how many lie before each place.
    rows
        float64, what trades add to sums, in batches (`sweep.engine.tally`).
    sheet
        float64 [SHEET], see `sweep.engine.orders`.
    busy, upcoming, columns
        int32 [n], signal bar of an exit, place where a set can signal again, session column.
    """

    passes: NDArray[np.bool_]
    following: Places32
    signals: Places32
    before: Places32
    rows: Float
    sheet: Float
    busy: Places32
    upcoming: Places32
    columns: Places32


def scratch_for(blocks: Int, entries: int = 1) -> Scratch:
    """Make room for blocks of candidates (`session_blocks`) and a number of entry rules."""
    n = int(np.diff(blocks).max(initial=0))

    def places(*shape: int) -> Places32:
        return np.empty(shape, np.int32)

    return Scratch(
        passes=np.empty(n, np.bool_),
        following=places(entries, n + 1),
        signals=places(n + 1),
        before=places(n + 1),
        rows=np.empty((n // BATCH + 1) * ROWS),
        sheet=np.ones(SHEET),  # lanes without an order: numbers that divide
        busy=places(n),
        upcoming=places(n),
        columns=places(n),
    )
