"""What a detector is made of: parameters, windows, conditions, factors; all of it data.

The same tables drive the evaluation of a bar, the funnel, evaluability, the candidate tables of
the sweep engine, legal ranges and the reference documentation, so none of these can disagree.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.features.table import FeatureTable

Comparison = Literal[">=", "<="]
AssetClass = Literal["INDEX", "ETF", "STOCK"]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One tunable number of a parameter class.

    Attributes
    ----------
    name
        Field name; carries its unit (`_bars`, `_frac`, `_atr`, `_minutes`).
    default
        Value used by an unconfigured detector.
    legal
        Closed range outside which a value is an error.
    searched
        Closed range that `conf/space` opens by default, inside `legal`.
    unit
        Unit in words.
    integer
        True for whole numbers.
    log
        True where the searched range is sampled in log scale.
    step
        Spacing of searched values, None for none.
    structural
        True where the value changes a derived column (a look-back) and not only a threshold.
    """

    name: str
    default: float
    legal: tuple[float, float]
    searched: tuple[float, float]
    unit: str
    integer: bool
    log: bool
    step: int | None
    structural: bool


def bounded(
    default: float,
    *,
    legal: tuple[float, float],
    searched: tuple[float, float],
    unit: str,
    log: bool = False,
    step: int | None = None,
    structural: bool = False,
) -> Any:  # noqa: ANN401
    """Declare a parameter with its ranges; an int default makes a whole number."""
    return dataclasses.field(
        default=default,
        metadata={
            "legal": legal,
            "searched": searched,
            "unit": unit,
            "integer": isinstance(default, int),
            "log": log,
            "step": step,
            "structural": structural,
        },
    )


@functools.cache
def parameters_of(parameter_class: type) -> tuple[Parameter, ...]:
    """Return the parameters of a parameter class in declared order."""
    return tuple(
        Parameter(name=field.name, default=cast("float", field.default), **field.metadata)
        for field in dataclasses.fields(parameter_class)
    )


def faults_of(parameters: Iterable[Parameter], values: Mapping[str, float]) -> list[str]:
    """List what is wrong with values of parameters, one sentence each; empty when legal."""
    faults = []
    for parameter in parameters:
        value = values.get(parameter.name, parameter.default)
        low, high = parameter.legal
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            faults.append(f"{parameter.name} must be a number, got {value!r}")
        elif not math.isfinite(value) or not low <= value <= high:
            faults.append(
                f"{parameter.name} must lie in {low:g} to {high:g} {parameter.unit}, got {value:g}"
            )
        elif parameter.integer and value != int(value):
            faults.append(
                f"{parameter.name} must be a whole number of {parameter.unit}, got {value:g}"
            )
    return faults


@dataclasses.dataclass(frozen=True)
class Window:
    """One bound of the phase window: a calendar column compared with a parameter."""

    column: str
    comparison: Comparison
    parameter: str


@dataclasses.dataclass(frozen=True)
class Condition:
    """A hard condition: a derived column compared with a parameter, or with a constant.

    Attributes
    ----------
    name
        Name in the funnel.
    column
        Key into `Columns.values`, in side view.
    comparison
        `>=` or `<=`; the threshold itself passes.
    threshold
        Parameter name, or a number for a condition that no parameter tunes.
    reads
        Features that must be known, in order of use (DETECTORS.md 10, *Hard and factor features*).
    """

    name: str
    column: str
    comparison: Comparison
    threshold: str | float
    reads: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Factor:
    """A part of the score: a clamped piecewise-linear ramp over a derived column.

    Attributes
    ----------
    name, weight, column
        Weight in [0, 1]; key into `Columns.values`, in side view.
    ramp
        (input, score) points, inputs strictly rising, scores in [0, 100].
    scale
        Name of a parameter by which the column is divided first, None for none.
    """

    name: str
    weight: float
    column: str
    ramp: tuple[tuple[float, float], ...]
    scale: str | None = None

    @property
    def ratio(self) -> Parameter:
        """Return the parameter that multiplies the weight (DETECTORS.md 1.3).

        1 unless given: the search group `factor_weights` opens it, and neither the known weight
        that a bar needs nor evaluability depends on it.
        """
        return Parameter(
            name=f"weight_{self.name}_ratio",
            default=1.0,
            legal=(0.01, 10.0),
            searched=(0.5, 2.0),
            unit="of the stated weight",
            integer=False,
            log=True,
            step=None,
            structural=False,
        )


@dataclasses.dataclass(frozen=True)
class Relation:
    """An order between two parameters that every set keeps: `left` <= or < `right`."""

    left: str
    comparison: Literal["<=", "<"]
    right: str


@dataclasses.dataclass(frozen=True)
class Columns:
    """Derived columns of one detector on one feature table, in side view.

    Attributes
    ----------
    values
        column name -> float64 [n], read by conditions and factors.
    reasons
        derived hard feature -> int8 [n] of `Reason`, for features that are not in the feature
        table (a level over a tuned look-back); the feature is unknown where it is not 0.
    side
        int8 [n], side of the trade per bar, only for a detector whose side changes from bar to
        bar.
    """

    values: Mapping[str, Float]
    reasons: Mapping[str, NDArray[np.int8]] = dataclasses.field(default_factory=dict)
    side: NDArray[np.int8] | None = None


@dataclasses.dataclass(frozen=True)
class Detector:
    """A registry entry; everything that is known about one detector.

    Attributes
    ----------
    name, family
        `breakout_bullish` of `breakout`.
    side
        +1 long, -1 short, 0 where `Columns.side` decides per bar.
    revision
        Raised with every change of its numbers; part of every stored identity.
    asset_classes
        Classes it runs on without `asset_class_override`.
    signal_minutes
        Default length of its signal bars in minutes.
    parameter_class
        Frozen dataclass of `bounded` fields.
    windows, conditions, factors, relations
        Tables of DETECTORS.md section 5, conditions in funnel order.
    columns
        `(features, params, side) -> Columns`.
    """

    name: str
    family: str
    side: int
    revision: int
    asset_classes: tuple[AssetClass, ...]
    signal_minutes: int
    parameter_class: type
    windows: tuple[Window, ...]
    conditions: tuple[Condition, ...]
    factors: tuple[Factor, ...]
    relations: tuple[Relation, ...]
    columns: Callable[[FeatureTable, Any, int], Columns]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the detector's own parameters, without those of the exits and the weights."""
        return parameters_of(self.parameter_class)

    @functools.cached_property
    def ratios(self) -> tuple[Parameter, ...]:
        """Return the optional parameters that multiply the factor weights, in factor order."""
        return tuple(factor.ratio for factor in self.factors)

    @property
    def hard_features(self) -> tuple[str, ...]:
        """Return the features a bar needs, in declared order; `atr` is always among them."""
        names = dict.fromkeys(name for condition in self.conditions for name in condition.reads)
        names.setdefault("atr")
        return tuple(names)
