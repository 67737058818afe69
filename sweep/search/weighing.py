"""How far the evidence of a detector has come: each statistic goes over all sets. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Heard = Callable[[str, float], None]
"""Told of a statistic and of the share of all work on the sets that is done, in [0, 1]."""

SHARES: Mapping[str, tuple[float, int]] = {
    "moments": (0.04, 1),
    "effective tries": (0.06, 1),
    "families of like sets": (0.2, 7),
    "overfitting (PBO)": (0.4, 3),
    "luck of the best (SPA, StepM)": (0.3, 1),
}
"""Statistics in their order: share of the time of a million sets, and passes over them at most."""


class Weighed:
    """Sets that tell how far a statistic of theirs is; each iteration starts afresh.

    Parameters
    ----------
    returns
        Parts [sets, sessions] of their daily net R.
    statistic
        Name in `SHARES`.
    n_sets
        Sets of a pass.
    heard
        Told after every part.
    """

    def __init__(
        self,
        returns: Iterable[NDArray[np.floating[Any]]],
        statistic: str,
        n_sets: int,
        heard: Heard,
    ) -> None:
        names = list(SHARES)
        self._returns, self._statistic, self._heard = returns, statistic, heard
        self._begin = sum(SHARES[name][0] for name in names[: names.index(statistic)])
        self._share, passes = SHARES[statistic]
        self._sets, self._went = n_sets * passes, 0

    def __iter__(self) -> Iterator[NDArray[np.floating[Any]]]:
        """Yield the parts."""
        for part in self._returns:
            yield part
            self.went(len(part))

    def went(self, sets: int) -> None:
        """Count sets that went through a pass."""
        self._went += sets
        share = min(1.0, self._went / self._sets)
        self._heard(self._statistic, self._begin + self._share * share)
