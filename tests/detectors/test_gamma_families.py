"""Gamma squeeze, gamma flip and end-of-day pin: worked examples of DETECTORS.md 8, and loops."""

import dataclasses
import operator

import numpy as np
import pytest

from detectors.bars import MINUTE_NS, SignalBars
from detectors.evaluate import evaluate
from detectors.features.build import build_features
from detectors.features.option_settings import OptionSettings
from detectors.features.table import FeatureTable, Reason
from detectors.registry import DETECTORS as REGISTRY
from tests import naive
from tests.detectors.features.gamma_walk import gamma_walk
from tests.detectors.features.walks import calendar_sessions, priced, walk

FAMILIES = {"gamma_squeeze", "gamma_flip", "eod_pin"}
DETECTORS = {name: entry for name, entry in REGISTRY.items() if entry.family in FAMILIES}

SQUEEZE = {
    "close": 5000,
    "max_gamma_strike": 5010,
    "gex": -1e9,
    "gex_norm": -0.004,
    "earlier": (4994, 4990, 4990),
    "atr": 8,
    "rel_volume": 1.8,
    "call_volume_frac": 0.57,
    "minutes_to_expiry": 45,
    "minutes_to_close": 45,
}
FLIP = {
    "earlier": (4990, 4990, 4996),
    "previous_level": 5000,
    "close": 5004,
    "zero_gamma": 5001,
    "atr": 10,
    "gex_slope_norm": 0.004,
    "minutes_to_expiry": 150,
    "gex_0dte_frac": 0.6,
    "opt_volume_surge": 1.2,
    "rel_volume": 1.5,
    "minutes_to_close": 150,
}
PIN = {
    "close": 5000,
    "pin_strike": 5005,
    "atr": 6,
    "is_0dte": 1,
    "pin_oi_frac": 0.12,
    "minutes_to_close": 15,
    "pin_gex_norm": 0.001,
}
# name, features, signal, score, factor values in order of the factor table
EXAMPLES = [
    ("gamma_squeeze_bullish", SQUEEZE, 1, 73.575, (60, 70, 85, 92.5, 72)),
    (
        "gamma_squeeze_bearish",
        {
            "close": 4000,
            "max_gamma_strike": 3996,
            "gex": -1e9,
            "gex_norm": -0.012,
            "earlier": (4005, 4010, 4010),
            "atr": 5,
            "rel_volume": 2.5,
            "minutes_to_expiry": 90,
            "minutes_to_close": 90,
        },
        -1,
        87.03125,
        (80, 100, None, 77.5, 90),
    ),
    ("gamma_flip_bullish", FLIP, 1, 69.3875, (52, 93.75, 80, 70, 25)),
    (
        "gamma_flip_bearish",
        {
            "earlier": (4010, 4010, 4010),
            "previous_level": 4008,
            "close": 4002,
            "zero_gamma": 4006,
            "atr": 8,
            "gex_slope_norm": 0.015,
            "minutes_to_expiry": 90,
            "gex_0dte_frac": 0.25,
            "rel_volume": 0.8,
            "minutes_to_close": 90,
        },
        -1,
        81.176471,
        (100, 100, 45, None, 0),
    ),
    ("eod_pin_setup", PIN, 1, 76.8, (80, 76, 75, 70)),
    (
        "eod_pin_setup",
        {
            "close": 4000,
            "pin_strike": 3998,
            "atr": 4,
            "is_0dte": 1,
            "pin_oi_frac": 0.2,
            "minutes_to_close": 3,
        },
        -1,
        94.444444,
        (90, 100, 95, None),
    ),
]
NAMED = (
    "close", "atr", "rel_volume", "max_gamma_strike", "gex", "gex_norm", "call_volume_frac",
    "minutes_to_expiry", "minutes_to_close", "zero_gamma", "gex_slope_norm", "gex_0dte_frac",
    "opt_volume_surge", "pin_strike", "is_0dte", "pin_oi_frac", "pin_gex_norm",
)  # fmt: skip


