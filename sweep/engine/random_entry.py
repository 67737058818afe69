"""What trades would have earned had they begun at random bars: the engine draws, evidence counts.

Every trade of a set is given a bar drawn from all evaluable bars in the detector's window, of the
same symbol, side and half-hour of the session, and ends by the same exits under the same fills and
costs. So the number of trades a session, the time of day and the exits are what they were, and the
signal alone is left out. Random trades may overlap, as the real ones of one symbol do not.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from detectors.evaluate import evaluate
from sweep.engine.block import EXITS, SymbolTrades
from sweep.engine.block import _order as order_of
from sweep.engine.candidates import AXIS, DECISION, SIDE
from sweep.engine.candidates import _place as place_among_fills
from sweep.engine.jit import kernel
from sweep.engine.partial_fills import trade_in_parts
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import SymbolData
from sweep.engine.trade import TAKEN
from sweep.engine.whole_fills import trade_whole

HALF_HOUR = 30


@kernel
def _each_net(
    rows: Float,
    first_at: Int,
    adverse: Float,
    favourable: Float,
    fills: Float,
    terms: Terms,
    in_parts: bool | None,
    exits: Float,
) -> Float:
    """Return net R of an entry at each candidate on its own, NaN where it becomes no trade."""
    out = np.full(len(rows), np.nan)
    for i in range(len(rows)):
        asked = order_of(rows[i], first_at, exits, terms.bar_minutes)
        if in_parts is None:
            trade = trade_whole(adverse, favourable, fills, asked, terms)
        else:
            trade = trade_in_parts(fills, asked, terms)
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
    exits = np.array([ParameterSets.of(detector, values, 1).values[name][0] for name in EXITS])
    total, count = np.zeros(n_draws), 0
    for data, trades in zip(market, recorded, strict=True):
        taken = trades.table.rows[trades.columns["candidate"].astype(np.int64)]
        for side in np.unique(taken[:, SIDE]).tolist():
            hours = (taken[taken[:, SIDE] == side, DECISION] // HALF_HOUR).astype(np.int64)
            pool, pool_hours = _pool(detector, data, values, trades, axis, int(side), exits)
            for hour, number in zip(*np.unique(hours, return_counts=True), strict=True):
                bars = pool[pool_hours == hour]
                total += bars[rng.integers(0, len(bars), (n_draws, number))].sum(axis=1)
                count += int(number)
    return total / count if count else np.empty(0)


def _pool(
    detector: Detector,
    data: SymbolData,
    values: Mapping[str, float],
    trades: SymbolTrades,
    axis: NDArray[np.int32],
    side: int,
    exits: Float,
) -> tuple[Float, Int]:
    """Return net R and half-hour of every bar that could have been entered, of one side."""
    bars, table = data.features.bars, trades.table
    evaluable = evaluate(detector, data.features, values).evaluable
    rows = np.flatnonzero(evaluable & (axis[bars.session] >= 0))
    sides = np.full(len(rows), side, np.int8)
    matrix, first_at, (adverse, favourable) = place_among_fills(
        data, table.fills, rows, sides, axis
    )
    moving = table.terms.participation > 0 or table.terms.impact > 0
    net = _each_net(
        matrix,
        first_at,
        adverse,
        favourable,
        table.fills.rows,
        table.terms,
        True if moving else None,
        exits,
    )
    known = ~np.isnan(net) & (matrix[:, AXIS] >= 0)
    hours = (matrix[known, DECISION] // HALF_HOUR).astype(np.int64)
    return net[known], hours
