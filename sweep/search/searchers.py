"""Propose parameter sets without looking at results: grid, random, Sobol.

Proposals are prefix-stable: a larger budget begins with the sets of a smaller one. Searches that
do look are in `adaptive`.
"""

import abc
import hashlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.engine.sets import ParameterSets
from sweep.search.spaces import Space
from sweep.search.spec import ADAPTIVE_KINDS, SEARCH_KINDS, SearchSettings

_DRAWS_PER_COUNT = 4  # Philox yields four 64-bit numbers per step of its counter
_ROUNDS = 6
_MOST_SETS = 2**62


class PoolSearcher(abc.ABC):
    """A searcher that does not look at results: its proposals are a list, known from the start.

    A worker makes any stretch of the list itself, so that no sets travel to it.
    """

    def __init__(self, space: Space, total: int) -> None:
        self._space = space
        self._position = 0
        self.total = total

    @abc.abstractmethod
    def at(self, first: int, count: int) -> ParameterSets:
        """Return proposals first to first + count - 1."""

    def ask(self, n: int) -> ParameterSets:
        """Propose the next n sets, fewer at the end."""
        first, count = self._position, min(n, self.total - self._position)
        self._position += count
        return self.at(first, count)


class RandomSearcher(PoolSearcher):
    """Independent draws; set i depends on (seed, detector, i) and each parameter's own range.

    Every parameter has a counter-based stream of its own, so fixing one leaves the draws of the
    others as they were.
    """

    def __init__(self, space: Space, settings: SearchSettings) -> None:
        super().__init__(space, settings.budget)
        self._seed = settings.seed

    def at(self, first: int, count: int) -> ParameterSets:
        """Return draws first to first + count - 1."""
        columns = {
            d.name: d.from_unit(self._draws(d.name, first, count)) for d in self._space.searched
        }
        return self._space.sets(columns, count)

    def _draws(self, name: str, first: int, count: int) -> Float:
        text = f"{self._seed}/{self._space.detector.name}/{name}"
        key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
        skipped = first % _DRAWS_PER_COUNT
        bits = np.random.Philox(key=key, counter=first // _DRAWS_PER_COUNT)
        return np.random.Generator(bits).random(count + skipped)[skipped:]


class SobolSearcher(PoolSearcher):
    """Points of a scrambled Sobol sequence, which leaves no corner of the space empty for long.

    Every parameter has a dimension of the sequence, in the order of the space, so fixing one
    changes the draws of those after it. Balance is best where the budget is a power of two.
    """

    def __init__(self, space: Space, settings: SearchSettings) -> None:
        super().__init__(space, settings.budget)
        text = f"{settings.seed}/{space.detector.name}/sobol"
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        self._scramble = int.from_bytes(digest, "big")

    def at(self, first: int, count: int) -> ParameterSets:
        """Return points first to first + count - 1 of the sequence."""
        searched = self._space.searched
        if not searched or count == 0:
            return self._space.sets({d.name: np.empty(0) for d in searched}, count)
        from scipy.stats import qmc  # noqa: PLC0415 - slow, and 30 MB

        sequence = qmc.Sobol(len(searched), rng=np.random.default_rng(self._scramble))
        if first:
            sequence.fast_forward(first)
        # From its beginning, any other length than a power of two is warned of.
        drawn = count if first else 2 ** math.ceil(math.log2(count))
        points = sequence.random(drawn)[:count]
        columns = {d.name: d.from_unit(points[:, k]) for k, d in enumerate(searched)}
        return self._space.sets(columns, count)


class GridSearcher(PoolSearcher):
    """The Cartesian product of all values, never held whole.

    A budget below the size of the grid takes the first sets of a seeded shuffled order, so that
    it covers every range, and a larger budget goes on with it. Without a cut the exits change
    slowest, so that neighbours share trades.
    """

    def __init__(self, space: Space, settings: SearchSettings) -> None:
        own = {p.name for p in (*space.detector.parameters, *space.detector.ratios)}
        self._axes = tuple(
            (d, d.values(settings.grid_points))
            for d in sorted(space.searched, key=lambda d: d.name in own)
        )
        self.size = grid_size(space, settings.grid_points)
        if self.size > _MOST_SETS:
            raise ValueError(
                f"the grid of {space.detector.name} has {self.size:.2g} sets, more than can be "
                f"counted; narrow ranges, lower search.grid_points, or take search=random"
            )
        super().__init__(space, min(self.size, settings.budget))
        self.cut = self.total < self.size
        self._order: Callable[[NDArray[np.uint64]], NDArray[np.uint64]] = (
            _shuffled(self.size, f"{settings.seed}/{space.detector.name}")
            if self.cut
            else lambda index: index
        )

    def at(self, first: int, count: int) -> ParameterSets:
        """Return points first to first + count - 1 of the order."""
        left = self._order(np.arange(first, first + count, dtype=np.uint64))
        columns = {}
        for dimension, values in reversed(self._axes):
            left, digit = np.divmod(left, np.uint64(len(values)))
            columns[dimension.name] = values[digit.astype(np.int64)]
        return self._space.sets(columns, count)


def grid_size(space: Space, points: int) -> int:
    """Return the number of sets in the grid of a space."""
    return math.prod(len(dimension.values(points)) for dimension in space.searched)


def _shuffled(size: int, seed: str) -> Callable[[NDArray[np.uint64]], NDArray[np.uint64]]:
    """Return a permutation of 0..size-1 that needs no memory: a Feistel network, walked.

    The network permutes the next larger power of four; whatever falls outside is sent through
    again until it is inside, which keeps it a permutation.
    """
    half = np.uint64(max(1, math.ceil(math.log2(max(size, 2)) / 2)))
    mask = np.uint64((1 << int(half)) - 1)
    keys = np.frombuffer(hashlib.blake2b(seed.encode(), digest_size=8 * _ROUNDS).digest(), "<u8")

    def once(index: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = index >> half, index & mask
        for key in keys:
            # The finaliser of SplitMix64: every bit of the input moves every bit of the output.
            mixed = (right ^ key) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(31))) & mask)
        return (left << half) | right

    def order(index: NDArray[np.uint64]) -> NDArray[np.uint64]:
        index = once(index)
        while (outside := index >= size).any():
            index[outside] = once(index[outside])
        return index

    return order


