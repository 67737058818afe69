"""What is measured, each in a fresh process; every task returns a line of what it found."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.pbo import pbo_cscv
from sweep.evidence.superiority import spa
from sweep.search.measures import (
    measure_final,
    measure_matrix,
    measure_out_of_sample,
    measure_plateau,
)
from sweep.search.stitching import SetSeries, Stitched

PART = 2_000
FAMILIES = 40
PARAMETERS = 11


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Daily net R of made-up sets, in parts of float32 as a sweep stores them.

    Families of alike sets trade on some days only. Each iteration makes the parts anew, so that
    they need no memory; that time is part of what is measured.
    """

    sets: int
    sessions: int

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 [sets, sessions]."""
        rng = np.random.default_rng(1)
        common = rng.standard_normal((FAMILIES, self.sessions), np.float32)
        traded = rng.random((FAMILIES, self.sessions)) < rng.uniform(0.2, 0.9, (FAMILIES, 1))
        for first in range(0, self.sets, PART):
            rng = np.random.Generator(np.random.SFC64(first))
            count = min(PART, self.sets - first)
            own = rng.standard_normal((count, self.sessions), np.float32)
            family = np.arange(first, first + count) % FAMILIES
            yield (own + common[family]) * traded[family]


def whole(sets: str, sessions: str) -> str:
    """Everything that `jobs.sweep` works out of one detector's series, after they are stored."""
    returns = Sweep(int(sets), int(sessions))
    matrix = measure_matrix(returns)
    daily = next(iter(returns))[0].astype(np.float64)
    trades = (daily != 0).astype(np.int64)
    series = SetSeries(daily, trades, daily + 0.1 * trades, 400.0 * trades)
    every = np.arange(len(daily))
    final = measure_final(series, matrix, returns.sets)
    outside = measure_out_of_sample(Stitched(series, every, 0 * every, 0, 0, None))
    rng = np.random.default_rng(2)
    among = min(returns.sets, 10_000)  # as many as a choice is made among
    measure_plateau(rng.random((among, PARAMETERS)), rng.standard_normal(among), 0)
    assert final is not None
    assert matrix.pbo is not None
    assert outside.daily is not None
    return f"{matrix.clusters.n_effective} effective tries, PBO {matrix.pbo.pbo:.2f}"


def overfitting(sets: str, sessions: str) -> str:
    """PBO with 16 blocks, 12,870 combinations."""
    return f"PBO {pbo_cscv(Sweep(int(sets), int(sessions))).pbo:.2f}"


def superiority(sets: str, sessions: str) -> str:
    """SPA with 1,000 resamples."""
    return f"p {spa(Sweep(int(sets), int(sessions)), n_resamples=1_000).p_consistent:.2f}"
