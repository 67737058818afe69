"""Stock splits: price factors for features. Stored bars stay raw."""

import dataclasses
import datetime as dt
from collections.abc import Iterable

import numpy as np

from detectors.bars import Float, MinuteBars, Sessions
from sweep.market.calendar import session_index


@dataclasses.dataclass(frozen=True)
class Split:
    """One split: from the pre-market of `execution_date` on, `split_from` shares are `split_to`.

    Attributes
    ----------
    symbol
        Name in the store.
    execution_date
        First New York date in new shares.
    split_from, split_to
        Shares before and after, both > 0; 1 and 4 for a 4-for-1 split.
    """

    symbol: str
    execution_date: dt.date
    split_from: float
    split_to: float

    def __post_init__(self) -> None:
        """Refuse a ratio that is no ratio."""
        if not (0 < self.split_from < np.inf and 0 < self.split_to < np.inf):
            raise ValueError(
                f"a split needs shares above 0 on both sides, got {self.split_from} for "
                f"{self.split_to} ({self.symbol}, {self.execution_date})"
            )


def price_factors(splits: Iterable[Split], sessions: Sessions) -> Float:
    """Return what raw prices of each session are multiplied by, relative to the last session.

    Parameters
    ----------
    splits
        Splits of one symbol, any order; those after the last session do not count.
    sessions
        Sessions, n rows.

    Returns
    -------
    numpy.ndarray
        float64 [n], 1.0 in the last session; 0.25 before a 4-for-1 split.
    """
    factors = np.ones(len(sessions))
    if len(sessions) == 0:
        return factors
    for split in sorted(splits, key=lambda row: row.execution_date):
        day = np.datetime64(split.execution_date, "D")
        if day <= sessions.date[-1]:
            factors[sessions.date < day] *= split.split_from / split.split_to
    return factors


def adjust(minutes: MinuteBars, sessions: Sessions, factors: Float) -> MinuteBars:
    """Return minutes in shares of the last session: prices times the factor, volume divided by it.

    Parameters
    ----------
    minutes
        Raw regular-session minutes; every one must lie inside a session.
    sessions
        Sessions, n rows.
    factors
        float64 [n], from `price_factors`.

    Raises
    ------
    ValueError
        If a minute lies outside the sessions.
    """
    if np.all(factors == 1.0):
        return minutes
    session = session_index(sessions, minutes.ts)
    if np.any(session < 0):
        raise ValueError(
            f"{int(np.sum(session < 0))} minutes lie outside the sessions; load both for one range"
        )
    factor = factors[session]
    return MinuteBars(
        ts=minutes.ts,
        open=minutes.open * factor,
        high=minutes.high * factor,
        low=minutes.low * factor,
        close=minutes.close * factor,
        volume=minutes.volume / factor,
    )
