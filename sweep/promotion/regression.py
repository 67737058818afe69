"""Old against new on the hold-out: the only reader of sessions that a sweep held out."""

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.contract import Detector
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.evaluability import evaluable_sessions, session_axis
from sweep.engine.sets import ParameterSets
from sweep.ingest.load import load_market
from sweep.search.spec import SweepSpec


@dataclasses.dataclass(frozen=True)
class Side:
    """What one parameter set did on the hold-out.

    Attributes
    ----------
    parameters
        Its values.
    mean_r
        Mean net R per session.
    metrics
        name -> value, see `sweep.engine.metrics`; None where a metric is not finite.
    """

    parameters: Mapping[str, float]
    mean_r: float
    metrics: Mapping[str, float | None]


@dataclasses.dataclass(frozen=True)
class Regression:
    """Both sets on the same sessions.

    Attributes
    ----------
    sessions
        Evaluable sessions of the hold-out.
    old, new
        What is in use, and what is to be promoted.
    """

    sessions: int
    old: Side
    new: Side


def regress(
    spec: SweepSpec,
    detector: Detector,
    symbols: Sequence[str],
    days: Sequence[str],
    old: Mapping[str, float],
    new: Mapping[str, float],
) -> Regression:
    """Evaluate two parameter sets on held-out sessions, as the sweep evaluated on the others.

    Parameters
    ----------
    spec
        Settings of the sweep.
    detector
        Registry entry.
    symbols
        Those that the sweep judged it on.
    days
        ISO dates of the hold-out, rising.
    old, new
        Parameter values.

    Raises
    ------
    ValueError
        If bars are missing, or no session can be judged.
    """
    first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
    length = spec.minutes_of(detector)
    market = load_market(
        spec.storage_root,
        symbols,
        first=first,
        last=last,
        bar_minutes=[length],
        settings=spec.features,
        asked=(first, last),
        flow_path=spec.flow_path,
    )
    data = [market.data[name, length] for name in symbols]
    names = dict.fromkeys([*old, *new])
    columns = {n: np.array([_value(detector, one, n) for one in (old, new)]) for n in names}
    sets = ParameterSets.of(detector, columns, 2)
    bounds = bounds_of(sets)
    axis = session_axis(
        [evaluable_sessions(detector, one, bounds) for one in data], slice(market.first, None)
    )
    sessions = int(axis.max(initial=-1)) + 1
    if sessions == 0:
        raise ValueError(
            f"{detector.name}: no session of the hold-out, {days[0]} to {days[-1]}, can be judged"
        )
    tables = [
        build_candidates(
            detector,
            one,
            bounds=bounds,
            variants=variants_of(detector, sets),
            axis=axis,
            fills=spec.fills,
            costs=spec.costs[one.asset_class],
        )
        for one in data
    ]
    block = evaluate_block(detector, tables, sets)
    sides = [
        Side(
            dict(values),
            float(block.daily[row].mean()),
            {name: _finite(column[row]) for name, column in block.metrics.items()},
        )
        for row, values in enumerate((old, new))
    ]
    return Regression(sessions, *sides)


def _value(detector: Detector, values: Mapping[str, float], name: str) -> float:
    """Return a value; one that only the other set names is at its default, a weight ratio at 1."""
    defaults = {p.name: p.default for p in detector.parameters}
    return float(values.get(name, defaults.get(name, 1.0)))


def _finite(value: float | np.generic) -> float | None:
    return float(value) if math.isfinite(float(value)) else None
