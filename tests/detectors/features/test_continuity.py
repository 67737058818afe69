import dataclasses

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.features.build import build_features
from detectors.features.table import Reason
from tests.detectors.features.walks import SMALL, take, toy_sessions, walk

SESSIONS = toy_sessions([60] * 16)


def build(minutes, **options):
    options = {"bar_minutes": 5, "asset_class": "STOCK", "settings": SMALL} | options
    return build_features(minutes, SESSIONS, **options)


def session_of(minutes):
    return np.searchsorted(SESSIONS.open_ns, minutes.ts, side="right") - 1


def jumped(factor, *, at=8, seed=2):
    minutes = walk(SESSIONS, seed)
    factors = np.where(session_of(minutes) >= at, factor, 1.0)
    prices = {name: getattr(minutes, name) * factors for name in ("open", "high", "low", "close")}
    return dataclasses.replace(minutes, **prices)


def same_indicators(table, other, session):
    """Features of a session equal those of another table, whose history may differ."""
    rows, others = table.bars.session == session, other.bars.session == session
    for name in ("rsi", "atr", "adx", "ema_50", "atr_ratio", "regime", "mtf_rsi_up_frac"):
        left, right = table[name][rows], other[name][others]
        if not np.array_equal(left, right, equal_nan=True):
            return False
    return True


@pytest.mark.parametrize(("missing", "restarts"), [(3, 0), (4, 1)])
def test_more_than_three_missing_sessions_restart_every_indicator(missing, restarts):
    minutes = walk(SESSIONS, 2)
    session = session_of(minutes)
    table = build(take(minutes, (session < 4) | (session >= 4 + missing)))
    assert table.bars.segment.max() == restarts
    fresh = build(take(minutes, session >= 4 + missing))
    assert same_indicators(table, fresh, 4 + missing) == bool(restarts)
    back = np.flatnonzero(table.bars.session == 4 + missing)
    assert (table.reason("prior_close")[back] == Reason.MISSING_INPUT).all()
    assert not np.isnan(table["prior_close"][table.bars.session == 5 + missing]).any()
    cold = table.reason("atr")[back[:7]] == Reason.WARMUP
    assert cold.all() == bool(restarts)


@pytest.mark.parametrize(("factor", "restarts"), [(1.3, 0), (1.5, 1), (0.6, 1), (0.75, 0)])
def test_a_large_overnight_gap_restarts_and_hides_prior_levels_of_that_session(factor, restarts):
    table = build(jumped(factor))
    assert table.bars.segment.max() == restarts
    first = int(np.flatnonzero(table.bars.session == 8)[0])
    assert table.bars.segment[first] - table.bars.segment[first - 1] == restarts
    day, later = table.bars.session == 8, table.bars.session == 9
    for name in (
        "prior_close",
        "prior_high",
        "prior_low",
        "overnight_gap_frac",
        "day_change_frac",
    ):
        assert np.isnan(table[name][day]).all() == bool(restarts), name
        assert not np.isnan(table[name][later]).any(), name
    assert not np.isnan(table["session_move_frac"]).any()


def test_a_known_split_is_no_reason_to_restart():
    splits = np.arange(16) == 8
    table = build(jumped(1.5), split_sessions=splits)
    assert table.bars.segment.max() == 0
    assert not np.isnan(table["prior_close"][table.bars.session == 8]).any()


def test_a_gap_from_an_unknown_price_flags_nothing():
    minutes = jumped(1.5)
    table = build(take(minutes, session_of(minutes) != 7))
    assert table.bars.segment.max() == 0
    assert (table.reason("prior_close")[table.bars.session == 8] == Reason.MISSING_INPUT).all()


def test_higher_timeframes_before_a_restart_are_unknown_after_it():
    table = build(jumped(1.5, at=12))
    smooth = build(jumped(1.0, at=12))
    day = table.bars.session == 12
    assert not np.isnan(smooth["mtf_ema_up_frac"][day]).any()
    assert np.isnan(table["mtf_ema_up_frac"][day]).all()
    assert (table.reason("mtf_ema_up_frac")[day] == Reason.WARMUP).all()


def test_an_index_restarts_when_its_delayed_open_is_known():
    settings = dataclasses.replace(SMALL, index_open_delay_minutes=7)
    table = build(jumped(1.5), asset_class="INDEX", settings=settings)
    first = int(np.flatnonzero(table.bars.session == 8)[0])
    assert list(table.bars.segment[first - 1 : first + 3]) == [0, 0, 1, 1]
    assert table.bars.end[first + 1] - SESSIONS.open_ns[8] == 10 * MINUTE_NS
    assert np.isnan(table["prior_close"][first]) == np.False_
    assert np.isnan(table["prior_close"][first + 1])


def test_overnight_changes_move_rsi_and_ema_but_not_atr_and_adx():
    """With Wilder period 1 each value is that of the session's first bar alone."""
    table = build(jumped(0.9))
    first = int(np.flatnonzero(table.bars.session == 8)[0])
    assert table.bars.segment[first] == 0
    assert table["rsi"][first] == 0
    fall = table.bars.close[first] - table["ema_21"][first - 1]
    assert fall < -50
    assert table["ema_21"][first] == table["ema_21"][first - 1] + 2 / 3 * fall
    assert table["atr"][first] == table.bars.high[first] - table.bars.low[first]
    assert table["adx"][first] == 0
    inside = table.bars.high[first + 1], table.bars.low[first + 1], table.bars.close[first]
    assert table["atr"][first + 1] == max(inside) - min(inside)
