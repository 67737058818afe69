"""Scores that differ from set to set: factor weights, and scales that divide a factor's column.

Where no set varies either, a candidate has one score and the table holds it. Otherwise the table
holds the factors, each already sent through its ramp unless its scale varies, and a set weighs
them for the candidates that pass its conditions.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Columns, Detector
from detectors.evaluate import factor_inputs, ramp, ramps_of
from sweep.engine.jit import kernel, making
from sweep.engine.sets import Bounds, ParameterSets

_ABOVE = 1.0 + 1e-9  # a weighted mean may round to an ulp more than the largest of its values


class Scoring(NamedTuple):
    """What the score of a candidate is made of.

    Attributes
    ----------
    factors
        float64 [variants, n, factors], `CandidateTable.factors`.
    scaled
        bool [factors], True where the column is divided by a scale of the set first.
    points, values, counts
        Ramps, see `detectors.evaluate.ramps_of`.
    weights, scales
        float64 [sets, factors], effective weights and scales.
    """

    factors: Float
    scaled: NDArray[np.bool_]
    points: Float
    values: Float
    counts: NDArray[np.int64]
    weights: Float
    scales: Float


def varying_scales(detector: Detector, bounds: Bounds) -> NDArray[np.bool_]:
    """Say which factors are divided by a parameter that differs between sets, bool [factors]."""
    return np.array(
        [f.scale is not None and bounds[f.scale][0] < bounds[f.scale][1] for f in detector.factors]
    )


def score_varies(detector: Detector, bounds: Bounds) -> bool:
    """Say whether the score of a bar differs between sets of the same structural values."""
    return bool(varying_scales(detector, bounds).any()) or any(
        bounds[ratio.name][0] < bounds[ratio.name][1]
        for ratio in detector.ratios
        if ratio.name in bounds
    )


def fixed_values(detector: Detector, bounds: Bounds) -> dict[str, float]:
    """Return scales and ratios -> the value all sets have; a scale that varies is 1."""
    names = [f.scale for f in detector.factors if f.scale is not None]
    names += [ratio.name for ratio in detector.ratios if ratio.name in bounds]
    return {n: bounds[n][0] if bounds[n][0] == bounds[n][1] else 1.0 for n in names}


def factor_values(
    detector: Detector, columns: Columns, bounds: Bounds, values: Mapping[str, float], rows: Int
) -> tuple[Float, Float]:
    """Return the factors of some bars, float64 [n, factors], and the most each can score, [n]."""
    inputs = factor_inputs(detector, columns, values, rows)
    return _through_ramps(inputs, varying_scales(detector, bounds), *ramps_of(detector))


@making
def _through_ramps(
    inputs: Float,
    scaled: NDArray[np.bool_],
    points: Float,
    values: Float,
    counts: NDArray[np.int64],
) -> tuple[Float, Float]:
    n = inputs.shape[1]
    out = np.empty((n, len(scaled)))
    most = np.zeros(n)
    for f in range(len(scaled)):
        top = values[f, : counts[f]].max()
        for t in range(n):
            x = inputs[f, t]
            out[t, f] = x
            if not np.isnan(x):
                if scaled[f]:
                    most[t] = max(most[t], top)
                else:
                    out[t, f] = ramp(x, points[f], values[f], counts[f])
                    most[t] = max(most[t], out[t, f])
    return out, most * _ABOVE


def scoring_of(
    detector: Detector, factors: Float, scaled: NDArray[np.bool_], sets: ParameterSets
) -> Scoring | None:
    """Return how sets weigh the factors of a table, None where the table holds the score."""
    if factors.shape[2] == 0:
        return None
    shape = (len(sets), len(detector.factors))
    weights, scales = np.empty(shape), np.ones(shape)
    for f, factor in enumerate(detector.factors):
        weights[:, f] = factor.weight * sets.values.get(factor.ratio.name, np.ones(1))
        if factor.scale is not None and scaled[f]:
            scales[:, f] = sets.values[factor.scale]
    return Scoring(factors, scaled, *ramps_of(detector), weights, scales)


@kernel
def score_of(scoring: Scoring, variant: int, s: int, i: int) -> float:
    """Return the score that set s gives to candidate i; bit for bit that of a detector."""
    total, weight = 0.0, 0.0
    for f in range(len(scoring.scaled)):
        x = scoring.factors[variant, i, f]
        if not np.isnan(x):
            if scoring.scaled[f]:
                x = ramp(
                    x / scoring.scales[s, f],
                    scoring.points[f],
                    scoring.values[f],
                    scoring.counts[f],
                )
            total += scoring.weights[s, f] * x
            weight += scoring.weights[s, f]
    return min(total / weight, 100.0)
