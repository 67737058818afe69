"""Whether the best set beats zero although it is the best of many, and which sets do.

SPA: Hansen, "A Test for Superior Predictive Ability", Journal of Business and Economic Statistics
23(4), 2005; its upper p-value is the studentised Reality Check of White (Econometrica 68(5),
2000). StepM: Romano and Wolf, "Stepwise Multiple Testing", Econometrica 73(4), 2005.

The benchmark is 0, no trade. Every set is divided by its own standard deviation, and again in each
resample by that of the resample: with a kernel variance or with fixed deviations the tests reject
far too often when there are many sets. Resamples are session counts, so all of them are two matrix
products a slice of sets. All sets tried must be handed over, not the survivors.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from sweep.evidence.bootstrap import (
    MEAN_BLOCK,
    SPREAD_FLOOR,
    resample_counts,
    stationary_bootstrap_indices,
)
from sweep.evidence.columns import Float, Int, Returns, constant_rows, repeatable, slices
from sweep.evidence.jit import kernel, largest

ALPHA = 0.05
RESAMPLES = 1_000


@dataclasses.dataclass(frozen=True)
class SpaResult:
    """Outcome of the test that no set has a mean above 0.

    Attributes
    ----------
    p_consistent
        The p-value to report: sets clearly below 0 do not count against the best one.
    p_lower, p_upper
        Its bounds: no set below 0 counts, and all count.
    statistic
        Largest `sqrt(T) mean / std` of all sets, at least 0.
    best
        Number of that set; -1 where every set is constant.
    n_sets, n_constant, n_sessions, n_resamples
        Sets, those among them that never vary (they cannot win), sessions and resamples.
    """

    p_consistent: float
    p_lower: float
    p_upper: float
    statistic: float
    best: int
    n_sets: int
    n_constant: int
    n_sessions: int
    n_resamples: int


@dataclasses.dataclass(frozen=True)
class StepMResult:
    """Which sets have a mean above 0.

    Attributes
    ----------
    superior
        int64, rising numbers of these sets; the chance that any is there wrongly is at most
        `alpha`.
    critical_values
        One a step: a set is taken when its `sqrt(T) mean / std` is above it.
    alpha
        Family-wise error rate.
    """

    superior: Int
    critical_values: tuple[float, ...]
    alpha: float


@dataclasses.dataclass(frozen=True)
class _Slice:
    """Statistics of the varying sets of a slice.

    `numbers` int64 [k]; `observed` float64 [k], `sqrt(T) mean / std`; `drawn`, `squares` float64
    [resamples, k]: mean and mean square of the standardised series in each resample.
    """

    n_sets: int
    n_sessions: int
    numbers: Int
    observed: Float
    drawn: Float
    squares: Float

    def largest(self, *shifts: Float) -> Float:
        """Return the largest resampled statistic, float64 [shifts, resamples].

        A shift [k] is what a set keeps of its own mean, as its statistic; -inf leaves it out.
        """
        return _largest(self.drawn, self.squares, np.stack(shifts), self.n_sessions)


@dataclasses.dataclass(frozen=True)
class _Pass:
    """What one pass over all sets gives.

    `numbers` int64 and `observed` float64 [varying sets], see `_Slice`; `most` float64 [3,
    resamples], the largest resampled statistic where sets below 0 keep their own mean, where those
    clearly below it do, and where none does.
    """

    n_sets: int
    n_sessions: int
    numbers: Int
    observed: Float
    most: Float


_Drawing = tuple[float, int, int]
"""Mean block, number and seed of the resamples."""


def spa(
    returns: Returns,
    *,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> SpaResult:
    """Test that no set has a mean above 0.

    Parameters
    ----------
    returns
        Daily net R (not losses), [sets, sessions >= 8] or an iterable of such parts.
    mean_block, n_resamples, seed
        Of the stationary bootstrap.

    Returns
    -------
    SpaResult
        p-values are shares of resamples that reach the statistic.
    """
    return _spa(_pass(returns, (mean_block, n_resamples, seed)))


def stepm(
    returns: Returns,
    *,
    alpha: float = ALPHA,
    mean_block: float = MEAN_BLOCK,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> StepMResult:
    """Find the sets with a mean above 0, with control of the family-wise error rate.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions >= 8] or an iterable of such parts. Gone over once a step:
        once where no set is found.
    alpha
        In (0, 1).
    mean_block, n_resamples, seed
        Of the stationary bootstrap; all steps use the same resamples.

    Returns
    -------
    StepMResult
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    repeatable(returns)
    drawing = (mean_block, n_resamples, seed)
    return _stepm(returns, _pass(returns, drawing), alpha, drawing)


