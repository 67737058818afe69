"""Chosen sets among trades that begin at random bars: does the signal matter? Pure."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from detectors.bars import Float, Int
from sweep.engine.random_entry import random_entries
from sweep.evidence.random_entry import RandomEntry, random_entry_test
from sweep.search.chosen_sets import FullSets
from sweep.search.plan import DetectorPlan
from sweep.search.stitching import Stitched


@dataclasses.dataclass(frozen=True)
class RandomStarts:
    """Chosen sets among random entries; None where there is no trade.

    Attributes
    ----------
    out_of_sample
        The stitched series: each fold's set on its sessions, all folds together.
    folds
        One a fold, on the sessions of the stitched series that are its own.
    final
        The final set on all sessions outside the hold-out, by which it was chosen.
    """

    out_of_sample: RandomEntry | None = None
    folds: tuple[RandomEntry | None, ...] = ()
    final: RandomEntry | None = None


NO_STARTS = RandomStarts()


def among_random(
    plan: DetectorPlan,
    full: FullSets,
    final: str | None,
    folds: Sequence[str | None],
    stitched: Stitched | None,
) -> RandomStarts:
    """Compare the chosen sets of a detector with random entries.

    Parameters
    ----------
    plan, full
        Detector, and its chosen sets with their trades.
    final, folds
        Ids of the final set and of each fold's; None where no set was feasible.
    stitched
        Out-of-sample series of the folds' sets; None where there is none.
    """
    whole = None if final is None else _tested(*_drawn(plan, full, final, None, seed=0))
    if stitched is None:
        return RandomStarts(final=whole)
    parts = [
        (0.0, 0, np.empty(0))
        if name is None
        else _drawn(plan, full, name, stitched.sessions[stitched.owners == fold], seed=1 + fold)
        for fold, name in enumerate(folds)
    ]
    known = [part for part in parts if part[1]]
    together = (
        sum(total for total, _, _ in known),
        sum(trades for _, trades, _ in known),
        sum((draws for _, _, draws in known), np.zeros(1)),
    )
    return RandomStarts(_tested(*together), tuple(_tested(*part) for part in parts), whole)


def _drawn(
    plan: DetectorPlan, full: FullSets, name: str, sessions: Int | None, *, seed: int
) -> tuple[float, int, Float]:
    """Return net R and trades of a set on some sessions, and its R in each draw."""
    block = full.results[name].block
    daily, trades = block.daily[0], block.daily_trades[0]
    if sessions is not None:
        daily, trades = daily[sessions], trades[sessions]
    draws = random_entries(
        plan.detector,
        plan.symbols,
        full.values[name],
        block.trades,
        axis=plan.axis,
        sessions=sessions,
        seed=seed,
    )
    count = int(trades.sum())
    return float(daily.sum()), count, draws * count


def _tested(total: float, trades: int, draws: Float) -> RandomEntry | None:
    return random_entry_test(total / trades, draws / trades) if trades else None
