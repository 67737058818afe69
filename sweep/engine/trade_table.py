"""Recorded trades as the columns that users see (`trades.parquet`, DESIGN.md 5)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Int
from sweep.engine.block import SymbolTrades
from sweep.engine.symbol_data import MINUTE
from sweep.engine.trade import EXIT_REASONS

COLUMNS = (
    "set_id",
    "detector",
    "symbol",
    "side",
    "signal_ts",
    "entry_ts",
    "entry_price",
    "stop",
    "target",
    "exit_ts",
    "exit_price",
    "exit_reason",
    "quantity",
    "r_gross",
    "r_net",
    "score",
    "ambiguous",
    "bars_held",
)


def trade_columns(
    detector: str, recorded: SymbolTrades, set_ids: Sequence[str]
) -> dict[str, NDArray[np.generic]]:
    """Return the trades of a block on one symbol.

    Parameters
    ----------
    detector
        Name of the detector.
    recorded
        Trades of one symbol.
    set_ids
        Id of every set of the block.

    Returns
    -------
    dict
        Name of `COLUMNS` -> array, one entry a trade, sorted by set, then time. Instants are int64
        UTC ns; entry and exit are the starts of the fill bars; prices are real and include
        slippage.
    """
    table, raw = recorded.table, recorded.columns
    fills = table.fills
    index = {
        name: raw[name].astype(np.int64)
        for name in ("set", "candidate", "entry_bar", "exit_bar", "reason")
    }
    n = len(raw["score"])

    def bucket(bar: Int) -> Int:
        minute: Int = fills.rows[bar, MINUTE].astype(np.int64)
        return minute // table.terms.bar_minutes

    return {
        "set_id": np.array(set_ids, dtype=object)[index["set"]],
        "detector": np.full(n, detector, dtype=object),
        "symbol": np.full(n, table.symbol, dtype=object),
        "side": table.side[index["candidate"]],
        "signal_ts": table.signal_ts[index["candidate"]],
        "entry_ts": fills.ts[index["entry_bar"]],
        "entry_price": raw["entry_price"],
        "stop": raw["stop"],
        "target": raw["target"],
        "exit_ts": fills.ts[index["exit_bar"]],
        "exit_price": raw["exit_price"],
        "exit_reason": np.array(EXIT_REASONS, dtype=object)[index["reason"]],
        "quantity": raw["quantity"],
        "r_gross": raw["r_gross"],
        "r_net": raw["r_net"],
        "score": raw["score"],
        "ambiguous": raw["ambiguous"] > 0,
        "bars_held": bucket(index["exit_bar"]) - bucket(index["entry_bar"]) + 1,
    }
