"""Detectors on the sample market: all fire, one earns where an edge is planted, none elsewhere."""

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS, FAMILIES
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import DEFAULT_COSTS, FillSettings
from sweep.ingest.sample.spec import PLANTED_DETECTOR, PLANTED_VALUES
from tests.ingest.sample_market import InMemory

BARS_ONLY = (
    *("breakout", "mean_reversion", "trend_continuation", "power_hour_reversal"),
    *("index_mean_reversion", "opening_drive"),
)
NAMES = [name for family in BARS_ONLY for name in FAMILIES[family]]
WARM_UP_SESSIONS = 9


@pytest.fixture(scope="module")
def small():
    return InMemory(sessions=60)


@pytest.fixture(scope="module")
def planted():
    return InMemory(sessions=320, edge="planted", seed=1)


@pytest.fixture(scope="module")
def null():
    return InMemory(sessions=320, episodes=False, seed=1)


def block(market, name, columns, n):
    """Result of n parameter sets on all symbols of a detector's classes."""
    detector = DETECTORS[name]
    sets = ParameterSets.of(detector, columns, n)
    axis = np.arange(len(market.sessions), dtype=np.int32) - WARM_UP_SESSIONS
    axis[:WARM_UP_SESSIONS] = -1
    tables = [
        build_candidates(
            detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(detector, sets),
            axis=axis,
            fills=FillSettings(),
            costs=DEFAULT_COSTS[data.asset_class],
        )
        for data in market.for_detector(detector)
    ]
    return evaluate_block(detector, tables, sets)


def annual_sharpe(daily):
    return daily.mean(axis=1) / daily.std(axis=1, ddof=1) * np.sqrt(252)


def near_truth(n):
    """Sets around the planted values, up to a quarter off in every parameter, and the truth."""
    rng = np.random.default_rng(0)
    columns = {
        name: value * np.append(1.0, rng.uniform(0.75, 1.25, n - 1))
        for name, value in PLANTED_VALUES.items()
    }
    for name in ("breakout_lookback_bars", "max_hold_bars"):
        columns[name] = np.rint(columns[name])
    return columns


@pytest.mark.parametrize("name", NAMES)
def test_every_detector_fires_at_its_defaults(small, name):
    detector = DETECTORS[name]
    fired = short_days = 0
    for data in small.for_detector(detector):
        rows = np.flatnonzero(evaluate(detector, data.features).signal)
        fired += len(rows)
        half = ~small.sessions.full_length[data.features.bars.session[rows]]
        short_days += int(half.sum())
    assert fired >= 3
    if detector.windows:
        assert short_days >= 3


def test_planted_edge_is_about_as_strong_as_asked(planted):
    """The Sharpe of 311 sessions has a standard error of 0.9."""
    result = block(planted, PLANTED_DETECTOR, PLANTED_VALUES, 1)
    assert annual_sharpe(result.daily)[0] == pytest.approx(6, abs=2.7)
    assert result.metrics["trades"][0] >= 150
    assert np.count_nonzero(result.daily_trades[0]) >= 100


def test_planted_edge_is_a_plateau(planted):
    sharpes = annual_sharpe(block(planted, PLANTED_DETECTOR, near_truth(40), 40).daily)
    assert sharpes.min() > 0.6 * sharpes[0]


def test_stronger_edges_earn_more():
    earned = []
    for sharpe in (1.0, 3.0, 8.0):
        market = InMemory(sessions=320, edge="planted", seed=2, edge_sharpe=sharpe)
        earned.append(block(market, PLANTED_DETECTOR, PLANTED_VALUES, 1).metrics["total_r"][0])
    assert earned[0] < earned[1] < earned[2]


@pytest.mark.parametrize("name", [name for name in NAMES if name != PLANTED_DETECTOR])
def test_no_other_detector_earns_from_the_planted_edge(planted, name):
    daily = block(planted, name, {}, 1).daily[0]
    assert daily.mean() <= 3 * daily.std(ddof=1) / np.sqrt(len(daily))


def test_planted_detector_earns_nothing_without_an_edge(null):
    result = block(null, PLANTED_DETECTOR, near_truth(40), 40)
    daily = result.daily
    assert np.median(result.metrics["trades"]) >= 30
    assert np.all(daily.mean(axis=1) <= 3 * daily.std(axis=1, ddof=1) / np.sqrt(daily.shape[1]))
