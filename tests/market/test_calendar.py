import datetime as dt

import numpy as np
import pytest

from sweep.market import calendar
from sweep.market.calendar import session_index, session_minutes, session_table

NS = 1_000_000_000


def utc_ns(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * NS


def test_half_days_close_at_one_in_new_york():
    sessions = session_table(dt.date(2014, 11, 24), dt.date(2014, 12, 26))
    half = sessions.date[~sessions.full_length].tolist()
    assert half == [dt.date(2014, 11, 28), dt.date(2014, 12, 24)]
    row = sessions.date.tolist().index(dt.date(2014, 12, 24))
    assert sessions.open_ns[row] == utc_ns("2014-12-24T14:30")
    assert sessions.close_ns[row] == utc_ns("2014-12-24T18:00")
    assert session_minutes(sessions)[row] == 210
    assert dt.date(2014, 12, 25) not in sessions.date.tolist()


def test_open_moves_in_utc_when_daylight_saving_begins():
    sessions = session_table(dt.date(2015, 3, 6), dt.date(2015, 3, 9))
    assert sessions.open_ns.tolist() == [utc_ns("2015-03-06T14:30"), utc_ns("2015-03-09T13:30")]
    assert session_minutes(sessions).tolist() == [390, 390]


@pytest.mark.parametrize(
    "closed",
    [
        dt.date(2001, 9, 11),
        dt.date(2012, 10, 29),
        dt.date(2018, 12, 5),
        dt.date(2025, 1, 9),
        dt.date(2022, 6, 20),
    ],
)
def test_ad_hoc_closures_and_holidays_are_no_sessions(closed):
    assert len(session_table(closed, closed)) == 0


def test_session_index_is_closed_left_and_open_right():
    sessions = session_table(dt.date(2015, 3, 6), dt.date(2015, 3, 9))
    opened, closed = sessions.open_ns, sessions.close_ns
    ts = np.array([opened[0] - 1, opened[0], closed[0] - 1, closed[0], opened[1], closed[1]])
    found = session_index(sessions, ts)
    assert found.dtype == np.int32
    assert found.tolist() == [-1, 0, 0, -1, 1, -1]
    assert session_index(session_table(dt.date(2015, 3, 7), dt.date(2015, 3, 8)), ts).max() == -1


def test_sessions_cannot_be_written_to():
    sessions = session_table(dt.date(2015, 3, 6), dt.date(2015, 3, 9))
    with pytest.raises(ValueError, match="read-only"):
        sessions.open_ns[0] = 0


def test_inverted_and_far_dates_are_refused():
    with pytest.raises(ValueError, match="2015-03-09 > 2015-03-06"):
        session_table(dt.date(2015, 3, 9), dt.date(2015, 3, 6))
    with pytest.raises(ValueError, match="covers 1990-01-01 to 2050-12-31"):
        session_table(dt.date(1970, 1, 1), dt.date(2015, 3, 6))


@pytest.mark.parametrize("day", ["2015-03-07", "2015-03-08", "2015-03-09", "2015-11-01"])
def test_midnight_follows_new_york(day):
    date = dt.date.fromisoformat(day)
    hour = {"2015-03-07": 5, "2015-03-08": 5, "2015-03-09": 4, "2015-11-01": 4}[day]
    start = calendar.midnight_ns(date)
    assert start == utc_ns(f"{day}T{hour:02d}:00")
    assert calendar.new_york_date(start) == date
    assert calendar.new_york_date(start - 1) == date - dt.timedelta(days=1)


def test_a_range_without_session_says_why():
    text = calendar.describe_gap(dt.date(2015, 1, 1), dt.date(2015, 1, 1))
    assert text == "2015-01-01 (Thu, exchange holiday)"
    assert "weekend" in calendar.describe_gap(dt.date(2015, 1, 3), dt.date(2015, 1, 4))
