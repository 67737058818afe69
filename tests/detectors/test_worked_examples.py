"""Row 13 of the conformance suite: the worked examples of DETECTORS.md section 8, to 1e-6.

Every number stands in the specification, where a separate script computed it. Those that read
options stand in `test_gamma_families.py`.
"""

import numpy as np
import pytest

from detectors.bars import MINUTE_NS, SignalBars
from detectors.evaluate import evaluate, ramp
from detectors.features.regime import CHOPPY, RANGING, TRENDING_UP, VOLATILE
from detectors.features.table import FeatureTable, Reason
from detectors.registry import DETECTORS
from tests import naive

LOOKBACK = 20
NAMED = (
    "close", "atr", "adx", "rsi_centred", "rel_volume", "vwap", "prior_close", "session_open",
    "session_high", "session_low", "or_high_30", "or_low_30", "prior_high", "prior_low", "ema_21",
    "ema_50", "ema_200", "regime", "flow_signed", "rsi_div_long", "rsi_div_short",
    "patient_candle", "hammer", "shooting_star", "higher_lows", "lower_highs", "mtf_rsi_up_frac",
    "mtf_rsi_down_frac", "mtf_ema_up_frac", "mtf_ema_down_frac", "session_frac",
    "minutes_since_open", "minutes_to_close", "rsi", "vwap_dist_frac", "day_change_frac",
    "session_move_frac", "overnight_gap_frac",
)  # fmt: skip

# name -> (feature values, factor values in order of the factor table, score)
EXAMPLES = {
    "breakout_bullish": (
        {
            "close": 100.8,
            "level": 100.5,
            "atr": 0.6,
            "rel_volume": 2,
            "vwap": 100,
            "prior_close": 99.5,
            "or_high_30": 100.4,
            "prior_high": 101.2,
            "mtf_rsi_up_frac": 2 / 3,
        },
        (62.5, None, 79, 80, 60, 66.6667),
        69.622222,
    ),
    "breakout_bearish": (
        {
            "close": 198.5,
            "level": 198.8,
            "atr": 0.5,
            "rel_volume": 3.25,
            "vwap": 200,
            "prior_close": 200.5,
            "prior_low": 199,
            "mtf_rsi_down_frac": 1,
            "flow_signed": -60,
        },
        (87.5, 85, 77.5, 84, None, 100),
        85.684211,
    ),
    "mean_reversion_long": (
        {
            "close": 99.2,
            "rsi": 28,
            "vwap": 100,
            "ema_21": 100.4,
            "atr": 0.5,
            "rel_volume": 1.35,
            "regime": RANGING,
            "adx": 18,
            "rsi_div_long": 0,
            "patient_candle": 1,
            "hammer": 0,
        },
        (76, 79, 72.5, 100, 60),
        77.8,
    ),
    "mean_reversion_short": (
        {
            "close": 201.5,
            "rsi": 75,
            "vwap": 200,
            "ema_21": 199.9,
            "atr": 0.6,
            "rel_volume": 1,
            "regime": TRENDING_UP,
            "adx": 34,
        },
        (85, 77.5, 50, 20, None),
        68.421053,
    ),
    "index_mean_reversion_long": (
        {
            "close": 4980,
            "rsi": 31,
            "vwap": 5000,
            "ema_21": 5004,
            "atr": 10,
            "rel_volume": 1.2,
            "regime": VOLATILE,
            "adx": 24,
            "session_frac": 0.3,
        },
        (62.5, 67, 65, 70, 100),
        69.0,
    ),
    "index_mean_reversion_short": (
        {
            "close": 5037.5,
            "rsi": 70,
            "vwap": 5000,
            "ema_21": 5010,
            "atr": 12,
            "rel_volume": 0.9,
            "regime": CHOPPY,
            "adx": 15,
            "session_frac": 0.9,
        },
        (77.5, 70, 45, 90, 70),
        70.25,
    ),
    "trend_continuation_long": (
        {
            "close": 100.3,
            "ema_21": 100,
            "ema_50": 99.6,
            "ema_200": 98,
            "atr": 0.5,
            "adx": 27,
            "rsi": 57,
            "rel_volume": 0.7,
            "higher_lows": 1,
            "mtf_ema_up_frac": 0.5,
        },
        (72, 100, 92, 86.6667, 100, 50),
        83.333333,
    ),
    "trend_continuation_short": (
        {
            "close": 50.04,
            "ema_21": 50,
            "ema_50": 50.24,
            "atr": 0.2,
            "adx": 22,
            "rsi": 52,
            "rel_volume": 2.4,
            "lower_highs": 0,
            "mtf_ema_down_frac": 1,
        },
        (84, None, 84, 61, 30, 100),
        72.315789,
    ),
    "power_hour_reversal_bullish": (
        {
            "close": 4958,
            "session_low": 4950,
            "session_high": 5010,
            "session_open": 5000,
            "rsi": 32,
            "rel_volume": 1.4,
            "minutes_to_close": 40,
            "atr": 5,
        },
        (80, 90, 79, None, 73.6),
        81.3875,
    ),
    "power_hour_reversal_bearish": (
        {
            "close": 5054,
            "session_low": 5000,
            "session_high": 5060,
            "session_open": 5000,
            "rsi": 66,
            "rel_volume": 1.25,
            "minutes_to_close": 25,
            "flow_signed": -30,
            "atr": 5,
        },
        (85, 100, 73, 67.5, 83.2),
        81.32,
    ),
    "opening_drive_bullish": (
        {
            "close": 5020,
            "session_open": 5000,
            "prior_close": 4980,
            "rel_volume": 1.3,
            "minutes_since_open": 20,
            "mtf_rsi_up_frac": 1,
            "atr": 5,
        },
        (62.5, 65, None, 72.1285, 100),
        69.774096,
    ),
    "opening_drive_bearish": (
        {
            "close": 3968,
            "session_open": 4000,
            "prior_close": 4000,
            "rel_volume": 2,
            "minutes_since_open": 15,
            "flow_signed": 65,
            "atr": 5,
        },
        (90, 87.5, 17.5, 40, None),
        64.861111,
    ),
}


