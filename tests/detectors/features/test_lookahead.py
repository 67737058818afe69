import dataclasses
import functools

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.features.build import build_features
from detectors.features.flow import Flow
from detectors.features.levels import extreme_before
from detectors.features.settings import FeatureSettings
from tests.detectors.features.gamma_walk import gamma_walk
from tests.detectors.features.lookahead import lookahead_faults
from tests.detectors.features.walks import SMALL, all_minutes, take, toy_sessions, walk

SESSIONS = toy_sessions([65, 65, 65, 65, 35, 65, 65, 65, 65, 65, 65])
EVERY_MINUTE = all_minutes(SESSIONS) + MINUTE_NS
SMALL_TRAILING = dataclasses.replace(SMALL, rel_volume_baseline="trailing")
LATE_INDEX_OPEN = dataclasses.replace(SMALL, index_open_delay_minutes=7)


def market(seed=4):
    """A walk with holes: missing minutes, one jump that no split explains."""
    minutes = walk(SESSIONS, seed, missing=0.1)
    session = np.searchsorted(SESSIONS.open_ns, minutes.ts, side="right") - 1
    jump = np.where(session >= 8, 2.0, 1.0)
    prices = {name: getattr(minutes, name) * jump for name in ("open", "high", "low", "close")}
    return dataclasses.replace(minutes, **prices), session


def build(minutes, *, bar_minutes=5, settings=SMALL, level=extreme_before, **options):
    options.setdefault("gamma", gamma_walk(minutes, SESSIONS))
    table = build_features(
        minutes,
        SESSIONS,
        bar_minutes=bar_minutes,
        asset_class=options.pop("asset_class", "ETF"),
        settings=settings,
        **options,
    )
    added = {"level": level(table.bars.high, table.bars.segment, 4, 1)}
    return dataclasses.replace(table, values={**table.values, **added})


def build_index(minutes, **options):
    """Build an index whose proxy is cut and spoilt together with it."""
    thinner = np.random.default_rng(1).random(len(all_minutes(SESSIONS))) > 0.15
    place = np.searchsorted(all_minutes(SESSIONS), minutes.ts)
    proxy = take(minutes, thinner[place])
    options["gamma"] = gamma_walk(minutes, SESSIONS)
    minutes = dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan))
    return build(minutes, asset_class="INDEX", proxy=proxy, proxy_symbol="SPY", **options)


@pytest.mark.parametrize(
    "builder",
    [
        pytest.param(build, id="5m"),
        pytest.param(
            functools.partial(build, bar_minutes=15, settings=SMALL_TRAILING), id="15m trailing"
        ),
        pytest.param(
            functools.partial(build_index, settings=LATE_INDEX_OPEN), id="index, late open"
        ),
    ],
)
def test_no_feature_looks_ahead_at_any_minute(builder):
    minutes, session = market()
    minutes = take(minutes, session != 9)
    assert lookahead_faults(builder, minutes, EVERY_MINUTE) == []


def test_the_market_of_the_check_exercises_every_feature():
    minutes, _ = market()
    known_at = minutes.ts[::9]
    flow = Flow(known_at, np.arange(len(known_at)) % 101.0, np.ones(len(known_at)))
    table = build(minutes, flow=flow)
    assert table.bars.segment.max() == 1
    for name, values in table.values.items():
        known = values[~np.isnan(values)]
        assert len(known) > 20, name
        assert len(np.unique(known)) > 1, name


def test_no_feature_looks_ahead_across_a_restart_after_missing_sessions():
    minutes, session = market()
    settings = dataclasses.replace(SMALL, max_gap_sessions=1)
    minutes = take(minutes, (session != 4) & (session != 5))
    cuts = EVERY_MINUTE[(SESSIONS.open_ns[6] < EVERY_MINUTE)][::3]
    assert build(minutes, settings=settings).bars.segment.max() == 2
    assert lookahead_faults(functools.partial(build, settings=settings), minutes, cuts) == []


def level_with_current(values, segment, lookback, side):
    return np.maximum(extreme_before(values, segment, lookback, side), values)


def next_level(values, segment, lookback, side):
    return np.append(extreme_before(values, segment, lookback, side)[1:], np.nan)


def with_column(build_table, column):
    def cheat(minutes):
        table = build_table(minutes)
        return dataclasses.replace(table, values={**table.values, "cheat": column(table, minutes)})

    return cheat


def session_high_of_the_whole_session(table, minutes):
    high = np.array(
        [
            minutes.high[(minutes.ts >= a) & (minutes.ts < b)].max(initial=-np.inf)
            for a, b in zip(SESSIONS.open_ns, SESSIONS.close_ns, strict=True)
        ]
    )
    return high[table.bars.session]


def close_of_the_forming_hour(table, minutes):
    hour = SESSIONS.open_ns[table.bars.session]
    hour = hour + (table.bars.ts - hour) // (60 * MINUTE_NS) * 60 * MINUTE_NS
    end = np.minimum(hour + 60 * MINUTE_NS, SESSIONS.close_ns[table.bars.session])
    last = np.searchsorted(minutes.ts, end) - 1
    return minutes.close[last]


def volume_against_the_whole_series(table, minutes):
    return table["volume"] / np.nanmean(minutes.volume) if len(table) else table["volume"]


@pytest.mark.parametrize(
    "column",
    [
        session_high_of_the_whole_session,
        close_of_the_forming_hour,
        volume_against_the_whole_series,
    ],
)
def test_a_planted_column_that_cheats_is_caught(column):
    minutes, _ = market()
    faults = lookahead_faults(with_column(build, column), minutes, EVERY_MINUTE[300:400])
    assert faults
    assert all("cheat" in fault for fault in faults)


def test_a_planted_level_that_cheats_is_caught():
    minutes, _ = market()
    faults = lookahead_faults(
        functools.partial(build, level=next_level), minutes, EVERY_MINUTE[300:330]
    )
    assert faults
    assert all(fault.endswith("level") for fault in faults)


def test_a_level_that_takes_the_current_bar_in_differs_from_the_honest_one():
    table = build(market()[0])
    level = level_with_current(table.bars.high, table.bars.segment, 4, 1)
    assert not (table["close"] > level).any()
    assert (table["close"] > table["level"]).any()


def test_a_cheater_in_the_reasons_is_caught():
    def cheat(minutes):
        table = build(minutes)
        reasons = dict(table.reasons)
        reasons["atr"] = reasons["atr"] + np.int8(len(minutes) % 2)
        return dataclasses.replace(table, reasons=reasons)

    faults = lookahead_faults(cheat, market()[0], EVERY_MINUTE[300:310])
    assert faults
    assert all(fault.endswith("reason of atr") for fault in faults)


def test_default_settings_do_not_look_ahead_either():
    minutes, _ = market(7)
    settings = FeatureSettings(baseline_min_sessions=2)
    faults = lookahead_faults(
        functools.partial(build, settings=settings, bar_minutes=1), minutes, EVERY_MINUTE[500::60]
    )
    assert faults == []
