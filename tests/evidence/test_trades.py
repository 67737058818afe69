import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.trades import mean_lower_bound, trade_summary, wilson_interval


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        (8, 10, 0.490162, 0.943318),
        (60, 100, 0.502003, 0.690599),
        (10, 10, 0.722467, 1.0),
        (0, 10, 0.0, 0.277533),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_values_of_statsmodels(wins, n, low, high):
    assert wilson_interval(wins, n) == pytest.approx((low, high), abs=6e-7)


def test_wilson_agrees_with_scipy_at_other_levels():
    expected = stats.binomtest(21, 437).proportion_ci(0.9, method="wilson")
    assert wilson_interval(21, 437, alpha=0.1) == pytest.approx(tuple(expected), abs=1e-12)


@pytest.mark.parametrize(("wins", "n", "alpha"), [(3, 2, 0.05), (-1, 2, 0.05), (1, 2, 5)])
def test_impossible_counts_are_refused(wins, n, alpha):
    with pytest.raises(ValueError, match="must lie between 0 and"):
        wilson_interval(wins, n, alpha=alpha)


def test_summary_by_hand():
    # Wins 1.5 2 .5 3 1 = 8, losses 1 1 1 1 .5 = 4.5: payoff 1.6 / .9, break-even .9 / 2.5.
    r = np.array([1.5, -1, -1, 2, 0.5, -1, 3, -1, 1, -0.5])
    found = trade_summary(r)
    assert (found.n_trades, found.n_wins, found.win_rate) == (10, 5, 0.5)
    assert found.profit_factor == pytest.approx(8 / 4.5)
    assert found.payoff_ratio == pytest.approx(1.6 / 0.9)
    assert found.breakeven_win_rate == pytest.approx(0.36)
    assert found.expectancy == pytest.approx(0.35)
    assert found.expectancy_lower == pytest.approx(-0.5038144252, abs=1e-9)


def test_a_trade_at_zero_is_neither_won_nor_lost():
    found = trade_summary(np.array([1.0, 0.0, -1.0]))
    assert found.n_wins == 1
    assert found.win_rate == pytest.approx(1 / 3)
    assert (found.profit_factor, found.payoff_ratio) == (1, 1)


def test_one_sided_trades():
    won = trade_summary(np.array([1.0, 2.0]))
    assert (won.profit_factor, won.breakeven_win_rate) == (math.inf, 0)
    assert math.isnan(won.average_loss)
    lost = trade_summary(np.array([-1.0, -1.0]))
    assert (lost.profit_factor, lost.breakeven_win_rate) == (0, 1)


def test_no_and_one_trade():
    nothing = trade_summary(np.array([]))
    for name in ("win_rate", "profit_factor", "expectancy", "expectancy_lower"):
        assert math.isnan(getattr(nothing, name))
    assert (nothing.win_rate_low, nothing.win_rate_high) == (0, 1)
    assert math.isnan(trade_summary(np.array([1.0])).expectancy_lower)


def test_lower_bound_is_that_of_student():
    values = np.random.default_rng(1).standard_normal(30)
    expected = stats.t.ppf(0.05, 29, values.mean(), stats.sem(values))
    assert mean_lower_bound(values) == pytest.approx(expected, rel=1e-12)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="r_multiples must be finite, got nan at position 0"):
        trade_summary(np.array([math.nan]))
