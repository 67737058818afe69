"""Search spaces: which values the parameters of a detector may take together. Pure.

A range is a list `[kind, args...]`, both ends included; anything scalar fixes the value.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.contract import Detector, Parameter, parameters_of
from detectors.exits import OPTIONAL, RELATIONS, ExitParams
from sweep.engine.sets import ParameterSets, every_parameter
from sweep.search.dimensions import Dimension, Kind
from sweep.search.space_faults import WEIGHTS, space_faults


@dataclasses.dataclass(frozen=True)
class Space:
    """The search space of one detector.

    Attributes
    ----------
    detector
        Registry entry.
    dimensions
        One per parameter, the detector's then the exits', in declared order, then those weight
        ratios that a section names.
    """

    detector: Detector
    dimensions: tuple[Dimension, ...]

    def __getitem__(self, name: str) -> Dimension:
        """Return one dimension."""
        return next(d for d in self.dimensions if d.name == name)

    @property
    def searched(self) -> tuple[Dimension, ...]:
        """Return the dimensions that are not fixed."""
        return tuple(d for d in self.dimensions if d.searched)

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Return parameter -> (smallest, largest) value any set can have."""
        return {d.name: (d.low, d.high) for d in self.dimensions}

    def sets(self, columns: Mapping[str, Float], n: int) -> ParameterSets:
        """Complete columns of searched parameters with the fixed ones to n sets."""
        fixed = {d.name: np.full(n, d.low) for d in self.dimensions}
        return ParameterSets.of(self.detector, {**fixed, **columns}, n)

    def as_json(self) -> dict[str, list[str | float] | float]:
        """Return parameter -> range as written in a configuration."""
        return {d.name: d.as_list() for d in self.dimensions}


def default_dimension(parameter: Parameter) -> Dimension:
    """Return the searched range of a parameter; an optional exit is fixed at off."""
    name, (low, high) = parameter.name, parameter.searched
    if name in OPTIONAL:
        return Dimension(name, "fixed", parameter.default, parameter.default)
    if parameter.step is not None:
        kind: Kind = "step"
    elif parameter.integer:
        kind = "logint" if parameter.log else "int"
    else:
        kind = "loguniform" if parameter.log else "uniform"
    step = float(parameter.step or 0)
    return Dimension(name, kind, float(low), float(high), step, integer=parameter.integer)


def read_spaces(
    detectors: Sequence[Detector], sections: Mapping[str, Mapping[str, object]]
) -> dict[str, Space]:
    """Build the space of each detector.

    Parameters
    ----------
    detectors
        Registry entries.
    sections
        `exit`, `factor_weights`, family or detector -> parameter -> range or number. A detector's
        own section comes before its family's, that before `exit`, that before the default range;
        `factor_weights.ratio` opens every weight ratio that no other section names.

    Raises
    ------
    ValueError
        If anything is wrong; the text lists every fault on its own line.
    """
    faults = space_faults(detectors, sections)
    if faults:
        raise ValueError("search space is not usable:\n  " + "\n  ".join(faults))
    return {detector.name: _space(detector, sections) for detector in detectors}


def _space(detector: Detector, sections: Mapping[str, Mapping[str, object]]) -> Space:
    exits = {p.name for p in parameters_of(ExitParams)}
    weights = sections.get(WEIGHTS, {})
    dimensions = []
    for parameter in every_parameter(detector):
        names = [detector.name, detector.family] + ["exit"] * (parameter.name in exits)
        given = [
            sections[section][parameter.name]
            for section in names
            if parameter.name in sections.get(section, {})
        ]
        if parameter in detector.ratios:
            given += weights.values()
            if not given:
                continue
        dimensions.append(
            _dimension(parameter, given[0]) if given else default_dimension(parameter)
        )
    return Space(detector, tuple(dimensions))


def _dimension(parameter: Parameter, value: object) -> Dimension:
    name, integer = parameter.name, parameter.integer
    if not isinstance(value, list | tuple):
        number = float(cast("float", value))
        return Dimension(name, "fixed", number, number, integer=integer)
    kind: Kind = value[0]
    numbers = [float(v) for v in value[1:]]
    if kind == "choice":
        if len(numbers) == 1:
            return Dimension(name, "fixed", numbers[0], numbers[0], integer=integer)
        return Dimension(
            name, kind, min(numbers), max(numbers), choices=tuple(numbers), integer=integer
        )
    step = numbers[2] if kind == "step" else 0.0
    return Dimension(name, kind, numbers[0], numbers[1], step, integer=integer)


def invalid_reasons(
    detector: Detector, sets: ParameterSets
) -> list[tuple[NDArray[np.bool_], str]]:
    """Say which sets break a rule between parameters; they are rows, never evaluated.

    Returns
    -------
    list
        (mask bool [sets], sentence) per rule that some set breaks.
    """
    broken = []
    for relation in (*detector.relations, *RELATIONS):
        left, right = sets.values[relation.left], sets.values[relation.right]
        holds = left < right if relation.comparison == "<" else left <= right
        text = f"{relation.left} must be {relation.comparison} {relation.right}"
        broken.append((~holds, text))
    flat = sets.values["flat_before_close_minutes"]
    for window in detector.windows:
        if window.column == "minutes_to_close" and window.comparison == "<=":
            text = (
                f"{window.parameter} must be above flat_before_close_minutes, else there is no "
                f"bar left to enter"
            )
            broken.append((sets.values[window.parameter] <= flat, text))
    return [(mask, text) for mask, text in broken if mask.any()]
