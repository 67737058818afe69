import dataclasses

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.features.build import build_features
from detectors.features.levels import extreme_before
from detectors.features.table import Reason
from tests.detectors.features.walks import (
    SMALL,
    all_minutes,
    calendar_sessions,
    flat,
    take,
    toy_sessions,
    walk,
)

SESSIONS = toy_sessions([60] * 4)
NUMBER = np.tile(np.arange(60), 4)
SESSION = np.repeat(np.arange(4), 60)
MINUTES = walk(SESSIONS, 6)


def build(minutes, sessions=SESSIONS, **options):
    options = {"bar_minutes": 5, "asset_class": "ETF", "settings": SMALL} | options
    return build_features(minutes, sessions, **options)


def test_session_and_prior_levels_of_a_whole_market():
    table = build(MINUTES)
    for row in range(len(table)):
        s = table.bars.session[row]
        today = (s == SESSION) & (MINUTES.ts < table.bars.end[row])
        assert table["session_open"][row] == MINUTES.open[s == SESSION][0]
        assert table["session_high"][row] == MINUTES.high[today].max()
        assert table["session_low"][row] == MINUTES.low[today].min()
        if s == 0:
            assert np.isnan(table["prior_close"][row])
            assert table.reason("prior_close")[row] == Reason.WARMUP
            assert table.reason("day_change_frac")[row] == Reason.WARMUP
            continue
        before = s - 1 == SESSION
        prior, opened = MINUTES.close[before][-1], MINUTES.open[s == SESSION][0]
        assert table["prior_close"][row] == prior
        assert table["prior_high"][row] == MINUTES.high[before].max()
        assert table["prior_low"][row] == MINUTES.low[before].min()
        close = MINUTES.close[today][-1]
        assert table["overnight_gap_frac"][row] == (opened - prior) / prior
        assert table["session_move_frac"][row] == (close - opened) / opened
        assert table["day_change_frac"][row] == (close - prior) / prior


def test_prior_levels_warm_up_in_the_first_session_that_has_bars():
    table = build(take(MINUTES, SESSION >= 2))
    reasons = table.reason("prior_close")
    assert (reasons[table.bars.session == 2] == Reason.WARMUP).all()
    assert (reasons[table.bars.session == 3] == Reason.KNOWN).all()


@pytest.mark.parametrize(("first", "known"), [(4, True), (5, False)])
def test_the_open_is_unknown_when_the_first_minute_is_late(first, known):
    table = build(take(MINUTES, first <= NUMBER))
    assert np.isnan(table["session_open"]).all() != known
    wanted = Reason.KNOWN if known else Reason.MISSING_INPUT
    assert (table.reason("session_open") == wanted).all()
    assert (table.reason("overnight_gap_frac")[SESSION[::5][: len(table)] > 0] == wanted).any()


def test_an_index_opens_at_the_close_of_its_first_minute():
    table = build(MINUTES, asset_class="INDEX")
    assert table["session_open"][0] == MINUTES.close[0]


@pytest.mark.parametrize(
    ("first", "value_at", "unknown_bars"),
    [(0, 2, 0), (2, 2, 0), (4, 4, 0), (6, 6, 0), (7, 7, 0), (8, None, 11)],
)
def test_an_index_open_waits_for_its_delay(first, value_at, unknown_bars):
    settings = dataclasses.replace(SMALL, index_open_delay_minutes=3)
    minutes = take(MINUTES, (first <= NUMBER) & (SESSION == 0))
    table = build(minutes, asset_class="INDEX", settings=settings)
    opened = table["session_open"]
    assert np.isnan(opened).sum() == unknown_bars
    if value_at is not None:
        assert (opened == MINUTES.close[value_at]).all()


def test_a_delay_beyond_the_first_bar_is_a_warmup():
    settings = dataclasses.replace(SMALL, index_open_delay_minutes=7)
    table = build(MINUTES, asset_class="INDEX", settings=settings)
    assert list(table.reason("session_open")[:3]) == [Reason.WARMUP, Reason.KNOWN, Reason.KNOWN]
    assert table["session_open"][1] == MINUTES.close[6]


def test_opening_ranges_are_known_once_they_are_over():
    table = build(MINUTES)
    for length in (15, 30):
        over = table["minutes_since_open"] >= length
        for side, best, prices in (("high", np.max, MINUTES.high), ("low", np.min, MINUTES.low)):
            name = f"or_{side}_{length}"
            expected = [best(prices[(s == SESSION) & (length > NUMBER)]) for s in range(4)]
            assert np.array_equal(table[name][over], np.array(expected)[table.bars.session[over]])
            assert (table.reason(name)[~over] == Reason.WARMUP).all()


@pytest.mark.parametrize(
    ("length", "present", "known"),
    [(15, 8, True), (15, 7, False), (30, 15, True), (30, 14, False)],
)
def test_an_opening_range_needs_half_of_its_minutes(length, present, known):
    table = build(take(MINUTES, (present > NUMBER) | (length <= NUMBER)))
    over = table["minutes_since_open"] >= length
    wanted = Reason.KNOWN if known else Reason.MISSING_INPUT
    assert (table.reason(f"or_high_{length}")[over] == wanted).all()


def test_clock_columns_follow_the_actual_open_and_close():
    """A half day, a DST change and a session whose first and last bars are missing."""
    sessions = calendar_sessions("2024-11-01", "2024-11-29")
    minutes = flat(all_minutes(sessions), 100.0)
    last = len(sessions) - 1
    edge = (minutes.ts < sessions.open_ns[1] + 20 * MINUTE_NS) & (
        minutes.ts >= sessions.open_ns[1]
    )
    table = build(take(minutes, ~edge), sessions, bar_minutes=15)
    bars = table.bars
    half = bars.session == last
    assert not sessions.full_length[last]
    assert table["minutes_to_close"][half][-1] == 0
    assert table["minutes_since_open"][half][-1] == 210
    assert table["session_frac"][half][-1] == 1
    assert table["session_frac"][half][6] == 0.5
    assert list(table["minutes_since_open"][bars.session == 1][:2]) == [30, 45]
    assert list(table["minutes_since_open"][bars.session == 0][:2]) == [15, 30]
    total = table["minutes_since_open"] + table["minutes_to_close"]
    assert (total == np.where(half, 210, 390)).all()


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("lookback", [1, 2, 3, 7, 40])
def test_extreme_before_equals_a_search_through_every_window(side, lookback):
    rng = np.random.default_rng(lookback)
    values = rng.integers(-5, 6, 120).astype(np.float64)
    segment = np.repeat(np.array([0, 1, 3], np.int32), [50, 3, 67])
    found = extreme_before(values, segment, lookback, side)
    best = max if side > 0 else min
    for t in range(120):
        window = range(t - lookback, t)
        if t < lookback or segment[t - lookback] != segment[t]:
            assert np.isnan(found[t])
        else:
            assert found[t] == best(values[j] for j in window)


def test_extreme_before_refuses_what_has_no_meaning():
    values, segment = np.ones(3), np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="at least 1 bar, got 0"):
        extreme_before(values, segment, 0, 1)
    with pytest.raises(ValueError, match=r"side must be .* got 0"):
        extreme_before(values, segment, 3, 0)
