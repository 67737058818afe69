"""Random entries: same symbol, side and half-hour, same exits; a signal shows against them."""

import types

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from sweep.engine import random_entry
from sweep.engine.random_entry import random_entries
from sweep.engine.settings import DEFAULT_COSTS, FillSettings
from sweep.engine.single_set import evaluate_single
from sweep.evidence.random_entry import random_entry_test
from tests.ingest.sample_market import InMemory

DETECTOR = DETECTORS["breakout_bullish"]
LOOSE = {"volume_surge_min": 0.5, "price_change_min_frac": 0.0005, "min_score": 20.0}


class Single:
    """One set on SPY of a sample market."""

    def __init__(self, values, fills=None, **spec):
        market = InMemory(sessions=80, **spec)
        self.values = values
        self.axis = np.arange(80, dtype=np.int32) - 9
        self.axis[self.axis < 0] = -1
        self.data = market.data("SPY", 15)
        self.block = evaluate_single(
            DETECTOR,
            [self.data],
            values,
            axis=self.axis,
            fills=fills or FillSettings(),
            costs=DEFAULT_COSTS,
        ).block
        (self.trades,) = self.block.trades
        self.candidates = self.trades.columns["candidate"].astype(np.int64)
        self.rows = self.trades.table.row[self.candidates]
        bars = self.data.features.bars
        minute = (bars.end - market.sessions.open_ns[bars.session]) // 60_000_000_000
        self.half_hour = minute // 30
        self.inside = self.axis[bars.session] >= 0

    def draws(self, n=1_000):
        return random_entries(
            DETECTOR, [self.data], self.values, self.block.trades, axis=self.axis, n_draws=n
        )


@pytest.fixture(scope="module")
def noise():
    return Single(LOOSE, seed=3, episodes=False)


@pytest.mark.parametrize("fills", [FillSettings(), FillSettings(participation=0.05)])
def test_draws_among_a_sets_own_bars_are_its_own_trades(monkeypatch, fills):
    """Pools of nothing but bars that the set traded: their results are known from the engine."""
    one = Single(LOOSE | {"trail_atr": 1.0}, fills, seed=3)
    own = np.zeros(len(one.data.features), np.bool_)
    own[one.rows] = True
    monkeypatch.setattr(random_entry, "evaluate", lambda *_: types.SimpleNamespace(evaluable=own))
    net, hours = one.trades.columns["r_net"], one.half_hour[one.rows]
    days = one.data.features.bars.session[one.rows]
    assert len(net) > 20
    assert np.bincount(days).max() > 1
    results = {}
    for day, hour, r in zip(days.tolist(), hours.tolist(), net.tolist(), strict=True):
        results.setdefault(day, {}).setdefault(hour, []).append(r)
    expected, variance = 0.0, 0.0
    for traded in results.values():
        # Any session with trades in the same half-hours may stand in, each as likely.
        sums, squares = [], []
        for other in results.values():
            if set(traded) <= set(other):
                mean = sum(len(traded[h]) * np.mean(other[h]) for h in traded)
                spread = sum(len(traded[h]) * np.var(other[h]) for h in traded)
                sums.append(mean)
                squares.append(spread + mean**2)
        expected += np.mean(sums)
        variance += np.mean(squares) - np.mean(sums) ** 2
    expected, spread = expected / len(net), np.sqrt(variance) / len(net)
    found = one.draws(20_000)
    assert found.mean() == pytest.approx(expected, abs=4 * spread / np.sqrt(20_000))
    assert found.std() == pytest.approx(spread, rel=0.03)


def test_a_draw_moves_whole_sessions(monkeypatch):
    """Two trades of a session end alike in each session, so a draw of both is 2 or -2 R."""
    results = {10: 1.0, 11: -1.0}
    axis = np.array([0, 1])
    cells = [
        random_entry._Cell(
            trades=np.array([1, 0]), bars=np.ones(2, np.int64), start=np.arange(2),
            net=np.array([*results.values()]),
        )
        for _ in results
    ]  # fmt: skip
    monkeypatch.setattr(random_entry, "_cells", lambda *_: cells)
    given = {"axis": axis.astype(np.int32), "n_draws": 400}
    draws = random_entries(DETECTOR, [None], {}, [None], **given)
    assert set(draws.tolist()) == {1.0, -1.0}
    assert abs(draws.mean()) < 0.2
    only = random_entries(DETECTOR, [None], {}, [None], sessions=np.array([0]), **given)
    assert set(only.tolist()) == {1.0}
    assert len(random_entries(DETECTOR, [None], {}, [None], sessions=np.array([1]), **given)) == 0


def test_a_bar_counts_where_the_detector_could_have_judged_it(noise, monkeypatch):
    """Of a half-hour without a trade no bar is drawn, nor one outside axis or window."""
    seen = []
    real = random_entry._pool

    def pool(*arguments):
        seen.append(real(*arguments))
        return seen[-1]

    monkeypatch.setattr(random_entry, "_pool", pool)
    first = noise.draws()
    assert first.tolist() == noise.draws().tolist()
    evaluable = evaluate(DETECTOR, noise.data.features, noise.values).evaluable & noise.inside
    counts = np.bincount(noise.half_hour[evaluable], minlength=14)
    found = np.bincount(seen[0][2], minlength=14)
    # Only bars without a fill, at the end of a session (a half day ends in half-hour 7), are not.
    assert (found <= counts).all()
    assert found[:7].tolist() == counts[:7].tolist()
    assert found[:7].sum() > 600


def test_noise_is_one_of_many_and_a_planted_signal_is_not(noise):
    found = random_entry_test(noise.block.metrics["expectancy_r"][0], noise.draws())
    assert 0.01 < found.p_value < 0.99
    planted = Single({}, seed=3, edge="planted", edge_sharpe=8.0)
    found = random_entry_test(planted.block.metrics["expectancy_r"][0], planted.draws())
    assert found.p_value < 0.02
    assert found.actual > found.random_high > found.random_mean


def test_p_values_count_the_set_itself_and_bad_input_is_refused():
    found = random_entry_test(0.5, np.array([0.0, 0.4, 0.5, 0.9]))
    assert (found.p_value, found.random_mean) == (3 / 5, pytest.approx(0.45))
    with pytest.raises(ValueError, match="draws needs at least 1"):
        random_entry_test(0.5, np.empty(0))
    with pytest.raises(ValueError, match="n_draws must be at least 1, got 0"):
        random_entries(DETECTOR, [], {}, [], axis=np.zeros(1, np.int32), n_draws=0)
    assert random_entries(DETECTOR, [], {}, [], axis=np.zeros(1, np.int32)).tolist() == []
