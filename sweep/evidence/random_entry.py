"""Does the signal matter? What a set earned, against trades begun at random bars."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import series


@dataclasses.dataclass(frozen=True)
class RandomEntry:
    """A set among draws of random entries.

    Attributes
    ----------
    actual
        Mean net R a trade of the set.
    random_mean, random_high
        Mean and 95 % quantile of the draws' means, R a trade: what exits and time of day earn.
    p_value
        Share of draws at least as good, the set itself counted as one: (1 + k) / (1 + draws).
    n_draws
        Draws.
    """

    actual: float
    random_mean: float
    random_high: float
    p_value: float
    n_draws: int


def random_entry_test(actual: float, draws: NDArray[np.floating[Any]]) -> RandomEntry:
    """Place a set among random entries.

    Parameters
    ----------
    actual
        Mean net R a trade.
    draws
        float [draws >= 1], the same of trades that began at random (`sweep.engine.random_entry`).

    Returns
    -------
    RandomEntry
    """
    found = series(draws, name="draws")
    (actual,) = series(np.array([actual]), name="actual").tolist()
    as_good = int(np.count_nonzero(found >= actual))
    return RandomEntry(
        actual=actual,
        random_mean=float(found.mean()),
        random_high=float(np.quantile(found, 0.95)),
        p_value=(1 + as_good) / (1 + len(found)),
        n_draws=len(found),
    )
