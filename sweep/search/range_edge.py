"""Which parameters of a set lie at the end of what was searched. Pure."""

from collections.abc import Mapping

import numpy as np

from sweep.engine.sets import every_parameter
from sweep.evidence.plateau import range_edges
from sweep.search.dimensions import Dimension
from sweep.search.spaces import Space

MARGIN = 0.01
"""Share of a continuous range, in the scale it is searched in, that counts as its end."""

LEAST_VALUES = 3  # of two values both are ends, and there is no middle to move to


def edge_parameters(space: Space, values: Mapping[str, float]) -> tuple[str, ...]:
    """Name the parameters at an end of their range beyond which a better value may lie.

    Parameters
    ----------
    space
        What was searched.
    values
        parameter -> value of the set, inside the space.

    Returns
    -------
    tuple
        In the order of the space. A range that ends where the legal range does has nothing beyond
        that end; a list of two choices has no middle.
    """
    legal = {p.name: p.legal for p in every_parameter(space.detector)}
    return tuple(
        dimension.name
        for dimension in space.searched
        if _at_edge(dimension, values[dimension.name], legal[dimension.name])
    )


def _at_edge(dimension: Dimension, value: float, legal: tuple[float, float]) -> bool:
    span = dimension.high - dimension.low
    if dimension.kind == "choice" and len(dimension.choices) < LEAST_VALUES:
        return False
    discrete = dimension.whole or dimension.kind in ("step", "choice")
    if dimension.kind == "loguniform" and not discrete:
        low, high, place = np.log([dimension.low, dimension.high, value])
        margin = MARGIN
    else:
        low, high, place = dimension.low, dimension.high, value
        spacing = dimension.step or 1.0
        margin = spacing / 2 / span if discrete else MARGIN
        if dimension.kind == "choice":
            margin = 0.0
        elif discrete and span < (LEAST_VALUES - 1) * spacing:
            return False
    found = range_edges(np.array([place]), np.array([low]), np.array([high]), margin=margin)
    return bool(
        (found.at_low[0] and dimension.low > legal[0])
        or (found.at_high[0] and dimension.high < legal[1])
    )
