"""Candidate tables as a trial reads them: all at once, or group after group. Pure.

Where the tables of all symbols do not fit the object store of a node, a trial holds those of a few
symbols at a time; Ray spills the others to disk or fetches them from another node. Symbols keep
their order, so sums run in the same order and give the same bits.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, overload

from sweep.engine.candidates import CandidateTable

Groups = tuple[tuple[Any, ...], ...]
"""References to tables, in symbol order, in groups that are held together."""


def grouped(references: Sequence[Any], sizes: Sequence[int], room: float, trials: int) -> Groups:
    """Cut tables into groups that fit an object store together with those of other trials.

    Parameters
    ----------
    references, sizes
        Tables of a detector in symbol order, and their bytes.
    room
        Bytes of the object store.
    trials
        That run on a node at a time. All read one copy where it fits; else each is at a group of
        its own, and has the last table of the group before still at hand.

    Returns
    -------
    tuple
        One group where all tables fit; else each as large as it may be, of one table at least.
    """
    if sum(sizes) <= room:
        return (tuple(references),)
    most, groups, held = room / (2 * trials), list[tuple[Any, ...]](), 0
    for reference, size in zip(references, sizes, strict=True):
        if groups and held + size <= most:
            groups[-1] += (reference,)
            held += size
        else:
            groups.append((reference,))
            held = size
    return tuple(groups)


class Tables(Sequence[CandidateTable]):
    """Tables of all symbols of which one group is held at a time.

    Parameters
    ----------
    groups
        See `Groups`.
    fetch
        Returns the tables behind the references of a group.

    Attributes
    ----------
    seconds
        Time spent fetching so far.
    several
        Whether there is more than one group, so that every pass over all tables reads them again.
    """

    def __init__(
        self, groups: Groups, fetch: Callable[[list[Any]], Sequence[CandidateTable]]
    ) -> None:
        self.seconds, self.several = 0.0, len(groups) > 1
        self._groups, self._fetch = groups, fetch
        self._places = [(g, k) for g, group in enumerate(groups) for k in range(len(group))]
        self._group = -1
        self._held: Sequence[CandidateTable] = ()

    def __len__(self) -> int:
        """Return the number of symbols."""
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> CandidateTable: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[CandidateTable]: ...

    def __getitem__(self, index: int | slice) -> CandidateTable | Sequence[CandidateTable]:
        """Return a table; where it is of another group than the last one, that one is let go."""
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        group, place = self._places[index]
        if group != self._group:
            begun = time.perf_counter()
            self._held, self._group = (), group
            self._held = self._fetch(list(self._groups[group]))
            self.seconds += time.perf_counter() - begun
        return self._held[place]
