"""Minutes of the sample market: pre-market, regular and post-market, session after session."""

import dataclasses
import datetime as dt

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Int, Sessions
from sweep.market.calendar import session_minutes, session_table

PRE_MINUTES = 330
POST_MINUTES = 240


@dataclasses.dataclass(frozen=True)
class Grid:
    """All minutes in order, each session's from 04:00 New York to four hours after the close.

    Attributes
    ----------
    sessions
        Exchange sessions, one row each.
    first
        int64 [n_sessions + 1], index of each session's first minute; the last entry is n.
    length
        int64 [n_sessions], regular minutes of each session.
    ts
        int64 [n], start of the minute, UTC ns.
    session
        int64 [n], index into `sessions`.
    minute
        int64 [n], minutes since the open, negative before it.
    regular
        bool [n], open <= ts < close.
    """

    sessions: Sessions
    first: Int
    length: Int
    ts: Int
    session: Int
    minute: Int
    regular: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of minutes."""
        return len(self.ts)


def last_sessions(count: int, last: dt.date) -> Sessions:
    """Return the `count` exchange sessions up to `last`, `last` included where it is one."""
    days = count * 366 // 250 + 15
    table = session_table(last - dt.timedelta(days=days), last)
    return Sessions(
        date=table.date[-count:],
        open_ns=table.open_ns[-count:],
        close_ns=table.close_ns[-count:],
        full_length=table.full_length[-count:],
    )


def grid_of(sessions: Sessions) -> Grid:
    """Lay out the minutes of sessions; the first session index is 0."""
    length = session_minutes(sessions)
    sizes = PRE_MINUTES + length + POST_MINUTES
    first = np.concatenate(([0], np.cumsum(sizes)))
    session = np.repeat(np.arange(len(sessions)), sizes)
    minute = np.arange(first[-1]) - first[session] - PRE_MINUTES
    return Grid(
        sessions=sessions,
        first=first,
        length=length,
        ts=sessions.open_ns[session] + minute * MINUTE_NS,
        session=session,
        minute=minute,
        regular=(minute >= 0) & (minute < length[session]),
    )
