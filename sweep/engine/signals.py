"""Which candidates are signals of a set, and which of them comes next."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from detectors.evaluate import threshold
from sweep.engine.eights import LANES, eight, reaching, spread, trailing_zeros
from sweep.engine.jit import at, kernel
from sweep.engine.scores import Scoring, score_of
from sweep.engine.sets import Bounds, ParameterSets

Tests = tuple[Float, Float, Int]
"""`shared`, `varied` and `order` of a candidate table."""

Next = NDArray[np.int32]
Words = NDArray[np.int64]

WORD = 64
"""Candidates that one word of bits tells of; columns have as many more values behind the last."""


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
def bit(place: int) -> int:
    """Return the bit of a place in its word of signals."""
    return int(np.int64(np.uint64(1) << np.uint64(place % WORD)))


@kernel
def _reaching_word(column: Float, place: int, limit: float) -> int:
    """Return a bit for each of WORD values from a place on, set where it is >= a limit."""
    bits, limits = 0, spread(limit)
    for first in range(0, WORD, LANES):
        bits |= reaching(eight(column, place + first), limits) << first
    return bits


@kernel
def mark_signals(
    tests: Tests,
    scoring: Scoring | None,
    which: tuple[int, int],
    thresholds: Float,
    span: tuple[int, int],
    words: Words,
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
    words
        int64 [length of the span // WORD + 1], out: a bit a candidate; the one behind the last is
        set, so that a search ends there.
    """
    shared, varied, order = tests
    (s, variant), (first, after) = which, span
    length = after - first
    last = length // WORD
    for w in range(last + 1):
        words[at(w)] = -1
    for k in range(len(shared) + varied.shape[1]):
        limit = thresholds[at(order[at(k)])]
        # A slice of its own: the compiler then sees one plain run.
        column = shared[k] if k < len(shared) else varied[variant, k - len(shared)]
        for w in range(last + 1):
            words[at(w)] &= _reaching_word(column, first + w * WORD, limit)
    words[last] |= -1 << (length % WORD)
    if scoring is not None:
        place = next_signal(words, 0)
        while place < length:
            reached = score_of(scoring, variant, s, first + place) >= thresholds[-1]
            if not reached:
                words[place // WORD] ^= bit(place)
            place = next_signal(words, place + 1)


@kernel
def next_signal(words: Words, place: int) -> int:
    """Return the first signal at or after a place of a span, its length where there is none."""
    word = place // WORD
    bits = words[at(word)] >> (place % WORD)  # copies of the sign come in above: no harm
    if bits != 0:
        return place + trailing_zeros(bits)
    word += 1
    while words[at(word)] == 0:
        word += 1
    return word * WORD + trailing_zeros(words[at(word)])


@kernel
def link_signals(words: Words, length: int, following: Next) -> int:
    """Write the next signal at or after each place, `length` where there is none; count them."""
    place, count = 0, -1  # the last one found is none
    while place <= length:
        found, count = next_signal(words, place), count + 1
        for k in range(place, found + 1):
            following[at(k)] = found
        place = found + 1
    return count


@kernel
def score_at(varied: Float, scoring: Scoring | None, s: int, variant: int, i: int) -> float:
    """Return the score that set s gives to candidate i."""
    if scoring is not None:
        return score_of(scoring, variant, s, i)
    return float(varied[variant, -1, i])
