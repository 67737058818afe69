"""Sessions of the New York Stock Exchange: opens, closes, half days, ad-hoc closures.

All instants are int64 nanoseconds, UTC. The calendar is built once per process (about 0.3 s).
"""

import datetime as dt
import functools
import warnings
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Int, Sessions

NEW_YORK = ZoneInfo("America/New_York")

FIRST = dt.date(1990, 1, 1)
LAST = dt.date(2050, 12, 31)

PHASES = ("pre", "regular", "post")


@functools.cache
def _exchange() -> Sessions:
    # exchange_calendars 4.13 calls pandas in a way that pandas 3 announces to drop: that
    # warning alone is silenced.
    announced = getattr(pd.errors, "Pandas4Warning", None)
    with warnings.catch_warnings():
        if announced is not None:
            warnings.simplefilter("ignore", announced)
        calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)
        schedule = calendar.schedule
        special = calendar.early_closes.union(calendar.late_opens)
    sessions = Sessions(
        date=schedule.index.to_numpy().astype("datetime64[D]"),
        open_ns=_nanoseconds(schedule["open"]),
        close_ns=_nanoseconds(schedule["close"]),
        full_length=~schedule.index.isin(special),
    )
    for column in (sessions.date, sessions.open_ns, sessions.close_ns, sessions.full_length):
        column.flags.writeable = False
    return sessions


def _nanoseconds(instants: "pd.Series[pd.Timestamp]") -> Int:
    stamps = instants.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return stamps.astype("datetime64[ns]").astype(np.int64)


def session_table(first: dt.date, last: dt.date) -> Sessions:
    """Return the exchange sessions of a range of dates.

    Parameters
    ----------
    first, last
        New York dates, both included; they need not be sessions.

    Returns
    -------
    Sessions
        Contiguous, possibly empty (a weekend); the arrays are read-only.

    Raises
    ------
    ValueError
        If the dates are inverted or outside 1990-2050.
    """
    if first > last:
        raise ValueError(f"the first date must not be after the last, got {first} > {last}")
    if first < FIRST or last > LAST:
        raise ValueError(f"the calendar covers {FIRST} to {LAST}, got {first} to {last}")
    whole = _exchange()
    low = int(np.searchsorted(whole.date, np.datetime64(first, "D"), side="left"))
    high = int(np.searchsorted(whole.date, np.datetime64(last, "D"), side="right"))
    return Sessions(
        date=whole.date[low:high],
        open_ns=whole.open_ns[low:high],
        close_ns=whole.close_ns[low:high],
        full_length=whole.full_length[low:high],
    )


def session_index(sessions: Sessions, ts: Int) -> NDArray[np.int32]:
    """Return the session whose regular hours hold each instant.

    Parameters
    ----------
    sessions
        Sessions, n rows.
    ts
        int64 [m], UTC ns, any order.

    Returns
    -------
    numpy.ndarray
        int32 [m], index into `sessions` where open <= ts < close, else -1.
    """
    if len(sessions) == 0:
        return np.full(len(ts), -1, np.int32)
    index = np.searchsorted(sessions.open_ns, ts, side="right").astype(np.int32) - np.int32(1)
    inside = (index >= 0) & (ts < sessions.close_ns[np.maximum(index, 0)])
    return np.where(inside, index, np.int32(-1)).astype(np.int32)


def session_minutes(sessions: Sessions) -> Int:
    """Return the length of each session: int64 [n], minutes."""
    return (sessions.close_ns - sessions.open_ns) // MINUTE_NS


def midnight_ns(day: dt.date) -> int:
    """Return the instant at which a New York date begins, UTC ns."""
    start = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return int(start.timestamp()) * 1_000_000_000


def new_york_date(ts_ns: int) -> dt.date:
    """Return the New York date of an instant in UTC ns."""
    return dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, tz=NEW_YORK).date()


def as_dates(sessions: Sessions) -> list[dt.date]:
    """Return the session dates as `datetime.date`."""
    dates: list[dt.date] = sessions.date.astype("datetime64[D]").tolist()
    return dates


def describe_gap(first: dt.date, last: dt.date) -> str:
    """Say why a range without a session has none, e.g. `2015-01-01 (Thu, exchange holiday)`."""
    days = [first + dt.timedelta(days=i) for i in range(min((last - first).days + 1, 7))]
    texts = [
        f"{day} ({day:%a}, {'weekend' if day.weekday() >= 5 else 'exchange holiday'})"
        for day in days
    ]
    return ", ".join(texts)
