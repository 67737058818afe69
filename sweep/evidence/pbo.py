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
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sweep.evidence.columns import Float, Int, Returns, constant_rows, slices
from sweep.evidence.half_scores import FLAT, best_scores, count_beside, first_sets, halves

TIE = 1e-12
"""Scores this near to each other, relatively, are equal: sets with one active day in a half all
are, whatever that day brought, and rounding must not rank them."""

_PIECE = 4096  # sets of one call of a kernel

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
    returns: Returns,
    *,
    n_blocks: int = 16,
    metric: str = "sharpe",
    min_block_sessions: int = 4,
    heard: Callable[[int], None] = lambda _: None,
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
    heard
        Told of sets that went through one of the two passes after that over `returns`.

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
    selected, omega = _rank_all(blocks, chosen, metric, heard)
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


def _rank_all(
    blocks: _Blocks, chosen: Float, metric: str, heard: Callable[[int], None]
) -> tuple[Int, Float]:
    """Return, per combination, the set that is best on it and its relative rank on the rest."""
    n_sets = blocks.sums.shape[1]
    codes = chosen.astype(np.int64) @ (1 << np.arange(chosen.shape[1]))
    pieces = [(start, min(start + _PIECE, n_sets)) for start in range(0, n_sets, _PIECE)]
    best = np.stack([*_over(pieces, blocks, metric, heard, best_scores, codes)])
    most = best.max(axis=0)
    least = most - TIE * np.abs(most)
    # The first of equals is in the first piece with one.
    holder = (best >= least).argmax(axis=0)
    selected, own = np.empty(len(codes), np.int64), np.empty(len(codes))
    for k, (start, stop) in enumerate(pieces):
        mine = np.flatnonzero(holder == k)
        if len(mine):
            piece = _piece(blocks, metric, start, stop)
            found, own[mine] = first_sets(*piece, codes[mine], least[mine])
            selected[mine] = start + found
    low, high = own - TIE * np.abs(own), own + TIE * np.abs(own)
    rest = (1 << chosen.shape[1]) - 1 - codes
    counts = [*_over(pieces, blocks, metric, heard, count_beside, rest, low, high)]
    less, more = np.sum(counts, axis=0)
    # Rank with ties averaged: sets below, plus (equals including itself + 1) / 2.
    return selected, (less + (n_sets - less - more + 1) / 2) / (n_sets + 1)


def _over(
    pieces: list[tuple[int, int]],
    blocks: _Blocks,
    metric: str,
    heard: Callable[[int], None],
    count: Callable[..., Any],
    *arguments: Any,  # noqa: ANN401
) -> Iterator[Any]:
    """Run a kernel over the sets, piece by piece on all processors of the process."""

    def one(piece: tuple[int, int]) -> Any:  # noqa: ANN401
        return count(*_piece(blocks, metric, *piece), *arguments)

    with ThreadPoolExecutor(_processors()) as threads:
        for (start, stop), found in zip(pieces, threads.map(one, pieces), strict=True):
            yield found
            heard(stop - start)


def _processors() -> int:
    """Return how many this process may use; only Linux knows, elsewhere all are taken."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _piece(blocks: _Blocks, metric: str, start: int, stop: int) -> tuple[Float, Float, Int, int]:
    """Return what kernels read of sets start to stop - 1; the mean ranks like squares of 1."""
    size = blocks.length * len(blocks.sums) // 2
    sums = np.ascontiguousarray(blocks.sums[:, start:stop])
    if metric == "mean":
        return sums, np.ones_like(sums), blocks.suspects[:0], size
    first, after = np.searchsorted(blocks.suspects, (start, stop))
    squares = np.ascontiguousarray(blocks.squares[:, start:stop])
    return sums, squares, blocks.suspects[first:after] - start, size


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
