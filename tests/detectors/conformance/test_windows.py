"""Row 12: phase windows move with the actual open and close of each session."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from tests.detectors.conformance.markets import Market, u_shaped_walk
from tests.detectors.conformance.probes import defaults
from tests.detectors.features.walks import calendar_sessions, take

NEW_YORK = ZoneInfo("America/New_York")

# DETECTORS.md 9.1 and 9.2, New York wall time of the first and last decision instant at defaults.
FULL_DAY = {
    "power_hour_reversal": ("15:00", "16:00"),
    "opening_drive": ("09:40", "10:00"),
    "gamma_squeeze": ("14:30", "16:00"),
    "gamma_flip": ("13:00", "16:00"),
    "eod_pin": ("15:30", "16:00"),
}
HALF_DAY = {
    "power_hour_reversal": ("12:00", "13:00"),
    "opening_drive": ("09:40", "10:00"),
    "gamma_squeeze": ("11:30", "13:00"),
    "gamma_flip": ("10:00", "13:00"),
    "eod_pin": ("12:30", "13:00"),
}
WHOLE_DAY = {True: ("09:30", "16:00"), False: ("09:30", "13:00")}

SPANS = {
    "clocks forward": ("2024-03-07", "2024-03-13"),
    "clocks back": ("2024-10-31", "2024-11-06"),
    "half day": ("2024-11-26", "2024-12-03"),
}


def clock(instant):
    moment = dt.datetime.fromtimestamp(instant // 10**9, tz=dt.UTC)
    return moment.astimezone(NEW_YORK).strftime("%H:%M")


def bounds(detector, full_length):
    named = (FULL_DAY if full_length else HALF_DAY).get(detector.family)
    return named or stated_bounds(detector, WHOLE_DAY[full_length])


def stated_bounds(detector, day):
    """Bounds of a family that the specification does not have, from its own window."""
    opened, closed = (dt.datetime.strptime(text, "%H:%M") for text in day)  # noqa: DTZ007
    first, last = opened, closed
    for window in detector.windows:
        width = dt.timedelta(minutes=defaults(detector)[window.parameter])
        if window.column == "minutes_to_close":
            first = max(first, closed - width)
        elif window.comparison == "<=":
            last = min(last, opened + width)
        else:
            first = max(first, opened + width)
    return first.strftime("%H:%M"), last.strftime("%H:%M")


def test_stated_bounds_are_those_of_the_specification():
    for name, bounds_of_family in FULL_DAY.items():
        entry = next(d for d in DETECTORS.values() if d.family == name)
        assert stated_bounds(entry, WHOLE_DAY[True]) == bounds_of_family
        assert stated_bounds(entry, WHOLE_DAY[False]) == HALF_DAY[name]


def window_faults(detector, sessions, minutes):
    """List the bars that are in the window and should not be, or the reverse."""
    table = Market(sessions, minutes).of(detector)
    found = evaluate(detector, table).in_window
    faults = []
    for t in range(len(table)):
        first, last = bounds(detector, bool(sessions.full_length[table.bars.session[t]]))
        if bool(found[t]) != (first <= clock(int(table.bars.end[t])) <= last):
            faults.append((t, clock(int(table.bars.end[t]))))
    assert found.any()
    return faults


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("cut", ["whole", "first bar missing", "last bar missing"])
def test_the_window_follows_the_session(detector, span, cut):
    sessions = calendar_sessions(*SPANS[span])
    minutes = u_shaped_walk(sessions, 3)
    session = np.searchsorted(sessions.open_ns, minutes.ts, side="right") - 1
    if cut == "first bar missing":
        minutes = take(minutes, minutes.ts >= sessions.open_ns[session] + 15 * MINUTE_NS)
    if cut == "last bar missing":
        minutes = take(minutes, minutes.ts < sessions.close_ns[session] - 15 * MINUTE_NS)
    assert (span == "half day") == (not sessions.full_length.all())
    assert window_faults(detector, sessions, minutes) == []


def test_the_spans_change_the_offset_of_new_york():
    for span, change in (("clocks forward", 1), ("clocks back", -1), ("half day", 0)):
        sessions = calendar_sessions(*SPANS[span])
        offsets = [
            dt.datetime.fromtimestamp(int(o) // 10**9, tz=dt.UTC).astimezone(NEW_YORK).utcoffset()
            for o in sessions.open_ns
        ]
        assert offsets[-1] - offsets[0] == dt.timedelta(hours=change)


@pytest.mark.parametrize("name", [name for name, d in DETECTORS.items() if d.windows])
def test_a_planted_fixed_clock_is_found(name):
    """Mutant: every session is taken to be 390 minutes long, and to open at 14:30 UTC."""
    honest = calendar_sessions(*SPANS["clocks forward"])
    half = calendar_sessions(*SPANS["half day"])
    for sessions in (honest, half):
        opened = sessions.date.astype("datetime64[ns]").astype(np.int64) + 870 * MINUTE_NS
        table = Market(sessions, u_shaped_walk(sessions, 3)).of(DETECTORS[name])
        since = (table.bars.end - opened[table.bars.session]) / MINUTE_NS
        fixed = {"minutes_since_open": since, "minutes_to_close": 390 - since}
        honestly = evaluate(DETECTORS[name], table).in_window
        changed = type(table)(table.bars, {**table.values, **fixed}, table.reasons, table.source)
        mutant = evaluate(DETECTORS[name], changed).in_window
        moved = sessions is honest or "to_close" in DETECTORS[name].windows[0].column
        assert np.array_equal(honestly, mutant) != moved
