"""Row 1: types and lengths, odd inputs, and the same result compiled and as plain Python."""

import dataclasses
import importlib
import pkgutil

import numba
import numpy as np
import pytest

import detectors
from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from tests.detectors.conformance.markets import Market, quarter, quarter_table, tiny
from tests.detectors.conformance.probes import OUTPUTS, loosest
from tests.detectors.features.walks import frozen, take

TYPES = {
    "in_window": np.bool_,
    "evaluable": np.bool_,
    "missing": np.int16,
    "reason": np.int8,
    "passed": np.uint32,
    "score": np.float64,
    "signal": np.int8,
}


def read_only(table):
    frozen(table.bars)
    for column in (*table.values.values(), *table.reasons.values()):
        column.setflags(write=False)
    return table


def test_outputs_have_their_types_and_the_length_of_the_input(detector):
    table = read_only(quarter_table(detector))
    before = {name: column.copy() for name, column in table.values.items()}
    found = evaluate(detector, table, loosest(detector))
    assert set(TYPES) == {field.name for field in dataclasses.fields(found)}
    for name, kind in TYPES.items():
        column = getattr(found, name)
        assert column.dtype == kind, name
        assert column.shape == (len(table),), name
    for name, column in before.items():
        assert np.array_equal(column, table[name], equal_nan=True), name


def test_a_signal_has_the_detectors_side_and_a_score_that_suffices(detector):
    found = evaluate(detector, quarter_table(detector), loosest(detector) | {"min_score": 55.0})
    fired = found.signal != 0
    assert fired.any()
    assert set(found.signal[fired].tolist()) <= ({detector.side} if detector.side else {-1, 1})
    assert found.evaluable[fired].all()
    assert (found.score[fired] >= 55).all()
    assert (found.score[fired] <= 100).all()
    assert (found.evaluable <= found.in_window).all()
    everything = (1 << len(detector.conditions)) - 1
    all_hold = found.evaluable & (found.passed == everything)
    assert np.array_equal(~np.isnan(found.score), all_hold)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_empty_and_short_inputs_give_no_signal(detector, count):
    whole = quarter()
    short = Market(whole.sessions, take(whole.minutes, np.arange(count)))
    table = read_only(short.of(detector))
    found = evaluate(detector, table, loosest(detector, "legal"))
    assert len(found.signal) == len(table) == min(count, 1 + (count > detector.signal_minutes))
    assert not found.evaluable.any()
    assert not found.signal.any()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled: NUMBA_DISABLE_JIT=1")
def test_compiled_kernels_equal_plain_python_to_the_last_bit(monkeypatch):
    def outputs():
        return {
            (name, output): getattr(found, output)
            for name, d in DETECTORS.items()
            for found in [evaluate(d, tiny().features(d.asset_classes[0], 5), loosest(d, "legal"))]
            for output in OUTPUTS
        }

    compiled = outputs()
    replaced = 0
    for info in pkgutil.walk_packages(detectors.__path__, "detectors."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).copy().items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
                replaced += 1
    assert replaced >= 15
    for key, column in outputs().items():
        assert np.array_equal(column, compiled[key], equal_nan=key[1] == "score"), key
    for name in DETECTORS:
        assert compiled[name, "signal"].any(), name
