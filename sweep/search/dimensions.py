"""One dimension of a search space: the values a parameter may take, both ends included. Pure."""

import dataclasses
import math
from typing import Literal

import numpy as np

from detectors.bars import Float

Kind = Literal["fixed", "uniform", "loguniform", "int", "logint", "step", "choice"]

_SAMPLED_DIGITS = 6
_STEPPED_DIGITS = 12
_MOST_PLACES = 20


@dataclasses.dataclass(frozen=True)
class Dimension:
    """The values that one parameter may take.

    Attributes
    ----------
    name
        Parameter.
    kind
        `fixed` for a value that is not searched.
    low, high
        Both included; equal for `fixed`.
    step
        Spacing of `step`, else 0.
    choices
        Values of `choice`, as given.
    integer
        True where only whole numbers are legal.
    """

    name: str
    kind: Kind
    low: float
    high: float
    step: float = 0.0
    choices: tuple[float, ...] = ()
    integer: bool = False

    @property
    def whole(self) -> bool:
        """Return True where the dimension itself yields whole numbers."""
        return self.kind in ("int", "logint") or (self.integer and self.kind != "choice")

    @property
    def searched(self) -> bool:
        """Return True where there is more than one value."""
        return self.kind != "fixed"

    def as_list(self) -> list[str | float] | float:
        """Return the range as it is written in a configuration."""
        if self.kind == "fixed":
            return self.low
        if self.kind == "choice":
            return [self.kind, *self.choices]
        steps = [self.step] if self.kind == "step" else []
        return [self.kind, self.low, self.high, *steps]

    def from_unit(self, u: Float) -> Float:
        """Map uniform numbers to values, monotone for ranges.

        Parameters
        ----------
        u
            float64 [n], in [0, 1).

        Returns
        -------
        numpy.ndarray
            float64 [n] within the range. Real values carry 6 significant digits, so that they
            read well, and are the same bits whatever processor computed the logarithm.
        """
        if self.kind == "fixed":
            return np.full(len(u), self.low)
        if self.kind in ("step", "choice"):
            values = self.values(0)
            return values[np.minimum((u * len(values)).astype(np.int64), len(values) - 1)]
        if self.whole:
            low, high = self.low - 0.5, self.high + 0.5
            logarithmic = self.kind in ("logint", "loguniform")
            spread = _spread(u, max(low, 0.5) if logarithmic else low, high, log=logarithmic)
            return np.clip(np.floor(spread + 0.5), self.low, self.high)
        return self.rounded(_spread(u, self.low, self.high, log=self.kind == "loguniform"))

    def rounded(self, values: Float) -> Float:
        """Return values inside the range in the digits that every search uses."""
        if self.kind == "choice" or self.whole:
            return values
        return np.clip(significant(values), self.low, self.high)

    def values(self, points: int) -> Float:
        """Return the values of a grid, rising for ranges.

        Parameters
        ----------
        points
            Values wanted of a range that is neither `step` nor `choice`; fewer where it holds
            fewer whole numbers.
        """
        if self.kind == "fixed":
            return np.array([self.low])
        if self.kind == "choice":
            return np.array(self.choices)
        if self.kind == "step":
            return _stepped(self.low, self.high, self.step)
        spread = _spread(
            np.linspace(0.0, 1.0, points),
            self.low,
            self.high,
            log=self.kind in ("logint", "loguniform"),
        )
        rounded = np.floor(spread + 0.5) if self.whole else significant(spread)
        return np.unique(np.clip(rounded, self.low, self.high))


def _spread(u: Float, low: float, high: float, *, log: bool) -> Float:
    if log:
        return np.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    return low + u * (high - low)


def significant(values: Float, digits: int = _SAMPLED_DIGITS) -> Float:
    """Round to the nearest number of so many significant decimals, to the bits of its text."""
    size = np.abs(values)
    exponent = np.floor(np.log10(np.where(size > 0.0, size, 1.0)))
    # Powers of ten to 22 are exact, so one division rounds like the reading of a decimal number;
    # what is below 1e-15 keeps 20 places.
    places = np.minimum(digits - 1 - exponent, _MOST_PLACES).astype(np.int64)
    scale = 10.0 ** np.abs(places)
    rounded = np.rint(np.where(places >= 0, values * scale, values / scale))
    result: Float = np.where(places >= 0, rounded / scale, rounded * scale)
    return result


def _stepped(low: float, high: float, step: float) -> Float:
    places = np.arange(round((high - low) / step) + 1).astype(np.float64)
    return significant(low + step * places, _STEPPED_DIGITS)
