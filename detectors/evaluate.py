"""Evaluate a detector on every signal bar: one generic kernel over its tables.

States of a bar and the rule that unknown is not neutral: DETECTORS.md 1.1. Score: 1.3.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Columns, Detector
from detectors.exits import ExitParams
from detectors.features.table import FeatureTable, Reason
from detectors.jit import kernel

MIN_KNOWN_WEIGHT = 0.5
EVERY = slice(None)
_WEIGHT_TOLERANCE = 1e-9  # stated weights are decimal fractions, their sums are not exact


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a detector says on each of n signal bars.

    Attributes
    ----------
    in_window
        bool [n], the phase window holds.
    evaluable
        bool [n], in the window, every hard feature known, enough factor weight known.
    missing
        int16 [n], index into `Detector.hard_features` of the first unknown one, -1 if none.
    reason
        int8 [n] of `Reason`: why a bar is not evaluable, KNOWN where it is or is out of the
        window.
    passed
        uint32 [n], bit i set where condition i holds; meaningful on evaluable bars.
    score
        float64 [n], 0 to 100; NaN unless evaluable and all hard conditions hold.
    signal
        int8 [n], the side of the trade where the bar is a signal, else 0.
    """

    in_window: NDArray[np.bool_]
    evaluable: NDArray[np.bool_]
    missing: NDArray[np.int16]
    reason: NDArray[np.int8]
    passed: NDArray[np.uint32]
    score: Float
    signal: NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class Readiness:
    """Which bars can be judged at all, window aside; independent of every threshold.

    Attributes
    ----------
    missing, reason
        As in `Evaluation`; reason WEIGHT where the known factor weight is below one half.
    score
        float64 [n], score of every bar whose weight suffices, conditions aside; else NaN.
    """

    missing: NDArray[np.int16]
    reason: NDArray[np.int8]
    score: Float


def parameters_from(detector: Detector, values: Mapping[str, float]) -> Any:  # noqa: ANN401
    """Build the detector's parameter object from a mapping; absent ones take their default."""
    known = {
        p.name: (int(values[p.name]) if p.integer else float(values[p.name]))
        for p in detector.parameters
        if p.name in values
    }
    return detector.parameter_class(**known)


@kernel
def ramp(x: float, points: Float, values: Float, count: int) -> float:
    """Clamped piecewise-linear interpolation through `count` points; x is not NaN."""
    if x <= points[0]:
        return float(values[0])
    for i in range(1, count):
        if x < points[i]:
            slope = (values[i] - values[i - 1]) / (points[i] - points[i - 1])
            return float(values[i - 1] + (x - points[i - 1]) * slope)
    return float(values[count - 1])


@kernel
def weighted_score(
    inputs: Float,
    stated: Float,
    weights: Float,
    points: Float,
    values: Float,
    counts: NDArray[np.int64],
) -> tuple[Float, Float]:
    """Score and known weight of each bar.

    Parameters
    ----------
    inputs
        float64 [factors, n], NaN = unknown and left out.
    stated, weights
        float64 [factors], stated weights, which the known weight is the sum of, and effective
        ones, which the score is the mean with.
    points, values
        float64 [factors, longest ramp], ramp points and their scores.
    counts
        int64 [factors], points of each ramp.

    Returns
    -------
    tuple
        score float64 [n] (NaN where no factor is known) and known weight float64 [n]. Sums run in
        declared order, so that they are the same bits everywhere.
    """
    n = inputs.shape[1]
    score = np.empty(n)
    known = np.empty(n)
    for t in range(n):
        total, weight, share = 0.0, 0.0, 0.0
        for f in range(inputs.shape[0]):
            x = inputs[f, t]
            if not np.isnan(x):
                total += weights[f] * ramp(x, points[f], values[f], counts[f])
                weight += weights[f]
                share += stated[f]
        # Factors of 100 may sum to one ulp more than their weights do.
        score[t] = min(total / weight, 100.0) if weight > 0.0 else np.nan
        known[t] = share
    return score, known


@kernel
def passed_bits(columns: Float, thresholds: Float) -> NDArray[np.uint32]:
    """Set bit i where `columns[i] >= thresholds[i]`; columns are float64 [conditions, n]."""
    n = columns.shape[1]
    bits = np.zeros(n, np.uint32)
    for i in range(columns.shape[0]):
        bit = np.uint32(1 << i)
        for t in range(n):
            if columns[i, t] >= thresholds[i]:
                bits[t] |= bit
    return bits


