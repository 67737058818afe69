"""Cut a session axis into in-sample and out-of-sample ranges, and a hold-out off its end. Pure.

Strategies are flat by the close, so labels never cross a session and every cut lies between
sessions. Positions count sessions of the axis from 0.
"""

import dataclasses
import itertools
import math

import numpy as np
from numpy.typing import NDArray

from sweep.search.spec import FoldSettings, HoldoutSettings

Positions = NDArray[np.int64]

_LEAST_IN_SAMPLE = 2  # a confidence bound needs two sessions


@dataclasses.dataclass(frozen=True)
class Fold:
    """One pair of ranges.

    Attributes
    ----------
    in_sample, out_of_sample
        int64, rising positions on the axis; they share none.
    """

    in_sample: Positions
    out_of_sample: Positions


@dataclasses.dataclass(frozen=True)
class Folds:
    """All folds of a sweep.

    Attributes
    ----------
    kind
        `none`, `split`, `walk_forward` or `combinatorial`.
    folds
        In order of their out-of-sample ranges.
    paths
        int64 [paths, groups] for `combinatorial`: fold that tests the group on this path; else
        one row that lists the folds.
    """

    kind: str
    folds: tuple[Fold, ...]
    paths: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of folds."""
        return len(self.folds)


NO_FOLDS = Folds("none", (), np.empty((0, 0), np.int64))


def holdout_sessions(n: int, settings: HoldoutSettings) -> int:
    """Return how many of the last sessions are held out.

    Raises
    ------
    ValueError
        If nothing but the hold-out would be left.
    """
    if not 0.0 <= settings.fraction < 1.0:
        raise ValueError(
            f"holdout.fraction must lie in 0 to below 1, got {settings.fraction}; write "
            f"holdout=none for no hold-out"
        )
    if settings.fraction == 0.0:
        return 0
    # A share of 0.2 of 40 is 8, whatever 0.2 * 40 is in binary.
    held = max(math.ceil(round(settings.fraction * n, 9)), settings.minimum)
    if held >= n:
        raise ValueError(
            f"a hold-out of {held} sessions (holdout.fraction={settings.fraction:g}, at least "
            f"{settings.minimum}) leaves nothing of {n} sessions; take more days or holdout=none"
        )
    return held


def make_folds(n: int, settings: FoldSettings) -> Folds:
    """Cut an axis of `n` sessions (hold-out not among them).

    Raises
    ------
    ValueError
        If the folds cannot work, with the numbers and what would.
    """
    for name in ("purge", "embargo"):
        if getattr(settings, name) < 0:
            raise ValueError(f"folds.{name} must be 0 or more, got {getattr(settings, name)}")
    if n < 1:
        raise ValueError("there is no session to test on; take more days")
    if settings.kind == "none":
        return NO_FOLDS
    makers = {"split": _split, "walk_forward": _walk_forward, "combinatorial": _combinatorial}
    if settings.kind not in makers:
        raise ValueError(
            f"folds.kind must be one of none, {', '.join(makers)}, got {settings.kind!r}"
        )
    folds = makers[settings.kind](n, settings)
    shortest = min(len(fold.in_sample) for fold in folds)
    if shortest < _LEAST_IN_SAMPLE:
        raise ValueError(
            f"every fold needs {_LEAST_IN_SAMPLE} in-sample sessions, got {shortest} with "
            f"folds={settings.kind} on {n} sessions, purge {settings.purge}, embargo "
            f"{settings.embargo}; {_remedies(settings.kind)}, or fewer folds"
        )
    paths = (
        _paths(settings.groups, settings.out_groups)
        if settings.kind == "combinatorial"
        else np.arange(len(folds))[np.newaxis]
    )
    return Folds(settings.kind, tuple(folds), paths)


def _remedies(kind: str) -> str:
    """Return what to do about too few sessions."""
    others = [f"folds={other}" for other in ("split", "none") if other != kind]
    return f"take a longer range, or {' or '.join(others)}"


def _split(n: int, settings: FoldSettings) -> list[Fold]:
    if not 0.0 < settings.fraction < 1.0:
        raise ValueError(f"folds.fraction must lie between 0 and 1, got {settings.fraction}")
    outside = math.ceil(round(settings.fraction * n, 9))
    inside = n - outside - settings.purge - settings.embargo
    if inside < 1:
        raise ValueError(
            f"folds=split leaves no in-sample session: {n} sessions, {outside} out of sample, "
            f"purge {settings.purge}, embargo {settings.embargo}; {_remedies('split')}"
        )
    return [Fold(np.arange(inside), np.arange(n - outside, n))]


def walk_forward_lengths(n: int, settings: FoldSettings) -> tuple[int, int, int]:
    """Return in-sample length, out-of-sample length and step of a walk-forward, in sessions."""
    gap = settings.purge + settings.embargo
    inside, outside = settings.in_sample, settings.out_of_sample
    if outside is None:
        outside = (
            (n - gap) // (settings.count + settings.in_sample_ratio)
            if inside is None
            else (n - gap - inside) // settings.count
        )
    if inside is None:
        inside = settings.in_sample_ratio * outside
    return inside, outside, outside if settings.step is None else settings.step


def _walk_forward(n: int, settings: FoldSettings) -> list[Fold]:
    inside, outside, step = walk_forward_lengths(n, settings)
    gap = settings.purge + settings.embargo
    if outside < 1 and settings.out_of_sample is None:
        ratio = settings.in_sample_ratio
        span = (
            f"folds.in_sample_ratio {ratio}"
            if settings.in_sample is None
            else f"in_sample {inside}"
        )
        least = (ratio if settings.in_sample is None else inside) + settings.count + gap
        raise ValueError(
            f"a walk-forward of {settings.count} folds needs {least} sessions or more ({span} + "
            f"folds.count {settings.count} + purge {settings.purge} + embargo "
            f"{settings.embargo}), got {n}; {_remedies('walk_forward')}"
        )
    if min(inside, outside, step) < 1 or inside + gap + outside > n:
        raise ValueError(
            f"a walk-forward needs in_sample + purge + embargo + out_of_sample sessions, got "
            f"{inside} + {settings.purge} + {settings.embargo} + {outside} with step {step} on "
            f"{n} sessions; {_remedies('walk_forward')}, or set folds.in_sample and "
            f"folds.out_of_sample lower"
        )
    folds = []
    for start in range(0, n - inside - gap - outside + 1, step):
        first = 0 if settings.anchored else start
        begin = start + inside + gap
        folds.append(Fold(np.arange(first, start + inside), np.arange(begin, begin + outside)))
    return folds


def _combinatorial(n: int, settings: FoldSettings) -> list[Fold]:
    groups, chosen = settings.groups, settings.out_groups
    if not 1 <= chosen < groups <= n:
        raise ValueError(
            f"folds=combinatorial needs 1 <= out_groups < groups <= sessions, got out_groups "
            f"{chosen}, groups {groups}, sessions {n}; {_remedies('combinatorial')}"
        )
    blocks = _blocks(n, groups)
    folds = []
    for combination in itertools.combinations(range(groups), chosen):
        outside = np.concatenate([blocks[g] for g in combination])
        dropped = np.zeros(n, np.bool_)
        dropped[outside] = True
        for group in combination:
            first, last = int(blocks[group][0]), int(blocks[group][-1])
            dropped[max(0, first - settings.purge) : first] = True
            dropped[last + 1 : last + 1 + settings.purge + settings.embargo] = True
        folds.append(Fold(np.flatnonzero(~dropped), outside))
    return folds


def _blocks(n: int, groups: int) -> list[Positions]:
    """Cut an axis into groups of equal length, the remainder in the last one."""
    size = n // groups
    edges = [*range(0, size * groups, size), n]
    return [np.arange(a, b) for a, b in itertools.pairwise(edges)]


def _paths(groups: int, chosen: int) -> NDArray[np.int64]:
    """Return the fold that tests each group on each path: int64 [paths, groups]."""
    tests: list[list[int]] = [[] for _ in range(groups)]
    for fold, combination in enumerate(itertools.combinations(range(groups), chosen)):
        for group in combination:
            tests[group].append(fold)
    return np.array(tests, np.int64).T
