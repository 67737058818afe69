"""What trades would have earned had they begun at random bars: the engine draws, evidence counts.

Every trade of a set is given a bar drawn from all evaluable bars in the detector's window, of the
same symbol, side and half-hour of the session, and ends by the same exits under the same fills and
costs. So the number of trades, the time of day and the exits are what they were, and the
signal alone is left out. Random trades may overlap, as the real ones of one symbol do not.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from detectors.evaluate import evaluate
from sweep.engine.block import SymbolTrades
from sweep.engine.candidates import bounds_of
from sweep.engine.jit import kernel
from sweep.engine.placement import DECISION, SIDE, Placed, place
from sweep.engine.set_by_set import follow
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import SymbolData
from sweep.engine.trade import TAKEN, Exits

HALF_HOUR = 30


@kernel
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
    rng = np.random.default_rng(seed)
    sets = ParameterSets.of(detector, values, 1)
    total, count = np.zeros(n_draws), 0
    for data, trades in zip(market, recorded, strict=True):
        candidates = trades.columns["candidate"].astype(np.int64)
        sides = trades.table.prices[candidates, SIDE]
        half_hours = trades.table.places[candidates, DECISION].astype(np.int64) // HALF_HOUR
        for side in np.unique(sides).tolist():
            pool, pool_hours = _pool(detector, data, sets, trades, axis, int(side))
            hours, numbers = np.unique(half_hours[sides == side], return_counts=True)
            for hour, number in zip(hours, numbers, strict=True):
                bars = pool[pool_hours == hour]
                total += bars[rng.integers(0, len(bars), (n_draws, number))].sum(axis=1)
                count += int(number)
    return total / count if count else np.empty(0)


def _pool(
    detector: Detector,
    data: SymbolData,
    sets: ParameterSets,
    trades: SymbolTrades,
    axis: NDArray[np.int32],
    side: int,
) -> tuple[Float, Int]:
    """Return net R and half-hour of every bar that could have been entered, of one side."""
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
    return net[known], places[known, DECISION].astype(np.int64) // HALF_HOUR


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
