"""When the vendor publishes a session's day file, and so what its absence means."""

import datetime as dt

from sweep.market.calendar import NEW_YORK, as_dates, session_table

#: "By approximately 11:00 AM ET the following day" (massive.com/knowledge-base, flat files).
_HOUR = 11
#: A file may come this long after that; then it is missing for good, unless it is seen after all.
_LATE = dt.timedelta(days=3)


def utc_now() -> dt.datetime:
    """Return this instant."""
    return dt.datetime.now(dt.UTC)


def due(session: dt.date) -> dt.datetime:
    """Return the instant by which a session's file should be there."""
    after = session + dt.timedelta(days=1)
    return dt.datetime(after.year, after.month, after.day, _HOUR, tzinfo=NEW_YORK)


def may_still_come(session: dt.date, now: dt.datetime) -> bool:
    """Tell whether a session's absent file is late rather than missing."""
    return now < due(session) + _LATE


def newest_closed(now: dt.datetime, delay_minutes: float = 20.0) -> dt.date:
    """Return the last session whose close lies so many minutes back: REST has its last bar."""
    today = now.astimezone(NEW_YORK).date()
    sessions = session_table(today - dt.timedelta(days=14), today)
    over = sessions.close_ns + int(delay_minutes * 60e9) <= int(now.timestamp()) * 1_000_000_000
    return [day for day, done in zip(as_dates(sessions), over, strict=True) if done][-1]
