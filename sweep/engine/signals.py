"""Which candidates are signals of a set, and which of them comes next."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from detectors.evaluate import threshold
from sweep.engine.jit import kernel
from sweep.engine.scores import Scoring, score_of
from sweep.engine.sets import Bounds, ParameterSets

Tests = tuple[Float, Float, Int]
"""`shared`, `varied` and `order` of a candidate table."""

Next = NDArray[np.int32]


def tests_of(detector: Detector) -> tuple[tuple[str, str, str | float], ...]:
    """Return (column, comparison, limit) of windows, then conditions; the score comes after."""
    windows = tuple((w.column, w.comparison, w.parameter) for w in detector.windows)
    return windows + tuple((c.column, c.comparison, c.threshold) for c in detector.conditions)


def threshold_matrix(detector: Detector, sets: ParameterSets) -> Float:
    """Return what each set compares with: float64 [sets, tests + 1], turned to `>=`."""
    matrix = np.empty((len(sets), len(tests_of(detector)) + 1))
    for k, (_, comparison, limit) in enumerate(tests_of(detector)):
        column = sets.values[limit] if isinstance(limit, str) else limit
        matrix[:, k] = column if comparison == ">=" else -column
    matrix[:, -1] = sets.values["min_score"]
    return matrix


def loosest_thresholds(detector: Detector, bounds: Bounds) -> Float:
    """Return the loosest threshold of every test and of the score."""
    limits = [
        threshold(
            comparison,
            limit if isinstance(limit, float | int) else bounds[limit][comparison == "<="],
            {},
        )
        for _, comparison, limit in tests_of(detector)
    ]
    return np.array([*limits, bounds["min_score"][0]])


@kernel
def mark_signals(
    tests: Tests,
    scoring: Scoring | None,
    which: tuple[int, int],
    thresholds: Float,
    span: tuple[int, int],
    passes: NDArray[np.bool_],
) -> None:
    """Mark the candidates of a span that are signals of a set.

    Parameters
    ----------
    tests, scoring
        Columns, and how sets weigh factors where the score is no column.
    which
        The set, and the row of its variant.
    thresholds
        float64 [tests + 1], of the set.
    span
        First candidate and the one after the last.
    passes
        bool, out, at least as long as the span.
    """
    shared, varied, order = tests
    (s, variant), (first, after) = which, span
    length = after - first
    for i in range(length):
        passes[i] = True
    for k in range(len(shared) + varied.shape[1]):
        limit = thresholds[order[k]]
        # A slice of its own: the compiler then sees one plain run and tests eight at a time.
        if k < len(shared):
            column = shared[k, first:after]
        else:
            column = varied[variant, k - len(shared), first:after]
        for i in range(length):
            passes[i] = passes[i] & (column[i] >= limit)
    if scoring is not None:
        for i in range(length):
            if passes[i]:
                passes[i] = score_of(scoring, variant, s, first + i) >= thresholds[-1]


@kernel
def link_signals(passes: NDArray[np.bool_], length: int, following: Next) -> None:
    """Write the next marked place at or after each place, `length` where there is none."""
    following[length] = found = length
    for i in range(length - 1, -1, -1):
        if passes[i]:
            found = i
        following[i] = found


@kernel
def list_signals(
    passes: NDArray[np.bool_], span: tuple[int, int], signals: Next, before: Next
) -> int:
    """List the marked places.

    Parameters
    ----------
    passes, span
        As in `mark_signals`.
    signals, before
        int32 [n + 1], out: the marked candidates in order, and the number of those before each
        place of the span.

    Returns
    -------
    int
        Number of marked places.
    """
    first, after = span
    length, count = after - first, 0
    for i in range(length):
        signals[count] = first + i  # overwritten unless marked: there is no branch to guess
        before[i] = count
        count += passes[i]
    before[length] = count
    return count


@kernel
def score_at(varied: Float, scoring: Scoring | None, s: int, variant: int, i: int) -> float:
    """Return the score that set s gives to candidate i."""
    if scoring is not None:
        return score_of(scoring, variant, s, i)
    return float(varied[variant, -1, i])
