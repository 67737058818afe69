"""The fast routes against the one that records every trade: every number, to the last bit."""

import numpy as np
import pytest
from engine.market import Shape, breakout_market
from engine.test_against_oracle import COSTS, FILLS, LOOSE, SHAPES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.registry import get
from sweep.engine import block, sharing
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.sharing import distinct_rows, split_by_sharing

AXES = {
    "stop_atr": (0.2, 1.0, 3.0),
    "target_atr": (0.3, 2.0),
    "max_hold_bars": (1.0, 6.0),
    "flat_before_close_minutes": (5.0, 60.0),
    "breakeven_atr": (0.0, 0.25),
    "trail_atr": (0.0, 1.0),
    "cooldown_bars": (0.0, 3.0),
    "breakout_lookback_bars": (2.0, 3.0),
    "volume_surge_min": (0.3, 0.9),
    "min_score": (0.0, 45.0),
    "weight_vwap_strength_ratio": (1.0, 2.0),
}


def grid(rng, detector, axes, n):
    """Draw n points of a grid over some of the axes, the others at their first value."""
    columns = {name: rng.choice(AXES[name], n) for name in axes}
    fixed = {name: values[0] for name, values in AXES.items() if name not in axes}
    fixed.pop("weight_vwap_strength_ratio", None)
    return ParameterSets.of(detector, LOOSE | fixed | columns, n)


def tables_of(detector, markets, sets, fills, costs):
    return [
        build_candidates(
            detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(detector, sets),
            axis=np.arange(len(data.sessions), dtype=np.int32),
            fills=fills,
            costs=costs,
        )
        for data in markets
    ]


def recorded(detector, tables, sets):
    """Evaluate by the route that the oracle is held against: one trade after the other."""
    return evaluate_block(detector, tables, sets, trades=True)


def evaluated(detector, tables, sets, *, shared, cached=512, entries=256):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "MIN_SHARED", 2 if shared else len(sets) + 1)
        patch.setattr(sharing, "MOST_ENTRIES", entries)
        patch.setattr(block, "CACHED", cached)
        return evaluate_block(detector, tables, sets)


def assert_same(one, other):
    np.testing.assert_array_equal(one.daily, other.daily)
    np.testing.assert_array_equal(one.daily_trades, other.daily_trades)
    for name, column in one.metrics.items():
        np.testing.assert_array_equal(column, other.metrics[name], err_msg=name)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=SHAPES,
    fills=FILLS,
    costs=COSTS,
    axes=st.lists(st.sampled_from(sorted(AXES)), min_size=2, max_size=6, unique=True),
    cached=st.sampled_from([1, 7, 40, 512]),
    entries=st.sampled_from([1, 3, 256]),
)
def test_fast_routes_give_the_bits_of_set_by_set(seed, shape, fills, costs, axes, cached, entries):
    rng = np.random.default_rng(seed)
    detector = get("breakout_bearish" if seed % 2 else "breakout_bullish")
    markets = [breakout_market(rng, shape) for _ in range(2)]
    sets = grid(rng, detector, axes, 24)
    tables = tables_of(detector, markets, sets, fills, costs)
    plain = recorded(detector, tables, sets)
    assert_same(
        plain,
        evaluated(detector, tables, sets, shared=True, cached=cached, entries=entries),
    )
    assert_same(plain, evaluated(detector, tables, sets, shared=False, cached=cached))


@pytest.mark.plain_python
@pytest.mark.parametrize("timeframe", ["1m", "signal"])
def test_fast_routes_as_plain_python(timeframe):
    detector, rng = get("breakout_bullish"), np.random.default_rng(1)
    shape = Shape(sessions=70, bar_minutes=5, half_day=-1, missing=0.0)
    markets = [breakout_market(rng, shape)]
    axes = ["stop_atr", "target_atr", "max_hold_bars", "cooldown_bars", "volume_surge_min"]
    sets = grid(rng, detector, axes, 30)
    flat = {"flat_before_close_minutes": np.full(30, 1.0 if timeframe == "1m" else 5.0)}
    sets = ParameterSets.of(detector, dict(sets.values) | flat, 30)
    fills = FillSettings(timeframe=timeframe, min_risk_share=0.0)
    tables = tables_of(detector, markets, sets, fills, Costs(slippage_bps=1))
    plain = recorded(detector, tables, sets)
    assert plain.metrics["trades"].min() > 10
    assert plain.metrics["ambiguous_frac"].max() > 0
    assert_same(plain, evaluated(detector, tables, sets, shared=False))
    assert_same(plain, evaluated(detector, tables, sets, shared=True))


