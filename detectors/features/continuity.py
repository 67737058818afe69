"""Where a series of bars breaks: whole sessions missing, or an overnight gap no split explains.

At a break all indicators restart: a Wilder average or EMA carried over a delisting, a halt of
weeks or an unrecorded split would take most of its warm-up again to forget it, silently wrong
meanwhile.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Int
from detectors.features.levels import SessionLevels


def gap_suspects(
    levels: SessionLevels, split_sessions: NDArray[np.bool_] | None, gap_suspect_frac: float
) -> NDArray[np.bool_]:
    """Flag sessions whose overnight gap is too large to be one price series.

    Parameters
    ----------
    levels
        Levels of the sessions, before prior levels are masked.
    split_sessions
        bool [n_sessions], True where a split is known to take effect; None for none.
    gap_suspect_frac
        Size of the gap, fraction of the prior close, that must be exceeded.

    Returns
    -------
    numpy.ndarray
        bool [n_sessions]. An unknown gap flags nothing.
    """
    n = len(levels.open)
    flagged = np.zeros(n, np.bool_)
    if n > 1:
        prior = levels.close[:-1]
        gap = (levels.open[1:] - prior) / np.abs(prior)
        flagged[1:] = np.abs(gap) > gap_suspect_frac
    if split_sessions is not None:
        flagged &= ~split_sessions
    return flagged


def restarts(levels: SessionLevels, suspects: NDArray[np.bool_], max_gap_sessions: int) -> Int:
    """List the instants at which indicators restart.

    Parameters
    ----------
    levels
        Levels of the sessions.
    suspects
        bool [n_sessions], result of `gap_suspects`.
    max_gap_sessions
        Whole sessions that may be missing between two bars.

    Returns
    -------
    numpy.ndarray
        int64 [k], rising, UTC ns. After missing sessions: the end of the first minute; at a
        suspect gap: the instant at which the session's open is known. The same instants break
        every timeframe.
    """
    present = np.flatnonzero(levels.has_bars)
    after_hole = present[1:][np.diff(present) - 1 > max_gap_sessions]
    return np.sort(
        np.concatenate((levels.first_end_ns[after_hole], levels.open_known_ns[suspects]))
    )
