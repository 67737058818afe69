"""Scores of sets on half of the blocks of their series, for every choice of that half.

A score is `s |s| / q` (s sum, q sum of squares over the half): it ranks like the Sharpe ratio and
needs no root and no difference of nearly equal numbers. Sums come from two tables of partial sums,
of the first and the last half of the blocks, so that a choice takes one addition a set, and equal
sets get equal bits. Sets go through in stretches whose tables stay in cache: a million sets and
12,870 choices are 13 thousand million scores, which in whole arrays took minutes and 2 GB.
"""

import itertools

import numpy as np

from sweep.evidence.columns import Float, Int
from sweep.evidence.jit import kernel, largest

TINY = float(np.finfo(np.float64).tiny)

FLAT = 1e-12
"""A half whose variance is below this share of its mean square does not vary: Sharpe ratio 0."""

WIDTH = 128
"""Sets of a stretch: the tables of 16 blocks take 1 MB."""


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


@kernel
def _partial_sums(values: Float, first: int, last: int, start: int, stop: int) -> Float:
    """Sum all subsets of rows first to last - 1: [2^rows, stop - start], bit j for row j."""
    table = np.zeros((1 << (last - first), stop - start))
    for j in range(last - first):
        for code in range(1 << j):
            for k in range(stop - start):
                table[(1 << j) + code, k] = table[code, k] + values[first + j, start + k]
    return table


@kernel
def _score(
    tables: tuple[Float, Float, Float, Float],
    code: int,
    suspects: Int,
    start: int,
    size: int,
    scores: Float,
) -> None:
    """Score the sets of a stretch on the blocks of a code, bit j for block j."""
    front_sums, back_sums, front_squares, back_squares = tables
    front, back = code % len(front_sums), code // len(front_sums)
    for k in range(front_sums.shape[1]):
        total = front_sums[front, k] + back_sums[back, k]
        square = front_squares[front, k] + back_squares[back, k]
        square = max(square, TINY)
        scores[k] = total * abs(total) / square
    for suspect in suspects:
        k = suspect - start
        if 0 <= k < front_sums.shape[1]:
            total = front_sums[front, k] + back_sums[back, k]
            square = (front_squares[front, k] + back_squares[back, k]) * size
            if square - total * total <= FLAT * square:
                scores[k] = 0.0


@kernel
def _tables(
    sums: Float, squares: Float, start: int, stop: int
) -> tuple[Float, Float, Float, Float]:
    n_blocks = len(sums)
    middle = n_blocks // 2
    return (
        _partial_sums(sums, 0, middle, start, stop),
        _partial_sums(sums, middle, n_blocks, start, stop),
        _partial_sums(squares, 0, middle, start, stop),
        _partial_sums(squares, middle, n_blocks, start, stop),
    )


@kernel
def best_scores(sums: Float, squares: Float, suspects: Int, size: int, codes: Int) -> Float:
    """Return the best score on each choice.

    Parameters
    ----------
    sums, squares
        float64 [blocks, sets], sums of the results of each block and of their squares.
    suspects
        int64, rising numbers of sets that may not vary in half of the blocks without being 0.
    size
        Sessions of half of the blocks.
    codes
        int64 [choices], bit j for block j.

    Returns
    -------
    ndarray
        float64 [choices].
    """
    n_sets = sums.shape[1]
    best = np.full(len(codes), -np.inf)
    scores = np.empty(WIDTH)
    for start in range(0, n_sets, WIDTH):
        stop = min(start + WIDTH, n_sets)
        tables = _tables(sums, squares, start, stop)
        for c in range(len(codes)):
            _score(tables, codes[c], suspects, start, size, scores)
            best[c] = max(best[c], largest(scores, stop - start))
    return best


@kernel
def first_sets(
    sums: Float, squares: Float, suspects: Int, size: int, codes: Int, least: Float
) -> tuple[Int, Float]:
    """Return the first set whose score reaches `least` on each choice, and its score on the rest.

    Parameters are those of `best_scores`; `least` float64 [choices]. -1 where there is none.
    """
    n_sets, whole = sums.shape[1], (1 << len(sums)) - 1
    found, rest = np.full(len(codes), -1, np.int64), np.zeros(len(codes))
    scores = np.empty(WIDTH)
    for start in range(0, n_sets, WIDTH):
        stop = min(start + WIDTH, n_sets)
        tables = _tables(sums, squares, start, stop)
        for c in range(len(codes)):
            if found[c] >= 0:
                continue
            _score(tables, codes[c], suspects, start, size, scores)
            for k in range(stop - start):
                if scores[k] >= least[c]:
                    found[c] = start + k
                    break
            if found[c] >= 0:
                _score(tables, whole - codes[c], suspects, start, size, scores)
                rest[c] = scores[found[c] - start]
    return found, rest


@kernel
def count_beside(
    sums: Float, squares: Float, suspects: Int, size: int, codes: Int, low: Float, high: Float
) -> tuple[Int, Int]:
    """Count the sets whose score on each choice is below `low`, and those above `high`.

    Parameters are those of `best_scores`; `low` and `high` float64 [choices].
    """
    n_sets = sums.shape[1]
    below, above = np.zeros(len(codes), np.int64), np.zeros(len(codes), np.int64)
    scores = np.empty(WIDTH)
    for start in range(0, n_sets, WIDTH):
        stop = min(start + WIDTH, n_sets)
        tables = _tables(sums, squares, start, stop)
        for c in range(len(codes)):
            _score(tables, codes[c], suspects, start, size, scores)
            under, over = 0, 0
            for k in range(stop - start):
                under += scores[k] < low[c]
                over += scores[k] > high[c]
            below[c] += under
            above[c] += over
    return below, above
