"""A small bar store, made in a moment: two symbols, seeded random walks."""

import pytest
from walk_store import write_minutes

from sweep.search.spec import ExecutionSettings, SearchSettings, SweepSpec

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
