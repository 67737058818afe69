"""On which sessions sets are screened, rung after rung: never on those a fold is judged on. Pure.

A set dropped for what it did out of sample of some fold would be a choice by that fold's
out-of-sample sessions. So the rungs lie within the first fold's in-sample window, less what any
fold tests: in a walk-forward and in a split that is all of it, and it is past when the first fold
chooses. Sessions of a rung are spread evenly: a window of few weeks has one kind of market.
"""

import math

import numpy as np
from numpy.typing import NDArray

from sweep.search.folds import Folds, Positions
from sweep.search.spec import SCREENING_KINDS, ScreeningSettings

_LEAST = {"factor": 2, "min_resources": 2, "sample": 1}


def open_sessions(folds: Folds, n: int) -> Positions:
    """Return the positions, of an axis of n sessions, that screening may read."""
    if not len(folds):
        return np.arange(n)
    tested = np.concatenate([fold.out_of_sample for fold in folds.folds])
    return np.setdiff1d(folds.folds[0].in_sample, tested)


def rungs_of(folds: Folds, n: int, settings: ScreeningSettings) -> tuple[Positions, ...]:
    """Return the sessions of every rung before the full evaluation, from the fewest on.

    The last one has all open sessions, each one before it a share of `1 / factor` of the next.

    Raises
    ------
    ValueError
        If there are fewer open sessions than the first rung needs.
    """
    free = open_sessions(folds, n)
    if len(free) < settings.min_resources:
        raise ValueError(
            f"screening=halving needs {settings.min_resources} sessions "
            f"(screening.min_resources) in sample that no fold is judged on, got {len(free)} of "
            f"{n} with folds={folds.kind}; take more days, a longer folds.in_sample or a lower "
            f"screening.min_resources, or screening=none"
        )
    lengths = [len(free)]
    while lengths[-1] // settings.factor >= settings.min_resources:
        lengths.append(lengths[-1] // settings.factor)
    return tuple(free[_spread(len(free), length)] for length in reversed(lengths))


def _spread(n: int, length: int) -> Positions:
    """Return `length` of n positions in equal steps."""
    return (2 * np.arange(length) + 1) * n // (2 * length)


def axis_of(axis: NDArray[np.int32], sessions: Positions) -> NDArray[np.int32]:
    """Return an axis of some sessions only.

    Parameters
    ----------
    axis
        int32 [sessions of the market], column of each, -1 for none.
    sessions
        Columns to keep, which become 0 to their number - 1.
    """
    places = np.full(int(axis.max(initial=-1)) + 2, -1, np.int32)  # the last one is that of -1
    places[sessions] = np.arange(len(sessions), dtype=np.int32)
    return places[axis]


def kept_of(n: int, settings: ScreeningSettings) -> int:
    """Return how many of the n sets of a rung go on."""
    return math.ceil(n / settings.factor)


def screening_faults(settings: ScreeningSettings) -> list[str]:
    """List what is wrong with the settings themselves."""
    faults = []
    if settings.kind not in SCREENING_KINDS:
        known = " or ".join(SCREENING_KINDS)
        faults.append(f"screening.kind must be {known}, got {settings.kind!r}")
    for name, least in _LEAST.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            faults.append(
                f"screening.{name} must be a whole number of {least} or more, got {value}"
            )
    return faults
