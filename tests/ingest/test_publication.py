import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from sweep.ingest.publication import due, may_still_come, newest_closed

NY = ZoneInfo("America/New_York")


def test_a_file_is_due_at_eleven_the_next_day_and_late_for_three_more():
    friday = dt.date(2025, 3, 7)  # clocks go forward on the 9th
    assert due(friday) == dt.datetime(2025, 3, 8, 11, tzinfo=NY)
    assert may_still_come(friday, dt.datetime(2025, 3, 11, 10, 59, tzinfo=NY))
    assert not may_still_come(friday, dt.datetime(2025, 3, 11, 11, 1, tzinfo=NY))


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (dt.datetime(2025, 1, 3, 16, 19, tzinfo=NY), dt.date(2025, 1, 2)),
        (dt.datetime(2025, 1, 3, 16, 20, tzinfo=NY), dt.date(2025, 1, 3)),
        (dt.datetime(2025, 1, 5, 9, 0, tzinfo=NY), dt.date(2025, 1, 3)),
        (dt.datetime(2024, 12, 24, 13, 21, tzinfo=NY), dt.date(2024, 12, 24)),  # half day
        (dt.datetime(2025, 1, 1, 23, 0, tzinfo=NY), dt.date(2024, 12, 31)),
    ],
)
def test_the_newest_closed_session(now, newest):
    assert newest_closed(now) == newest
