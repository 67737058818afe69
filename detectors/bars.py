"""Bars and sessions as arrays: what features are computed from.

All times are int64 nanoseconds since the epoch, UTC. Minute bars are regular-session bars only; a
bar is named by its start and closed on the left, so minute `ts` covers [ts, ts + 60 s).
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

MINUTE_NS = 60_000_000_000

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Sessions:
    """Contiguous exchange sessions, one row each; the position in the table is the session index.

    Attributes
    ----------
    date
        datetime64[D] [n], New York session date, strictly rising, no session of the calendar left
        out.
    open_ns, close_ns
        int64 [n], UTC nanoseconds of the actual open and close (early closes included).
    full_length
        bool [n], False for an early close or a late open.
    """

    date: NDArray[np.datetime64]
    open_ns: Int
    close_ns: Int
    full_length: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.date)


@dataclasses.dataclass(frozen=True)
class MinuteBars:
    """Regular-session minute bars of one symbol, rising by time, no duplicates, gaps allowed.

    Attributes
    ----------
    ts
        int64 [n], start of the minute, UTC ns.
    open, high, low, close
        float64 [n], price units; the sign is not checked (mirror tests feed negative prices).
    volume
        float64 [n], shares; NaN throughout for an index.
    """

    ts: Int
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.ts)


@dataclasses.dataclass(frozen=True)
class SignalBars:
    """Bars of the signal timeframe, built from minutes, buckets aligned to the session open.

    Attributes
    ----------
    ts
        int64 [n], start of the bucket, UTC ns.
    end
        int64 [n], decision instant T: end of the bucket, cut by the session close, UTC ns.
    session
        int32 [n], index into `Sessions`.
    segment
        int32 [n], number of indicator restarts before this bar (DETECTORS.md 3.1): bars of
        different segments never enter the same look-back.
    open, high, low, close
        float64 [n], price units.
    volume
        float64 [n], shares (own volume; NaN for an index).
    """

    ts: Int
    end: Int
    session: NDArray[np.int32]
    segment: NDArray[np.int32]
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.ts)
