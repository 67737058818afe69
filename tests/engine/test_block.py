"""Blocks: what crosses a session, what is refused, what workers get."""

import dataclasses

import numpy as np
import pytest
from engine.market import Shape, breakout_market

from detectors.registry import get
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.single_set import evaluate_single
from sweep.engine.trade import DROPS, TAKEN

LOOSE = {
    "breakout_lookback_bars": 2,
    "breakout_buffer_atr": 0.0,
    "volume_surge_min": 1.0,
    "vwap_dist_min_frac": 0.0,
    "price_change_min_frac": 0.0001,
    "min_score": 0.0,
}


def market_with_signals(rows):
    """Return a market whose volume condition holds on some signal bars only, all others on all."""
    data = breakout_market(np.random.default_rng(4), Shape(sessions=3, half_day=-1, missing=0.0))
    n = len(data.features)
    close = data.features.bars.close.copy()
    values = dict(data.features.values)
    values["rel_volume"] = np.where(np.isin(np.arange(n), rows), 2.0, 0.5)
    for name in ("vwap_dist_frac", "day_change_frac", "vwap", "prior_close"):
        values[name] = np.full(n, 0.01)
    values["atr"] = np.full(n, 0.5)
    values["close"] = close + 100.0  # above every level: the level is made of the bars
    reasons = {name: np.zeros(n, np.int8) for name in values}
    features = dataclasses.replace(data.features, values=values, reasons=reasons)
    return dataclasses.replace(data, features=features)


def run(data, **exits):
    axis = np.arange(len(data.sessions), dtype=np.int32)
    return evaluate_single(
        get("breakout_bullish"),
        [data],
        LOOSE | exits,
        axis=axis,
        fills=FillSettings(min_risk_share=0.0, levels_from="entry_fill"),
        costs={"STOCK": Costs()},
    )


def test_cooldown_ends_with_the_session():
    # 26 bars a session: a signal on bar 24 of the first, on the first bars of the second
    data = market_with_signals([24, 26, 28])
    result = run(data, cooldown_bars=100, stop_atr=0.1, target_atr=0.1, max_hold_bars=1)
    fate = result.block.trades[0].fate[0]
    assert fate.tolist() == [TAKEN, TAKEN, DROPS.index("cooldown")]


def test_a_signal_inside_a_trade_is_lost():
    data = market_with_signals([5, 6, 7])
    result = run(data, stop_atr=10.0, target_atr=20.0, max_hold_bars=2, cooldown_bars=0)
    # entered at the end of bar 5, held two bars: the exit's minute opens bar 8
    fate = [DROPS[code] if code >= 0 else "taken" for code in result.block.trades[0].fate[0]]
    assert fate == ["taken", "in_trade", "in_trade"]


def table_of(data, sets):
    return build_candidates(
        get("breakout_bullish"),
        data,
        bounds=bounds_of(sets),
        variants=variants_of(get("breakout_bullish"), sets),
        axis=np.arange(len(data.sessions), dtype=np.int32),
        fills=FillSettings(),
        costs=Costs(),
    )


def test_tables_cannot_be_written_by_a_worker():
    sets = ParameterSets.of(get("breakout_bullish"), LOOSE, 1)
    table = table_of(market_with_signals([5]), sets)
    with pytest.raises(ValueError, match="read-only"):
        table.prices[0, 0] = 1.0


def test_a_look_back_that_the_table_lacks_is_refused():
    detector = get("breakout_bullish")
    table = table_of(market_with_signals([5]), ParameterSets.of(detector, LOOSE, 1))
    other = ParameterSets.of(detector, LOOSE | {"breakout_lookback_bars": 9}, 1)
    with pytest.raises(ValueError, match=r"not built for breakout_lookback_bars = \(9.0,\)"):
        evaluate_block(detector, [table], other)
