"""Rise of what sets earn towards an end: found where planted, not where nothing rises."""

import numpy as np
import pytest
import scipy.stats

from sweep.evidence.slope import SETS_PER_COEFFICIENT, local_line, local_rise


def drawn(seed, n=300, d=3):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng


def risen(points, daily, row, column, *, upward=True):
    line = local_line(points, np.ones(len(points), np.bool_), row, column, upward=upward)
    return local_rise(line, daily[line.sets])


def test_a_line_is_that_of_a_textbook_and_its_error_that_of_days():
    """One parameter, all sets of the outer half."""
    points, rng = drawn(0, n=24, d=1)
    daily = 2 * points + rng.normal(0, 0.5, (24, 60))
    found = risen(points, daily, 3, 0)
    ranks = (scipy.stats.rankdata(points[:, 0]) - 1) / 23
    outer = ranks >= 0.5
    slopes = [scipy.stats.linregress(ranks[outer], day[outer]).slope / 2 for day in daily.T]
    test = scipy.stats.ttest_1samp(slopes, 0, alternative="greater")
    assert found.n_sets == outer.sum() == 12 == 2 * SETS_PER_COEFFICIENT
    assert found.rise == pytest.approx(np.mean(slopes))
    assert found.error == pytest.approx(scipy.stats.sem(slopes))
    assert found.p_value == pytest.approx(test.pvalue)


@pytest.mark.parametrize("upward", [True, False])
def test_a_rise_through_to_the_end_is_found_among_other_effects(upward):
    sign = 1 if upward else -1
    points, rng = drawn(1)
    means = 0.3 * sign * points[:, 1] - 2 * points[:, 0]
    daily = means[:, np.newaxis] + rng.normal(0, 0.5, (300, 250))
    row = int(np.argmax(sign * points[:, 1]))
    found = risen(points, daily, row, 1, upward=upward)
    assert found.rise == pytest.approx(0.15, abs=0.06)
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
        hill = daily - 4 * (points[:, 2:] - 0.5) ** 2
        inside.append(risen(points, hill, row, 2).p_value)
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)
    assert min(inside) > 0.05


def test_what_few_or_equal_sets_cannot_tell_is_none():
    every = np.ones(20, np.bool_)
    points, _ = drawn(2, n=20)
    assert local_line(points, every, 0, 0, upward=True) is None
    points, _ = drawn(2)
    points[:, 1] = 4.0
    every = np.ones(300, np.bool_)
    assert local_line(points, every, 0, 1, upward=True) is None
    assert local_line(points, np.arange(300) >= 290, 0, 0, upward=True) is None
    copied = np.column_stack([points[:, 0], points[:, 0]])
    assert local_line(copied, every, 0, 0, upward=True) is None
    same = risen(points, np.ones((300, 9)), 0, 2)
    assert (same.rise, same.error) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))
    rising = risen(points, np.repeat(points[:, 2:], 9, axis=1), 0, 2)
    assert (rising.p_value, rising.error) == (0.0, pytest.approx(0, abs=1e-12))


def test_a_set_without_results_and_a_parameter_that_never_varies_change_nothing():
    points, _ = drawn(3)
    every = np.ones(300, np.bool_)
    line = local_line(points, every, 5, 1, upward=True)
    wider = np.column_stack([np.zeros(300), points])
    again = local_line(wider, every, 5, 2, upward=True)
    assert again.sets.tolist() == line.sets.tolist()
    assert again.weights == pytest.approx(line.weights)
    unusable = every.copy()
    unusable[line.sets[0]] = False
    assert line.sets[0] not in local_line(points, unusable, 5, 1, upward=True).sets
    unusable = every.copy()
    unusable[5] = False
    assert local_line(points, unusable, 5, 1, upward=True) is not None