_POOLS: dict[str, Callable[[Space, SearchSettings], PoolSearcher]] = {
    "grid": GridSearcher,
    "random": RandomSearcher,
    "sobol": SobolSearcher,
    **dict.fromkeys(ADAPTIVE_KINDS, RandomSearcher),
}


def make_searcher(space: Space, settings: SearchSettings) -> PoolSearcher:
    """Return the pool of one detector; beside an adaptive search, its random baseline."""
    if settings.kind not in _POOLS:
        raise ValueError(
            f"search.kind must be one of {', '.join(SEARCH_KINDS)}, got {settings.kind}"
        )
    return _POOLS[settings.kind](space, settings)


_LEAST = {"budget": 1, "seed": 0, "grid_points": 2, "population": 2, "batch": 1, "startup": 1}
_SHARES = ("crossover_prob", "swapping_prob", "mutation_prob")


def setting_faults(settings: SearchSettings) -> list[str]:
    """List what is wrong with kind, budget, seed and the searchers' own keys."""
    faults = []
    if settings.kind not in SEARCH_KINDS:
        faults.append(
            f"search.kind must be one of {', '.join(SEARCH_KINDS)}, got {settings.kind!r}"
        )
    for name, least in _LEAST.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            faults.append(f"search.{name} must be a whole number of {least} or more, got {value}")
    for name in _SHARES:
        share = getattr(settings, name)
        if not (share is None and name == "mutation_prob") and not 0.0 <= share <= 1.0:
            faults.append(f"search.{name} must lie in 0 to 1, got {share}")
    return faults
