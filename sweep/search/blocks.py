"""Cut the sets that are left to evaluate into blocks of a sensible length. Pure.

A block is a Tune trial: long enough that Ray's share is small, short enough that a kill loses
little and the last blocks end together.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_SETS = 64
TARGET_S = 2.0
HEAD_S = 0.02  # processor time of the driver a trial: 6 ms alone, 15 beside other work
LEAST_S = 0.2
READING_SHARE = 0.1  # of a block's time, where memory for its results allows
MOST_CELLS = 16_000_000  # of 4 bytes in the rows of a block: 64 MB
SET_CELLS = 160  # of a set beside its sessions: parameters, metrics, what folds see
MOST_RANGES = 2_000
MOST_TRIES = 3  # of a block whose worker dies
_TAIL = 3  # blocks per worker that what is left should make


@dataclasses.dataclass(frozen=True)
class Block:
    """Proposals of one detector that are evaluated together, or an adaptive search.

    Attributes
    ----------
    detector
        Name.
    ranges
        `[first, after)` positions among its proposals.
    search
        Number of the adaptive search, which makes its own proposals; None for a stretch of a pool.
    """

    detector: str
    ranges: tuple[tuple[int, int], ...]
    search: int | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Block":
        """Return the block that a trial was configured with."""
        ranges = tuple((first, after) for first, after in config["ranges"])
        return cls(config["detector"], ranges, config["search"])

    def __len__(self) -> int:
        """Return the number of sets."""
        return sum(after - first for first, after in self.ranges)


class BlockQueue:
    """Hands out blocks, one detector after the other; first the searches, which are longest.

    Parameters
    ----------
    pending
        detector -> int64 rising positions of the proposals to evaluate.
    n_sessions
        Length of the session axis; bounds the memory of a block.
    workers
        Blocks that run at a time.
    block_size
        Sets per block, None to measure.
    searches
        detector -> numbers of the adaptive searches to run.
    """

    def __init__(
        self,
        pending: Mapping[str, NDArray[np.int64]],
        *,
        n_sessions: int,
        workers: int,
        block_size: int | None,
        searches: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._searches = [
            (name, one) for name, numbers in (searches or {}).items() for one in numbers
        ]
        self._pending = {name: positions for name, positions in pending.items() if len(positions)}
        self._taken = dict.fromkeys(self._pending, 0)
        self._returned: dict[str, list[Block]] = {name: [] for name in self._pending}
        self._tries: Counter[Block] = Counter()
        self._seconds_per_set: dict[str, float] = {}
        self._reading: dict[str, float] = {}
        self._most = max(1, MOST_CELLS // (n_sessions + SET_CELLS))
        self._workers = workers
        self._block_size = block_size

    def take(self) -> Block | None:
        """Return the next block, None when nothing is left."""
        if self._searches:
            name, search = self._searches.pop(0)
            return Block(name, (), search)
        for name, positions in self._pending.items():
            start = self._taken[name]
            if start < len(positions):
                ranges = _runs(positions[start : start + self._size(name)])
                block = Block(name, tuple(ranges[:MOST_RANGES]))
                self._taken[name] += len(block)
                return block
            if self._returned[name]:
                return self._returned[name].pop(0)
        return None

    def again(self, block: Block) -> bool:
        """Take back a block that was lost, to hand it out after its detector's others.

        Returns
        -------
        bool
            False after its last try.
        """
        self._tries[block] += 1
        if self._tries[block] == MOST_TRIES:
            return False
        if block.search is None:
            self._returned[block.detector].append(block)
        else:
            self._searches.append((block.detector, block.search))
        return True

    def measured(self, detector: str, sets: int, seconds: float, reading: float = 0.0) -> None:
        """Hear how long a block took in the engine, and to read tables that do not stay."""
        if sets:
            self._seconds_per_set[detector] = max(seconds / sets, 1e-9)
            self._reading[detector] = reading

    def _size(self, name: str) -> int:
        if self._block_size is not None:
            return self._block_size
        if name not in self._seconds_per_set:
            return FIRST_SETS
        each = self._seconds_per_set[name]
        left = len(self._pending[name]) - self._taken[name]
        fair = math.ceil(left / (self._workers * _TAIL))
        # Else many workers wait for one driver, or more is read than evaluated.
        target = max(TARGET_S, HEAD_S * self._workers, self._reading[name] / READING_SHARE)
        wanted = min(target / each, max(fair, LEAST_S / each))
        return max(1, min(math.ceil(wanted), self._most))


def _runs(positions: NDArray[np.int64]) -> Sequence[tuple[int, int]]:
    """Return rising positions as ranges."""
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    starts = positions[np.concatenate([[0], breaks])]
    ends = positions[np.concatenate([breaks - 1, [len(positions) - 1]])] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
