"""A small bar store, made in a moment: two symbols, seeded random walks."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from detectors.bars import MINUTE_NS
from sweep.market.calendar import as_dates, session_table
from sweep.market.schema import BARS
from sweep.search.spec import ExecutionSettings, SearchSettings, SweepSpec
from sweep.store.lake import Lake

SPACE = {
    "breakout": {
        "volume_surge_min": ["uniform", 0.2, 1.2],
        "price_change_min_frac": ["loguniform", 0.0001, 0.004],
        "vwap_dist_min_frac": 0,
        "breakout_lookback_bars": ["choice", 4, 8, 12],
    },
    "mean_reversion": {"rsi_extreme_max": ["uniform", 30, 50]},
    "exit": {"min_score": ["uniform", 0, 40]},
}


def write_minutes(root, symbol, seed):
    """Write the minutes of a symbol, month by month."""
    table = session_table(dt.date(2024, 1, 2), dt.date(2024, 3, 29))
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


@pytest.fixture(scope="session")
def bar_store(tmp_path_factory):
    """Storage root with minutes of SPY and AAPL; copy it before you write to it."""
    root = tmp_path_factory.mktemp("store")
    write_minutes(root, "SPY", 1)
    write_minutes(root, "AAPL", 2)
    return root


@pytest.fixture(scope="session")
def spec_over(bar_store):
    """Return a function that makes a spec over a storage root, linked to the shared bars."""

    def make(root, **changes):
        if not root.exists():
            root.mkdir()
            (root / "bars").symlink_to(bar_store / "bars")
        settings = {
            "storage_root": root,
            "symbols": ("SPY", "AAPL"),
            "detectors": ("breakout_bullish", "mean_reversion_long"),
            "space": SPACE,
            "search": SearchSettings(budget=60, constraints=("trades>=5",)),
            "execution": ExecutionSettings(block_size=17),
        }
        return SweepSpec(**settings | changes)

    return make


@pytest.fixture
def make_spec(spec_over, tmp_path):
    """Return a function that makes a spec over a store of this test's own."""
    return lambda name="run", **changes: spec_over(tmp_path / name, **changes)
