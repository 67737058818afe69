"""Rise of what sets earn towards an end: found where planted, not where nothing rises."""

import numpy as np
import pytest
import scipy.stats

from sweep.evidence.slope import SETS_PER_COEFFICIENT, STRETCH, end_rise, end_slope


def drawn(seed, n=300, d=3):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng


def risen(points, daily, row, column, *, upward=True):
    slope = end_slope(points, np.ones(len(points), np.bool_), row, column, upward=upward)
    return end_rise(slope, daily[slope.sets])


def test_a_slope_is_that_of_a_fitted_parabola_with_both_its_errors():
    """One parameter, few enough sets for all of them to count."""
    points, rng = drawn(0, n=3 * SETS_PER_COEFFICIENT, d=1)
    daily = 2 * points - points**2 + rng.normal(0, 0.5, (30, 60))
    found = risen(points, daily, 3, 0)
    ranks = (scipy.stats.rankdata(points[:, 0]) - 1) / 29
    curves = [np.polynomial.Polynomial.fit(ranks, day, 2, domain=[0, 1]) for day in daily.T]
    slopes = [STRETCH * curve.deriv()(1.0) for curve in curves]
    assert found.n_sets == 30
    assert found.rise == pytest.approx(np.mean(slopes))
    # The covariance of a fit, by its own formula, through the points of the mean day.
    means = daily.mean(axis=1)
    _, covariance = np.polyfit(ranks - 1, means, 2, cov="unscaled")
    residual = means - np.polyval(np.polyfit(ranks - 1, means, 2), ranks - 1)
    around = STRETCH * np.sqrt(covariance[1, 1] * (residual @ residual) / 27)
    assert found.error == pytest.approx(np.hypot(scipy.stats.sem(slopes), around))
    assert found.p_value == pytest.approx(scipy.stats.t.sf(found.rise / found.error, 27))


@pytest.mark.parametrize("upward", [True, False])
def test_a_rise_through_to_the_end_is_found_among_other_effects(upward):
    sign = 1 if upward else -1
    points, rng = drawn(1)
    means = 0.3 * sign * points[:, 1] - 2 * points[:, 0]
    daily = means[:, np.newaxis] + rng.normal(0, 0.2, (300, 250))
    row = int(np.argmax(sign * points[:, 1]))
    found = risen(points, daily, row, 1, upward=upward)
    assert found.rise == pytest.approx(0.3 * STRETCH, abs=0.03)
    assert found.p_value < 0.01
    assert risen(points, daily, row, 1, upward=not upward).rise < 0


def test_no_effect_is_flagged_as_often_as_stated_though_neighbours_share_their_luck():
    p_values, inside = [], []
    for seed in range(200):
        points, rng = drawn(seed, n=120)
        # Luck of a day that is a slope in the very parameter.
        luck = rng.normal(0, 1, 100) * (points[:, 2:] - 0.5)
        daily = points[:, :1] + luck + rng.normal(0, 0.2, (120, 100))
        row = int(np.argmax(points[:, 2]))
        p_values.append(risen(points, daily, row, 2).p_value)
        hill = daily - 4 * (points[:, 2:] - 0.6) ** 2
        inside.append(risen(points, hill, row, 2).p_value)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)
    assert min(inside) > 0.05


def test_what_few_or_equal_sets_cannot_tell_is_none():
    every = np.ones(14, np.bool_)
    points, _ = drawn(2, n=14)
    assert end_slope(points, every, 0, 0, upward=True) is None
    points, _ = drawn(2)
    points[:, 1] = 4.0
    every = np.ones(300, np.bool_)
    assert end_slope(points, every, 0, 1, upward=True) is None
    assert end_slope(points, np.arange(300) >= 290, 0, 0, upward=True) is None
    copied = np.column_stack([points[:, 0], points[:, 0]])
    assert end_slope(copied, every, 0, 0, upward=True) is None
    same = risen(points, np.ones((300, 9)), 0, 2)
    assert (same.rise, same.error) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))
    ranks = scipy.stats.rankdata(points[:, 2])[:, np.newaxis]
    rising = risen(points, np.repeat(ranks, 9, axis=1), 0, 2)
    assert (rising.p_value, rising.error) == (0.0, pytest.approx(0, abs=1e-9))


def test_a_set_without_results_and_a_parameter_that_never_varies_change_nothing():
    points, _ = drawn(3)
    every = np.ones(300, np.bool_)
    slope = end_slope(points, every, 5, 1, upward=True)
    wider = np.column_stack([np.zeros(300), points])
    again = end_slope(wider, every, 5, 2, upward=True)
    assert again.sets.tolist() == slope.sets.tolist()
    assert again.weights == pytest.approx(slope.weights)
    unusable = every.copy()
    unusable[slope.sets[0]] = False
    assert slope.sets[0] not in end_slope(points, unusable, 5, 1, upward=True).sets
    unusable = every.copy()
    unusable[5] = False
    assert end_slope(points, unusable, 5, 1, upward=True) is not None
