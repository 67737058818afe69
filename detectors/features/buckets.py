"""Signal bars from minute bars: buckets aligned to the session's open, cut by its actual close.

Nothing is forward-filled: a bucket without a minute has no row. `signal_bars` emits every bucket
that has a minute; whoever feeds a session that is still running keeps the bars with `end` <= now.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions, SignalBars
from detectors.jit import kernel


def session_of(ts: Int, sessions: Sessions) -> NDArray[np.int32]:
    """Return the session index of instants, -1 outside every session.

    Parameters
    ----------
    ts
        int64 [n], UTC ns.
    sessions
        Session table.

    Returns
    -------
    numpy.ndarray
        int32 [n]; open <= ts < close.
    """
    place = np.searchsorted(sessions.open_ns, ts, side="right") - 1
    inside = place >= 0
    if len(sessions):
        inside &= ts < sessions.close_ns[np.maximum(place, 0)]
    return np.where(inside, place, -1).astype(np.int32)


def regular(minutes: MinuteBars, sessions: Sessions) -> tuple[MinuteBars, NDArray[np.int32]]:
    """Keep the minutes inside sessions, and say in which session each lies.

    Raises
    ------
    ValueError
        If the minutes do not rise strictly by time.
    """
    falling = np.flatnonzero(np.diff(minutes.ts) <= 0)
    if len(falling):
        raise ValueError(
            "minute bars must rise by time without duplicates, "
            f"got ts {minutes.ts[falling[0]]} before {minutes.ts[falling[0] + 1]}; "
            "sort them and drop duplicates first"
        )
    session = session_of(minutes.ts, sessions)
    inside = session >= 0
    if inside.all():
        return minutes, session
    kept = MinuteBars(
        ts=minutes.ts[inside],
        open=minutes.open[inside],
        high=minutes.high[inside],
        low=minutes.low[inside],
        close=minutes.close[inside],
        volume=minutes.volume[inside],
    )
    return kept, session[inside]


@kernel
def _fill(
    ts: Int,
    session: NDArray[np.int32],
    prices: tuple[Float, Float, Float, Float],
    volume: Float,
    open_ns: Int,
    bar_ns: int,
) -> tuple[Int, NDArray[np.int32], Float, Float, Float, Float, Float]:
    """Fold minutes into buckets; prices are (open, high, low, close) of the minutes."""
    first, top, bottom, last = prices
    n = len(ts)
    start = np.empty(n, np.int64)
    in_session = np.empty(n, np.int32)
    open_ = np.empty(n)
    high = np.empty(n)
    low = np.empty(n)
    close = np.empty(n)
    total = np.empty(n)
    row = -1
    for i in range(n):
        opened = open_ns[session[i]]
        bucket = opened + (ts[i] - opened) // bar_ns * bar_ns
        if row < 0 or start[row] != bucket:
            row += 1
            start[row] = bucket
            in_session[row] = session[i]
            open_[row] = first[i]
            high[row] = top[i]
            low[row] = bottom[i]
            total[row] = 0.0
        high[row] = max(high[row], top[i])
        low[row] = min(low[row], bottom[i])
        close[row] = last[i]
        total[row] += volume[i]
    rows = row + 1
    return (
        start[:rows].copy(),
        in_session[:rows].copy(),
        open_[:rows].copy(),
        high[:rows].copy(),
        low[:rows].copy(),
        close[:rows].copy(),
        total[:rows].copy(),
    )


def signal_bars(
    minutes: MinuteBars, sessions: Sessions, bar_minutes: int, restarts: Int | None = None
) -> SignalBars:
    """Build the bars of a timeframe from minute bars.

    Parameters
    ----------
    minutes
        Minute bars; those outside every session are left out.
    sessions
        Session table.
    bar_minutes
        Length of a bucket, minutes, at least 1; one at least as long as the session gives one bar.
    restarts
        int64 [k], rising, UTC ns: instants at which indicators restart (`continuity.restarts`);
        the first bar that ends at or after one opens a new segment. None for none.

    Returns
    -------
    SignalBars
        One row per bucket that has a minute. A bar's volume is the sum in time order.
    """
    if bar_minutes < 1:
        raise ValueError(f"bar_minutes must be at least 1, got {bar_minutes}")
    kept, session = regular(minutes, sessions)
    bar_ns = bar_minutes * MINUTE_NS
    ts, in_session, open_, high, low, close, volume = _fill(
        kept.ts,
        session,
        (kept.open, kept.high, kept.low, kept.close),
        kept.volume,
        sessions.open_ns,
        bar_ns,
    )
    end = np.minimum(ts + bar_ns, sessions.close_ns[in_session])
    instants = np.empty(0, np.int64) if restarts is None else restarts
    return SignalBars(
        ts=ts,
        end=end,
        session=in_session,
        segment=np.searchsorted(instants, end, side="right").astype(np.int32),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


@kernel
def bars_before(segment: NDArray[np.int32]) -> Int:
    """Count the earlier bars of the same segment: 0 on the first bar since start or restart."""
    number = np.zeros(len(segment), np.int64)
    for i in range(1, len(segment)):
        if segment[i] == segment[i - 1]:
            number[i] = number[i - 1] + 1
    return number