def relative(values, name, reference):
    """Return (name - reference) / |reference|, unknown if either is."""
    a, b = values.get(name, np.nan), values.get(reference, np.nan)
    return (a - b) / abs(b)


def table_of(**given):
    """One bar with these features, after the bars that make its level."""
    values = dict.fromkeys(NAMED, np.nan) | {k: float(v) for k, v in given.items() if k != "level"}
    if "rsi" in given:
        values["rsi_centred"] = given["rsi"] - 50.0
    values |= {
        "vwap_dist_frac": relative(values, "close", "vwap"),
        "day_change_frac": relative(values, "close", "prior_close"),
        "session_move_frac": relative(values, "close", "session_open"),
        "overnight_gap_frac": relative(values, "session_open", "prior_close"),
    }
    n = LOOKBACK + 1
    ts = np.arange(n, dtype=np.int64) * MINUTE_NS
    level = np.full(n, given.get("level", np.nan))
    whole = np.zeros(n, np.int32)
    bars = SignalBars(ts, ts + MINUTE_NS, whole, whole, level, level, level, level, level)
    columns = {name: np.append(np.full(LOOKBACK, np.nan), value) for name, value in values.items()}
    reasons = {
        name: np.where(np.isnan(column), Reason.MISSING_INPUT, 0).astype(np.int8)
        for name, column in columns.items()
    }
    return FeatureTable(bars, columns, reasons, {})


def state(name, values=None, **changes):
    """What a detector says about an example: (state, score or feature, conditions that hold)."""
    detector = DETECTORS[name]
    found = evaluate(detector, table_of(**(EXAMPLES[name][0] | changes)), values)
    t = LOOKBACK
    held = [bool(found.passed[t] >> i & 1) for i in range(len(detector.conditions))]
    if not found.in_window[t]:
        return "out_of_window", None, held
    if not found.evaluable[t]:
        missing = "weight" if found.missing[t] < 0 else detector.hard_features[found.missing[t]]
        return "not_evaluable", missing, held
    signal = int(found.signal[t])
    return {0: "no_signal", detector.side: "signal"}[signal], float(found.score[t]), held


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_example(name):
    told, score, held = state(name)
    assert (told, all(held)) == ("signal", True)
    assert score == pytest.approx(EXAMPLES[name][2], rel=0, abs=1e-6)


