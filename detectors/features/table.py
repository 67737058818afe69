"""The feature table of one symbol on one signal timeframe: values, and why one is unknown."""

import dataclasses
import enum
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, SignalBars


class Reason(enum.IntEnum):
    """Why a feature is unknown on a bar (DETECTORS.md 1.2); KNOWN where it is a number."""

    KNOWN = 0
    ASSET_CLASS = 1
    WARMUP = 2
    MISSING_INPUT = 3
    MISSING_PROXY = 4
    LOW_COVERAGE = 5
    STALE = 6
    SIGN_MODEL = 7
    WEIGHT = 8


@dataclasses.dataclass(frozen=True)
class FeatureTable:
    """Features of every signal bar, known at the bar's decision instant.

    Attributes
    ----------
    bars
        Signal bars, n rows.
    values
        feature name -> float64 [n]; NaN = unknown. Names are those of DETECTORS.md section 3 and
        4.
    reasons
        feature name -> int8 [n] of `Reason`; 0 exactly where the value is a number. A feature
        without an entry is always known.
    source
        feature name -> `own`, `proxy:<symbol>` or `none`, for the features that read volume.
    """

    bars: SignalBars
    values: Mapping[str, Float]
    reasons: Mapping[str, NDArray[np.int8]]
    source: Mapping[str, str]

    def __len__(self) -> int:
        """Return the number of signal bars."""
        return len(self.bars)

    def __getitem__(self, name: str) -> Float:
        """Return the values of one feature; a KeyError names the features there are."""
        try:
            return self.values[name]
        except KeyError:
            raise KeyError(
                f"no feature {name!r}; known: {', '.join(sorted(self.values))}"
            ) from None

    def reason(self, name: str) -> NDArray[np.int8]:
        """Return why `name` is unknown, per bar."""
        found = self.reasons.get(name)
        return np.zeros(len(self), np.int8) if found is None else found
