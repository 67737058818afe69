"""Rows 6 and 10: unknown is not neutral, and what cannot be judged says why."""

import dataclasses

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.features.gamma import FEATURES as OPTION_FEATURES
from detectors.features.option_settings import OptionSettings
from detectors.features.settings import FeatureSettings
from detectors.features.table import Reason
from detectors.registry import DETECTORS
from sweep.backtest.run import run_backtest
from sweep.backtest.spec import BacktestSpec
from tests import naive
from tests.detectors.conformance.markets import quarter, quarter_table
from tests.detectors.conformance.probes import (
    DERIVED,
    defaults,
    derive,
    features_read,
    loosest,
    rows_of,
    unknown_at,
    with_columns,
)

CALENDAR = {"minutes_since_open", "minutes_to_close", "session_frac", "close"}


def judged(detector, table):
    """Return a few bars on which every hard condition holds."""
    return rows_of(evaluate(detector, table, loosest(detector)).signal != 0, 4).tolist()


def hard_faults(detector, table):
    """Name the hard features that may be unknown without the bar saying so."""
    faults = []
    for row in judged(detector, table):
        for name in detector.hard_features:
            if name not in table.values:
                continue  # derived over a tuned look-back: its own test below
            found = evaluate(detector, unknown_at(table, name, row), loosest(detector))
            told = detector.hard_features[found.missing[row]] if found.missing[row] >= 0 else None
            right = (told, found.reason[row]) == (name, Reason.STALE)
            if found.evaluable[row] or found.signal[row] or not right:
                faults.append(name)
    return faults


def test_a_bar_with_an_unknown_hard_feature_is_not_evaluable(detector):
    table = quarter_table(detector)
    assert judged(detector, table)
    assert hard_faults(detector, table) == []


def test_a_derived_hard_feature_says_why_it_is_unknown(detector):
    """A look-back longer than the history: the bar is not evaluable, first in declared order."""
    table = quarter_table(detector)
    derived = [name for name in detector.hard_features if name not in table.values]
    columns = derive(detector, table, loosest(detector))
    assert set(derived) == set(columns.reasons)
    for name in derived:
        assert (columns.reasons[name] == Reason.WARMUP).any()
        unknown = columns.reasons[name] != Reason.KNOWN
        found = evaluate(detector, table, loosest(detector))
        assert not found.evaluable[unknown].any()


def soft_faults(detector, table):
    """Name the features that conditions read although they are not declared hard."""
    hard = set(detector.hard_features)
    hard |= {feature for name in hard for feature in DERIVED.get(name, ())}
    values = loosest(detector)
    faults = []
    for name in sorted(features_read(detector, table) - hard - CALENDAR):
        for row in judged(detector, table):
            changed = unknown_at(table, name, row)
            before, after = evaluate(detector, table, values), evaluate(detector, changed, values)
            light = after.reason[row] == Reason.WEIGHT
            if not light and (after.passed[row] != before.passed[row] or after.missing[row] >= 0):
                faults.append(name)
    return sorted(set(faults))


def test_no_condition_reads_a_feature_that_is_not_declared(detector):
    assert soft_faults(detector, quarter_table(detector)) == []


def test_a_planted_undeclared_feature_is_found():
    honest = DETECTORS["mean_reversion_short"]
    cheater = with_columns(
        honest,
        lambda columns, table: columns | {"rsi_side": columns["rsi_side"] + 0 * table["ema_200"]},
    )
    assert "ema_200" in soft_faults(cheater, quarter_table(honest))


def test_a_planted_neutral_value_is_found():
    """Mutant: an unknown RSI does not count, as if it were 50."""
    honest = DETECTORS["trend_continuation_long"]
    conditions = tuple(
        dataclasses.replace(c, reads=tuple(n for n in c.reads if n != "rsi"))
        for c in honest.conditions
    )
    forgetful = dataclasses.replace(honest, conditions=conditions)
    assert "rsi_centred" in soft_faults(forgetful, quarter_table(honest))


