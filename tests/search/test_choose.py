import numpy as np
import pytest

from sweep.search import choose as module
from sweep.search.choose import InSample, choose, median_over_folds


def known(objective, violation=None, trades=None, parameters=None):
    objective = np.asarray(objective, float)
    n = len(objective)
    return InSample(
        np.arange(n, dtype=np.uint64),
        np.arange(n, dtype=float)[:, np.newaxis] if parameters is None else parameters,
        objective,
        np.zeros(objective.shape) if violation is None else np.asarray(violation, float),
        np.full(objective.shape, 50) if trades is None else np.asarray(trades),
    )


# Eleven neighbours of a slope have its middle as median: near the top, sets up to 5 off tie.
NEAR = 5


def hill(n=60, at=40):
    return np.maximum(0.3 - 0.02 * np.abs(np.arange(n) - at), -0.1)


def test_an_isolated_peak_loses_to_a_plateau():
    values = hill()
    values[5] = 0.9
    found = choose(known(values[:, np.newaxis]), feasible=np.ones(60, bool), with_folds=False)
    assert abs(found.final - 40) <= NEAR
    assert found.folds == ()


def test_each_fold_chooses_by_its_own_column():
    values = np.stack([hill(at=10), hill(at=30), hill(at=50)], axis=1)
    found = choose(known(values), feasible=np.ones(60, bool), with_folds=True)
    assert [abs(row - at) <= NEAR for row, at in zip(found.folds, (10, 30, 50), strict=True)] == [
        True
    ] * 3
    # The median of the three hills is highest where two of them cross.
    assert min(abs(found.final - 20), abs(found.final - 40)) <= NEAR


def test_an_infeasible_set_is_never_chosen():
    violation = np.zeros((60, 1))
    violation[36:46] = 0.1
    found = choose(
        known(hill()[:, np.newaxis], violation), feasible=violation[:, 0] == 0, with_folds=True
    )
    assert found.folds[0] in (*range(30, 36), *range(46, 51))
    assert found.final == found.folds[0]
    nobody = choose(
        known(hill()[:, np.newaxis], violation + 1), feasible=np.zeros(60, bool), with_folds=True
    )
    assert (nobody.final, nobody.folds) == (None, (None,))


def test_sets_without_trades_are_neither_chosen_nor_neighbours():
    values = np.full((40, 1), -0.2)
    trades = np.full((40, 1), 9)
    values[:20], trades[:20] = 0.0, 0  # not trading looks better than losing
    found = choose(known(values, trades=trades), feasible=np.ones(40, bool), with_folds=True)
    assert found.folds[0] >= 20


def test_the_median_needs_more_than_half_of_the_folds():
    nan = np.nan
    values = np.array([[1, 2, 9, 4.0], [1, nan, nan, 3], [nan, 1, 2, 3], [nan] * 4])
    assert median_over_folds(values).tolist() == pytest.approx([3, nan, 2, nan], nan_ok=True)


@pytest.mark.parametrize("n", range(1, 12))
def test_of_few_sets_on_a_hill_its_top_is_chosen(n):
    """Up to 11 sets shared one neighbourhood, and the smallest key, maybe the worst, won."""
    for best in range(n):
        values = 0.3 - 0.02 * np.abs(np.arange(n) - best)
        found = choose(known(values[:, np.newaxis]), feasible=np.ones(n, bool), with_folds=True)
        assert found.final == found.folds[0] == best


def test_of_equal_scores_the_better_own_value_wins_then_the_smaller_key():
    parameters = np.zeros((4, 1))  # copies: each one's only neighbour is another
    values = np.array([0.1, 0.1, 0.1, 0.1])
    found = choose(
        known(values[:, np.newaxis], parameters=parameters),
        feasible=np.array([False, True, True, True]),
        with_folds=False,
    )
    assert found.final == 1
    two = np.array([[-0.5], [0.5]])  # one neighbourhood, one score
    found = choose(known(two), feasible=np.ones(2, bool), with_folds=True)
    assert (found.final, found.folds) == (1, (1,))


def test_of_very_many_sets_a_fair_sample_is_chosen_from(monkeypatch):
    monkeypatch.setattr(module, "MOST_SETS", 30)
    found = choose(known(hill()[:, np.newaxis]), feasible=np.ones(60, bool), with_folds=True)
    assert found.folds[0] < 30
