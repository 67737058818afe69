"""Scores that differ from set to set: scales of the gamma families, and factor weights."""

import dataclasses

import numpy as np
import pytest
from engine.market import Shape, breakout_market
from engine.test_against_oracle import LOOSE, assert_same_trades, engine_trades, oracle_trades

from detectors.evaluate import evaluate
from detectors.features.build import build_features
from detectors.features.option_settings import OptionSettings
from detectors.registry import DETECTORS, get
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets, every_parameter
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.single_set import evaluate_single
from sweep.engine.symbol_data import SymbolData
from tests.detectors.features.gamma_walk import gamma_walk
from tests.detectors.features.walks import calendar_sessions, walk

GAMMA = {
    name: detector
    for name, detector in DETECTORS.items()
    if detector.family in ("gamma_squeeze", "gamma_flip", "eod_pin")
}
COSTS = Costs(slippage_bps=0.5, fee_bps=0.1)
# Conditions that bite little, so that the score decides.
GENTLE = {
    "wall_dist_max_frac": (0.005, 0.02),
    "short_gamma_min": (0.0, 0.001),
    "momentum_min_atr": (0.0, 0.5),
    "volume_surge_min": (0.0, 0.8),
    "expiry_max_minutes": (1500.0, 3000.0),
    "cross_min_atr": (0.0, 0.1),
    "pin_dist_max_frac": (0.01, 0.02),
    "pin_dist_min_atr": (0.0, 0.2),
    "pin_oi_min_frac": (0.001, 0.02),
}


@pytest.fixture(scope="module")
def index():
    sessions = calendar_sessions("2024-10-07", "2024-11-15")
    minutes = walk(sessions, 3)
    features = build_features(
        dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan)),
        sessions,
        bar_minutes=5,
        asset_class="INDEX",
        proxy=minutes,
        proxy_symbol="SPY",
        gamma=gamma_walk(minutes, sessions, OptionSettings()),
    )
    ones = np.ones(len(sessions))
    return SymbolData("SPX", "INDEX", sessions, minutes, ones, features, bar_minutes=5)


def drawn(detector, n, seed, *, weights):
    """Draw sets over the searched ranges, ratios over all that is legal."""
    rng = np.random.default_rng(seed)
    columns = {}
    for p in every_parameter(detector):
        low, high = GENTLE.get(p.name, p.searched)
        if p in detector.ratios:
            if not weights:
                continue
            low, high = p.legal
        if p.name in ("breakeven_atr", "trail_atr"):
            continue
        if p.integer:
            columns[p.name] = rng.integers(low, high + 1, n).astype(float)
        else:
            columns[p.name] = (
                np.exp(rng.uniform(np.log(low), np.log(high), n))
                if p.log
                else rng.uniform(low, high, n)
            )
    columns["min_score"] = rng.uniform(20, 80, n)
    return ParameterSets.of(detector, columns, n)


def table_of(detector, data, sets):
    return build_candidates(
        detector,
        data,
        bounds=bounds_of(sets),
        variants=variants_of(detector, sets),
        axis=np.arange(len(data.sessions), dtype=np.int32),
        fills=FillSettings(),
        costs=COSTS,
    )


def assert_as_alone(detector, data, sets):
    """Compare a block with every set alone, whose table holds the score of `evaluate`."""
    table = table_of(detector, data, sets)
    block = evaluate_block(detector, [table], sets, trades=True)
    recorded = block.trades[0].columns
    axis = np.arange(len(data.sessions), dtype=np.int32)
    by_class = dict.fromkeys(("ETF", "STOCK", "INDEX"), COSTS)
    for k in range(len(sets)):
        values = sets.row(k)
        alone = evaluate_single(
            detector, [data], values, axis=axis, fills=FillSettings(), costs=by_class
        ).block
        np.testing.assert_array_equal(alone.daily[0], block.daily[k])
        for name, column in block.metrics.items():
            np.testing.assert_array_equal(alone.metrics[name][0], column[k], err_msg=name)
        mine = recorded["set"] == k
        np.testing.assert_array_equal(recorded["score"][mine], alone.trades[0].columns["score"])
        score = evaluate(detector, data.features, values).score
        rows = table.row[recorded["candidate"][mine].astype(int)]
        np.testing.assert_array_equal(recorded["score"][mine], score[rows])
    return table, block


@pytest.mark.parametrize("weights", [False, True], ids=["scales", "weights"])
@pytest.mark.parametrize("name", GAMMA)
def test_gamma_families_in_a_block_and_alone(index, name, weights):
    detector = GAMMA[name]
    table, block = assert_as_alone(detector, index, drawn(detector, 25, 7, weights=weights))
    assert table.factors.shape[2] == (
        0 if name == "eod_pin_setup" and not weights else 5 - (name == "eod_pin_setup")
    )
    assert block.metrics["trades"].sum() > 60


@pytest.mark.parametrize("name", ["gamma_squeeze_bullish", "gamma_flip_bearish", "eod_pin_setup"])
def test_gamma_families_trade_by_trade_as_the_rules(index, name):
    detector = GAMMA[name]
    sets = drawn(detector, 3, 11, weights=True)
    for k in range(len(sets)):
        values = {p.name: p.default for p in every_parameter(detector)} | sets.row(k)
        expected, _ = oracle_trades(index, detector, values, FillSettings(), COSTS)
        assert_same_trades(engine_trades(index, detector, values, FillSettings(), COSTS), expected)


def test_weights_of_a_registered_detector():
    detector = get("breakout_bullish")
    data = breakout_market(np.random.default_rng(5), Shape(sessions=12))
    loose = {name: np.full(40, value) for name, value in LOOSE.items()}
    loose["min_score"] = np.linspace(20, 90, 40)
    sets = ParameterSets.of(
        detector, dict(drawn(detector, 40, 3, weights=True).values) | loose, 40
    )
    table, block = assert_as_alone(detector, data, sets)
    assert table.factors.shape[1:] == (len(table), 6)
    plain = ParameterSets.of(
        detector, {n: c for n, c in sets.values.items() if not n.startswith("weight_")}, 40
    )
    unweighed = evaluate_block(detector, [table_of(detector, data, plain)], plain)
    differing = (unweighed.daily != block.daily).any(axis=1)
    assert 10 < differing.sum() <= 40


def test_ratios_of_one_are_no_ratios():
    detector = get("breakout_bullish")
    data = breakout_market(np.random.default_rng(6), Shape(sessions=12))
    ones = {ratio.name: np.ones(3) for ratio in detector.ratios}
    base = LOOSE | {"min_score": np.array([20.0, 50.0, 70.0])}
    plain, weighed = (ParameterSets.of(detector, base | extra, 3) for extra in ({}, ones))
    tables = [table_of(detector, data, sets) for sets in (plain, weighed)]
    assert tables[1].factors.shape[2] == 0
    np.testing.assert_array_equal(tables[0].varied, tables[1].varied)
    # one set of the block weighs otherwise: the others keep their bits by the other route too
    mixed = {name: np.array([1.0, 1.0, 2.0]) for name in ones}
    last = ParameterSets.of(detector, base | mixed, 3)
    one, other = (
        evaluate_block(detector, [table_of(detector, data, sets)], sets) for sets in (plain, last)
    )
    np.testing.assert_array_equal(one.daily[:2], other.daily[:2])
    assert (one.metrics["trades"] > 0).all()