def with_probes(detector, unknown):
    """Return the detector with the columns of some factors, and of nothing else, unknown."""

    def change(columns, table):
        return columns | {
            f"probe {i}": np.full(len(table), np.nan) if i in unknown else columns[f.column]
            for i, f in enumerate(detector.factors)
        }

    factors = tuple(
        dataclasses.replace(f, column=f"probe {i}") for i, f in enumerate(detector.factors)
    )
    return dataclasses.replace(with_columns(detector, change), factors=factors)


def expected_score(detector, table, row, unknown):
    """Weighted mean by the slow oracle's ramp; None where the known weight is below one half."""
    columns = derive(detector, table, loosest(detector)).values
    values, parts = defaults(detector), []
    for i, factor in enumerate(detector.factors):
        x = columns[factor.column][row] / (1 if factor.scale is None else values[factor.scale])
        known = i not in unknown and not np.isnan(x)
        parts.append((factor.weight, 1.0, naive.ramp(x, factor.ramp) if known else None))
    score, enough = naive.score_of(parts)
    return score if enough else None


def test_an_unknown_factor_is_left_out_of_the_mean(detector):
    table, values = quarter_table(detector), loosest(detector)
    count, light = len(detector.factors), 0
    drops = [{i} for i in range(count)] + [set(range(i)) for i in range(count + 1)]
    for unknown in drops:
        found = evaluate(with_probes(detector, unknown), table, values)
        for row in judged(detector, table):
            expected = expected_score(detector, table, row, unknown)
            light += expected is None
            if expected is None:
                assert (found.reason[row], found.missing[row]) == (Reason.WEIGHT, -1)
                assert not found.evaluable[row]
                assert found.signal[row] == 0
            else:
                assert found.score[row] == pytest.approx(expected, rel=0, abs=1e-9)
    assert light


def test_weights_add_up_to_one(detector):
    assert sum(factor.weight for factor in detector.factors) == pytest.approx(1, abs=1e-12)
    assert len({factor.name for factor in detector.factors}) == len(detector.factors)


OF_VOLUME = {"rel_volume", "vwap", "gex_norm"}
OF_OPTIONS = set(OPTION_FEATURES) | {"previous_zero_gamma"}


def reading(features):
    """Index detectors with a hard feature among the given ones."""
    return [
        name
        for name, d in DETECTORS.items()
        if "INDEX" in d.asset_classes and features & set(d.hard_features)
    ]


@pytest.mark.parametrize("name", reading(OF_OPTIONS))
def test_without_options_it_is_never_judged(name):
    found = evaluate(DETECTORS[name], quarter().of(DETECTORS[name], with_options=False))
    assert found.in_window.any()
    assert not found.evaluable.any()
    assert (found.reason[found.in_window] == Reason.MISSING_INPUT).mean() > 0.9


@pytest.mark.parametrize("name", reading({"gex", "zero_gamma"}))
def test_without_signs_of_dealers_it_is_never_judged(name):
    unsigned = FeatureSettings(options=OptionSettings(sign_model="none"))
    market = dataclasses.replace(quarter(), settings=unsigned)
    found = evaluate(DETECTORS[name], market.of(DETECTORS[name]))
    assert not found.evaluable.any()
    told = found.reason[found.in_window & (found.reason != Reason.WARMUP)]
    assert (told == Reason.SIGN_MODEL).all()


@pytest.mark.parametrize("name", reading(OF_VOLUME))
def test_an_index_without_a_proxy_is_never_judged(name):
    found = evaluate(DETECTORS[name], quarter().of(DETECTORS[name], with_proxy=False))
    assert found.in_window.any()
    assert not found.evaluable.any()
    assert (found.reason == Reason.MISSING_PROXY).any()


def test_what_cannot_be_judged_has_a_status_and_a_reason_and_no_number(index_store):
    """An index whose proxy was never filled in: a backtest says so for every detector."""
    spec = BacktestSpec(storage_root=index_store, symbols=("SPX",), detectors=tuple(DETECTORS))
    for result in run_backtest(spec).results:
        why = "asset_class"
        if result.detector in reading(OF_OPTIONS):
            why = "missing_input"
        elif result.detector in reading(OF_VOLUME):
            why = "missing_proxy"
        assert result.status == "not_evaluable"
        assert result.metrics == {}
        assert result.sessions == 0
        assert why in result.reason
