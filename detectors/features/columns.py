"""Collect feature columns so that a value is NaN exactly where a reason says why."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, SignalBars
from detectors.features.table import FeatureTable, Reason


class FeatureColumns:
    """Features of one set of signal bars while they are being computed.

    Parameters
    ----------
    bars
        Signal bars, n rows.
    """

    def __init__(self, bars: SignalBars) -> None:
        self.bars = bars
        self._values: dict[str, Float] = {}
        self._reasons: dict[str, NDArray[np.int8]] = {}
        self._source: dict[str, str] = {}

    def __getitem__(self, name: str) -> Float:
        """Return the values of a feature."""
        return self._values[name]

    def reason(self, name: str) -> NDArray[np.int8]:
        """Return why a feature is unknown, int8 [n] of `Reason`."""
        return self._reasons[name]

    def known(self, name: str, values: Float) -> None:
        """Add a feature that is never unknown; it gets no reasons."""
        self._values[name] = values

    def put(
        self, name: str, values: Float, why: NDArray[np.int8] | Reason = Reason.MISSING_INPUT
    ) -> None:
        """Add a feature.

        Parameters
        ----------
        name
            Name of the feature.
        values
            float64 [n], NaN = unknown.
        why
            int8 [n] or one `Reason` for all bars: why it is unknown, read only where it is. Where
            it says `KNOWN` of an unknown value the reason is `MISSING_INPUT`.
        """
        unknown = np.isnan(values)
        reasons = np.zeros(len(values), np.int8)
        reasons[unknown] = int(why) if isinstance(why, Reason) else why[unknown]
        reasons[unknown & (reasons == 0)] = int(Reason.MISSING_INPUT)
        self._values[name] = values
        self._reasons[name] = reasons

    def derive(self, name: str, values: Float, *inputs: str) -> None:
        """Add a feature that is unknown for the reason of its first unknown input."""
        why = np.zeros(len(self.bars), np.int8)
        for given in reversed(inputs):
            reason = self.reason(given)
            why = np.where(reason == 0, why, reason)
        self.put(name, values, why)

    def read_volume(self, source: str, *names: str) -> None:
        """Record where the volume behind these features came from."""
        self._source.update(dict.fromkeys(names, source))

    def table(self) -> FeatureTable:
        """Return what was collected."""
        return FeatureTable(self.bars, self._values, self._reasons, self._source)
