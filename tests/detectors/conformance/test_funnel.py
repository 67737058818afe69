"""Row 9: every count of the funnel is the one before it minus a named loss."""

import dataclasses

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.funnel import count_funnel
from detectors.registry import DETECTORS
from tests.detectors.conformance.markets import quarter, quarter_table
from tests.detectors.conformance.probes import defaults, derive


def brute_force(detector, table, found, values):
    """Count, bar by bar with plain comparisons, what holds so far and what fails alone."""
    columns = derive(detector, table, values).values
    values = defaults(detector) | values
    passed = dict.fromkeys((c.name for c in detector.conditions), 0)
    alone = dict.fromkeys(passed, 0)
    all_hold = 0
    for t in np.flatnonzero(found.evaluable).tolist():
        holds = []
        for c in detector.conditions:
            limit = values[c.threshold] if isinstance(c.threshold, str) else c.threshold
            x = float(columns[c.column][t])
            holds.append(x >= limit if c.comparison == ">=" else x <= limit)
        for i, c in enumerate(detector.conditions):
            passed[c.name] += all(holds[: i + 1])
            alone[c.name] += not holds[i] and all(holds[:i] + holds[i + 1 :])
        all_hold += all(holds)
    return passed, alone, all_hold


def funnel_faults(detector, evaluation=None, values=None):
    values = values or {}
    table = quarter_table(detector)
    found = evaluation or evaluate(detector, table, values)
    funnel = count_funnel(detector, found, table.bars.session, len(quarter().sessions))
    honest = evaluate(detector, table, values)
    passed, alone, all_hold = brute_force(detector, table, honest, values)
    unknown = sum(counts for counts in funnel.unknown.values())
    faults = {
        "window": np.array_equal(funnel.in_window, funnel.evaluable + unknown)
        and int(funnel.in_window.sum()) == np.count_nonzero(honest.in_window),
        "passed": {name: int(n.sum()) for name, n in funnel.passed.items()} == passed,
        "alone": {name: int(n.sum()) for name, n in funnel.alone.items()} == alone,
        "score": np.array_equal(
            list(funnel.passed.values())[-1] - funnel.below_score, funnel.signals
        ),
        "signals": int(funnel.signals.sum()) == np.count_nonzero(honest.signal),
        "all": all_hold == int((funnel.below_score + funnel.signals).sum()),
    }
    return [name for name, right in faults.items() if not right]


def test_the_funnel_adds_up(detector):
    funnel = count_funnel(
        detector,
        evaluate(detector, quarter_table(detector)),
        quarter_table(detector).bars.session,
        len(quarter().sessions),
    )
    assert sum(int(n.sum()) for n in funnel.alone.values()) > 0
    assert int(funnel.signals.sum()) > 0
    assert funnel_faults(detector) == []
    assert funnel_faults(detector, values={"min_score": 75.0}) == []


@pytest.mark.parametrize("name", ["trend_continuation_long", "opening_drive_bearish"])
def test_a_planted_miscount_is_found(name):
    detector = DETECTORS[name]
    honest = evaluate(detector, quarter_table(detector))
    swapped = (
        (honest.passed & ~np.uint32(3)) | ((honest.passed & 1) << 1) | (honest.passed >> 1 & 1)
    )
    mutants = {
        "window": dataclasses.replace(honest, in_window=honest.evaluable),
        "passed": dataclasses.replace(honest, passed=swapped.astype(np.uint32)),
        "signals": dataclasses.replace(honest, signal=np.zeros_like(honest.signal)),
    }
    for fault, mutant in mutants.items():
        assert fault in funnel_faults(detector, mutant), fault
