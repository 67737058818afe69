"""Which sets of a block share exits, and which share entry rules: what decides their route."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.scores import Scoring

MIN_SHARED = 6
"""Sets with equal exits from which on a table of outcomes pays: a set takes a tenth to a fifth of
its candidates, and a table has the outcome of every one."""

MOST_ENTRIES = 256  # entry rules with a table of next signals each: 0.5 MB at 512 candidates


class Shared(NamedTuple):
    """Groups of sets with equal exits.

    Attributes
    ----------
    members
        int64, the sets: group after group, neighbours with the same stop and target where there
        are; within a group by cooldown, then by entry rule.
    bounds
        int64 [groups + 1], where each group begins in `members`, and their number.
    entry
        int64 [sets], number of the entry rule of each set.
    example
        int64 [entries], a set with each rule; empty where too few sets share one, then every set
        finds its own signals.
    """

    members: Int
    bounds: Int
    entry: Int
    example: Int


def distinct_rows(table: Float) -> tuple[Int, Int]:
    """Give every distinct row of a table a number.

    Returns
    -------
    tuple
        int64 [rows], number of each row; int64 [distinct], a row with each number.
    """
    rows = np.ascontiguousarray(table + 0.0)  # -0.0 and 0.0 are one value
    mixed = np.zeros(len(rows), np.uint64)
    for column in rows.view(np.uint64).T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, example, number = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(rows[example[number]], rows):  # two rows of one hash
        _, example, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return number.astype(np.int64), example.astype(np.int64)


def split_by_sharing(
    thresholds: Float, variant: Int, exits: Float, scoring: Scoring | None
) -> tuple[Int, list[Shared]]:
    """Split the sets of a block by route.

    Parameters
    ----------
    thresholds, variant, exits
        As in `set_by_set.run_set_by_set`; the last column of exits is the cooldown.
    scoring
        Weights and scales of the sets, None where they have none.

    Returns
    -------
    tuple
        Sets that share exits with too few others, int64; and the groups of the others, in batches
        of at most MOST_ENTRIES entry rules.
    """
    number, one_of_each = distinct_rows(exits[:, :-1])
    number = np.argsort(np.lexsort(exits[one_of_each, -2::-1].T))[number]
    crowd = np.bincount(number)[number]
    alone = np.flatnonzero(crowd < MIN_SHARED)
    rest = np.flatnonzero(crowd >= MIN_SHARED)
    if len(rest) == 0:
        return alone, []
    rules = [thresholds, variant[:, np.newaxis].astype(np.float64)]
    if scoring is not None:
        rules += [scoring.weights, scoring.scales]
    entry, example = distinct_rows(np.concatenate(rules, axis=1))
    if 2 * len(np.unique(entry[rest])) > len(rest):
        return alone, [_grouped(rest, number, exits[:, -1], entry, np.empty(0, np.int64))]
    batches = []
    for begin in range(0, len(example), MOST_ENTRIES):
        some = rest[(entry[rest] >= begin) & (entry[rest] < begin + MOST_ENTRIES)]
        if len(some):
            rules_of = example[begin : begin + MOST_ENTRIES]
            batches.append(_grouped(some, number, exits[:, -1], entry - begin, rules_of))
    return alone, batches


def _grouped(
    some: NDArray[np.int64], number: Int, cooldown: Float, entry: Int, example: Int
) -> Shared:
    """Sort sets by exits, then cooldown, then entry rule."""
    members = some[np.lexsort((entry[some], cooldown[some], number[some]))]
    breaks = np.flatnonzero(np.diff(number[members])) + 1
    bounds = np.concatenate([[0], breaks, [len(members)]])
    return Shared(members, bounds.astype(np.int64), entry, example)
