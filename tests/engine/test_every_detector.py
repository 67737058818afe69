"""Every detector against the slow oracle, trade by trade, in random corners of legal ranges."""

import numpy as np
import pytest
from engine.test_against_oracle import assert_same_trades, engine_trades, oracle_trades

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from sweep.engine.block import evaluate_block
from sweep.engine.sets import ParameterSets, all_parameters
from sweep.engine.settings import Costs, FillSettings
from tests.detectors.conformance.markets import quarter, shared

FILLS = FillSettings(min_risk_share=0.1)
COSTS = Costs(slippage_bps=0.5, fee_bps=0.1)
CORNERS = 2


@shared
def symbol(detector):
    return quarter().symbol(detector)


def corners(detector, data, rng):
    """Draw sets of legal ends and defaults, some of whose signals become trades."""
    found = []
    for _ in range(2_000):
        values = {
            p.name: float(rng.choice([*p.legal, p.default, p.default]))
            for p in all_parameters(detector)
        }
        values["min_score"] = float(rng.choice([0.0, 30.0]))
        signals = np.count_nonzero(evaluate(detector, data.features, values).signal)
        if not 4 <= signals <= 400:
            continue
        single = engine_trades(data, detector, values, FILLS, COSTS)
        if single.block.metrics["trades"][0] > 1:
            found.append((values, single))
            if len(found) == CORNERS:
                break
    return found


@pytest.mark.parametrize("name", DETECTORS)
def test_trades_in_corners_of_the_legal_ranges(name):
    detector = DETECTORS[name]
    data = symbol(detector)
    drawn = corners(detector, data, np.random.default_rng(sorted(DETECTORS).index(name)))
    assert len(drawn) == CORNERS
    for values, single in drawn:
        expected, _ = oracle_trades(data, detector, values, FILLS, COSTS)
        assert_same_trades(single, expected)
        table = single.block.trades[0].table
        fast = evaluate_block(detector, [table], ParameterSets.of(detector, values, 1))
        np.testing.assert_array_equal(fast.daily, single.block.daily)
        for metric, column in fast.metrics.items():
            np.testing.assert_array_equal(column, single.block.metrics[metric], err_msg=metric)
