import dataclasses

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.features.baselines import slots
from detectors.features.build import build_features
from detectors.features.settings import FeatureSettings
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

SESSIONS = toy_sessions([30] * 30)
TS = all_minutes(SESSIONS)
SESSION = np.repeat(np.arange(30), 30)
NUMBER = np.tile(np.arange(30), 30)


def build(minutes, sessions=SESSIONS, **options):
    options = {"bar_minutes": 5, "asset_class": "ETF"} | options
    return build_features(minutes, sessions, **options)


def rows_of(table, session):
    return np.flatnonzero(table.bars.session == session)


def test_slot_baseline_is_the_mean_of_the_same_slot_in_twenty_sessions():
    volume = (SESSION + 1.0) * (NUMBER // 5 + 1)
    table = build(flat(TS, 100.0, volume))
    for session in (5, 20, 29):
        past = np.arange(max(0, session - 20), session) + 1.0
        assert table["rel_volume"][rows_of(table, session)] == pytest.approx(
            (session + 1) / past.mean(), rel=1e-15
        )
    assert (table.reason("rel_volume")[table.bars.session < 5] == Reason.WARMUP).all()
    assert (table.reason("rel_volume")[table.bars.session >= 5] == Reason.KNOWN).all()


def test_a_missing_slot_counts_as_no_volume_and_a_missing_session_not_at_all():
    without_slot = ~((SESSION == 22) & (NUMBER // 5 == 2))
    without_session = SESSION != 24
    table = build(take(flat(TS, 100.0), without_slot & without_session))
    ratios = table["rel_volume"][rows_of(table, 29)]
    assert ratios == pytest.approx([1, 1, 19 / 18, 1, 1, 1])


def test_twenty_sessions_are_calendar_sessions():
    """Of the 20 before session 29 only 4 have bars, though 9 sessions have."""
    kept = np.isin(SESSION, [0, 1, 2, 3, 4, 10, 12, 14, 16, 29])
    settings = FeatureSettings(max_gap_sessions=100)
    table = build(take(flat(TS, 100.0), kept), settings=settings)
    assert (table.reason("rel_volume")[rows_of(table, 29)] == Reason.WARMUP).all()
    assert (table.reason("dollar_volume_mean")[rows_of(table, 29)] == Reason.WARMUP).all()
    assert not np.isnan(table["rel_volume"][rows_of(table, 10)]).any()


def test_a_restart_keeps_the_slot_baseline():
    table = build(take(flat(TS, 100.0), (SESSION < 10) | (SESSION >= 15)))
    assert table.bars.segment.max() == 1
    assert (table["rel_volume"][rows_of(table, 15)] == 1).all()


def test_a_baseline_of_zero_is_a_missing_input():
    table = build(flat(TS, 100.0, np.where(SESSION < 29, 0.0, 5.0)))
    assert (table.reason("rel_volume")[rows_of(table, 29)] == Reason.MISSING_INPUT).all()


def test_half_days_stay_out_of_the_baseline_and_are_matched_from_their_close():
    """On a half day the last hour takes the slots of a full day's last hour."""
    sessions = calendar_sessions("2024-10-01", "2024-12-02")
    ts = all_minutes(sessions)
    session = np.searchsorted(sessions.open_ns, ts, side="right") - 1
    half = int(np.flatnonzero(~sessions.full_length)[0])
    slot = (ts - sessions.open_ns[session]) // (15 * MINUTE_NS)
    volume = np.where(session == half, 1000.0, slot + 1.0)
    table = build(flat(ts, 100.0, volume), sessions, bar_minutes=15)
    expected = [1000.0 / (k + 1) for k in [*range(10), 22, 23, 24, 25]]
    assert table["rel_volume"][rows_of(table, half)] == pytest.approx(expected)
    assert table["rel_volume"][rows_of(table, half + 1)] == pytest.approx(1.0)


def test_slots_of_an_hourly_half_day():
    sessions = calendar_sessions("2024-11-27", "2024-11-29")
    starts = sessions.open_ns[1] + 60 * MINUTE_NS * np.arange(4)
    assert list(slots(starts, np.ones(4, np.int32), sessions, 60)) == [0, 1, 2, 6]


def test_trailing_baseline_is_the_mean_of_fifty_bars_of_the_segment():
    settings = FeatureSettings(rel_volume_baseline="trailing")
    minutes = walk(SESSIONS, 3)
    table = build(take(minutes, (SESSION < 9) | (SESSION >= 14)), settings=settings)
    volume, ratio = table["volume"], table["rel_volume"]
    for start, stop in ((0, 54), (54, len(table))):
        assert (table.reason("rel_volume")[start : start + 50] == Reason.WARMUP).all()
        for t in range(start + 50, stop):
            assert ratio[t] == pytest.approx(volume[t] / volume[t - 50 : t].mean(), rel=1e-14)


def test_dollar_volume_is_the_mean_of_the_sessions_before():
    minutes = walk(SESSIONS, 3)
    table = build(minutes)
    for session in (5, 25):
        dollars = [
            (minutes.close * minutes.volume)[past == SESSION].sum()
            for past in range(max(0, session - 20), session)
        ]
        assert table["dollar_volume_mean"][rows_of(table, session)] == pytest.approx(
            np.mean(dollars), rel=1e-14
        )


INDEX = dataclasses.replace(walk(SESSIONS, 3), volume=np.full(len(TS), np.nan))
VOLUME_FEATURES = [
    "volume",
    "vwap",
    "vwap_sd",
    "vwap_dist_frac",
    "vwap_dist_atr",
    "rel_volume",
    "dollar_volume_mean",
]


def test_an_index_without_a_proxy_has_no_volume_features():
    table = build(INDEX, asset_class="INDEX", proxy_symbol="SPY", settings=SMALL)
    for name in VOLUME_FEATURES:
        assert np.isnan(table[name]).all(), name
        assert (table.reason(name) == Reason.MISSING_PROXY).all(), name
        assert table.source[name] == "none", name
    assert not np.isnan(table["close"]).any()


def test_an_index_takes_the_volume_of_its_proxy_and_its_own_prices():
    proxy = walk(SESSIONS, 77, start=50.0)
    table = build(INDEX, asset_class="INDEX", proxy=proxy, proxy_symbol="SPY", settings=SMALL)
    own = build(dataclasses.replace(INDEX, volume=proxy.volume), settings=SMALL)
    for name in VOLUME_FEATURES[:-1]:
        assert np.array_equal(table[name], own[name], equal_nan=True), name
        assert table.source[name] == "proxy:SPY"
        assert own.source[name] == "own"
    traded = build(proxy, settings=SMALL)
    for name in ("volume", "rel_volume", "dollar_volume_mean"):
        assert np.array_equal(table[name], traded[name], equal_nan=True), name
    assert np.isnan(table.bars.volume).all()


@pytest.mark.parametrize(("missing", "known"), [(6, True), (7, False)])
def test_the_proxy_must_cover_four_fifths_of_the_minutes_so_far(missing, known):
    """30 minutes a session: 6 missing leave 80 % on the last bar."""
    chosen = ~((SESSION == 20) & (30 - missing <= NUMBER))
    proxy = take(walk(SESSIONS, 77), chosen)
    table = build(INDEX, asset_class="INDEX", proxy=proxy, proxy_symbol="SPY", settings=SMALL)
    last = rows_of(table, 20)[-1]
    wanted = Reason.KNOWN if known else Reason.MISSING_PROXY
    for name in ("volume", "vwap", "vwap_dist_frac", "rel_volume"):
        assert table.reason(name)[last] == wanted, name
        assert (table.reason(name)[rows_of(table, 20)[:-2]] == Reason.KNOWN).all(), name
        assert (table.reason(name)[rows_of(table, 21)] == Reason.KNOWN).all(), name


def test_minutes_of_the_proxy_that_the_index_lacks_do_not_count():
    proxy = flat(TS, 50.0)
    index = take(INDEX, NUMBER % 5 != 4)
    table = build(index, asset_class="INDEX", proxy=proxy, proxy_symbol="SPY", settings=SMALL)
    assert (table["volume"] == 4).all()


def test_another_class_ignores_a_proxy():
    minutes = walk(SESSIONS, 3)
    table = build(minutes, proxy=flat(TS, 50.0), proxy_symbol="SPY", settings=SMALL)
    assert np.array_equal(table["vwap"], build(minutes, settings=SMALL)["vwap"], equal_nan=True)
    assert table.source["vwap"] == "own"
