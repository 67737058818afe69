import itertools

import numpy as np
import pytest

from sweep.evidence.drawdown import (
    max_drawdown,
    monte_carlo_drawdown,
    shuffle_drawdown_distribution_exact,
)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([2, -1, -1, 3, -2], 2),
        ([-1, 2], 1),  # the peak includes the start at 0
        ([1, 1], 0),
        ([-1, -2, -3], 6),
        ([], 0),
    ],
)
def test_drawdown_by_hand(returns, expected):
    assert max_drawdown(np.array(returns, dtype=float)) == expected


def test_every_order_of_the_notes():
    found = shuffle_drawdown_distribution_exact(np.array([2.0, -1, -1, 3, -2]))
    assert found.counts == {2.0: 36, 3.0: 48, 4.0: 36}
    assert (found.actual, found.total, found.mean) == (2, 120, 3)


def test_orders_that_differ_by_rounding_are_one_depth():
    found = shuffle_drawdown_distribution_exact(np.array([0.1, -0.1, -0.2, 0.3, -0.7]))
    assert all(round(depth, 10) == depth for depth in found.counts)
    assert sum(found.counts.values()) == 120


def test_too_many_values_to_list_are_refused():
    with pytest.raises(ValueError, match="up to 9 values, got 10; use monte_carlo_drawdown"):
        shuffle_drawdown_distribution_exact(np.ones(10))


def test_permutations_come_near_the_exact_distribution():
    values = np.array([2.0, -1, -1, 3, -2])
    depths = sorted(
        max(np.max(np.maximum.accumulate([0, *np.cumsum(p)]) - [0, *np.cumsum(p)]) for _ in "1")
        for p in itertools.permutations(values)
    )
    found = monte_carlo_drawdown(values, n_draws=6000)
    assert (found.actual, found.median, found.high) == (2, depths[60], depths[114])
    assert found.share_worse == 1.0
    assert monte_carlo_drawdown(np.array([-2.0, -1, -1, 2, 3])).share_worse == pytest.approx(
        0.3, abs=0.04
    )


def test_permuted_losses_have_one_depth_and_redrawn_ones_many():
    losses = np.array([-0.1, -0.2, -0.3])
    kept = monte_carlo_drawdown(losses)
    assert (kept.median, kept.extreme, kept.share_worse) == pytest.approx((0.6, 0.6, 1.0))
    assert monte_carlo_drawdown(losses, redraw=True).extreme == pytest.approx(0.9)


def test_the_seed_decides_and_the_input_stays():
    values = np.random.default_rng(0).standard_normal(60)
    values.flags.writeable = False
    assert monte_carlo_drawdown(values, seed=1) == monte_carlo_drawdown(values, seed=1)
    assert monte_carlo_drawdown(values, seed=1) != monte_carlo_drawdown(values, seed=2)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="n_draws must be at least 1, got 0"):
        monte_carlo_drawdown(np.ones(3), n_draws=0)
    with pytest.raises(ValueError, match="finite, got nan"):
        max_drawdown(np.array([np.nan]))
