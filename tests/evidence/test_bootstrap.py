import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.bootstrap import (
    mean_interval,
    ratio_interval,
    resample_counts,
    sharpe_of_rows,
    stationary_bootstrap_indices,
    statistic_interval,
)


@pytest.mark.parametrize("mean_block", [1, 3, 10])
def test_runs_have_the_stated_mean_length(mean_block):
    indices = stationary_bootstrap_indices(400, mean_block=mean_block, n_resamples=400, seed=2)
    follows = np.diff(indices, axis=1) % 400 == 1
    # A run ends with probability 1/L, and a jump lands on the next session by chance 1/400.
    expected = 1 - 1 / mean_block * (1 - 1 / 400)
    assert follows.mean() == pytest.approx(expected, abs=0.006)


def test_every_session_is_equally_likely_and_the_end_wraps():
    indices = stationary_bootstrap_indices(50, mean_block=8, n_resamples=4000, seed=3)
    share = np.bincount(indices.ravel(), minlength=50) / indices.size
    assert share == pytest.approx(np.full(50, 0.02), abs=0.001)
    assert np.any((indices[:, :-1] == 49) & (indices[:, 1:] == 0))
    assert indices.min() == 0
    assert indices.max() == 49


def test_counts_say_how_often_a_session_was_drawn():
    indices = np.array([[0, 0, 2], [1, 1, 1]])
    assert resample_counts(indices).tolist() == [[2, 0, 1], [0, 3, 0]]


def test_the_seed_decides():
    one, same, other = (stationary_bootstrap_indices(30, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_interval_of_the_mean_is_that_of_student_for_normal_days():
    values = np.random.default_rng(1).standard_normal(250) * 2 + 0.3
    found = mean_interval(values, mean_block=1, n_resamples=20_000)
    expected = stats.t.interval(0.95, 249, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.015)
    one_sided = stats.t.ppf([0.05, 0.95], 249, values.mean(), stats.sem(values))
    assert (found.lower_bound, found.upper_bound) == pytest.approx(one_sided, abs=0.015)
    assert found.estimate == pytest.approx(values.mean())


def test_dependent_days_widen_the_interval():
    rng = np.random.default_rng(2)
    days = np.zeros(600)
    for day in range(1, 600):
        days[day] = 0.6 * days[day - 1] + rng.standard_normal()
    single, blocks = mean_interval(days, mean_block=1), mean_interval(days, mean_block=20)
    assert (blocks.high - blocks.low) / (single.high - single.low) > 1.5


def test_bounds_of_the_mean_are_missed_as_often_as_stated():
    # Skewed days as of trades with small losses and rare gains; 95 % one-sided, 300 samples.
    rng = np.random.default_rng(3)
    below = above = 0
    for seed in range(300):
        values = rng.exponential(size=150)
        found = mean_interval(values, mean_block=1, n_resamples=300, seed=seed)
        below += found.upper_bound < 1
        above += found.lower_bound > 1
    assert below <= 28
    assert above <= 28


def test_a_constant_series_has_a_point_interval():
    found = mean_interval(np.full(40, 0.25))
    assert (found.low, found.high, found.lower_bound) == (0.25, 0.25, 0.25)


def test_interval_of_the_sharpe_ratio():
    values = np.random.default_rng(4).standard_normal(500) + 0.1
    found = statistic_interval(values, sharpe_of_rows, n_resamples=4000)
    assert found.estimate == pytest.approx(values.mean() / values.std(ddof=1))
    width = 2 * 1.96 * math.sqrt((1 + found.estimate**2 / 2) / 500)
    assert found.high - found.low == pytest.approx(width, rel=0.1)
    assert sharpe_of_rows(np.full((1, 5), 0.1)) == [0.0]


def test_ratio_interval_draws_whole_days():
    rng = np.random.default_rng(5)
    trades = rng.integers(0, 4, 300).astype(float)
    won = np.array([rng.binomial(int(count), 0.4) for count in trades], dtype=float)
    found = ratio_interval(won, trades)
    assert found.estimate == won.sum() / trades.sum()
    width = 2 * 1.96 * math.sqrt(0.24 / trades.sum())
    assert found.high - found.low == pytest.approx(width, rel=0.2)


def test_ratio_without_losses_is_infinite_and_without_trades_unknown():
    days = np.array([1.0, 0.0, 2.0, 0.0])
    assert ratio_interval(days, np.zeros(4)).low == math.inf
    nothing = ratio_interval(np.zeros(4), np.zeros(4))
    assert math.isnan(nothing.estimate)
    assert math.isnan(nothing.low)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stationary_bootstrap_indices(0), "at least 1, got 0 and 2000"),
        (lambda: stationary_bootstrap_indices(5, mean_block=0.5), "at least 1 session, got 0.5"),
        (lambda: mean_interval(np.arange(5.0), confidence=95), "between 0 and 1, got 95"),
        (lambda: mean_interval(np.array([1.0])), "at least 2 values, got 1"),
        (lambda: mean_interval(np.array([1.0, np.nan])), "finite, got nan at position 1"),
        (lambda: ratio_interval(np.ones(3), np.ones(4)), "same sessions, got 3 and 4"),
        (lambda: ratio_interval(np.ones(3), -np.ones(3)), "0 or more, got -1"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
