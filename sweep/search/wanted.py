"""What a command asks for, and what of it the parts do not hold yet."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sweep.search.adaptive_trial import proposed_by, searches_of
from sweep.search.evaluation import Task
from sweep.search.identity import Keys, set_keys
from sweep.search.searchers import GridSearcher, PoolSearcher, make_searcher
from sweep.store.results import Results

_KEYS_AT_A_TIME = 65_536


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Sets of one detector that a command asks for.

    Attributes
    ----------
    keys
        uint64, distinct, rising: those of the pool; of an adaptive search, its random baseline.
    positions
        int64, position of the first proposal of each.
    pending
        int64, rising positions of the pool's proposals that no part holds yet.
    done
        Proposals that have their answer, of those asked for.
    total
        Proposals asked for, at most.
    searches
        Adaptive searches that are not at their end.
    note
        Sentence for the user, empty where there is none.
    """

    keys: Keys
    positions: NDArray[np.int64]
    pending: NDArray[np.int64]
    done: int
    total: int
    searches: tuple[int, ...] = ()
    note: str = ""

    @property
    def finished(self) -> bool:
        """Return True where nothing is left to evaluate."""
        return len(self.pending) == 0 and not self.searches


def wanted_of(task: Task, results: Results) -> Wanted:
    """Compare what is asked for with the parts; a set proposed twice is evaluated once."""
    pool = make_searcher(task.space, task.search)
    keys = _pool_keys(task, pool)
    distinct, first = np.unique(keys, return_index=True)
    table = results.read_parts(task.detector.name, ["key"])
    known = np.empty(0, np.uint64) if table is None else table["key"].to_numpy()
    missing = ~np.isin(distinct, known)
    done, total = int((~missing).sum()), len(distinct)
    left = []
    for search in searches_of(task):
        own, ended = proposed_by(task, results, search)
        answered = int(np.isin(own, known).sum())
        if ended < task.search.budget or answered < len(own):
            left.append(search)
            total += task.search.budget
        else:
            total += answered
            done += answered
    pending, note = np.sort(first[missing]), _note(task.detector.name, pool)
    return Wanted(distinct, first, pending, done, total, tuple(left), note)


def _pool_keys(task: Task, pool: PoolSearcher) -> Keys:
    stretches = [
        set_keys(task.detector, pool.at(first, min(_KEYS_AT_A_TIME, pool.total - first)))
        for first in range(0, pool.total, _KEYS_AT_A_TIME)
    ]
    return np.concatenate(stretches)


def _note(name: str, pool: PoolSearcher) -> str:
    if not isinstance(pool, GridSearcher) or not pool.cut:
        return ""
    return (
        f"{name}: search.budget takes {pool.total:,} of the grid's {pool.size:,} sets, in a "
        f"shuffled order; a larger budget goes on with it"
    )


def done_and_total(wanted: Mapping[str, Wanted]) -> tuple[int, int]:
    """Return the proposals that have their answer and those asked for, of all detectors."""
    return sum(one.done for one in wanted.values()), sum(one.total for one in wanted.values())
