"""A sample market straight into a bar store: what sample and backfill leave, in a second."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from sweep.ingest.sample.clock import grid_of, last_sessions
from sweep.ingest.sample.generate import build
from sweep.ingest.sample.spec import SampleSpec
from sweep.market.schema import BARS
from sweep.store.lake import Lake


def write_market(root: Path, spec: SampleSpec) -> tuple[str, ...]:
    """Write the regular minutes of a sample market and return its symbols."""
    grid = grid_of(last_sessions(spec.sessions, spec.last))
    _, tickers = build(spec, grid)
    lake, names = Lake(root), []
    for rows in tickers:
        name = rows.ticker.name.removeprefix("I:")
        kept = grid.regular & rows.present
        n = int(kept.sum())
        prices = {
            column: getattr(rows, column)[kept] / 100
            for column in ("open", "high", "low", "close")
        }
        volume = np.full(n, np.nan) if rows.volume is None else np.rint(rows.volume[kept])
        columns = prices | {
            "symbol": [name] * n,
            "timeframe": ["1m"] * n,
            "ts": grid.ts[kept],
            "volume": volume,
            "vwap": np.full(n, np.nan),
            "vwap_basis": [None] * n,
            "trades": [None] * n,
            "phase": ["regular"] * n,
            "source": ["sample"] * n,
        }
        arrays = [pa.array(columns[f.name], f.type, from_pandas=True) for f in BARS]
        table = pa.table(arrays, schema=BARS)
        months = grid.ts[kept].astype("datetime64[ns]").astype("datetime64[M]")
        starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]])
        for start, end in zip(starts, np.r_[starts[1:], n], strict=True):
            month = table.slice(start, end - start)
            lake.replace_month(name, "1m", str(months[start]), month)
        names.append(name)
    return tuple(names)