def table_of(earlier=(np.nan,) * 3, previous_level=np.nan, why=None, sessions=None, **given):
    """Four bars of one session: three earlier closes, oldest first, and the bar of the example."""
    n = 4
    values = {name: np.full(n, np.nan) for name in NAMED}
    for name, value in given.items():
        values[name][-1] = value
    values["close"][:3] = earlier
    values["zero_gamma"][2] = previous_level
    reasons = {
        name: np.where(np.isnan(column), Reason.MISSING_INPUT, 0).astype(np.int8)
        for name, column in values.items()
    }
    for name, reason in (why or {}).items():
        reasons[name][-1] = reason
    ts = np.arange(n, dtype=np.int64) * MINUTE_NS
    session = np.zeros(n, np.int32) if sessions is None else np.array(sessions, np.int32)
    close = values["close"]
    bars = SignalBars(ts, ts + MINUTE_NS, session, session, close, close, close, close, close)
    return FeatureTable(bars, values, reasons, {})


def state(name, given, values=None, **changes):
    detector = DETECTORS[name]
    found = evaluate(detector, table_of(**(given | changes)), values)
    failing = [c.name for i, c in enumerate(detector.conditions) if not found.passed[-1] >> i & 1]
    if not found.in_window[-1]:
        return "out_of_window", None
    if not found.evaluable[-1]:
        missing = found.missing[-1]
        return detector.hard_features[missing], Reason(found.reason[-1])
    return int(found.signal[-1]), failing


@pytest.mark.parametrize(("name", "given", "signal", "score", "factors"), EXAMPLES)
def test_worked_examples(name, given, signal, score, factors):
    """The detector, and the slow oracle, which also gives the value of every factor."""
    table = table_of(**given)
    found = evaluate(DETECTORS[name], table)
    assert found.signal[-1] == signal
    assert found.score[-1] == pytest.approx(score, rel=0, abs=1e-6)
    told = naive.evaluate(name, oracle_rows(table))[-1]
    assert told.signal == signal
    assert told.score == pytest.approx(score, rel=0, abs=1e-6)
    assert [x is None for x in told.factors] == [x is None for x in factors]
    known = [x for x in factors if x is not None]
    assert [x for x in told.factors if x is not None] == pytest.approx(known, abs=1e-4)


def oracle_rows(table):
    """Bars as the slow oracle reads them: unknown is None."""
    columns = {name: column.tolist() for name, column in table.values.items()}
    rows = [
        {name: None if np.isnan(column[t]) else column[t] for name, column in columns.items()}
        | {"session": int(table.bars.session[t])}
        for t in range(len(table))
    ]
    for row in rows[:-1]:
        row["minutes_to_close"] = np.inf  # the bars before the example are in no window
    return rows


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_its_example(name):
    assert {row[2] for row in EXAMPLES if row[0] == name} == (
        {DETECTORS[name].side} if DETECTORS[name].side else {-1, 1}
    )


@pytest.mark.parametrize("name", DETECTORS)
def test_weights_add_up_to_one(name):
    assert sum(f.weight for f in DETECTORS[name].factors) == pytest.approx(1, abs=1e-12)


def test_without_signs_the_squeeze_names_gex():
    unsigned = {"gex": np.nan, "gex_norm": np.nan}
    why = {"gex": Reason.SIGN_MODEL, "gex_norm": Reason.SIGN_MODEL}
    found = state("gamma_squeeze_bullish", SQUEEZE | unsigned, why=why)
    assert found == ("gex", Reason.SIGN_MODEL)


