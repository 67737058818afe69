"""Load a million bars into the keyed table of a throw-away Postgres, and load them again."""

import datetime as dt
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from sweep.market.calendar import session_table
from sweep.market.schema import BARS
from sweep.store.bar_mirror import mirror_bars
from sweep.store.database import Database
from sweep.store.lake import Lake
from tests.servers import PostgresServer

SYMBOLS = 50
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2025, 3, 31)


def load() -> tuple[int, float, float]:
    """Return rows, and the wall seconds of a first load and of one that replaces every row."""
    folder = Path(tempfile.mkdtemp(prefix="mirror-"))
    server = PostgresServer()
    try:
        os.environ["DATABASE_URL"] = server.start().url
        lake = Lake(folder)
        names = [f"S{i:02}" for i in range(SYMBOLS)]
        _fill(lake, names, 10.0)
        with Database.open("postgres", folder) as database:
            database.upgrade()
            started = time.perf_counter()
            rows = mirror_bars(database, lake, names, FIRST, LAST).bars
            first = time.perf_counter() - started
            _fill(lake, names, 20.0)
            started = time.perf_counter()
            again = mirror_bars(database, lake, names, FIRST, LAST).bars
            second = time.perf_counter() - started
            count = len(database.read("historical_bars", columns=["symbol"]))
        if not rows == again == count:
            raise RuntimeError(f"loaded {rows} and {again} bars, the table holds {count}")
        return rows, first, second
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(lake: Lake, names: list[str], price: float) -> None:
    sessions = session_table(FIRST, LAST)
    starts = [o + np.arange((c - o) // 60_000_000_000) * 60_000_000_000
              for o, c in zip(sessions.open_ns, sessions.close_ns, strict=True)]  # fmt: skip
    months = np.array([str(day)[:7] for day in sessions.date])
    for name in names:
        for month in np.unique(months):
            ts = np.concatenate([starts[i] for i in np.flatnonzero(months == month)])
            count = len(ts)
            close = price + np.arange(count) * 0.01
            columns = {
                "symbol": pa.repeat(name, count),
                "timeframe": pa.repeat("1m", count),
                "ts": pa.array(ts).cast(BARS.field("ts").type),
                **dict.fromkeys(("open", "high", "low", "close", "volume"), close),
                "vwap": pa.nulls(count, pa.float64()),
                "vwap_basis": pa.nulls(count, pa.string()),
                "trades": np.arange(count),
                "phase": pa.repeat("regular", count),
                "source": pa.repeat("flatfiles", count),
            }
            lake.replace_month(name, "1m", month, pa.table(columns).cast(BARS))
