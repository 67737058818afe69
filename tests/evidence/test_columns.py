import numpy as np
import pytest
from scipy import stats

from sweep.evidence.columns import column_moments, repeatable, slices


def parts(returns, *sizes):
    return np.split(returns, np.cumsum(sizes))


def test_moments_agree_with_scipy_row_by_row():
    returns = np.random.default_rng(1).gamma(2, size=(7, 90))
    found = column_moments(returns)
    assert found.mean == pytest.approx(returns.mean(axis=1))
    assert found.std == pytest.approx(returns.std(axis=1, ddof=1))
    assert found.skew == pytest.approx(stats.skew(returns, axis=1))
    assert found.kurtosis == pytest.approx(stats.kurtosis(returns, axis=1, fisher=False))
    assert found.n_sessions == 90


def test_parts_do_not_change_the_answer():
    returns = np.random.default_rng(1).standard_normal((2500, 30)).astype(np.float32)
    whole, cut = column_moments(returns), column_moments(iter(parts(returns, 3, 1400)))
    for name in ("mean", "std", "sharpe", "skew", "kurtosis", "active_days", "constant"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name))


def test_slices_are_bounded_and_in_order():
    returns = np.arange(2500 * 3, dtype=np.float32).reshape(2500, 3)
    found = list(slices(parts(returns, 1100)))
    assert [(first, len(block)) for first, block in found] == [
        (0, 1024), (1024, 76), (1100, 1024), (2124, 376),
    ]  # fmt: skip
    assert np.array_equal(np.concatenate([block for _, block in found]), returns)


def test_constant_and_empty_columns():
    found = column_moments(np.array([[0.1] * 50, [0.0] * 50, [0.0, 1.0] * 25]))
    assert found.constant.tolist() == [True, True, False]
    assert found.sharpe[:2].tolist() == [0, 0]
    assert found.active_days.tolist() == [50, 0, 25]


def test_inputs_are_not_written_to():
    returns = np.random.default_rng(1).standard_normal((5, 30))
    returns.flags.writeable = False
    column_moments(returns)


def test_nan_is_refused_with_its_place():
    returns = np.zeros((1100, 5))
    returns[1050, 3] = np.nan
    with pytest.raises(ValueError, match="got nan for set 1050 in session 3"):
        column_moments(returns)


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        (np.zeros(5), r"\[sets, sessions\], got shape \(5,\)"),
        (np.zeros((0, 5)), "at least one set, got none"),
        ([], "at least one set, got none"),
        ([np.zeros((2, 5)), np.zeros((2, 6))], "same sessions, got 6 after 5"),
        (np.zeros((2, 1)), "at least 2 sessions, got 1"),
        (np.zeros((3, 0)), r"need sessions, got shape \(3, 0\)"),
    ],
)
def test_bad_shapes_are_refused(returns, words):
    with pytest.raises(ValueError, match=words):
        column_moments(returns)


def test_a_generator_cannot_be_gone_over_twice():
    with pytest.raises(TypeError, match="one-shot iterator; hand over"):
        repeatable(block for block in [np.zeros((2, 3))])