@pytest.mark.parametrize(
    ("name", "given", "changes", "failing"),
    [
        ("gamma_squeeze_bullish", SQUEEZE, {"max_gamma_strike": 4999}, ["wall"]),
        ("gamma_squeeze_bullish", SQUEEZE, {"max_gamma_strike": 5000}, []),
        ("gamma_squeeze_bullish", SQUEEZE, {"max_gamma_strike": 5026}, ["wall"]),
        ("gamma_squeeze_bullish", SQUEEZE, {"gex": 0.0}, ["short_gamma"]),
        ("gamma_squeeze_bullish", SQUEEZE, {"gex_norm": -0.0004}, ["short_gamma"]),
        ("gamma_squeeze_bullish", SQUEEZE, {"earlier": (4996.1, 4990, 4990)}, ["momentum"]),
        ("gamma_squeeze_bullish", SQUEEZE, {"rel_volume": 1.29}, ["volume"]),
        ("gamma_flip_bullish", FLIP, {"minutes_to_expiry": 481}, ["expiry"]),
        ("gamma_flip_bullish", FLIP, {"previous_level": 4995}, ["crossing"]),
        ("gamma_flip_bullish", FLIP, {"previous_level": np.inf}, ["crossing"]),
        ("gamma_flip_bullish", FLIP, {"zero_gamma": -np.inf}, ["crossing"]),
        ("gamma_flip_bullish", FLIP, {"zero_gamma": 5003.1}, ["distance"]),
        ("gamma_flip_bullish", FLIP,
         {"close": 4995, "previous_level": 4997, "zero_gamma": 4990}, ["price_led"]),
        ("eod_pin_setup", PIN, {"is_0dte": 0}, ["expiry"]),
        ("eod_pin_setup", PIN, {"pin_strike": 5026}, ["near"]),
        ("eod_pin_setup", PIN, {"pin_strike": 5001}, ["room"]),
        ("eod_pin_setup", PIN, {"pin_strike": 5000}, ["room"]),
        ("eod_pin_setup", PIN, {"pin_oi_frac": 0.029}, ["open_interest"]),
    ],
)  # fmt: skip
def test_one_condition_fails_alone(name, given, changes, failing):
    signal, found = state(name, given, {"min_score": 0.0}, **changes)
    assert found == failing
    assert (signal != 0) == (not failing)


def test_thresholds_of_zero_are_strict():
    loose = {"min_score": 0.0, "momentum_min_atr": 0.0, "pin_dist_min_atr": 0.0}
    still = {"earlier": (5000, 4990, 4990)}
    assert state("gamma_squeeze_bullish", SQUEEZE, loose, **still) == (0, ["momentum"])
    assert state("eod_pin_setup", PIN, loose, pin_strike=5000) == (0, ["room"])


def test_bars_before_the_session_are_not_read():
    new = {"sessions": (0, 1, 1, 1)}
    assert state("gamma_squeeze_bullish", SQUEEZE, **new) == ("momentum", Reason.WARMUP)
    assert state("gamma_squeeze_bullish", SQUEEZE, {"momentum_bars": 2}, **new)[0] == 1
    first = {"sessions": (0, 0, 0, 1)}
    assert state("gamma_flip_bullish", FLIP, **first) == ("previous_zero_gamma", Reason.WARMUP)


def test_an_unknown_level_before_names_its_reason():
    found = state("gamma_flip_bullish", FLIP, previous_level=np.nan)
    assert found == ("previous_zero_gamma", Reason.MISSING_INPUT)


@pytest.mark.parametrize(
    ("name", "given", "feature"),
    [
        ("gamma_squeeze_bullish", SQUEEZE, "max_gamma_strike"),
        ("gamma_squeeze_bullish", SQUEEZE, "gex_norm"),
        ("gamma_squeeze_bullish", SQUEEZE, "atr"),
        ("gamma_squeeze_bullish", SQUEEZE, "rel_volume"),
        ("gamma_flip_bullish", FLIP, "minutes_to_expiry"),
        ("gamma_flip_bullish", FLIP, "zero_gamma"),
        ("gamma_flip_bullish", FLIP, "atr"),
        ("eod_pin_setup", PIN, "is_0dte"),
        ("eod_pin_setup", PIN, "pin_strike"),
        ("eod_pin_setup", PIN, "pin_oi_frac"),
    ],
)
def test_an_unknown_hard_feature_is_named(name, given, feature):
    assert state(name, given, **{feature: np.nan}) == (feature, Reason.MISSING_INPUT)


