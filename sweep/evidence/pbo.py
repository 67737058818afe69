"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting", Journal of
Computational Finance 20(4), 2016. The sessions are cut into S blocks; for each choice of S/2 of
them the set that is best there is ranked on the other half. Conventions: the first T mod S
sessions are dropped, ranks ascend with ties averaged, omega = rank / (N + 1), and logit <= 0
counts as overfit.

Read it beside the deflated Sharpe ratio and SPA: sets that are all good and alike give about 0.5
too, and in noise it spreads widely around 0.5 (`PboResult.null_sd`). The slope is strongly
negative in pure noise (-0.3 on average), because both halves share one total: it is no sign of
decay by itself.
"""

import dataclasses
import math

import numpy as np

from sweep.evidence.columns import Float, Int, Returns, constant_rows, slices
from sweep.evidence.half_sums import halves, sums_and_rests

TINY = float(np.finfo(np.float64).tiny)

FLAT = 1e-12
"""A half whose variance is below this share of its mean square does not vary: Sharpe ratio 0."""

TIE = 1e-12
"""Scores this near to each other, relatively, are equal: sets with one active day in a half all
are, whatever that day brought, and rounding must not rank them."""

NULL_SD = (
    (2, 0.297),
    (10, 0.227),
    (30, 0.180),
    (100, 0.149),
    (300, 0.126),
    (1_000, 0.109),
    (3_000, 0.085),
    (10_000, 0.079),
)
"""Sets, and deviation of PBO over 400 (from 1,000 sets on 300, 120, 60) sweeps of normal noise,
320 sessions, 16 blocks; 1,000 sessions give .153 at 100 sets, 10 blocks .116 at 1,000."""


@dataclasses.dataclass(frozen=True)
class PboResult:
    """Outcome of the cross-validation.

    Attributes
    ----------
    pbo
        Share of combinations whose in-sample best ends at or below the out-of-sample median.
    null_sd
        Standard deviation of `pbo` over sweeps of independent sets without edge (mean 0.5).
    slope, intercept
        Regression of out-of-sample on in-sample metric of the selected sets; NaN where all
        in-sample values are equal.
    prob_oos_loss
        Share of combinations whose selected set has a negative metric out of sample.
    omega, logits
        float64 [combinations], relative rank in (0, 1) and ln(omega / (1 - omega)).
    selected
        int64 [combinations], number of the in-sample best set (the first of equals).
    in_sample, out_of_sample
        float64 [combinations], its metric on both halves, per day.
    n_sets, n_sessions, n_blocks, dropped
        Sets, sessions used, blocks, and sessions dropped at the start.
    """

    pbo: float
    null_sd: float
    slope: float
    intercept: float
    prob_oos_loss: float
    omega: Float
    logits: Float
    selected: Int
    in_sample: Float
    out_of_sample: Float
    n_sets: int
    n_sessions: int
    n_blocks: int
    dropped: int


@dataclasses.dataclass(frozen=True)
class _Blocks:
    """Sums of returns and of their squares, float64 [blocks, sets].

    `suspects` numbers sets that never vary in half of the blocks or more without being 0 there.
    """

    sums: Float
    squares: Float
    suspects: Int
    length: int
    dropped: int


def pbo_cscv(
    returns: Returns, *, n_blocks: int = 16, metric: str = "sharpe", min_block_sessions: int = 4
) -> PboResult:
    """Estimate the probability that the best set in sample is below the median out of sample.

    Parameters
    ----------
    returns
        Daily net R, [sets >= 2, sessions] or an iterable of such parts. A constant set has Sharpe
        ratio 0.
    n_blocks
        S, even: 16 gives 12,870 combinations, 8 gives 70.
    metric
        `sharpe` (per day, ddof 1) or `mean`.
    min_block_sessions
        Fewest sessions a block may have; 10 and more are sensible.

    Returns
    -------
    PboResult
        Combinations in the order of `itertools.combinations`.
    """
    if n_blocks < 2 or n_blocks % 2:
        raise ValueError(f"n_blocks must be even and at least 2, got {n_blocks}")
    if metric not in ("sharpe", "mean"):
        raise ValueError(f"metric must be one of sharpe, mean, got {metric!r}")
    blocks = _block_sums(returns, n_blocks, max(min_block_sessions, 2))
    n_sets = blocks.sums.shape[1]
    if n_sets < 2:
        raise ValueError(f"overfitting needs at least 2 sets to choose from, got {n_sets}")
    chosen = halves(n_blocks)
    selected, omega = _rank_all(blocks, chosen, metric)
    return _result(blocks, chosen, metric, selected, omega)


def null_sd(n_sets: int) -> float:
    """Return the standard deviation of PBO over sweeps of independent sets without edge, S = 16.

    Interpolated in ln N between simulated values; a sweep of alike sets behaves as one of its
    effective number.
    """
    sets, spread = zip(*NULL_SD, strict=True)
    return float(np.interp(math.log(max(n_sets, 1)), np.log(sets), spread))


def _block_sums(returns: Returns, n_blocks: int, least: int) -> _Blocks:
    sums, squares, suspects, length, dropped = [], [], [], 0, 0
    for first, block in slices(returns):
        length, dropped = divmod(block.shape[1], n_blocks)
        if length < least:
            raise ValueError(
                f"each of {n_blocks} blocks needs at least {least} sessions, got "
                f"{block.shape[1]} sessions in all; use fewer blocks or more sessions"
            )
        cut = block[:, dropped:].reshape(len(block), n_blocks, length)
        varying = ~constant_rows(cut.reshape(len(block), -1))
        sums.append((cut.sum(axis=2) * varying[:, None]).T)
        squares.append((np.einsum("ijk,ijk->ij", cut, cut) * varying[:, None]).T)
        level = (cut.max(axis=2) == cut.min(axis=2)) & (cut[:, :, 0] != 0)
        many = level.sum(axis=1) >= n_blocks // 2
        suspects.append(first + np.flatnonzero(varying & many))
    return _Blocks(
        np.concatenate(sums, axis=1),
        np.concatenate(squares, axis=1),
        np.concatenate(suspects),
        length,
        dropped,
    )


def _rank_all(blocks: _Blocks, chosen: Float, metric: str) -> tuple[Int, Float]:
    """Return, per combination, the set that is best on it and its relative rank on the rest."""
    n_sets, half = blocks.sums.shape[1], len(chosen) // 2
    less, more = np.empty(len(chosen)), np.empty(len(chosen))
    selected = np.empty(len(chosen), dtype=np.int64)
    flags, spare = np.empty(n_sets, dtype=np.bool_), np.empty(n_sets)
    # The complement of combination i is combination n - 1 - i, so each pair is scored once.
    sums = sums_and_rests(blocks.sums, chosen[:half])
    squares = sums_and_rests(blocks.squares, chosen[:half])
    for i, (total, square) in enumerate(zip(sums, squares, strict=True)):
        if metric == "sharpe":
            for side in (0, 1):
                _score(blocks, total[side], square[side], spare)
        for row, inside, outside in ((i, *total), (len(chosen) - 1 - i, *total[::-1])):
            best = float(inside.max())
            np.greater_equal(inside, best - TIE * abs(best), out=flags)
            selected[row] = flags.argmax()
            own = float(outside[selected[row]])
            np.less(outside, own - TIE * abs(own), out=flags)
            less[row] = np.count_nonzero(flags)
            np.greater(outside, own + TIE * abs(own), out=flags)
            more[row] = np.count_nonzero(flags)
    # Rank with ties averaged: sets below, plus (equals including itself + 1) / 2.
    return selected, (less + (n_sets - less - more + 1) / 2) / (n_sets + 1)


def _score(blocks: _Blocks, total: Float, square: Float, spare: Float) -> None:
    """Turn sums over half of the blocks into values that rank like the Sharpe ratio, in place.

    That ratio rises with `s |s| / q` (s sum, q sum of squares of the half), which needs no root
    and no difference of nearly equal numbers.
    """
    if len(blocks.suspects):
        size = blocks.length * len(blocks.sums) // 2
        sums, squares = total[blocks.suspects], square[blocks.suspects] * size
        total[blocks.suspects] = np.where(squares - sums**2 <= FLAT * squares, 0.0, sums)
    np.abs(total, out=spare)
    np.multiply(total, spare, out=total)
    np.maximum(square, TINY, out=square)
    np.divide(total, square, out=total)


def _metric_of(blocks: _Blocks, chosen: Float, selected: Int, metric: str) -> Float:
    """Return the metric of one set per combination on the chosen blocks."""
    size = blocks.length * chosen.shape[1] // 2
    total = np.einsum("ij,ji->i", chosen, blocks.sums[:, selected])
    mean: Float = total / size
    if metric == "mean":
        return mean
    square = np.einsum("ij,ji->i", chosen, blocks.squares[:, selected])
    spread = square - total**2 / size
    varies = spread > FLAT * square
    scale = np.sqrt(np.where(varies, spread, 1.0) / (size - 1))
    found: Float = np.where(varies, mean / scale, 0.0)
    return found


def _result(blocks: _Blocks, chosen: Float, metric: str, selected: Int, omega: Float) -> PboResult:
    n_blocks, n_sets = blocks.sums.shape
    inside = _metric_of(blocks, chosen, selected, metric)
    outside = _metric_of(blocks, 1 - chosen, selected, metric)
    logits = np.log(omega / (1 - omega))
    away = inside - inside.mean()
    spread = float(away @ away)
    slope = float(away @ outside) / spread if spread > 0 else math.nan
    return PboResult(
        pbo=float(np.mean(logits <= 0)),
        null_sd=null_sd(n_sets),
        slope=slope,
        intercept=float(outside.mean() - slope * inside.mean()),
        prob_oos_loss=float(np.mean(outside < 0)),
        omega=omega,
        logits=logits,
        selected=selected,
        in_sample=inside,
        out_of_sample=outside,
        n_sets=n_sets,
        n_sessions=blocks.length * n_blocks,
        n_blocks=n_blocks,
        dropped=blocks.dropped,
    )
