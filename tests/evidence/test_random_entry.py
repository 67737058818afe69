"""A result among random draws: the p-value counts the result itself."""

import math

import numpy as np
import pytest

from sweep.evidence.random_entry import random_entry_test


def test_random_entries_are_counted_with_the_result_itself():
    draws = np.linspace(-1, 1, 999)
    found = random_entry_test(2.0, draws)
    assert found.p_value == 1 / 1000
    assert found.random_mean == pytest.approx(0)
    assert found.random_high == pytest.approx(0.9)
    assert random_entry_test(-2.0, draws).p_value == 1
    assert random_entry_test(0.0, np.array([-1.0, 0.0, 1.0])).p_value == 0.75


def test_an_unknown_result_is_refused():
    with pytest.raises(ValueError, match="actual must be finite, got nan"):
        random_entry_test(math.nan, np.zeros(3))
    with pytest.raises(ValueError, match="draws needs at least 1 values, got 0"):
        random_entry_test(0.0, np.zeros(0))
