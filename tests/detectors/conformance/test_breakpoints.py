"""Row 11: ramps at, between and beyond their points; conditions at their threshold and beyond."""

import dataclasses
import itertools

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from sweep.engine.sets import all_parameters
from tests.detectors.conformance.markets import quarter_table
from tests.detectors.conformance.probes import (
    defaults,
    derive,
    loosest,
    rows_of,
    unknown_at,
    with_columns,
    with_value,
)


def judged_row(detector):
    table = quarter_table(detector)
    return rows_of(evaluate(detector, table, loosest(detector)).signal != 0, 1)[0]


def score_at(detector, factor, x, row):
    """Score of one bar on which one factor, the only one, reads x."""

    def change(columns, table):
        return columns | {"probe": np.full(len(table), x)}

    only = dataclasses.replace(factor, column="probe", weight=1.0, scale=None)
    entry = dataclasses.replace(with_columns(detector, change), factors=(only,))
    return float(evaluate(entry, quarter_table(detector), loosest(detector)).score[row])


def test_every_ramp_at_between_and_beyond_its_points(detector):
    row = judged_row(detector)
    for factor in detector.factors:
        inputs = [x for x, _ in factor.ramp]
        assert inputs == sorted(set(inputs)), factor.name
        for x, y in factor.ramp:
            assert 0 <= y <= 100
            assert score_at(detector, factor, float(x), row) == y, factor.name
        for (x0, y0), (x1, y1) in itertools.pairwise(factor.ramp):
            for share in (0.25, 0.5):
                expected = y0 + share * (y1 - y0)
                got = score_at(detector, factor, x0 + share * (x1 - x0), row)
                assert got == pytest.approx(expected, abs=1e-9), factor.name
        (first, low), (last, high) = factor.ramp[0], factor.ramp[-1]
        for x, y in ((first - 1.0, low), (-np.inf, low), (last + 1.0, high), (np.inf, high)):
            assert score_at(detector, factor, float(x), row) == y, factor.name


def threshold_faults(detector):
    """Name the conditions that do not hold at their threshold, or do hold one ulp beyond."""
    table, values, faults = quarter_table(detector), loosest(detector), []
    row = judged_row(detector)
    limits = {p.name: p.default for p in all_parameters(detector)} | values
    for i, condition in enumerate(detector.conditions):
        named = isinstance(condition.threshold, str)
        limit = float(limits[condition.threshold] if named else condition.threshold)
        worse = np.nextafter(limit, -np.inf if condition.comparison == ">=" else np.inf)
        better = np.nextafter(limit, np.inf if condition.comparison == ">=" else -np.inf)
        for x, holds in ((limit, True), (better, True), (worse, False)):
            found = evaluate(with_value(detector, condition.column, row, x), table, values)
            if not found.evaluable[row] or bool(found.passed[row] >> i & 1) != holds:
                faults.append(condition.name)
            if not holds and found.signal[row]:
                faults.append(f"{condition.name}: signal")
    return faults


def test_every_condition_holds_at_its_threshold_and_not_beyond(detector):
    assert threshold_faults(detector) == []


def test_every_window_holds_at_its_bound_and_not_beyond(detector):
    table, row = quarter_table(detector), judged_row(detector)
    for window in detector.windows:
        limit = defaults(detector)[window.parameter]
        beyond = np.nextafter(limit, -np.inf if window.comparison == ">=" else np.inf)
        bounds = [w for w in detector.windows if w is not window]
        entry = dataclasses.replace(detector, windows=(window,))
        assert len(bounds) == len(detector.windows) - 1
        for x, holds in ((float(limit), True), (float(beyond), False)):
            column = table[window.column].copy()
            column[row] = x
            changed = dataclasses.replace(table, values={**table.values, window.column: column})
            assert bool(evaluate(entry, changed).in_window[row]) == holds, window


def test_the_score_holds_at_its_threshold_and_not_beyond(detector):
    table, row = quarter_table(detector), judged_row(detector)
    score = float(evaluate(detector, table, loosest(detector)).score[row])
    for least, fires in ((score, True), (float(np.nextafter(score, np.inf)), False)):
        found = evaluate(detector, table, loosest(detector) | {"min_score": least})
        assert bool(found.signal[row]) == fires


def test_the_score_never_exceeds_100(detector):
    """Every factor at its best: the sum may round to one ulp above its weights."""
    table, row = quarter_table(detector), judged_row(detector)
    entry = detector
    for i, factor in enumerate(detector.factors):
        best = float(max(factor.ramp, key=lambda point: point[1])[0])

        def change(columns, table, i=i, best=best):
            return columns | {f"best {i}": np.full(len(table), best)}

        entry = with_columns(entry, change)
    factors = tuple(
        dataclasses.replace(f, column=f"best {i}", scale=None)
        for i, f in enumerate(detector.factors)
    )
    known = [set(), {0}, {len(factors) - 1}]
    for left_out in known:
        some = tuple(f for i, f in enumerate(factors) if i not in left_out)
        found = evaluate(dataclasses.replace(entry, factors=some), table, loosest(detector))
        assert 100 - 1e-9 <= found.score[row] <= 100


def test_planted_strict_comparisons_are_found():
    """Mutant: a threshold that must be exceeded."""
    honest = DETECTORS["trend_continuation_short"]

    def strictly(columns, _table):
        return columns | {"adx": np.nextafter(columns["adx"], -np.inf)}

    def probe(name, row, value):
        return with_columns(with_value(honest, name, row, value), strictly)

    row, limit = judged_row(honest), loosest(honest)["adx_min"]
    found = evaluate(probe("adx", row, limit), quarter_table(honest), loosest(honest))
    assert not found.passed[row] >> 1 & 1


def test_an_unknown_score_input_is_not_a_breakpoint(detector):
    """A factor that reads NaN gives no number at all, neither end of its ramp."""
    row = judged_row(detector)
    assert np.isnan(score_at(detector, detector.factors[0], np.nan, row))
    assert derive(detector, quarter_table(detector)).values
    assert unknown_at(quarter_table(detector), "atr", row).reason("atr")[row]
