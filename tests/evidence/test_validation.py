import math

import numpy as np
import pytest
from skfolio.model_selection import CombinatorialPurgedCV

from sweep.evidence.validation import combinatorial_counts, walk_forward_efficiency


def test_efficiency_by_hand():
    found = walk_forward_efficiency(np.array([0.2, 0.4, -0.1]), np.array([0.1, -0.1, 0.3]))
    assert found.in_sample == pytest.approx(0.5 / 3)
    assert found.out_of_sample == pytest.approx(0.1)
    assert found.efficiency == pytest.approx(0.6)
    assert found.per_fold.tolist() == pytest.approx([0.5, -0.25, math.nan], nan_ok=True)
    assert found.share_positive == pytest.approx(2 / 3)


def test_longer_folds_weigh_more():
    found = walk_forward_efficiency(np.array([0.2, 0.2]), np.array([0.1, 0.3]), np.array([30, 10]))
    assert found.out_of_sample == pytest.approx(0.15)


def test_nothing_earned_in_sample_gives_no_efficiency():
    found = walk_forward_efficiency(np.array([-0.1, 0.1]), np.array([0.5, 0.5]))
    assert math.isnan(found.efficiency)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.1], [0.1, 0.2]), "one value a fold, got 1, 2 and 1"),
        (([0.1], [math.nan]), "out_of_sample must be finite"),
        (([0.1], [0.1], [0]), "needs out-of-sample sessions, got 0"),
    ],
)
def test_bad_folds_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        walk_forward_efficiency(*(np.array(argument) for argument in arguments))


@pytest.mark.parametrize(
    ("folds", "test", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (8, 2, 28, 7)]
)
def test_counts_agree_with_skfolio(folds, test, splits, paths):
    found = combinatorial_counts(folds, test)
    theirs = CombinatorialPurgedCV(n_folds=folds, n_test_folds=test)
    assert (found.n_splits, found.n_test_paths) == (splits, paths)
    assert (found.n_splits, found.n_test_paths) == (theirs.n_splits, theirs.n_test_paths)


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="fewer than the folds, got 4 of 4"):
        combinatorial_counts(4, 4)
