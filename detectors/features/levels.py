"""Price levels: opens, extremes and opening ranges of sessions, extremes of earlier bars."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions
from detectors.jit import kernel

LATE_OPEN_MINUTES = 5
NEVER_NS = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True)
class SessionLevels:
    """What the minutes of each session amount to; NaN where it has none.

    Attributes
    ----------
    first, stop
        int64 [n], half-open range of the session's minute bars.
    open, open_known_ns
        float64 [n] and int64 [n]: `session_open` and the UTC ns from which it is known
        (`NEVER_NS` where it stays unknown).
    high, low, close
        float64 [n], of the whole session: usable from the next session on.
    first_end_ns
        int64 [n], end of the session's first minute bar, UTC ns; `NEVER_NS` without bars.
    """

    first: Int
    stop: Int
    open: Float
    open_known_ns: Int
    high: Float
    low: Float
    close: Float
    first_end_ns: Int

    @property
    def has_bars(self) -> NDArray[np.bool_]:
        """Return bool [n], True for a session with minute bars."""
        return self.stop > self.first


@kernel
def _summarise(
    ts: Int,
    prices: tuple[Float, Float, Float, Float],
    first: Int,
    stop: Int,
    earliest_end: Int,
    latest_start: Int,
    at_close: bool,
) -> tuple[Float, Int, Float, Float, Float, Int]:
    """Summarise sessions; the open is that of the first minute which ends >= earliest_end."""
    open_, high, low, close = prices
    n = len(first)
    opens = np.full(n, np.nan)
    known = np.full(n, NEVER_NS, np.int64)
    highs = np.full(n, np.nan)
    lows = np.full(n, np.nan)
    closes = np.full(n, np.nan)
    first_end = np.full(n, NEVER_NS, np.int64)
    for s in range(n):
        a, b = first[s], stop[s]
        if a == b:
            continue
        first_end[s] = ts[a] + MINUTE_NS
        highs[s] = high[a]
        lows[s] = low[a]
        for i in range(a, b):
            highs[s] = max(highs[s], high[i])
            lows[s] = min(lows[s], low[i])
        closes[s] = close[b - 1]
        i = a
        while i < b and ts[i] + MINUTE_NS < earliest_end[s]:
            i += 1
        if i < b and ts[i] < latest_start[s]:
            opens[s] = close[i] if at_close else open_[i]
            known[s] = ts[i] + MINUTE_NS
    return opens, known, highs, lows, closes, first_end


def session_levels(
    minutes: MinuteBars, sessions: Sessions, *, index: bool, index_open_delay_minutes: int
) -> SessionLevels:
    """Summarise the minutes of every session.

    Parameters
    ----------
    minutes
        Minute bars inside sessions.
    sessions
        Session table.
    index
        True for an index: its open is the *close* of the first minute that ends at least
        `index_open_delay_minutes` after the open, since first prints use stale component prices.
    index_open_delay_minutes
        Delay of an index open, minutes, at least 1.

    Returns
    -------
    SessionLevels
        The open is unknown where its minute starts 5 minutes or more after the open (index: plus
        delay).
    """
    delay = (index_open_delay_minutes if index else 0) * MINUTE_NS
    first = np.searchsorted(minutes.ts, sessions.open_ns)
    stop = np.searchsorted(minutes.ts, sessions.close_ns)
    opens, known, high, low, close, first_end = _summarise(
        minutes.ts,
        (minutes.open, minutes.high, minutes.low, minutes.close),
        first,
        stop,
        sessions.open_ns + delay,
        sessions.open_ns + delay + LATE_OPEN_MINUTES * MINUTE_NS,
        index,
    )
    return SessionLevels(
        first=first,
        stop=stop,
        open=opens,
        open_known_ns=known,
        high=high,
        low=low,
        close=close,
        first_end_ns=first_end,
    )


@kernel
def opening_range(
    ts: Int, high: Float, low: Float, first: Int, stop: Int, open_ns: Int, length_ns: int
) -> tuple[Float, Float]:
    """Return high and low of the minutes that start in the first `length_ns` of each session.

    Parameters
    ----------
    ts, high, low
        Minute bars [n_minutes]: int64 UTC ns, float64 price.
    first, stop, open_ns
        int64 [n_sessions]: range of each session's minutes, and its open, UTC ns.
    length_ns
        Length of the range, ns.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n_sessions] each; NaN where fewer than half of the minutes are present. Known from
        open + length on.
    """
    n = len(first)
    highs = np.full(n, np.nan)
    lows = np.full(n, np.nan)
    for s in range(n):
        i = first[s]
        count = 0
        top, bottom = -np.inf, np.inf
        while i < stop[s] and ts[i] < open_ns[s] + length_ns:
            top = max(top, high[i])
            bottom = min(bottom, low[i])
            count += 1
            i += 1
        if 2 * count * MINUTE_NS >= length_ns:
            highs[s] = top
            lows[s] = bottom
    return highs, lows


@kernel
def running_extremes(high: Float, low: Float, session: NDArray[np.int32]) -> tuple[Float, Float]:
    """Return the session's extremes so far, current bar included; float64 [n] each."""
    highs = high.copy()
    lows = low.copy()
    for i in range(1, len(high)):
        if session[i] == session[i - 1]:
            highs[i] = max(highs[i - 1], high[i])
            lows[i] = min(lows[i - 1], low[i])
    return highs, lows


@kernel
def _extreme_before(
    values: Float, segment: NDArray[np.int32], lookback: int, sign: float
) -> Float:
    """Slide a queue of falling candidates; each value enters and leaves once: O(n)."""
    n = len(values)
    out = np.full(n, np.nan)
    queue = np.empty(n, np.int64)
    head, tail = 0, 0
    start = 0
    for i in range(n):
        if i > 0 and segment[i] != segment[i - 1]:
            start = i
            head, tail = 0, 0
        while head < tail and queue[head] < i - lookback:
            head += 1
        if i - start >= lookback:
            out[i] = values[queue[head]]
        while head < tail and sign * values[queue[tail - 1]] <= sign * values[i]:
            tail -= 1
        queue[tail] = i
        tail += 1
    return out


def extreme_before(values: Float, segment: NDArray[np.int32], lookback: int, side: int) -> Float:
    """Return the extreme of the `lookback` bars before each bar, the bar itself left out.

    Parameters
    ----------
    values
        float64 [n], for example highs.
    segment
        int32 [n]; bars of another segment are not looked at.
    lookback
        Number of bars, at least 1.
    side
        +1 for the maximum, -1 for the minimum.

    Returns
    -------
    numpy.ndarray
        float64 [n], NaN with fewer than `lookback` earlier bars in the segment.
    """
    if lookback < 1:
        raise ValueError(f"lookback must be at least 1 bar, got {lookback}")
    if side not in (1, -1):
        raise ValueError(f"side must be +1 (maximum) or -1 (minimum), got {side}")
    return _extreme_before(values, segment, int(lookback), float(side))
