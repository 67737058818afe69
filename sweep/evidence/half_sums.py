"""Sums over half of the blocks of a series, for every choice of that half.

They are added up from small tables of partial sums, always in the same order and one operation a
set. That is as fast as a matrix product, and equal sets get equal bits on every machine, which the
edges of a product's tiles do not promise.
"""

import itertools
from collections.abc import Iterator

import numpy as np

from sweep.evidence.columns import Float


def halves(n_blocks: int) -> Float:
    """List the choices of half of the blocks.

    Parameters
    ----------
    n_blocks
        Even.

    Returns
    -------
    ndarray
        float64 0/1 [choices, blocks] in the order of `itertools.combinations`, in which row i and
        row -1 - i are complements.
    """
    picks = np.array(list(itertools.combinations(range(n_blocks), n_blocks // 2)))
    rows = np.zeros((len(picks), n_blocks))
    np.put_along_axis(rows, picks, 1.0, axis=1)
    return rows


def sums_and_rests(sums: Float, chosen: Float) -> Iterator[tuple[Float, Float]]:
    """Add up chosen blocks and the others.

    Blocks are cut into four groups with a table of all partial sums each; the first two groups
    change rarely and are added once.

    Parameters
    ----------
    sums
        float64 [blocks, sets].
    chosen
        float64 0/1 [choices, blocks].

    Yields
    ------
    tuple
        Per choice, two float64 [sets] that are used again for the next: copy or change at will.
    """
    groups = np.array_split(np.arange(len(sums)), 4)
    tables = [_partial_sums(sums[group]) for group in groups]
    codes = np.stack(
        [chosen[:, group].astype(np.int64) @ (1 << np.arange(len(group))) for group in groups]
    )
    last = np.array([[len(table) - 1] for table in tables])
    front, answer = np.empty((2, 2, sums.shape[1]))
    before = (-1, -1)
    for both in np.stack([codes, last - codes]).transpose(2, 0, 1).tolist():
        changed, before = tuple(both[0][:2]) != before, tuple(both[0][:2])
        for side, (one, two, three, four) in enumerate(both):
            if changed:
                np.add(tables[0][one], tables[1][two], out=front[side])
            np.add(front[side], tables[2][three], out=answer[side])
            np.add(answer[side], tables[3][four], out=answer[side])
        yield answer[0], answer[1]


def _partial_sums(sums: Float) -> Float:
    """Return the sums over all subsets of the rows, float64 [2^rows, sets], bit j = row j."""
    table = np.zeros((1 << len(sums), sums.shape[1]))
    for j, row in enumerate(sums):
        np.add(table[: 1 << j], row, out=table[1 << j : 2 << j])
    return table
