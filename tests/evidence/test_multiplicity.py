import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.multiplicity import adjust_pvalues

P = np.array([0.001, 0.008, 0.012, 0.039, 0.041, 0.27, 0.60])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("bonferroni", [0.007, 0.056, 0.084, 0.273, 0.287, 1, 1]),
        ("holm", [0.007, 0.048, 0.06, 0.156, 0.156, 0.54, 0.6]),
        ("bh", [0.007, 0.028, 0.028, 0.0574, 0.0574, 0.315, 0.6]),
    ],
)
def test_values_of_statsmodels_in_any_order(method, expected):
    assert adjust_pvalues(P, method) == pytest.approx(expected, abs=1e-12)
    mixed = np.random.default_rng(0).permutation(7)
    assert adjust_pvalues(P[mixed], method) == pytest.approx(np.array(expected)[mixed])


@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discovery_rates_agree_with_scipy(method):
    p = np.random.default_rng(1).random(40) ** 3
    assert adjust_pvalues(p, method) == pytest.approx(
        stats.false_discovery_control(p, method=method)
    )


def test_one_and_no_test():
    assert adjust_pvalues(np.array([0.03])).tolist() == [0.03]
    assert adjust_pvalues(np.array([])).tolist() == []


@pytest.mark.parametrize(
    ("p", "method", "words"),
    [
        ([0.1, 1.2], "holm", r"in \[0, 1\], got 0.1 to 1.2"),
        ([0.1, math.nan], "holm", "finite, got nan at position 1"),
        ([0.1], "sidak", "one of bonferroni, holm, bh, by, got 'sidak'"),
    ],
)
def test_bad_p_values_are_refused(p, method, words):
    with pytest.raises(ValueError, match=words):
        adjust_pvalues(np.array(p), method)
