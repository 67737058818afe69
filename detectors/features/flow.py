"""Order flow from an outside producer: optional, unknown unless it is supplied."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int, SignalBars
from detectors.features.table import Reason


@dataclasses.dataclass(frozen=True)
class Flow:
    """Flow readings of one symbol, rising by time.

    Attributes
    ----------
    known_at
        int64 [n], instant from which the reading is known, UTC ns.
    score
        float64 [n], strength, 0 to 100.
    bias
        float64 [n], direction: -1, 0 or +1.
    """

    known_at: Int
    score: Float
    bias: Float

    def __post_init__(self) -> None:
        """Refuse readings out of order or out of range."""
        if np.any(np.diff(self.known_at) < 0):
            raise ValueError("flow readings must rise by known_at; sort them first")
        if not np.all((self.score >= 0) & (self.score <= 100)):
            raise ValueError("flow score must lie in 0 to 100; leave unknown readings out")
        if not np.all(np.isin(self.bias, (-1, 0, 1))):
            raise ValueError("flow bias must be -1, 0 or +1; leave unknown readings out")


def flow_signed(flow: Flow | None, bars: SignalBars) -> tuple[Float, NDArray[np.int8]]:
    """Return bias x score of the bar's own reading.

    Parameters
    ----------
    flow
        Readings, None for none.
    bars
        Signal bars.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] in [-100, 100], the last reading with bar start < known_at <= bar end, NaN
        without one; int8 [n] reason: `STALE` where only an older reading is known, else
        `MISSING_INPUT`.
    """
    signed = np.full(len(bars), np.nan)
    reason = np.full(len(bars), Reason.MISSING_INPUT, np.int8)
    if flow is None or not len(flow.known_at):
        return signed, reason
    last = np.searchsorted(flow.known_at, bars.end, side="right") - 1
    seen = last >= 0
    fresh = seen & (flow.known_at[last] > bars.ts)
    signed[fresh] = flow.bias[last[fresh]] * flow.score[last[fresh]]
    reason[seen & ~fresh] = Reason.STALE
    return signed, reason