def turned(column: Float, comparison: str) -> Float:
    """Return the column so that the comparison reads `>=` (`x <= p` is `-x >= -p`, exactly)."""
    return column if comparison == ">=" else -column


def threshold(comparison: str, limit: str | float, values: Mapping[str, float]) -> float:
    """Return the number to compare with, turned like the column."""
    number = float(values[limit]) if isinstance(limit, str) else float(limit)
    return number if comparison == ">=" else -number


def ramps_of(detector: Detector) -> tuple[Float, Float, NDArray[np.int64]]:
    """Return the ramps as arrays: points and values float64 [factors, longest], counts int64."""
    counts = np.array([len(factor.ramp) for factor in detector.factors])
    points, values = np.zeros((2, len(counts), counts.max()))
    for f, factor in enumerate(detector.factors):
        points[f, : counts[f]], values[f, : counts[f]] = zip(*factor.ramp, strict=True)
    return points, values, counts


def factor_inputs(
    detector: Detector, columns: Columns, values: Mapping[str, float], rows: Int | slice = EVERY
) -> Float:
    """Return what the ramps are applied to, float64 [factors, n]: columns over their scales."""
    return np.stack(
        [
            columns.values[f.column][rows] / (1.0 if f.scale is None else values[f.scale])
            for f in detector.factors
        ]
    )


def readiness(
    detector: Detector,
    features: FeatureTable,
    columns: Columns,
    values: Mapping[str, float],
    rows: Int | slice = EVERY,
) -> Readiness:
    """Say which bars can be judged, and the score of each, before any condition is looked at.

    Parameters
    ----------
    detector, features, columns, values
        As in `evaluate`, and what the detector made of them.
    rows
        int64, which of the bars; a slice for a stretch of them.
    """
    inputs = factor_inputs(detector, columns, values, rows)
    missing = np.full(inputs.shape[1], -1, np.int16)
    reason = np.zeros(inputs.shape[1], np.int8)
    for index, name in enumerate(detector.hard_features):
        whys = columns.reasons[name] if name in columns.reasons else features.reason(name)
        why = whys[rows]
        first = (missing < 0) & (why != Reason.KNOWN)
        missing[first] = index
        reason[first] = why[first]
    stated = np.array([factor.weight for factor in detector.factors])
    ratios = np.array([values.get(ratio.name, ratio.default) for ratio in detector.ratios])
    score, known = weighted_score(inputs, stated, stated * ratios, *ramps_of(detector))
    light = known < MIN_KNOWN_WEIGHT - _WEIGHT_TOLERANCE
    reason[light & (missing < 0)] = Reason.WEIGHT
    score[light | (missing >= 0)] = np.nan
    return Readiness(missing, reason, score)


def evaluate(
    detector: Detector, features: FeatureTable, values: Mapping[str, float] | None = None
) -> Evaluation:
    """Evaluate one parameter set on every signal bar.

    Parameters
    ----------
    detector
        Registry entry.
    features
        Feature table of one symbol on the signal timeframe.
    values
        Parameter name -> value, of the detector, its weight ratios and `min_score`; absent ones
        take their default.

    Returns
    -------
    Evaluation
        States, scores and signals; nothing in it looks past a bar's decision instant.
    """
    defaults = {p.name: p.default for p in detector.parameters} | dataclasses.asdict(ExitParams())
    values = defaults | dict(values or {})
    columns = detector.columns(features, parameters_from(detector, values), detector.side)
    ready = readiness(detector, features, columns, values)
    in_window = np.ones(len(features), np.bool_)
    for window in detector.windows:
        bound = threshold(window.comparison, window.parameter, values)
        in_window &= turned(features[window.column], window.comparison) >= bound
    passed = passed_bits(
        np.stack([turned(columns.values[c.column], c.comparison) for c in detector.conditions]),
        np.array([threshold(c.comparison, c.threshold, values) for c in detector.conditions]),
    )
    evaluable = in_window & (ready.reason == Reason.KNOWN)
    all_hold = evaluable & (passed == (1 << len(detector.conditions)) - 1)
    side = np.full(len(features), detector.side, np.int8) if columns.side is None else columns.side
    signals = all_hold & (ready.score >= values["min_score"])
    return Evaluation(
        in_window=in_window,
        evaluable=evaluable,
        missing=np.where(in_window, ready.missing, np.int16(-1)).astype(np.int16),
        reason=np.where(in_window, ready.reason, np.int8(0)).astype(np.int8),
        passed=passed,
        score=np.where(all_hold, ready.score, np.nan),
        signal=np.where(signals, side, np.int8(0)).astype(np.int8),
    )
