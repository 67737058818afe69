"""One series that nobody chose by looking at it: each fold's set on its out-of-sample sessions.

It judges the procedure (search, then choice inside the fold), not one parameter set. Pure.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.engine.block import BlockResult
from sweep.evidence.validation import WalkForwardEfficiency, walk_forward_efficiency
from sweep.search.folds import Folds, Positions

Int = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class SetSeries:
    """What a set did, session by session.

    Attributes
    ----------
    daily
        float64 [sessions], net R.
    trades
        int64 [sessions], trades entered.
    gross
        float64 [sessions], R before slippage, spread and fees.
    turnover
        float64 [sessions], bought and sold over the initial risk; 1 bp of cost a side takes 1e-4
        of it, in R.
    """

    daily: Float
    trades: Int
    gross: Float
    turnover: Float

    def take(self, sessions: Positions) -> "SetSeries":
        """Return some of the sessions."""
        columns = (getattr(self, field.name)[sessions] for field in dataclasses.fields(self))
        return SetSeries(*columns)


@dataclasses.dataclass(frozen=True)
class Stitched:
    """Out-of-sample sessions of all folds, each with the set chosen for it.

    Attributes
    ----------
    series
        In the order of the sessions; 0 where a fold found no feasible set, so did not trade.
    sessions
        int64, rising positions on the axis.
    owners
        int64 [sessions], fold whose set traded each.
    path
        Row of `Folds.paths` it follows: the only one, or the median one of combinatorial folds.
    empty_folds
        Folds without a feasible set.
    efficiency
        Out-of-sample against in-sample means of the other folds; None where there are none.
    """

    series: SetSeries
    sessions: Positions
    owners: Int
    path: int
    empty_folds: int
    efficiency: WalkForwardEfficiency | None


def set_series(block: BlockResult) -> SetSeries:
    """Return the series of the only set of a block that recorded its trades."""
    n_sessions = block.daily.shape[1]
    gross, turnover = np.zeros(n_sessions), np.zeros(n_sessions)
    for recorded in block.trades:
        columns, terms = recorded.columns, recorded.table.terms
        table, rows = recorded.table, columns["candidate"].astype(np.int64)
        side, session = table.side[rows], table.session[rows]
        entry = columns["entry_price"]
        risk = np.maximum(np.abs(entry - columns["stop"]), 1 / table.ticks[rows])
        opening = (entry - side * terms.half_spread) / (1 + side * terms.slippage)
        closing = opening + side * columns["r_gross"] * risk
        np.add.at(gross, session, columns["r_gross"])
        np.add.at(turnover, session, (np.abs(opening) + np.abs(closing)) / risk)
    return SetSeries(block.daily[0], block.daily_trades[0].astype(np.int64), gross, turnover)


def stitch(folds: Folds, chosen: Sequence[SetSeries | None]) -> Stitched | None:
    """Join the folds' out-of-sample sessions.

    Parameters
    ----------
    folds
        Of the detector's axis.
    chosen
        One series a fold, on the whole axis; None where no set was feasible.

    Returns
    -------
    Stitched or None
        None without folds, or where no fold has a set. Where windows overlap, a session belongs
        to the last fold that tests it, whose choice is the newest.
    """
    known = [one for one in chosen if one is not None]
    if not known:
        return None
    idle = SetSeries(*(np.zeros_like(column) for column in dataclasses.astuple(known[0])))
    series = [idle if one is None else one for one in chosen]
    owners = [_owners(folds, path, len(idle.daily)) for path in range(len(folds.paths))]
    means = [float(np.mean(_join(series, owner).daily)) for owner in owners]
    # The lower median, so that an even number of paths does not take the better half.
    middle = int(np.argsort(means, kind="stable")[(len(means) - 1) // 2])
    sessions = np.flatnonzero(owners[middle] >= 0)
    return Stitched(
        series=_join(series, owners[middle]),
        sessions=sessions,
        owners=owners[middle][sessions],
        path=middle,
        empty_folds=len(chosen) - len(known),
        efficiency=_efficiency(folds, chosen),
    )


def _owners(folds: Folds, path: int, n_sessions: int) -> Int:
    """Return the fold whose set trades each session of a path, -1 for none."""
    owner = np.full(n_sessions, -1, np.int64)
    for group, fold in enumerate(folds.paths[path].tolist()):
        if folds.kind == "combinatorial":
            # A group is what all folds that test it have in common.
            tested = [folds.folds[k].out_of_sample for k in folds.paths[:, group].tolist()]
            owner[functools.reduce(np.intersect1d, tested)] = fold
        else:
            owner[folds.folds[fold].out_of_sample] = fold
    return owner


def _join(series: Sequence[SetSeries], owner: Int) -> SetSeries:
    """Take each owned session from the series of its owner."""
    sessions = np.flatnonzero(owner >= 0)
    who = owner[sessions]
    return SetSeries(
        *(
            np.stack([getattr(one, field.name) for one in series])[who, sessions]
            for field in dataclasses.fields(SetSeries)
        )
    )


def _efficiency(folds: Folds, chosen: Sequence[SetSeries | None]) -> WalkForwardEfficiency | None:
    pairs = [
        (one.daily[fold.in_sample].mean(), one.daily[fold.out_of_sample].mean(), fold)
        for fold, one in zip(folds.folds, chosen, strict=True)
        if one is not None
    ]
    return walk_forward_efficiency(
        np.array([before for before, _, _ in pairs]),
        np.array([after for _, after, _ in pairs]),
        np.array([len(fold.out_of_sample) for _, _, fold in pairs]),
    )
