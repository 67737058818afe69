"""A small bar store made in a moment: minutes of seeded random walks."""

import datetime as dt

import numpy as np
import pyarrow as pa

from detectors.bars import MINUTE_NS
from sweep.market.calendar import as_dates, session_table
from sweep.market.schema import BARS
from sweep.store.lake import Lake


def write_minutes(root, symbol, seed, first=dt.date(2024, 1, 2), last=dt.date(2024, 3, 29)):
    """Write the minutes of a symbol, month by month."""
    table = session_table(first, last)
    rng = np.random.default_rng(seed)
    days = as_dates(table)
    price, months = 100.0, {}
    for k, day in enumerate(days):
        ts = np.arange(table.open_ns[k], table.close_ns[k], MINUTE_NS)
        n = len(ts)
        close = price * np.exp(
            np.cumsum(rng.normal(0, 8e-4, n) * rng.choice([1, 3], n, p=[0.9, 0.1]))
        )
        opening = np.concatenate([[price], close[:-1]])
        reach = np.abs(rng.normal(0, 3e-4, n)) * close
        columns = {
            "symbol": [symbol] * n,
            "timeframe": ["1m"] * n,
            "ts": ts,
            "open": np.round(opening, 2),
            "high": np.round(np.maximum(opening, close) + reach, 2),
            "low": np.round(np.minimum(opening, close) - reach, 2),
            "close": np.round(close, 2),
            "volume": np.rint(rng.lognormal(8, 0.8, n)),
            "vwap": np.full(n, np.nan),
            "vwap_basis": [None] * n,
            "trades": [None] * n,
            "phase": ["regular"] * n,
            "source": ["test"] * n,
        }
        price = close[-1]
        arrays = [pa.array(columns[f.name], f.type, from_pandas=True) for f in BARS]
        months.setdefault(f"{day:%Y-%m}", []).append(pa.table(arrays, schema=BARS))
    for month, parts in months.items():
        Lake(root).replace_month(symbol, "1m", month, pa.concat_tables(parts))