@pytest.mark.parametrize("name", EXAMPLES)
def test_factors_of_the_worked_example(name):
    detector, (given, expected, score) = DETECTORS[name], EXAMPLES[name]
    params = detector.parameter_class()
    columns = detector.columns(table_of(**given), params, detector.side).values
    assert len(expected) == len(detector.factors)
    known = 0.0
    for factor, value in zip(detector.factors, expected, strict=True):
        x = columns[factor.column][-1]
        assert np.isnan(x) == (value is None), factor.name
        if value is not None:
            points, scores = (
                np.array(column, np.float64) for column in zip(*factor.ramp, strict=True)
            )
            assert ramp(x, points, scores, len(points)) == pytest.approx(value, abs=1e-4)
            known += factor.weight
    total = sum(f.weight * v for f, v in zip(detector.factors, expected, strict=True) if v)
    assert total / known == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_oracle_says_the_same(name):
    given, factors, score = EXAMPLES[name]
    row = dict.fromkeys(NAMED) | given | {"segment": 0}
    if "rsi" in given:
        row["rsi_centred"] = given["rsi"] - 50
    level = given.get("level")
    rows = [{"segment": 0, "high": level, "low": level}] * LOOKBACK * (level is not None) + [row]
    told = naive.evaluate(name, rows)[-1]
    assert told.signal == DETECTORS[name].side
    assert told.score == pytest.approx(score, rel=0, abs=1e-6)
    assert [x is None for x in told.factors] == [x is None for x in factors]


def test_counter_examples():
    quiet = state("breakout_bullish", rel_volume=1.4)
    assert (quiet[0], quiet[2]) == ("no_signal", [True, False, True, True])
    assert np.isnan(quiet[1])
    unknown = state("breakout_bullish", rel_volume=np.nan)
    assert unknown[:2] == ("not_evaluable", "rel_volume")
    strict = state("breakout_bullish", {"min_score": 70.0})
    assert strict[0] == "no_signal"
    assert strict[1] == pytest.approx(69.622222, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "changes", "failing"),
    [
        ("trend_continuation_long", {"ema_50": 99.9}, ["separation"]),
        ("trend_continuation_long", {"adx": 19.9}, ["adx"]),
        ("trend_continuation_long", {"close": 99.87}, ["not_broken"]),
        ("trend_continuation_long", {"close": 100.51}, ["pullback"]),
        ("trend_continuation_long", {"rsi": 44.9}, ["rsi_floor"]),
        ("trend_continuation_short", {"rsi": 39.9}, ["rsi_cap"]),
        ("power_hour_reversal_bullish", {"close": 4965}, ["extreme"]),
        ("power_hour_reversal_bearish", {"rsi": 59.9}, ["rsi"]),
        ("power_hour_reversal_bearish", {"rel_volume": 1.19}, ["volume"]),
        ("index_mean_reversion_long", {"rsi": 35.1}, ["rsi"]),
        ("index_mean_reversion_long", {"vwap": 4992}, ["vwap"]),
        ("index_mean_reversion_short", {"ema_21": 5014}, ["ema"]),
        ("index_mean_reversion_short", {"regime": TRENDING_UP, "adx": 40.1}, ["trend"]),
        ("index_mean_reversion_short", {"regime": TRENDING_UP, "adx": 40.0}, []),
    ],
)
def test_one_condition_fails_alone(name, changes, failing):
    told, _, held = state(name, {"min_score": 0.0}, **changes)
    names = [c.name for c in DETECTORS[name].conditions]
    assert [n for n, held_one in zip(names, held, strict=True) if not held_one] == failing
    assert told == ("no_signal" if failing else "signal")


@pytest.mark.parametrize(
    ("name", "changes", "missing"),
    [
        ("trend_continuation_long", {"ema_50": np.nan, "adx": np.nan}, "ema_50"),
        ("trend_continuation_short", {"rsi": np.nan, "close": 60}, "rsi"),
        (
            "power_hour_reversal_bullish",
            {"session_low": np.nan, "session_high": np.nan},
            "session_low",
        ),
        ("power_hour_reversal_bullish", {"atr": np.nan}, "atr"),
        ("index_mean_reversion_long", {"vwap": np.nan, "rsi": 80}, "vwap"),
    ],
)
def test_the_first_unknown_feature_is_named(name, changes, missing):
    assert state(name, **changes)[:2] == ("not_evaluable", missing)


def test_the_power_hour_begins_at_its_window():
    assert state("power_hour_reversal_bullish", minutes_to_close=60)[0] == "signal"
    assert state("power_hour_reversal_bullish", minutes_to_close=60.5)[0] == "out_of_window"
    assert state("power_hour_reversal_bullish", minutes_to_close=0)[0] == "signal"


def test_a_session_without_range_has_no_position_in_it():
    """The factor is left out: (0.2 * 90 + 0.25 * 79 + 0.1 * 100) / 0.55."""
    told, score, _ = state(
        "power_hour_reversal_bullish", close=4900, session_low=4900, session_high=4900
    )
    assert told == "signal"
    assert score == pytest.approx((18 + 19.75 + 10) / 0.55, abs=1e-9)
