"""One adaptive search: what it has proposed, what it was told, when it starts afresh or ends.

It is told the in-sample numbers of one fold only, or of no single fold: the final search hears
the median over the folds' in-sample windows. Its proposals follow from (seed, detector, fold) and
from those numbers, never from when or where a set was evaluated. Pure.
"""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from detectors.bars import Float
from sweep.engine.sets import ParameterSets
from sweep.search.identity import Keys, set_keys
from sweep.search.samplers import Sampler
from sweep.search.spaces import Space
from sweep.search.spec import SearchSettings

FINAL = -1
"""Number of the search for the final set; those of folds are 0, 1, ..."""

_STALE = 5  # generations without a new set after which a search starts afresh
_STARTS = 3  # fresh starts without a new set after which there is nothing left to find
_LEAST_CMA = 4  # half of a generation makes the next mean


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a search is told of n sets.

    Attributes
    ----------
    objectives
        float64 [n, objectives], maximised; NaN where there is no value.
    violation
        float64 [n], 0 where all constraints hold.
    """

    objectives: Float
    violation: Float


class AdaptiveSearch:
    """A search of one detector for one fold or the final set.

    Parameters
    ----------
    space, settings
        What is searched and how; the budget counts distinct sets.
    fold
        Number of the fold, or `FINAL`.
    n_objectives
        Numbers maximised together.
    """

    def __init__(
        self, space: Space, settings: SearchSettings, fold: int, n_objectives: int = 1
    ) -> None:
        self._space, self._settings, self._fold = space, settings, fold
        self._n_objectives = n_objectives
        self._starts, self._stale, self._barren = 0, 0, 0
        self._rows: dict[int, int] = {}
        self._told: list[tuple[Float, float]] = []
        self._generation: Keys = np.empty(0, np.uint64)
        self._sampler = self._start()

    @property
    def proposed(self) -> Keys:
        """Return the keys of the distinct sets so far, in the order they were proposed."""
        return np.fromiter(self._rows, np.uint64, len(self._rows))

    @property
    def scores(self) -> Scores:
        """Return what it was told, in the order of `proposed`."""
        shape = (len(self._told), self._n_objectives)
        return Scores(
            np.array([value for value, _ in self._told]).reshape(shape),
            np.array([violation for _, violation in self._told]),
        )

    def ask(self) -> ParameterSets | None:
        """Propose a generation; return its sets that are new to this search, None at the end.

        A set proposed before is not asked for again and costs nothing.
        """
        while len(self._rows) < self._settings.budget and self._barren < _STARTS:
            sets = self._sampler.ask()
            self._generation = set_keys(self._space.detector, sets)
            distinct, first = np.unique(self._generation, return_index=True)
            fresh = np.array([key not in self._rows for key in distinct.tolist()], np.bool_)
            rows = np.sort(first[fresh])[: self._settings.budget - len(self._rows)]
            if len(rows):
                self._stale, self._barren = 0, 0
                for key in self._generation[rows].tolist():
                    self._rows[key] = len(self._rows)
                return sets.take(rows)
            self._repeat()
        return None

    def tell(self, scores: Scores) -> None:
        """Hear the scores of the sets that `ask` returned last, in their order."""
        self._told += zip(scores.objectives, scores.violation.tolist(), strict=True)
        # Where the budget cut the generation there is nothing more to propose.
        if all(key in self._rows for key in self._generation.tolist()):
            self._hand_on(self._generation.tolist())

    def _hand_on(self, keys: Sequence[int]) -> None:
        rows = [self._rows[key] for key in keys]
        self._sampler.tell(
            np.array([self._told[row][0] for row in rows]).reshape(len(rows), -1),
            np.array([self._told[row][1] for row in rows]),
        )

    def _repeat(self) -> None:
        """Go on after a generation without a new set."""
        self._stale += 1
        if self._stale < _STALE:
            self._hand_on(self._generation.tolist())
            return
        self._stale = 0
        self._barren += 1
        self._sampler = self._start()

    def _start(self) -> Sampler:
        name = self._space.detector.name
        text = f"{self._settings.seed}/{name}/{self._fold}/{self._starts}"
        self._starts += 1
        digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
        seed = int.from_bytes(digest, "big")
        return Sampler(self._space, self._settings, seed, self._n_objectives)


def adaptive_faults(settings: SearchSettings, spaces: Sequence[Space]) -> list[str]:
    """List why an adaptive search cannot run on these spaces, one sentence each."""
    if not settings.adaptive:
        return []
    faults = []
    if settings.kind == "cmaes" and settings.batch < _LEAST_CMA:
        faults.append(
            f"search.batch must be {_LEAST_CMA} or more for search=cmaes, got {settings.batch}"
        )
    for space in spaces:
        name = space.detector.name
        if not space.searched:
            faults.append(
                f"{name}: search={settings.kind} needs a range, every parameter is fixed"
            )
        if settings.kind == "cmaes":
            listed = [d.name for d in space.searched if d.kind == "choice"]
            if listed:
                faults.append(
                    f"{name}: search=cmaes knows distances only, and {', '.join(listed)} "
                    f"{'is a choice' if len(listed) == 1 else 'are choices'}; give a range such "
                    f"as [int,...] or take search=genetic"
                )
    return faults
