"""Which parameters of a set lie at the end of what was searched, with better beyond it. Pure.

A parameter is at an edge when three things hold: its value lies in the outer tenth of the searched
range (or is its last value); the legal range goes on there (0 minutes before the close is an end
of nature, not of the search); and the sets around it still earn more the nearer they lie to that
end, by more than chance and enough to matter. Without the third, every set would be flagged for
parameters that change nothing: an end is as likely a place as any other.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.sets import every_parameter
from sweep.evidence.plateau import range_edges
from sweep.evidence.slope import EndRise, end_rise, end_slope
from sweep.search.dimensions import Dimension
from sweep.search.spaces import Space

MARGIN = 0.1
"""Share of a range, in the scale it is searched in, that counts as its end."""

LEAST_VALUES = 3  # of two values both are ends, and there is no middle to move to
RISE_P_MAX = 0.05
RISE_SHARE_MIN = 0.25
"""Rise that a range longer by a quarter promises, as a share of what the neighbourhood earns."""

Daily = Callable[[Int], NDArray[np.floating[Any]]]
"""Rows of sets -> their daily net R, float [sets, sessions]."""


@dataclasses.dataclass(frozen=True)
class RangeEnd:
    """A parameter of the final set that lies at an end with legal values beyond it.

    Attributes
    ----------
    parameter, value
        Name, and value of the set.
    end
        Which end.
    rise
        What more is earned towards it; None where too few sets tell.
    better_beyond
        Whether it counts as an edge; what nothing tells of does.
    """

    parameter: str
    value: float
    end: Literal["low", "high"]
    rise: EndRise | None
    better_beyond: bool


def range_ends(
    space: Space,
    values: Mapping[str, float],
    parameters: Float,
    usable: NDArray[np.bool_],
    row: int,
    *,
    score: float,
    daily: Daily,
) -> tuple[RangeEnd, ...]:
    """Judge the parameters of a set that lie at an end of their range.

    Parameters
    ----------
    space
        What was searched.
    values
        parameter -> value of the set, inside the space.
    parameters, usable
        float64 [sets, searched parameters], and bool [sets]: it has what choices are made by.
    row
        The set among them.
    score
        Its plateau score.
    daily
        Hands out daily results.

    Returns
    -------
    tuple
        In the order of the space.
    """
    found = []
    for column, dimension in enumerate(space.searched):
        name = dimension.name
        for end in ends_of(space, dimension, values[name]):
            slope = end_slope(parameters, usable, row, column, upward=end == "high")
            rise = None if slope is None else end_rise(slope, daily(slope.sets))
            better = rise is None or (
                rise.p_value < RISE_P_MAX and rise.rise >= RISE_SHARE_MIN * abs(score)
            )
            found.append(RangeEnd(name, values[name], end, rise, better))
    return tuple(found)


def ends_of(
    space: Space, dimension: Dimension, value: float
) -> tuple[Literal["low", "high"], ...]:
    """Return the ends that a value lies at, of those beyond which values are legal.

    A list of two choices has no middle, so no ends either.
    """
    span = dimension.high - dimension.low
    if dimension.kind == "choice" and len(dimension.choices) < LEAST_VALUES:
        return ()
    discrete = dimension.whole or dimension.kind in ("step", "choice")
    low, high, place, margin = dimension.low, dimension.high, value, MARGIN
    if dimension.kind == "loguniform" and not discrete:
        low, high, place = np.log([low, high, place])
    elif dimension.kind == "choice":
        margin = 0.0
    elif discrete:
        spacing = dimension.step or 1.0
        if span < (LEAST_VALUES - 1) * spacing:
            return ()
        margin = max(MARGIN, spacing / 2 / span)
    found = range_edges(np.array([place]), np.array([low]), np.array([high]), margin=margin)
    legal = next(p.legal for p in every_parameter(space.detector) if p.name == dimension.name)
    ends: list[Literal["low", "high"]] = []
    if found.at_low[0] and dimension.low > legal[0]:
        ends.append("low")
    if found.at_high[0] and dimension.high < legal[1]:
        ends.append("high")
    return tuple(ends)
