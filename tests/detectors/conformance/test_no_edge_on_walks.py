"""On plain random walks no bars-only detector has an edge before costs, and costs only take."""

import numpy as np

from detectors.registry import DETECTORS
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from tests.detectors.conformance.markets import year_symbol
from tests.detectors.conformance.probes import loosest, with_columns

SEEDS = (1, 2, 3)
COSTS = Costs(slippage_bps=0.5, fee_bps=0.2)
STANDARD_ERRORS = 3


def results(detector, values, symbols):
    """Gross and net results of every trade, in R."""
    sets = ParameterSets.of(detector, values, 1)
    tables = [
        build_candidates(
            detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(detector, sets),
            axis=np.arange(len(data.sessions), dtype=np.int32),
            fills=FillSettings(),
            costs=COSTS,
        )
        for data in symbols
    ]
    trades = [t.columns for t in evaluate_block(detector, tables, sets, trades=True).trades]
    return tuple(np.concatenate([t[name] for t in trades]) for name in ("r_gross", "r_net"))


def standard_errors(gross):
    return float(gross.mean() / (gross.std(ddof=1) / np.sqrt(len(gross))))


def test_no_edge_before_costs_and_less_with_costs(detector):
    symbols = [year_symbol(detector, seed) for seed in SEEDS]
    for values in ({}, loosest(detector)):
        gross, net = results(detector, values, symbols)
        assert len(gross) >= 30
        assert standard_errors(gross) < STANDARD_ERRORS
        assert (net < gross).all()


def test_a_planted_look_ahead_has_an_edge():
    """The test would see one: a level that knows the close an hour later."""
    honest = DETECTORS["breakout_bullish"]

    def cheat(columns, table):
        ahead = np.append(table["close"][4:], np.full(4, np.nan))
        return columns | {"level_dist_atr": (ahead - table["close"]) / table["atr"]}

    symbols = [year_symbol(honest, seed) for seed in SEEDS]
    gross, _ = results(with_columns(honest, cheat), loosest(honest), symbols)
    assert standard_errors(gross) > 2 * STANDARD_ERRORS
