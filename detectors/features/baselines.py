"""What volume is normal: the same slot of earlier sessions, the dollars of a session."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions
from detectors.jit import kernel

CLOSING_NS = 60 * MINUTE_NS


@kernel
def slot_volumes(
    bar_slot: Int, bar_session: NDArray[np.int32], volume: Float, n_sessions: int, n_slots: int
) -> Float:
    """Lay bar volumes out by slot and session; float64 [n_slots, n_sessions], 0 without a bar."""
    table = np.zeros((n_slots, n_sessions))
    for t in range(len(volume)):
        if 0 <= bar_slot[t] < n_slots:
            table[bar_slot[t], bar_session[t]] = volume[t]
    return table


@kernel
def mean_of_sessions(
    table: Float,
    row: Int,
    session: NDArray[np.int32],
    eligible: Int,
    usable: NDArray[np.bool_],
    look_back: int,
    minimum: int,
) -> tuple[Float, Int]:
    """Average table rows over the sessions before a session.

    Parameters
    ----------
    table
        float64 [n_rows, n_sessions].
    row, session
        int64 [n] and int32 [n]: for each result, the row to average and the session to stop
        before.
    eligible
        int64 [k], rising: sessions that may enter a baseline.
    usable
        bool [n_sessions]: sessions that have bars.
    look_back, minimum
        Eligible sessions to look at, and how many of these must be usable.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] mean over the usable ones, summed in time order, NaN with too few; int64 [n]
        how many there were.
    """
    n = len(row)
    mean = np.full(n, np.nan)
    counts = np.zeros(n, np.int64)
    before = 0
    for t in range(n):
        while before < len(eligible) and eligible[before] < session[t]:
            before += 1
        total = 0.0
        for k in range(max(0, before - look_back), before):
            if usable[eligible[k]]:
                total += table[row[t], eligible[k]]
                counts[t] += 1
        if counts[t] >= minimum:
            mean[t] = total / counts[t]
    return mean, counts


def slots(
    bar_ts: Int, bar_session: NDArray[np.int32], sessions: Sessions, bar_minutes: int
) -> Int:
    """Name the slot of each bar by its start: bars since the open, in a full-length session.

    In a session that is not full-length, a bar that starts in the last 60 minutes takes the slot
    that starts as long before a full-length close.

    Returns
    -------
    numpy.ndarray
        int64 [n].
    """
    length = sessions.close_ns - sessions.open_ns
    full = length[sessions.full_length]
    since_open = bar_ts - sessions.open_ns[bar_session]
    to_close = sessions.close_ns[bar_session] - bar_ts
    closing = ~sessions.full_length[bar_session] & (to_close <= CLOSING_NS)
    if len(full):
        since_open = np.where(closing, full.max() - to_close, since_open)
    return np.asarray(since_open // (bar_minutes * MINUTE_NS), np.int64)


def slot_baseline(
    volume: Float,
    slot: Int,
    bar_session: NDArray[np.int32],
    sessions: Sessions,
    usable: NDArray[np.bool_],
    look_back: int,
    minimum: int,
) -> tuple[Float, Int]:
    """Average the same slot over the previous full-length sessions.

    Parameters
    ----------
    volume, slot, bar_session
        float64 [n] shares, int64 [n], int32 [n]: signal bars.
    sessions
        Session table.
    usable
        bool [n_sessions], sessions that have bars with volume.
    look_back, minimum
        Full-length calendar sessions to look back, and how many of them must be usable.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] mean, shares, NaN with too few sessions; int64 [n] usable sessions.
    """
    n_slots = int(slot.max()) + 1 if len(slot) else 0
    table = slot_volumes(slot, bar_session, volume, len(sessions), n_slots)
    eligible = np.flatnonzero(sessions.full_length)
    return mean_of_sessions(table, slot, bar_session, eligible, usable, look_back, minimum)


@kernel
def dollars_by_session(close: Float, shares: Float, first: Int, stop: Int) -> Float:
    """Return the sum of |minute close| x volume of each session; float64 [n_sessions], dollars."""
    total = np.zeros(len(first))
    for s in range(len(first)):
        for i in range(first[s], stop[s]):
            total[s] += abs(close[i]) * shares[i]
    return total


def dollar_volume_mean(
    traded: MinuteBars,
    sessions: Sessions,
    bar_session: NDArray[np.int32],
    look_back: int,
    minimum: int,
) -> Float:
    """Average the dollar volume of the previous calendar sessions that have bars.

    Parameters
    ----------
    traded
        Minute bars of the symbol that trades: the symbol itself, the proxy of an index.
    sessions
        Session table.
    bar_session
        int32 [n], session of each signal bar.
    look_back, minimum
        Calendar sessions to look back (half days included), and how many of them must have bars.

    Returns
    -------
    numpy.ndarray
        float64 [n], dollars; NaN with too few sessions. The current session never enters.
    """
    first = np.searchsorted(traded.ts, sessions.open_ns)
    stop = np.searchsorted(traded.ts, sessions.close_ns)
    dollars = dollars_by_session(traded.close, traded.volume, first, stop)
    mean, _ = mean_of_sessions(
        dollars.reshape(1, -1),
        np.zeros(len(bar_session), np.int64),
        bar_session,
        np.arange(len(sessions)),
        stop > first,
        look_back,
        minimum,
    )
    return mean
