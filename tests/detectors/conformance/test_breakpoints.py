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
    loosest,
    rows_of,
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


def threshold_faults(detector, evaluated=None):
    """Name the conditions that do not hold at their threshold, or do hold one ulp beyond.

    `evaluated` stands in for the detector whose thresholds are stated.
    """
    evaluated = evaluated or detector
    table, values, faults = quarter_table(detector), loosest(detector), []
    row = judged_row(detector)
    limits = {p.name: p.default for p in all_parameters(detector)} | values
    for i, condition in enumerate(detector.conditions):
        named = isinstance(condition.threshold, str)
        limit = float(limits[condition.threshold] if named else condition.threshold)
        worse = np.nextafter(limit, -np.inf if condition.comparison == ">=" else np.inf)
        better = np.nextafter(limit, np.inf if condition.comparison == ">=" else -np.inf)
        for x, holds in ((limit, True), (better, True), (worse, False)):
            found = evaluate(with_value(evaluated, condition.column, row, x), table, values)
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
        entry = dataclasses.replace(detector, windows=(window,))
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


@pytest.mark.parametrize(("place", "towards"), [(0, np.inf), (1, -np.inf), (5, -np.inf)])
def test_a_planted_threshold_one_ulp_off_is_found(place, towards):
    honest = DETECTORS["trend_continuation_short"]
    condition = honest.conditions[place]
    off = float(np.nextafter(loosest(honest)[condition.threshold], towards))
    conditions = list(honest.conditions)
    conditions[place] = dataclasses.replace(condition, threshold=off)
    mutant = dataclasses.replace(honest, conditions=tuple(conditions))
    assert condition.name in {name.split(":")[0] for name in threshold_faults(honest, mutant)}


def test_an_unknown_score_input_is_not_a_breakpoint(detector):
    """A factor that reads NaN gives no number at all, neither end of its ramp."""
    assert np.isnan(score_at(detector, detector.factors[0], np.nan, judged_row(detector)))