@pytest.mark.plain_python
def test_what_a_group_takes_over_from_the_one_before_it():
    """Levels are looked up once for neighbours that share them, if the one before looked."""
    detector, rng = get("breakout_bullish"), np.random.default_rng(2)
    markets = [breakout_market(rng, Shape(sessions=8, half_day=-1, missing=0.0))]
    exits = {  # in the order in which they go; breakeven and trail walk, and look nothing up
        "stop_atr": (0.2, 1.0, 1.0, 1.0, 3.0, 3.0, 4.0),
        "target_atr": (2.0, 0.3, 2.0, 2.0, 2.0, 3.0, 3.0),
        "breakeven_atr": (0.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0),
        "trail_atr": (0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0),
        "max_hold_bars": (6.0, 6.0, 3.0, 6.0, 6.0, 6.0, 6.0),
    }
    for first in (0, 1, 2):  # a walked group first or not
        columns = {name: np.repeat(values[first:], 4) for name, values in exits.items()}
        n = len(columns["stop_atr"])
        columns["volume_surge_min"] = np.tile([0.3, 0.5, 0.7, 0.9], n // 4)
        sets = ParameterSets.of(detector, LOOSE | columns, n)
        tables = tables_of(detector, markets, sets, FillSettings(), Costs())
        assert_same(
            recorded(detector, tables, sets), evaluated(detector, tables, sets, shared=True)
        )


def test_both_routes_are_taken_and_find_every_kind_of_exit():
    rng = np.random.default_rng(1)
    detector = get("breakout_bullish")
    markets = [breakout_market(rng, Shape(sessions=60)) for _ in range(2)]
    axes = ["stop_atr", "max_hold_bars", "cooldown_bars", "volume_surge_min", "min_score"]
    sets = grid(rng, detector, [*axes, "flat_before_close_minutes"], 200)
    more = {name: np.append(column, column[0]) for name, column in sets.values.items()}
    more |= {"stop_atr": np.append(sets.values["stop_atr"], 1.7), "target_atr": np.full(201, 4.0)}
    odd = ParameterSets.of(detector, more, 201)
    tables = tables_of(detector, markets, odd, FillSettings(), Costs(slippage_bps=1))
    plain = recorded(detector, tables, odd)
    assert_same(plain, evaluate_block(detector, tables, odd))
    assert_same(plain, evaluated(detector, tables, odd, shared=False))
    for reason in ("stop", "stop_gap", "target", "time", "flat"):
        assert plain.metrics[f"exits_{reason}"].sum() > 10, reason
    assert plain.metrics["trades"].min() > 10


def test_sets_are_split_by_how_many_share_their_exits(monkeypatch):
    monkeypatch.setattr(sharing, "MIN_SHARED", 3)
    exits = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 5.0], [3.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    thresholds, variant = np.array([[1.0], [2.0], [1.0], [1.0]]), np.zeros(4, np.int64)
    alone, (batch,) = split_by_sharing(thresholds, variant, exits, None)
    assert alone.tolist() == [2]
    assert batch.members.tolist() == [0, 3, 1]  # by cooldown
    assert batch.bounds.tolist() == [0, 3]
    assert len(batch.example) == 0  # two rules in three sets: not shared


def test_rows_are_told_apart_whatever_their_hash(monkeypatch):
    rng = np.random.default_rng(2)
    table = rng.integers(0, 3, (300, 3)).astype(float)
    number, example = distinct_rows(table)
    assert len(example) == 27
    np.testing.assert_array_equal(table[example[number]], table)
    # all columns of one value: what a hash without any strength would make of them
    monkeypatch.setattr(np, "unique", _colliding(np.unique))
    number, example = distinct_rows(table)
    np.testing.assert_array_equal(table[example[number]], table)


def _colliding(unique):
    def found(values, **options):
        return unique(values if values.ndim > 1 else np.zeros_like(values), **options)

    return found
