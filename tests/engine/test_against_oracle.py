"""The engine against the slow oracle, trade by trade, over settings, sides and exits."""

import dataclasses
import math

import naive
import numba
import numpy as np
import pytest
from engine.market import Shape, breakout_market
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.evaluate import evaluate
from detectors.registry import get
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.single_set import evaluate_single
from sweep.engine.trade import EXIT_REASONS

LOOSE = {
    "breakout_lookback_bars": 2,
    "breakout_buffer_atr": 0.0,
    "volume_surge_min": 0.5,
    "vwap_dist_min_frac": 0.0,
    "price_change_min_frac": 0.0001,
    "min_score": 0.0,
}

RENAMED = {
    "wilson_low": "win_rate_low",
    "wilson_high": "win_rate_high",
    "bars_held_mean": "bars_held",
    "cost_r_per_trade": "cost_r",
    "expectancy_stop_first_r": "expectancy_r",
}

COSTS = st.builds(
    Costs,
    slippage_bps=st.sampled_from([0.0, 0.5, 20.0]),
    half_spread=st.sampled_from([0.0, 0.005]),
    fee_bps=st.sampled_from([0.0, 1.0]),
    fee_per_share=st.sampled_from([0.0, 0.01]),
    fee_min=st.sampled_from([0.0, 1.0, 50.0]),
    sell_fee_bps=st.sampled_from([0.0, 0.3]),
    notional_usd=st.sampled_from([1_000.0, 100_000.0]),
)
FILLS = st.builds(
    FillSettings,
    timeframe=st.sampled_from(["1m", "1m", "1m", "signal"]),
    levels_from=st.sampled_from(["signal_close", "entry_fill"]),
    target_gap=st.sampled_from(["target", "open"]),
    trade_through=st.booleans(),
    min_risk_share=st.sampled_from([0.0, 0.25, 0.9]),
    participation=st.sampled_from([0.0, 0.0, 0.0, 0.1, 2.0]),
    impact=st.sampled_from([0.0, 0.0, 0.3]),
)
EXITS = st.fixed_dictionaries(
    {
        "stop_atr": st.floats(0.1, 4),
        "target_atr": st.floats(0.2, 6),
        "max_hold_bars": st.integers(1, 30),
        "cooldown_bars": st.integers(0, 6),
        # on a bar's end as often as not: there an entry and the flat instant can coincide
        "flat_before_close_minutes": st.sampled_from([15, 30, 60, 105, 120]) | st.integers(0, 120),
        "breakeven_atr": st.sampled_from([0.0, 0.0, 0.1, 0.7]),
        "trail_atr": st.sampled_from([0.0, 0.0, 0.3, 1.5]),
    }
)
SHAPES = st.builds(
    Shape,
    bar_minutes=st.sampled_from([5, 15, 60]),
    price=st.sampled_from([100.0, 100.0, 3_000.0, 0.8]),
    minute_move=st.sampled_from([0.0]),
    missing=st.sampled_from([0.0, 0.05, 0.6]),
    half_day=st.sampled_from([-1, 2, 5]),
    asset_class=st.sampled_from(["STOCK", "ETF", "INDEX"]),
    split_at=st.sampled_from([None, None, 3]),
).map(lambda shape: dataclasses.replace(shape, minute_move=shape.price * 4e-4))


def oracle_trades(data, detector, values, fills, costs):
    """Simulate the detector's signals by the rules."""
    evaluation = evaluate(detector, data.features, values)
    bars = data.features.bars
    rows = [
        {
            "ts": int(bars.ts[t]),
            "end": int(bars.end[t]),
            "session": int(bars.session[t]),
            "close": float(bars.close[t]),
            "atr": float(data.features["atr"][t]),
        }
        for t in range(len(bars))
    ]
    states = [
        naive.State("signal" if s else "no_signal", int(s), float(score))
        for s, score in zip(evaluation.signal, evaluation.score, strict=True)
    ]
    names = [field.name for field in dataclasses.fields(naive.Exits)]
    return naive.simulate(
        rows,
        states,
        naive.minute_rows(data.minutes),
        naive.session_rows(data.sessions),
        bar_minutes=data.bar_minutes,
        asset_class=data.asset_class,
        exits=naive.Exits(**{name: values[name] for name in names}),
        costs=naive.Costs(**dataclasses.asdict(costs)),
        fills=naive.Fills(**dataclasses.asdict(fills)),
        factors=data.factor,
    )


def engine_trades(data, detector, values, fills, costs):
    axis = np.arange(len(data.sessions), dtype=np.int32)
    every = dict.fromkeys(("ETF", "STOCK", "INDEX"), costs)
    return evaluate_single(detector, [data], values, axis=axis, fills=fills, costs=every)


