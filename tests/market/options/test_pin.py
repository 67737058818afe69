import numpy as np
import pytest

from sweep.market.options.pin import max_pain, nearest_extreme


def brute_force(strikes, calls, puts, listed, spot):
    levels = strikes[listed]
    pain = [
        calls[listed] @ np.maximum(at - levels, 0) + puts[listed] @ np.maximum(levels - at, 0)
        for at in levels
    ]
    least = levels[np.array(pain) == min(pain)]
    return min(least, key=lambda at: (abs(at - spot), at))


@pytest.mark.parametrize("seed", range(30))
def test_max_pain_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    strikes = np.sort(rng.choice(np.arange(80.0, 120.0), 12, replace=False))
    calls, puts = rng.integers(0, 4, (2, 12)).astype(float)
    listed = rng.random(12) < 0.8
    listed[3] = True
    calls[3] = 1.0
    spot = rng.uniform(80, 120)
    found = max_pain(strikes, calls, puts, listed, spot)
    assert found == brute_force(strikes, calls, puts, listed, spot)


def test_equal_minima_go_to_the_spot_then_lower():
    strikes = np.array([90.0, 100.0, 110.0, 120.0])
    calls, puts = np.array([5.0, 0, 0, 0]), np.array([0.0, 0, 0, 5])
    listed = np.ones(4, bool)
    assert max_pain(strikes, calls, puts, listed, 101.0) == 100.0
    assert max_pain(strikes, calls, puts, listed, 119.0) == 120.0
    assert max_pain(strikes, calls, puts, listed, 105.0) == 100.0


def test_without_open_interest_there_is_no_pain():
    strikes = np.array([90.0, 100.0])
    listed = np.ones(2, bool)
    assert np.isnan(max_pain(strikes, np.zeros(2), np.zeros(2), listed, 95.0))
    assert np.isnan(max_pain(strikes, np.full(2, np.nan), np.zeros(2), listed, 95.0))


def test_the_largest_value_and_its_ties():
    strikes = np.array([90.0, 95.0, 105.0])
    everywhere = np.ones(3, bool)
    assert nearest_extreme(np.array([1.0, 3, 3]), strikes, everywhere, 101.0) == 105.0
    assert nearest_extreme(np.array([1.0, 3, 3]), strikes, everywhere, 100.0) == 95.0
    assert (
        nearest_extreme(np.array([1.0, 3, 3]), strikes, np.array([1, 0, 0], bool), 100.0) == 90.0
    )
    assert np.isnan(nearest_extreme(np.array([0.0, -1, 0]), strikes, everywhere, 100.0))
