"""Row 7: nothing is judged before its inputs are warm, and then earlier history is forgotten."""

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.features.table import Reason
from detectors.registry import DETECTORS
from tests.detectors.conformance.markets import Market, quarter, quarter_table
from tests.detectors.conformance.probes import defaults, derive, loosest, with_columns
from tests.detectors.features.walks import take

# DETECTORS.md section 3: bars before a feature is known, or sessions.
WARM_UP_BARS = {"rsi": 98, "atr": 98, "adx": 140, "ema_21": 63, "ema_50": 150, "regime": 198}
WARM_UP_SESSIONS = {"rel_volume": 5, "prior_close": 1, "gex_norm": 5}
AT_ONCE = {"vwap", "session_open", "session_high", "session_low"}
AT_ONCE |= {"max_gamma_strike", "gex", "zero_gamma", "minutes_to_expiry", "is_0dte"}
AT_ONCE |= {"pin_strike", "pin_oi_frac"}
IN_SESSION = {"momentum", "previous_zero_gamma"}  # known before any window of a session begins
FACTOR_SESSIONS = {"rel_volume", "gex_slope_norm", "opt_volume_surge", "pin_gex_norm"}  # 5 each
SETTLED_SESSIONS = 24  # EMA 50 of 60-minute bars: 150 bars


def expected_warm_up(detector):
    """Bars and sessions that a detector needs, from the specification."""
    bars, sessions = 0, 0
    for name in detector.hard_features:
        if name == "level":
            bars = max(bars, defaults(detector)["breakout_lookback_bars"])
        elif name in WARM_UP_BARS:
            bars = max(bars, WARM_UP_BARS[name])
        elif name in WARM_UP_SESSIONS:
            sessions = max(sessions, WARM_UP_SESSIONS[name])
        else:
            assert name in AT_ONCE | IN_SESSION, f"say in DETECTORS.md when {name} is known"
    return bars, sessions


def light(detector):
    """Tell whether less than half of the factor weight is known in the first five sessions.

    Such a bar is not evaluable either, and says `weight`: no single feature is to blame. Flow is
    unknown on these markets.
    """
    unknown = sum(
        factor.weight
        for factor in detector.factors
        if factor.column in FACTOR_SESSIONS or factor.column.startswith("flow")
    )
    return 1 - unknown < 0.5 - 1e-9


def warm_up_fault(detector):
    """Tell what is wrong with the bars before and after the warm-up, None if nothing."""
    table = quarter_table(detector)
    found = evaluate(detector, table)
    bars, sessions = expected_warm_up(detector)
    cold = (np.arange(len(table)) < bars) | (table.bars.session < sessions)
    weightless = ~cold & (table.bars.session < 5) & light(detector)
    early = (cold | weightless) & found.in_window
    if not early.any():
        return "no bar to test"
    if found.evaluable[early].any() or found.signal[early].any():
        return "judged too early"
    expected = np.where(weightless, Reason.WEIGHT, Reason.WARMUP)
    if not (found.reason[early] == expected[early]).all():
        return "another reason than warmup"
    if not found.evaluable[~early & found.in_window].all():
        return "judged too late"
    return None


def test_the_warm_up_is_that_of_the_specification(detector):
    assert warm_up_fault(detector) is None


def history_fault(detector, columns_of=None):
    """Tell whether sessions from long ago change a signal, or a score by more than 0.5."""
    entry = columns_of or detector
    market = quarter()
    start = 20
    later = Market(
        market.sessions, take(market.minutes, market.minutes.ts >= market.sessions.open_ns[start])
    )
    short, long = later.of(detector), quarter_table(detector)
    values = loosest(detector)
    ours = evaluate(entry, short, values)
    theirs = evaluate(entry, long, values)
    settled = short.bars.session >= start + SETTLED_SESSIONS
    same = slice(len(long) - len(short), None)
    if not np.array_equal(ours.signal[settled], theirs.signal[same][settled]):
        return "another signal"
    away = np.abs(ours.score - theirs.score[same])[settled]
    known = ~np.isnan(away)
    assert known.any()
    return "another score" if (away[known] > 0.5).any() else None


def test_earlier_history_is_forgotten(detector):
    assert history_fault(detector) is None


def test_a_planted_long_memory_is_found():
    honest = DETECTORS["index_mean_reversion_long"]
    start = quarter().minutes.open[0]

    def since_the_first_bar(columns, table):
        first = table["open"][0]
        return columns | {"regime_fit": np.full(len(table), 1.0 if first == start else 0.0)}

    assert history_fault(honest, with_columns(honest, since_the_first_bar)) == "another score"


@pytest.mark.parametrize("name", ["trend_continuation_long", "power_hour_reversal_bearish"])
def test_a_planted_short_warm_up_is_found(name, monkeypatch):
    monkeypatch.setitem(WARM_UP_BARS, "rsi", 400)  # the same as a mask that is too short
    monkeypatch.setitem(WARM_UP_SESSIONS, "rel_volume", 8)
    assert warm_up_fault(DETECTORS[name]) == "judged too early"


def test_derived_columns_are_as_long_as_the_table(detector):
    table = quarter_table(detector)
    columns = derive(detector, table)
    for name, column in columns.values.items():
        assert column.shape == (len(table),), name
        assert column.dtype == np.float64, name
    for name, reason in columns.reasons.items():
        assert reason.dtype == np.int8, name