def assert_same_trades(result, expected):
    recorded = result.block.trades[0]
    ours, table = recorded.columns, recorded.table
    ts = table.fills.ts
    assert len(ours["set"]) == len(expected)
    for k, trade in enumerate(expected):
        candidate = int(ours["candidate"][k])
        assert table.row[candidate] == trade.signal_index
        assert table.side[candidate] == trade.side
        assert table.signal_ts[candidate] == trade.signal_ts
        assert ts[int(ours["entry_bar"][k])] == trade.entry_ts
        assert ts[int(ours["exit_bar"][k])] == trade.exit_ts
        assert EXIT_REASONS[int(ours["reason"][k])] == trade.exit_reason
        assert bool(ours["ambiguous"][k]) == trade.ambiguous
        for name, value in (
            ("stop", trade.stop),
            ("target", trade.target),
            ("entry_price", trade.entry_price),
            ("exit_price", trade.exit_price),
            ("quantity", trade.quantity),
            ("r_gross", trade.r_gross),
            ("r_net", trade.r_net),
            ("r_target_first", trade.r_net_target_first),
        ):
            assert ours[name][k] == pytest.approx(value, rel=1e-9, abs=1e-9), (name, k)


ROUNDING = 1e9
EXAMPLES = 12 if numba.config.DISABLE_JIT else 60


@pytest.mark.plain_python
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(["breakout_bullish", "breakout_bearish"]),
    shape=SHAPES,
    fills=FILLS,
    costs=COSTS,
    exits=EXITS,
)
def test_every_trade_is_that_of_the_rules(seed, name, shape, fills, costs, exits):
    data = breakout_market(np.random.default_rng(seed), shape)
    detector, values = get(name), LOOSE | exits
    expected, funnel = oracle_trades(data, detector, values, fills, costs)
    result = engine_trades(data, detector, values, fills, costs)
    assert_same_trades(result, expected)
    ours: dict[str, int] = {}
    for line in result.funnel:
        ours[line.line] = ours.get(line.line, 0) + line.bars
    funnel["after_flat"] = funnel.pop("flat")
    assert {key: ours.get(key, 0) for key in funnel} == funnel

    minutes = int((data.sessions.close_ns - data.sessions.open_ns).sum() // naive.MINUTE)
    for key, value in naive.metrics(expected, len(data.sessions), minutes).items():
        got = float(result.block.metrics[RENAMED.get(key, key)][0])
        same = math.isnan(value) and math.isnan(got)
        # Days that are all the same but for rounding: a ratio of it.
        same |= abs(value) > ROUNDING and abs(got) > ROUNDING and (value > 0) == (got > 0)
        assert same or got == pytest.approx(value, rel=1e-9, abs=1e-9), key


def random_sets(rng, n):
    detector = get("breakout_bullish")
    columns = {
        "breakout_lookback_bars": rng.integers(2, 9, n).astype(float),
        "breakout_buffer_atr": rng.uniform(0, 0.6, n),
        "volume_surge_min": rng.uniform(0.3, 1.5, n),
        "vwap_dist_min_frac": rng.uniform(0, 0.001, n),
        "price_change_min_frac": rng.uniform(0.0001, 0.002, n),
        "stop_atr": rng.uniform(0.3, 3, n),
        "target_atr": rng.uniform(0.3, 5, n),
        "max_hold_bars": rng.integers(1, 30, n).astype(float),
        "min_score": rng.uniform(0, 50, n),
        "cooldown_bars": rng.integers(0, 6, n).astype(float),
        "flat_before_close_minutes": 5.0 * rng.integers(0, 7, n),
        "trail_atr": np.where(rng.random(n) < 0.3, rng.uniform(0.3, 2, n), 0.0),
    }
    return ParameterSets.of(detector, columns, n)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_set_earns_the_same_bits_alone_and_in_a_block(seed):
    rng = np.random.default_rng(seed)
    markets = [breakout_market(rng, Shape(sessions=20)) for _ in range(2)]
    detector, sets = get("breakout_bullish"), random_sets(rng, 60)
    axis = np.arange(20, dtype=np.int32)
    costs = Costs(slippage_bps=1.0, fee_bps=0.5)

    def run(some):
        tables = [
            build_candidates(
                detector,
                data,
                bounds=bounds_of(some),
                variants=variants_of(detector, some),
                axis=axis,
                fills=FillSettings(),
                costs=costs,
            )
            for data in markets
        ]
        return evaluate_block(detector, tables, some)

    together = run(sets)
    assert together.metrics["trades"].sum() > 100
    for k in range(len(sets)):
        alone = run(sets.take(np.array([k])))
        np.testing.assert_array_equal(alone.daily[0], together.daily[k])
        for name, column in together.metrics.items():
            np.testing.assert_array_equal(alone.metrics[name][0], column[k], err_msg=name)
    whole = [
        engine_trades(data, detector, sets.row(0), FillSettings(), costs).block.daily[0]
        for data in markets
    ]
    np.testing.assert_allclose(together.daily[0], whole[0] + whole[1], rtol=0, atol=1e-12)
