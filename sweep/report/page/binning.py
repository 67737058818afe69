"""Searched parameters cut into bins, so that any number of sets becomes a small picture."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.report.page.source import PARAM, column

BINS = 10
FEW = 12
"""Up to so many distinct values every value is a bin of its own."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """One searched parameter.

    Attributes
    ----------
    name, low, high, log
        Parameter, searched range, and whether it is searched on a logarithmic scale.
    edges
        float64 [bins + 1].
    centres
        float64 [bins].
    values
        float64 [sets].
    place
        int64 [sets], bin of each set.
    """

    name: str
    low: float
    high: float
    log: bool
    edges: Float
    centres: Float
    values: Float
    place: Int


def axes_of(
    space: Mapping[str, Sequence[object] | float], table: pa.Table, rows: NDArray[np.bool_]
) -> list[Axis]:
    """Return the parameters that vary among some rows of a detector's sets."""
    found = []
    for name, wanted in space.items():
        if not isinstance(wanted, list | tuple) or PARAM + name not in table.column_names:
            continue
        values = column(table, PARAM + name)[rows]
        distinct = np.unique(values)
        if len(distinct) > 1:
            log = str(wanted[0]).startswith("log") and distinct[0] > 0
            found.append(_axis(name, values, distinct, log=log))
    return found


def _axis(name: str, values: Float, distinct: Float, *, log: bool) -> Axis:
    low, high = float(distinct[0]), float(distinct[-1])
    points = _scaled(distinct, log=log)
    if len(distinct) <= FEW:
        middles = (points[1:] + points[:-1]) / 2
        ends = (2 * points[0] - middles[0], 2 * points[-1] - middles[-1])
        edges = np.concatenate([[ends[0]], middles, [ends[1]]])
        centres = distinct
    else:
        edges = np.linspace(points[0], points[-1], BINS + 1)
        centres = _back((edges[1:] + edges[:-1]) / 2, log=log)
    inner = np.searchsorted(edges, _scaled(values, log=log), "right") - 1
    place = np.clip(inner, 0, len(centres) - 1)
    at = place.astype(np.int64)
    return Axis(name, low, high, log, _back(edges, log=log), centres, values, at)


def _scaled(values: Float, *, log: bool) -> Float:
    return np.log(values) if log else values


def _back(values: Float, *, log: bool) -> Float:
    return np.exp(values) if log else values


def grouped_median(values: Float, place: Int, n: int) -> Float:
    """Return the median of the values of each of n groups, NaN for an empty one."""
    return grouped_quantiles(values, place, n, (0.5,)).reshape(n)


def grouped_quantiles(values: Float, place: Int, n: int, levels: Sequence[float]) -> Float:
    """Return quantiles of each of n groups, float64 [levels, n], NaN for an empty one."""
    good = np.isfinite(values)
    order = np.lexsort((values[good], place[good]))
    ordered, groups = values[good][order], place[good][order]
    begin = np.searchsorted(groups, np.arange(n), "left")
    size = np.searchsorted(groups, np.arange(n), "right") - begin
    out = np.full((len(levels), n), math.nan)
    some = size > 0
    for k, level in enumerate(levels):
        at = level * (size[some] - 1)
        below = np.floor(at).astype(np.int64)
        above = np.ceil(at).astype(np.int64)
        first, last = ordered[begin[some] + below], ordered[begin[some] + above]
        out[k, some] = first + (last - first) * (at - below)
    return out


def importance(ranks: Float, place: Int, n: int) -> float:
    """Return the share of the variance of an objective's ranks that n groups explain, 0 to 1."""
    total = float(ranks.var())
    if total == 0:
        return 0.0
    counts = np.bincount(place, minlength=n).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, weights=ranks, minlength=n) / counts
    spread = float(np.nansum(counts * (means - ranks.mean()) ** 2) / len(ranks))
    chance = (np.count_nonzero(counts) - 1) / max(len(ranks) - 1, 1)
    return max(0.0, (spread / total - chance) / max(1e-9, 1 - chance))