def spa_and_stepm(returns: Returns) -> tuple[SpaResult, StepMResult]:
    """Make both tests as they are by default, in the passes of `stepm` alone."""
    repeatable(returns)
    drawing = (MEAN_BLOCK, RESAMPLES, 0)
    first = _pass(returns, drawing)
    return _spa(first), _stepm(returns, first, ALPHA, drawing)


def _pass(returns: Returns, drawing: _Drawing) -> _Pass:
    """Go over all sets."""
    most = np.full((3, drawing[1]), -np.inf)
    numbers, observed = [np.zeros(0, np.int64)], [np.zeros(0)]
    n_sets, n_sessions = 0, 0
    for found in _studentised(returns, *drawing):
        n_sets, n_sessions = n_sets + found.n_sets, found.n_sessions
        own = found.observed
        if not len(own):
            continue
        numbers.append(found.numbers)
        observed.append(own)
        hopeless = own < -math.sqrt(2 * math.log(math.log(n_sessions)))
        shifts = (np.where(own < 0, own, 0.0), np.where(hopeless, own, 0.0), np.zeros(len(own)))
        np.maximum(most, found.largest(*shifts), out=most)
    return _Pass(n_sets, n_sessions, np.concatenate(numbers), np.concatenate(observed), most)


def _spa(found: _Pass) -> SpaResult:
    leader = int(found.observed.argmax()) if len(found.observed) else -1
    statistic = max(0.0, float(found.observed[leader])) if leader >= 0 else 0.0
    p_lower, p_consistent, p_upper = np.mean(
        np.maximum(found.most, 0.0) >= statistic, axis=1
    ).tolist()
    return SpaResult(
        p_consistent=p_consistent,
        p_lower=p_lower,
        p_upper=p_upper,
        statistic=statistic,
        best=int(found.numbers[leader]) if leader >= 0 else -1,
        n_sets=found.n_sets,
        n_constant=found.n_sets - len(found.numbers),
        n_sessions=found.n_sessions,
        n_resamples=found.most.shape[1],
    )


def _stepm(returns: Returns, first: _Pass, alpha: float, drawing: _Drawing) -> StepMResult:
    superior, critical = first.numbers[:0], list[float]()
    remaining, statistics, most = first.numbers, first.observed, first.most[2]
    while len(remaining):
        critical.append(float(np.quantile(most, 1 - alpha, method="higher")))
        above = statistics > critical[-1]
        if not above.any():
            break
        superior = np.union1d(superior, remaining[above])
        remaining, statistics = remaining[~above], statistics[~above]
        most = np.full(len(most), -np.inf)
        for found in _studentised(returns, *drawing):
            left = ~np.isin(found.numbers, superior)
            if left.any():
                np.maximum(most, found.largest(np.where(left, 0.0, -np.inf))[0], out=most)
    return StepMResult(superior, tuple(critical), alpha)


@kernel
def _largest(drawn: Float, squares: Float, shifts: Float, n_sessions: int) -> Float:
    """See `_Slice.largest`; one pass, where whole arrays went through memory a dozen times."""
    n_resamples, n_sets = drawn.shape
    root, floor = math.sqrt(n_sessions), SPREAD_FLOOR**2
    most = np.empty((len(shifts), n_resamples))
    centred, inverse, values = np.empty(n_sets), np.empty(n_sets), np.empty(n_sets)
    for r in range(n_resamples):
        for k in range(n_sets):
            spread = squares[r, k] - drawn[r, k] * drawn[r, k]
            spread = max(spread, floor)
            inverse[k] = 1 / math.sqrt(spread)
            centred[k] = drawn[r, k] * inverse[k] * root
        for s in range(len(shifts)):
            for k in range(n_sets):
                values[k] = centred[k] + shifts[s, k] * inverse[k]
            most[s, r] = largest(values, n_sets)
    return most


def _studentised(
    returns: Returns, mean_block: float, n_resamples: int, seed: int
) -> Iterator[_Slice]:
    counts: Float | None = None
    for first, block in slices(returns):
        n_sessions = block.shape[1]
        if n_sessions < 8:
            raise ValueError(f"the test needs at least 8 sessions, got {n_sessions}")
        if counts is None:
            indices = stationary_bootstrap_indices(
                n_sessions, mean_block=mean_block, n_resamples=n_resamples, seed=seed
            )
            counts = resample_counts(indices) / n_sessions
        varying = np.flatnonzero(~constant_rows(block))
        sets = block[varying]
        mean, spread = sets.mean(axis=1), sets.std(axis=1)
        scaled = ((sets - mean[:, None]) / spread[:, None]).T
        observed = math.sqrt(n_sessions) * mean / spread
        yield _Slice(
            n_sets=len(block),
            n_sessions=n_sessions,
            numbers=varying + first,
            observed=observed,
            drawn=counts @ scaled,
            squares=counts @ (scaled * scaled),
        )