def test_factors_that_are_not_conditions_may_be_unknown():
    for name, given, missing in (
        ("gamma_squeeze_bullish", SQUEEZE, "minutes_to_expiry"),
        ("gamma_flip_bullish", FLIP, "gex_slope_norm"),
        ("gamma_flip_bullish", FLIP, "rel_volume"),
        ("eod_pin_setup", PIN, "pin_gex_norm"),
    ):
        assert state(name, given, {"min_score": 0.0}, **{missing: np.nan})[0] == 1


# A market of 40 sessions with a half day, and its mirror image.
SESSIONS = calendar_sessions("2024-10-07", "2024-12-03")
LOOSE = {
    "min_score": 0.0,
    "short_gamma_min": 0.0,
    "momentum_min_atr": 0.0,
    "volume_surge_min": 0.0,
    "wall_dist_max_frac": 0.02,
    "cross_min_atr": 0.0,
    "expiry_max_minutes": 3000.0,
    "pin_dist_max_frac": 0.02,
    "pin_dist_min_atr": 0.0,
    "pin_oi_min_frac": 0.001,
}


def features(minutes):
    return build_features(
        dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan)),
        SESSIONS,
        bar_minutes=5,
        asset_class="INDEX",
        proxy=minutes,
        proxy_symbol="SPY",
        gamma=gamma_walk(minutes, SESSIONS, OptionSettings()),
    )


@pytest.fixture(scope="module")
def markets():
    minutes = walk(SESSIONS, 3)
    return features(minutes), features(priced(minutes, operator.neg, swap=True))


def loose_of(detector):
    return {k: v for k, v in LOOSE.items() if k in {p.name for p in detector.parameters}} | {
        "min_score": 0.0
    }


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("gamma_squeeze_bullish", "gamma_squeeze_bearish"),
        ("gamma_squeeze_bearish", "gamma_squeeze_bullish"),
        ("gamma_flip_bullish", "gamma_flip_bearish"),
        ("gamma_flip_bearish", "gamma_flip_bullish"),
        ("eod_pin_setup", "eod_pin_setup"),
    ],
)
def test_the_mirrored_market_swaps_the_pair_to_the_last_bit(markets, name, other):
    one, two = DETECTORS[name], DETECTORS[other]
    here, there = (
        evaluate(one, markets[0], loose_of(one)),
        evaluate(two, markets[1], loose_of(two)),
    )
    assert np.count_nonzero(here.signal) >= 10
    np.testing.assert_array_equal(here.signal, -there.signal)
    np.testing.assert_array_equal(here.score, there.score)
    np.testing.assert_array_equal(here.reason, there.reason)
    if name == "eod_pin_setup":
        assert set(np.unique(here.signal)) == {-1, 0, 1}


def test_a_pair_never_signals_both_ways(markets):
    for family in ("gamma_squeeze", "gamma_flip"):
        both = [
            evaluate(d, markets[0], loose_of(d)).signal != 0
            for n, d in DETECTORS.items()
            if d.family == family
        ]
        assert not (both[0] & both[1]).any()


def test_flips_by_a_plain_loop(markets):
    table = markets[0]
    close, level, session = table["close"], table["zero_gamma"], table.bars.session
    found = evaluate(
        DETECTORS["gamma_flip_bullish"], table, loose_of(DETECTORS["gamma_flip_bullish"])
    )
    expected = []
    for t in range(1, len(table)):
        near = table["minutes_to_close"][t] <= 180 and session[t] == session[t - 1]
        finite = np.isfinite(level[t]) and np.isfinite(level[t - 1])
        crossed = close[t - 1] < level[t - 1] and close[t] > level[t]
        if near and finite and crossed and close[t] > close[t - 1]:
            expected.append(t)
    expected = [t for t in expected if table.reason("atr")[t] == Reason.KNOWN]
    fired = np.flatnonzero(found.signal == 1).tolist()
    assert len(fired) > 20
    assert set(fired) <= set(expected)
    light = [t for t in expected if t not in fired]
    assert all(found.reason[t] == Reason.WEIGHT for t in light)
