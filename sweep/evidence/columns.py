"""Daily net R of many parameter sets, taken a slice at a time.

A sweep can have a million sets, so no function of this package asks for the whole matrix:
`returns` is either one array [sets, sessions] or any iterable of such arrays (parts of the same
sessions, in the order of the sets), float32 or float64. Where a function says "goes over the sets
more than once", a generator will not do: hand over a list, or an object whose `__iter__` starts
afresh.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Returns = NDArray[np.floating[Any]] | Iterable[NDArray[np.floating[Any]]]

SLICE = 1024
"""Sets per slice: 504 sessions of them in float64 are 4 MB and stay in cache."""


@dataclasses.dataclass(frozen=True)
class ColumnMoments:
    """Moments of the daily net R of every set, one row a set.

    Attributes
    ----------
    n_sessions
        Sessions, the same for all sets.
    mean, std
        float64 [sets], R per day; `std` with ddof 1.
    sharpe
        float64 [sets], mean / std per day, 0 where the set never varies.
    skew, kurtosis
        float64 [sets], biased sample moments, kurtosis raw (normal = 3); 0 and 3 for a constant
        set.
    active_days
        int64 [sets], sessions with a result other than 0.
    constant
        bool [sets], True where every day is the same.
    """

    n_sessions: int
    mean: Float
    std: Float
    sharpe: Float
    skew: Float
    kurtosis: Float
    active_days: Int
    constant: Bool


def series(
    values: NDArray[np.floating[Any]], *, name: str = "returns", at_least: int = 1
) -> Float:
    """Check one series and return it as float64 [sessions]."""
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1:
        raise ValueError(f"{name} must be one series, got an array of shape {checked.shape}")
    if len(checked) < at_least:
        raise ValueError(
            f"{name} needs at least {at_least} values, got {len(checked)}; use more sessions"
        )
    finite = np.isfinite(checked)
    if not finite.all():
        place = int(np.argmin(finite))
        raise ValueError(
            f"{name} must be finite, got {checked[place]} at position {place}; "
            "a day without a trade is 0"
        )
    return checked


def slices(returns: Returns, *, width: int = SLICE) -> Iterator[tuple[int, Float]]:
    """Yield the sets in order, at most `width` at a time.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions] or an iterable of such parts.
    width
        Largest number of sets in a slice.

    Yields
    ------
    tuple
        Number of the slice's first set, and float64 [sets of the slice, sessions], all finite.
    """
    parts: Iterable[NDArray[np.floating[Any]]]
    parts = (returns,) if isinstance(returns, np.ndarray) else returns
    first, n_sessions = 0, -1
    for part in parts:
        if part.ndim != 2:
            raise ValueError(f"returns must be [sets, sessions], got shape {part.shape}")
        if n_sessions not in (-1, part.shape[1]):
            raise ValueError(
                f"all parts must have the same sessions, got {part.shape[1]} after {n_sessions}"
            )
        n_sessions = part.shape[1]
        if n_sessions == 0:
            raise ValueError(f"returns need sessions, got shape {part.shape}; use more days")
        for start in range(0, len(part), width):
            piece = np.asarray(part[start : start + width], dtype=np.float64)
            if not np.isfinite(piece).all():
                row, column = np.argwhere(~np.isfinite(piece))[0]
                raise ValueError(
                    f"returns must be finite, got {piece[row, column]} for set {first + row} in "
                    f"session {column}; a day without a trade is 0"
                )
            yield first, piece
            first += len(piece)
    if first == 0:
        raise ValueError("returns must hold at least one set, got none")


def repeatable(returns: Returns) -> Returns:
    """Refuse an iterator, which would be empty the second time."""
    if isinstance(returns, Iterator):
        raise TypeError(
            "returns is gone over more than once, got a one-shot iterator; hand over an array, "
            "a list of arrays or an object whose __iter__ starts afresh"
        )
    return returns


def constant_rows(block: Float) -> Bool:
    """Tell which rows of [sets, sessions] never change."""
    changing: Bool = block.max(axis=1) != block.min(axis=1)
    return ~changing


def column_moments(returns: Returns) -> ColumnMoments:
    """Compute the moments of every set, in one pass.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions >= 2] or an iterable of such parts.

    Returns
    -------
    ColumnMoments
        One row a set, in the order of `returns`.
    """
    found = [_moments(block) for _, block in slices(returns)]
    names = [field.name for field in dataclasses.fields(ColumnMoments)][1:]
    joined = (np.concatenate([getattr(moments, name) for moments in found]) for name in names)
    return ColumnMoments(found[0].n_sessions, *joined)


def _moments(block: Float) -> ColumnMoments:
    n_sessions = block.shape[1]
    if n_sessions < 2:
        raise ValueError(f"a Sharpe ratio needs at least 2 sessions, got {n_sessions}")
    constant = constant_rows(block)
    mean = block.mean(axis=1)
    deviation = block - mean[:, None]
    squares = deviation * deviation
    second = np.where(constant, 1.0, squares.mean(axis=1))
    third = (squares * deviation).mean(axis=1)
    fourth = (squares * squares).mean(axis=1)
    std = np.sqrt(second * (n_sessions / (n_sessions - 1)))
    return ColumnMoments(
        n_sessions=n_sessions,
        mean=mean,
        std=np.where(constant, 0.0, std),
        sharpe=np.where(constant, 0.0, mean / std),
        skew=np.where(constant, 0.0, third / second**1.5),
        kurtosis=np.where(constant, 3.0, fourth / second**2),
        active_days=np.count_nonzero(block, axis=1).astype(np.int64),
        constant=constant,
    )
