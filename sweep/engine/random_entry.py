"""What trades would have earned had they begun at random bars: the engine draws, evidence counts.

A draw gives all trades of a session another session: each of them begins at a bar drawn from the
evaluable bars in the detector's window, of the same symbol, side and half-hour, and ends by the
same exits under the same fills and costs. So the number of trades a session, what is traded
together, the time of day and the exits are what they were, and the signal alone is left out: which
session, and which bar of the half-hour. Whole sessions move because trades of one session succeed
and fail together; drawn one by one they would spread less than luck does. Random trades may
overlap, as the real ones of one symbol do not.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from detectors.evaluate import evaluate
from sweep.engine.block import SymbolTrades
from sweep.engine.candidates import bounds_of
from sweep.engine.jit import making
from sweep.engine.placement import AXIS, DECISION, SIDE, Placed, place
from sweep.engine.set_by_set import follow
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import SymbolData
from sweep.engine.trade import TAKEN, Exits

HALF_HOUR = 30


@making
def _each_net(placed: Placed, exits: Exits, terms: Terms, in_parts: bool | None) -> Float:
    """Return net R of an entry at each candidate on its own, NaN where it becomes no trade."""
    out = np.full(len(placed.prices), np.nan)
    for i in range(len(placed.prices)):
        trade = follow(placed, i, exits, terms, in_parts)
        if trade.drop == TAKEN:
            out[i] = trade.net
    return out


def random_entries(
    detector: Detector,
    market: Sequence[SymbolData],
    values: Mapping[str, float],
    recorded: Sequence[SymbolTrades],
    *,
    axis: NDArray[np.int32],
    sessions: Int | None = None,
    n_draws: int = 1_000,
    seed: int = 0,
) -> Float:
    """Draw random entries for the trades of one set.

    Parameters
    ----------
    detector, market, values
        Registry entry, symbols, parameter name -> value.
    recorded
        Trades of the set, in the order of `market` (`evaluate_single`).
    axis
        int32 [sessions], column of the session axis, -1 outside it.
    sessions
        Columns of the axis: trades of no other count, and no bar of another is drawn. None: all.
    n_draws
        Draws, at least 1.
    seed
        Of the generator; equal seeds give equal draws.

    Returns
    -------
    numpy.ndarray
        float64 [draws], mean net R a trade; empty where the set has no trade.
    """
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws}")
    width = int(axis.max(initial=-1)) + 1
    among = np.arange(width) if sessions is None else sessions
    cells: list[_Cell] = []
    for data, trades in zip(market, recorded, strict=True):
        cells += _cells(detector, data, values, trades, axis, width)
    if not cells:
        return np.empty(0)
    # Sessions with the same trades in the same cells share their donors: those with such bars.
    patterns, count = np.unique(
        np.stack([cell.trades[among] for cell in cells]), axis=1, return_counts=True
    )
    rng = np.random.default_rng(seed)
    total = np.zeros(n_draws)
    for pattern, repeats in zip(patterns.T, count.tolist(), strict=True):
        used = [(cell, number) for cell, number in zip(cells, pattern, strict=True) if number]
        if not used:
            continue
        held = np.stack([cell.bars[among] for cell, _ in used])
        donors = rng.choice(among[(held > 0).all(axis=0)], (n_draws, repeats))
        for cell, number in used:
            total += cell.draw(donors, int(number), rng)
    n_trades = int((patterns.sum(axis=0) * count).sum())
    return total / n_trades if n_trades else np.empty(0)


@dataclasses.dataclass(frozen=True)
class _Cell:
    """A symbol, side and half-hour that the set traded in.

    `trades`, `bars` and `start` int64 [columns of the axis]: trades of the set, bars that could
    have been entered, and where these begin in `net`, float64 [bars], net R by session.
    """

    trades: Int
    bars: Int
    start: Int
    net: Float

    def draw(self, donors: Int, number: int, rng: np.random.Generator) -> Float:
        """Return the sum of so many random trades in each donor session, float64 [draws]."""
        place = rng.random((*donors.shape, number)) * self.bars[donors][..., np.newaxis]
        rows = self.start[donors][..., np.newaxis] + place.astype(np.int64)
        found: Float = self.net[rows].sum(axis=(1, 2))
        return found


def _cells(
    detector: Detector,
    data: SymbolData,
    values: Mapping[str, float],
    trades: SymbolTrades,
    axis: NDArray[np.int32],
    width: int,
) -> list[_Cell]:
    """Return the cells of one symbol that the set traded in."""
    candidates = trades.columns["candidate"].astype(np.int64)
    places = trades.table.places[candidates]
    sides = trades.table.prices[candidates, SIDE]
    hours = places[:, DECISION].astype(np.int64) // HALF_HOUR
    sets, found = ParameterSets.of(detector, values, 1), []
    for side in np.unique(sides).tolist():
        net, columns, pool_hours = _pool(detector, data, sets, trades, axis, int(side))
        for hour in np.unique(hours[sides == side]).tolist():
            mine = (sides == side) & (hours == hour)
            rows = np.flatnonzero(pool_hours == hour)
            rows = rows[np.argsort(columns[rows], kind="stable")]
            bars = np.bincount(columns[rows], minlength=width)
            number = np.bincount(places[mine, AXIS], minlength=width)
            found.append(_Cell(number, bars, np.cumsum(bars) - bars, net[rows]))
    return found


def _pool(
    detector: Detector,
    data: SymbolData,
    sets: ParameterSets,
    trades: SymbolTrades,
    axis: NDArray[np.int32],
    side: int,
) -> tuple[Float, Int, Int]:
    """Return net R, column of the axis and half-hour of every bar that could be entered."""
    bars, table = data.features.bars, trades.table
    evaluable = evaluate(detector, data.features, sets.row(0)).evaluable
    rows = np.flatnonzero(evaluable & (axis[bars.session] >= 0))
    sides = np.full(len(rows), side, np.int8)
    prices, places, first_at, (adverse, favourable) = place(
        data, table.fills, table.terms, rows, sides, axis, bounds_of(sets)
    )
    placed = Placed(prices, places, first_at, table.at_row, adverse, favourable, table.fills.rows)
    in_parts = table.terms.participation > 0 or table.terms.impact > 0
    net = _each_net(placed, _exits_of(sets), table.terms, True if in_parts else None)
    known = ~np.isnan(net)
    columns, minutes = places[known, AXIS], places[known, DECISION]
    return net[known], columns.astype(np.int64), minutes.astype(np.int64) // HALF_HOUR


def _exits_of(sets: ParameterSets) -> Exits:
    one = sets.row(0)
    return Exits(
        stop_atr=one["stop_atr"],
        target_atr=one["target_atr"],
        breakeven=one["breakeven_atr"],
        trail=one["trail_atr"],
        hold_bars=int(one["max_hold_bars"]),
        flat_minutes=int(one["flat_before_close_minutes"]),
        cooldown_bars=int(one["cooldown_bars"]),
    )
