"""What makes one parameter set better than another: objective, constraints, order. Pure."""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.engine.metrics import daily_moments, lower_bound
from sweep.search.folds import Positions
from sweep.search.spec import SearchSettings

Metrics = Mapping[str, NDArray[Any]]

DIRECTIONS: dict[str, int] = {
    "trades": 1,
    "win_rate": 1,
    "win_rate_low": 1,
    "win_rate_high": 1,
    "profit_factor": 1,
    "expectancy_r": 1,
    "expectancy_gross_r": 1,
    "expectancy_lcb_r": 1,
    "total_r": 1,
    "average_win_r": 1,
    "average_loss_r": -1,
    "payoff": 1,
    "breakeven_win_rate": -1,
    "daily_mean_r": 1,
    "daily_lcb_r": 1,
    "daily_sharpe": 1,
    "daily_sortino": 1,
    "max_drawdown_r": -1,
    "bars_held": 0,
    "exposure_frac": 0,
    "ambiguous_frac": -1,
    "expectancy_target_first_r": 1,
    "cost_r": -1,
    "breakeven_cost_bps": 1,
    "best5_share": -1,
    "active_days": 1,
}
"""Metrics, and whether more (1) or less (-1) is better; 0: neither."""

SERIES_METRICS = (
    "daily_lcb_r",
    "daily_mean_r",
    "daily_sharpe",
    "daily_sortino",
    "total_r",
    "max_drawdown_r",
    "active_days",
    "trades",
)
"""Metrics that follow from a slice of the daily series, so that a fold can have its own."""

_COUNTS = ("trades", "active_days", "total_r")  # grow with the number of sessions
_CONSTRAINT = re.compile(r"\s*([A-Za-z_0-9]+)\s*(>=|<=)\s*(\S+)\s*")


