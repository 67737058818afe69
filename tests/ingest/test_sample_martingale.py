"""Without an edge price is a martingale: nothing that is known pays, whatever the exit."""

import itertools

import numpy as np
import pytest

from sweep.ingest.sample import walk
from sweep.ingest.sample.clock import grid_of, last_sessions
from sweep.ingest.sample.spec import LAST
from tests.ingest.sample_market import InMemory

STANDARD_ERRORS = 3


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "episodes"])
def market(request):
    return InMemory(sessions=320, seed=11, episodes=request.param)


def is_nil(sample):
    """Whether the mean lies within three standard errors of 0."""
    return abs(np.mean(sample)) <= STANDARD_ERRORS * np.std(sample, ddof=1) / np.sqrt(len(sample))


def by_session(market, name):
    """Open, high, low, close of each session, float64 [4, minutes], absent minutes left out."""
    bars = market.minutes[name]
    edges = np.searchsorted(bars.ts, market.sessions.open_ns[1:])
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    return np.split(prices, edges, axis=1)


@pytest.mark.parametrize("name", ["SPY", "QQQ", "AAPL"])
def test_price_has_no_drift_within_a_session_nor_overnight(market, name):
    sessions = by_session(market, name)
    assert is_nil([prices[3, -1] / prices[0, 0] - 1 for prices in sessions])
    opens = [prices[0, 0] for prices in sessions]
    closes = [prices[3, -1] for prices in sessions]
    assert is_nil(np.array(opens[1:]) / np.array(closes[:-1]) - 1)


@pytest.mark.parametrize("name", ["SPY", "QQQ", "AAPL"])
@pytest.mark.parametrize("span", [1, 15, 60])
def test_the_last_move_says_nothing_of_the_next(market, name, span):
    """Not after a rise, not after a fall, not after a large move; over one minute and more."""
    before, after = [], []
    for prices in by_session(market, name):
        marks = np.log(prices[3, ::span])
        before += np.diff(marks)[:-1].tolist()
        after += np.diff(marks)[1:].tolist()
    before, after = np.array(before), np.array(after)
    assert is_nil(after[before > 0])
    assert is_nil(after[before < 0])
    big = np.abs(before) > np.quantile(np.abs(before), 0.9)
    assert is_nil((np.sign(before) * after)[big])


def test_size_of_moves_clusters_over_minutes_and_days(market):
    daily = []
    nearby = []
    for prices in by_session(market, "SPY"):
        size = np.abs(np.diff(np.log(prices[3, 30:150])))
        daily.append(size.mean())
        nearby.append(np.corrcoef(size[1:], size[:-1])[0, 1])
    assert np.corrcoef(daily[1:], daily[:-1])[0, 1] > 0.5
    assert np.mean(nearby) > 0.02


@pytest.mark.parametrize("side", [1, -1])
def test_brackets_earn_nothing_before_costs(side):
    """A stop and a target twice as far, entered blindly: a bar's extremes are those of a path."""
    market = InMemory(sessions=320, seed=5, episodes=False)
    results = []
    for name in ("SPY", "QQQ", "AAPL"):
        for prices in by_session(market, name):
            opening, high, low, _ = prices if side > 0 else -prices[[0, 2, 1, 3]]
            risk = 2.5 * np.std(np.diff(prices[3]))
            for entry in range(0, len(opening) - 31, 31):
                part = slice(entry, entry + 30)
                results.append(
                    bracket(opening[part], high[part], low[part], opening[entry + 30], risk)
                )
    assert len(results) > 9000
    assert is_nil(results)


def bracket(opening, high, low, last, risk):
    """R of one long trade from the first open, stop before target, out at `last` at the latest."""
    stop, target = opening[0] - risk, opening[0] + 2 * risk
    for o, h, lo in zip(opening, high, low, strict=True):
        if o <= stop or o >= target:
            return (o - opening[0]) / risk
        if lo <= stop:
            return -1.0
        if h >= target:
            return 2.0
    return (last - opening[0]) / risk


def test_drift_is_nil_in_price_and_not_in_its_logarithm(monkeypatch):
    """At a volatility where the difference shows: 1 % of price a minute."""
    wild = [walk.Process("WILD", 100.0, 3.0, 1.0)]
    monkeypatch.setattr(walk, "PROCESSES", wild)
    grid = grid_of(last_sessions(320, LAST))
    steps = walk.steps_of(grid, np.random.default_rng(1))[0]
    factors = np.expm1(steps.body[grid.regular])
    assert is_nil(factors / steps.sigma[grid.regular])
    assert not is_nil(steps.body[grid.regular] / steps.sigma[grid.regular])


def test_jumps_and_what_follows_them_are_a_fair_game():
    """The mean of jump and drift together is nil for every kind of event."""
    outcomes = {}
    for seed in range(3):
        market = InMemory(sessions=320, seed=seed, edge="planted")
        for event in itertools.chain.from_iterable(m.happenings for m in market.markets):
            outcome = (1 + event.jump_frac) * (1 + event.drift_frac) - 1
            outcomes.setdefault(event.kind, []).append(outcome)
    assert set(outcomes) == {"shock", "open", "close", "sway", "breakout"}
    for kind, results in outcomes.items():
        assert len(results) > 60, kind
        assert is_nil(results), kind
