import dataclasses
import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.features.buckets import bars_before, regular, session_of, signal_bars
from tests.detectors.features.walks import (
    all_minutes,
    calendar_sessions,
    flat,
    take,
    toy_sessions,
    walk,
)

NEW_YORK = ZoneInfo("America/New_York")


def new_york(ns):
    return dt.datetime.fromtimestamp(int(ns) / 1e9, tz=dt.UTC).astimezone(NEW_YORK)


def test_a_bucket_takes_open_extremes_close_and_the_sum_of_volume():
    sessions = toy_sessions([12])
    minutes = walk(sessions, 5)
    bars = signal_bars(minutes, sessions, 5)
    assert list(bars.ts - sessions.open_ns[0]) == [0, 5 * MINUTE_NS, 10 * MINUTE_NS]
    assert list(bars.end - sessions.open_ns[0]) == [5 * MINUTE_NS, 10 * MINUTE_NS, 12 * MINUTE_NS]
    for row, part in enumerate((slice(0, 5), slice(5, 10), slice(10, 12))):
        assert bars.open[row] == minutes.open[part][0]
        assert bars.high[row] == minutes.high[part].max()
        assert bars.low[row] == minutes.low[part].min()
        assert bars.close[row] == minutes.close[part][-1]
        assert bars.volume[row] == minutes.volume[part].sum()


def test_a_bucket_without_minutes_has_no_row_and_a_thin_one_ends_on_time():
    sessions = toy_sessions([20, 20])
    minutes = walk(sessions, 5)
    number = (minutes.ts - sessions.open_ns[0]) // MINUTE_NS
    bars = signal_bars(
        take(minutes, (number >= 3) & ~((number >= 5) & (number < 13))), sessions, 5
    )
    starts = bars.ts[bars.session == 0] - sessions.open_ns[0]
    assert list(starts // MINUTE_NS) == [0, 10, 15]
    assert bars.open[0] == minutes.open[3]
    assert bars.open[1] == minutes.open[13]
    assert np.array_equal(bars.end[:3], bars.ts[:3] + 5 * MINUTE_NS)


def test_hours_of_full_and_half_days_are_anchored_at_the_open():
    sessions = calendar_sessions("2024-11-27", "2024-11-29")
    bars = signal_bars(flat(all_minutes(sessions), 100.0), sessions, 60)
    full = [new_york(ts).strftime("%H:%M") for ts in bars.ts[bars.session == 0]]
    assert full == ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]
    assert new_york(bars.end[6]).strftime("%H:%M") == "16:00"
    half = [new_york(ts).strftime("%H:%M") for ts in bars.ts[bars.session == 1]]
    assert half == ["09:30", "10:30", "11:30", "12:30"]
    assert new_york(bars.end[-1]).strftime("%H:%M") == "13:00"
    assert list(bars.volume) == [60] * 6 + [30] + [60] * 3 + [30]


@pytest.mark.parametrize(
    ("before", "after"), [("2024-03-08", "2024-03-11"), ("2024-11-01", "2024-11-04")]
)
def test_daylight_saving_does_not_move_the_first_bar_in_new_york(before, after):
    sessions = calendar_sessions(before, after)
    bars = signal_bars(flat(all_minutes(sessions), 100.0), sessions, 15)
    first = bars.ts[[0, 26]]
    assert [new_york(ts).strftime("%H:%M") for ts in first] == ["09:30", "09:30"]
    utc_hours = {dt.datetime.fromtimestamp(int(ts) / 1e9, tz=dt.UTC).hour for ts in first}
    assert utc_hours == {13, 14}


def test_minutes_outside_sessions_are_left_out():
    sessions = toy_sessions([10])
    opened = sessions.open_ns[0]
    ts = opened + MINUTE_NS * np.array([-1, 0, 9, 10, 500])
    assert list(session_of(ts, sessions)) == [-1, 0, 0, -1, -1]
    kept, session = regular(flat(ts, [1, 2, 3, 4, 5]), sessions)
    assert list(kept.close) == [2, 3]
    assert list(session) == [0, 0]


def test_one_bar_may_span_the_session():
    sessions = toy_sessions([12, 7])
    bars = signal_bars(walk(sessions, 1), sessions, 390)
    assert list(bars.ts) == list(sessions.open_ns)
    assert list(bars.end) == list(sessions.close_ns)


def test_restarts_open_segments_at_the_bar_that_ends_at_or_after_them():
    sessions = toy_sessions([10, 10])
    instants = np.array([sessions.open_ns[0] + 5 * MINUTE_NS, sessions.open_ns[1] + MINUTE_NS])
    bars = signal_bars(walk(sessions, 1), sessions, 5, instants)
    assert list(bars.segment) == [1, 1, 2, 2]
    assert list(bars_before(bars.segment)) == [0, 1, 0, 1]


def test_an_index_has_bars_of_unknown_volume():
    sessions = toy_sessions([10])
    minutes = dataclasses.replace(walk(sessions, 1), volume=np.full(10, np.nan))
    assert np.isnan(signal_bars(minutes, sessions, 5).volume).all()


def test_minutes_out_of_order_or_twice_are_refused():
    sessions = toy_sessions([10])
    minutes = walk(sessions, 1)
    for order in ([0, 2, 1], [0, 1, 1]):
        with pytest.raises(ValueError, match="rise by time without duplicates"):
            signal_bars(take(minutes, np.array(order)), sessions, 5)


def test_a_bar_of_no_minutes_is_refused():
    sessions = toy_sessions([10])
    with pytest.raises(ValueError, match="at least 1, got 0"):
        signal_bars(walk(sessions, 1), sessions, 0)