@dataclasses.dataclass(frozen=True)
class Objective:
    """The one number maximised: `sign` times a metric."""

    metric: str
    sign: int

    def of(self, metrics: Metrics) -> Float:
        """Return the objective of each set, float64; NaN where the metric has no value."""
        return self.sign * np.asarray(metrics[self.metric], np.float64)


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A bound on a metric: `trades>=100`."""

    metric: str
    comparison: Literal[">=", "<="]
    bound: float

    def violation(self, metrics: Metrics, share: float = 1.0) -> Float:
        """Return how far each set is from the bound, in bounds.

        Parameters
        ----------
        metrics
            name -> [n].
        share
            Share of the sessions that the metrics cover; bounds on counts shrink with it.

        Returns
        -------
        numpy.ndarray
            float64 [n]; 0 where it holds, inf where the metric has no value.
        """
        bound = self.bound * share if self.metric in _COUNTS else self.bound
        values = np.asarray(metrics[self.metric], np.float64)
        short = bound - values if self.comparison == ">=" else values - bound
        scale = abs(bound) if bound else 1.0
        return np.where(np.isnan(short), np.inf, np.maximum(short, 0.0) / scale)


TRADED = Constraint("trades", ">=", 1.0)
"""A set without trades has a daily mean of 0 and would beat every losing one: it is infeasible."""


def read_objective(text: str) -> Objective:
    """Read `daily_lcb_r`, or `-bars_held` to minimise a metric without a direction.

    Raises
    ------
    ValueError
        If there is no such metric, or no direction.
    """
    name = text.removeprefix("-")
    if name not in DIRECTIONS:
        raise ValueError(f"search.objective: no metric {name!r}{_nearest(name)}")
    direction = DIRECTIONS[name]
    if direction and text.startswith("-"):
        better = "more" if direction > 0 else "less"
        raise ValueError(f"search.objective: {better} {name} is better; write {name} without '-'")
    if direction == 0 and not text.startswith("-"):
        raise ValueError(
            f"search.objective: {name} has no better direction; write -{name} to minimise it"
        )
    return Objective(name, direction or -1)


def read_constraint(text: str) -> Constraint:
    """Read `trades>=100` or `max_drawdown_r<=20`.

    Raises
    ------
    ValueError
        If it is no comparison of a metric with a number.
    """
    match = _CONSTRAINT.fullmatch(text)
    if match is None:
        raise ValueError(
            f"search.constraints: {text!r} is no constraint; write a metric, >= or <=, and a "
            f"number, such as trades>=100"
        )
    name, comparison, number = match.groups()
    if name not in DIRECTIONS:
        raise ValueError(f"search.constraints: no metric {name!r} in {text!r}{_nearest(name)}")
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ValueError(f"search.constraints: {number!r} in {text!r} is no finite number")
    return Constraint(name, ">=" if comparison == ">=" else "<=", bound)


def objective_faults(settings: SearchSettings, *, with_folds: bool) -> list[str]:
    """List what is wrong with objective and constraints, one sentence each."""
    faults = []
    for read, texts in (
        (read_objective, settings.objectives),
        (read_constraint, settings.constraints),
    ):
        for text in texts:
            try:
                read(text)
            except ValueError as error:
                faults.append(str(error))
    names = [text.removeprefix("-") for text in settings.objectives]
    if not names:
        faults.append("search.objective: name at least one metric, such as daily_lcb_r")
    if len(set(names)) < len(names):
        faults.append(f"search.objective: each metric once, got {', '.join(names)}")
    if settings.kind == "cmaes" and len(names) > 1:
        faults.append(
            f"search.objective: search=cmaes maximises one number, got {', '.join(names)}; take "
            f"search=genetic, or constraints on the others"
        )
    single = [name for name in names if name in DIRECTIONS and name not in SERIES_METRICS]
    if with_folds:
        faults += [
            f"search.objective: {name} has no value per fold; take folds=none, or one of "
            f"{', '.join(SERIES_METRICS)}, and a constraint on {name}"
            for name in single
        ]
    return faults


def _nearest(name: str) -> str:
    found = difflib.get_close_matches(name, DIRECTIONS, n=1, cutoff=0.6)
    return f" (did you mean '{found[0]}'?)" if found else f"; there are: {', '.join(DIRECTIONS)}"


def series_metrics(
    daily: Float, daily_trades: NDArray[np.int32], sessions: Positions
) -> dict[str, NDArray[Any]]:
    """Return the metrics of some sessions of the daily series.

    Parameters
    ----------
    daily, daily_trades
        [n, sessions of the axis], net R and trades entered.
    sessions
        Positions on the axis.

    Returns
    -------
    dict
        name of `SERIES_METRICS` -> [n].
    """
    # Contiguous rows, so that the sum of one is the same bits whatever rows stand beside it.
    part = daily.take(sessions, axis=1)
    counts = daily_trades.take(sessions, axis=1)
    mean, deviation, downside, drawdown, active = daily_moments(part, counts).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "daily_lcb_r": lower_bound(mean, deviation, len(sessions)),
            "daily_mean_r": mean,
            "daily_sharpe": np.where(deviation > 0, mean / deviation, 0.0),
            "daily_sortino": np.where(downside > 0, mean / downside, np.nan),
            "total_r": part.sum(axis=1),
            "max_drawdown_r": drawdown,
            "active_days": active,
            "trades": counts.sum(axis=1),
        }


def total_violation(
    constraints: Sequence[Constraint], metrics: Metrics, share: float = 1.0
) -> Float:
    """Return the summed violations of all constraints that the metrics can speak to.

    Metrics of a fold lack those of single trades; such constraints are judged on all sessions
    outside the hold-out, once, and never enter a choice inside a fold.
    """
    rules = [TRADED, *(c for c in constraints if c.metric in metrics)]
    violations = [TRADED.violation(metrics)]
    violations += [rule.violation(metrics, share) for rule in rules[1:]]
    return np.asarray(sum(violations), np.float64)


def ranking(objective: Float, violation: Float, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the order of sets, best first.

    Feasible sets by objective (none last), then the others by violation; equals by key, so that
    the order is the same everywhere.
    """
    value = np.where(np.isnan(objective), -np.inf, objective)
    infeasible = violation > 0.0
    first = np.where(infeasible, violation, 0.0)
    return np.lexsort((keys, -value, first, infeasible))
