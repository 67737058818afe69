"""Parameter sets as columns: many assignments of one detector's parameters and exits."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.contract import Detector, Parameter, parameters_of
from detectors.exits import ExitParams

Bounds = Mapping[str, tuple[float, float]]
"""Parameter -> smallest and largest value that sets have."""


def all_parameters(detector: Detector) -> tuple[Parameter, ...]:
    """Return the detector's parameters followed by those of the exits."""
    return detector.parameters + parameters_of(ExitParams)


def every_parameter(detector: Detector) -> tuple[Parameter, ...]:
    """Return `all_parameters`, then the weight ratios, which sets have only where given."""
    return all_parameters(detector) + detector.ratios


@dataclasses.dataclass(frozen=True)
class ParameterSets:
    """n parameter sets of one detector.

    Attributes
    ----------
    values
        parameter name -> float64 [n]; every parameter of the detector, then of the exits, then
        the weight ratios that were given; an absent ratio is 1.
    """

    values: Mapping[str, Float]

    @classmethod
    def of(
        cls, detector: Detector, values: Mapping[str, Float | float], n: int
    ) -> "ParameterSets":
        """Complete columns or scalars with defaults to n sets.

        Raises
        ------
        ValueError
            If a name is not a parameter of the detector or its exits.
        """
        known = every_parameter(detector)
        unknown = sorted(set(values) - {p.name for p in known})
        if unknown:
            names = ", ".join(p.name for p in known)
            raise ValueError(
                f"{detector.name} has no parameter {unknown[0]!r}; there are: {names}"
            )
        always = len(all_parameters(detector))
        columns = {
            p.name: np.asarray(values.get(p.name, p.default), np.float64)
            for p in (*known[:always], *(p for p in known[always:] if p.name in values))
        }
        return cls({name: np.broadcast_to(column, (n,)) for name, column in columns.items()})

    def __len__(self) -> int:
        """Return the number of sets."""
        return len(next(iter(self.values.values())))

    def row(self, index: int) -> dict[str, float]:
        """Return one set as parameter name -> value."""
        return {name: float(column[index]) for name, column in self.values.items()}

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> "ParameterSets":
        """Return some of the sets, by index or mask."""
        return ParameterSets({name: column[indices] for name, column in self.values.items()})
