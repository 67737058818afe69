import math

import numpy as np
import pytest
from arch import bootstrap as reference

from sweep.evidence.bootstrap import stationary_bootstrap_indices
from sweep.evidence.superiority import spa, spa_and_stepm, stepm


def slow_spa(returns, n_resamples, seed):
    """Hansen's test a resample and a set at a time, on the package's own session numbers."""
    n = returns.shape[1]
    indices = stationary_bootstrap_indices(n, n_resamples=n_resamples, seed=seed)
    ratio = [math.sqrt(n) * row.mean() / row.std() for row in returns]
    statistic = max(0.0, *ratio)
    reached = {"lower": 0, "consistent": 0, "upper": 0}
    for days in indices:
        most = dict.fromkeys(reached, 0.0)
        for row, own in zip(returns, ratio, strict=True):
            drawn = row[days]
            width = max(drawn.std(), 0.5 * row.std())
            centre = {
                "upper": row.mean(),
                "lower": max(row.mean(), 0.0),
                "consistent": row.mean() if own >= -math.sqrt(2 * math.log(math.log(n))) else 0.0,
            }
            for kind, value in centre.items():
                most[kind] = max(most[kind], math.sqrt(n) * (drawn.mean() - value) / width)
        for kind in reached:
            reached[kind] += most[kind] >= statistic
    return statistic, {kind: count / n_resamples for kind, count in reached.items()}


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.2), (-0.04, 0.0)])
def test_agrees_with_the_loop(low, high):
    rng = np.random.default_rng(1)
    returns = rng.standard_normal((9, 120)) * rng.uniform(0.5, 3, 9)[:, None]
    returns -= returns.mean(axis=1, keepdims=True)
    returns += (np.linspace(low, high, 9) + 0.02)[:, None]
    statistic, p = slow_spa(returns, 400, seed=4)
    found = spa(returns, n_resamples=400, seed=4)
    assert found.statistic == pytest.approx(statistic, rel=1e-12)
    assert {"lower": found.p_lower, "consistent": found.p_consistent, "upper": found.p_upper} == p
    assert p["lower"] < p["upper"]


@pytest.mark.parametrize("edge", [0.0, 0.6])
def test_both_tests_in_the_passes_of_one_are_those_made_apart(edge):
    returns = np.random.default_rng(7).standard_normal((40, 90))
    returns[:3] += edge
    returns[5] = 0.25
    parts = [returns[:4], returns[4:30], returns[30:]]
    together, steps = spa_and_stepm(parts)
    assert together == spa(returns)
    alone = stepm(returns)
    assert steps.superior.tolist() == alone.superior.tolist() == ([0, 1, 2] if edge else [])
    assert steps.critical_values == alone.critical_values


def mixed_scales(rng):
    """50 sets with deviations 0.5 to 3, one of them with a true edge of t about 5."""
    returns = rng.standard_normal((50, 500)) * np.linspace(0.5, 3, 50)[:, None]
    returns[0] += 0.5 * 5 / math.sqrt(500)
    return returns


def test_agrees_with_arch_on_scaled_sets():
    # arch takes losses and never divides by the deviation, so the sets are scaled first. Its own
    # p-values move by .01 with the resamples.
    rng = np.random.default_rng(3)
    returns = rng.standard_normal((30, 400)) + rng.uniform(-0.15, 0.08, 30)[:, None]
    scaled = returns / returns.std(axis=1, keepdims=True)
    theirs = reference.SPA(np.zeros(400), -scaled.T, block_size=5, reps=2000, seed=1)
    theirs.compute()
    ours = spa(returns, n_resamples=2000)
    expected = theirs.pvalues
    assert ours.p_lower == pytest.approx(expected["lower"], abs=0.04)
    assert ours.p_consistent == pytest.approx(expected["consistent"], abs=0.04)
    assert ours.p_upper == pytest.approx(expected["upper"], abs=0.04)
    assert 0.05 < ours.p_consistent < 0.95


def test_sets_of_different_scale_do_not_hide_an_edge():
    returns = mixed_scales(np.random.default_rng(5))
    unscaled = reference.SPA(np.zeros(500), -returns.T, block_size=5, reps=300, seed=1)
    unscaled.compute()
    assert unscaled.pvalues["consistent"] > 0.1  # the trap
    found = spa(returns, n_resamples=500)
    assert found.p_upper < 0.01
    assert found.best == 0


def test_stepwise_agrees_with_arch_on_scaled_sets():
    rng = np.random.default_rng(6)
    returns = rng.standard_normal((40, 500))
    returns[[3, 11, 29]] += 0.3
    scaled = returns / returns.std(axis=1, keepdims=True)
    theirs = reference.StepM(np.zeros(500), -scaled.T, block_size=5, reps=1000, seed=1)
    theirs.compute()
    found = stepm(returns)
    assert found.superior.tolist() == sorted(theirs.superior_models) == [3, 11, 29]
    assert len(found.critical_values) == 2
    assert found.critical_values[0] >= found.critical_values[1]


def test_a_later_step_takes_what_the_first_left():
    # Forty clear winners set the bar of the first step near 3; without them the last set with
    # its 2.2 stands alone against about 1.65.
    rng = np.random.default_rng(0)
    returns = rng.standard_normal((41, 300))
    returns -= returns.mean(axis=1, keepdims=True)
    returns /= returns.std(axis=1, keepdims=True)
    returns += np.r_[np.full(40, 10), 2.2][:, None] / math.sqrt(300)
    found = stepm(returns, mean_block=1)
    assert found.superior.tolist() == list(range(41))
    assert found.critical_values[0] == pytest.approx(3.1, abs=0.25)
    assert found.critical_values[1] == pytest.approx(1.65, abs=0.25)


def test_parts_do_not_change_the_answer():
    returns = np.random.default_rng(7).standard_normal((1300, 60)).astype(np.float32)
    returns[5] += 1
    cut = np.split(returns, [3, 700])
    assert spa(iter(cut), n_resamples=50) == spa(returns, n_resamples=50)
    assert stepm(cut, n_resamples=50).superior.tolist() == [5]
    with pytest.raises(TypeError, match="one-shot iterator"):
        stepm(iter(cut))


def test_noise_is_rejected_as_often_as_stated():
    # Nominal 10 %, 120 sweeps of 60 sets: binomial deviation .027; notes measured 6.7 % at 5 %.
    rng = np.random.default_rng(17)
    p = [spa(rng.standard_normal((60, 250)), n_resamples=200, seed=i).p_consistent
         for i in range(120)]  # fmt: skip
    assert 0.02 <= np.mean(np.array(p) <= 0.1) <= 0.19
    assert np.mean(p) == pytest.approx(0.45, abs=0.12)


def test_sets_with_few_trades_do_not_hide_an_edge():
    # Half of the sets trade on 1 % of the days: their resamples are often all but empty.
    rng = np.random.default_rng(19)
    returns = rng.standard_normal((200, 500))
    returns[:100] *= rng.random((100, 500)) < 0.01
    returns[150] += 0.25
    found = spa(returns, n_resamples=500)
    assert found.best == 150
    assert found.p_consistent < 0.01
    assert 150 in stepm(returns, n_resamples=500).superior


def test_one_lucky_day_is_no_evidence():
    lucky = np.zeros((1, 250))
    lucky[0, 100] = 25.0
    assert spa(lucky).p_consistent > 0.05
    assert not len(stepm(lucky).superior)


def test_losing_sets_reject_nothing():
    found = spa(np.random.default_rng(1).standard_normal((5, 200)) - 1)
    assert (found.statistic, found.p_lower, found.p_consistent) == (0.0, 1.0, 1.0)


def test_copies_count_once():
    row = np.random.default_rng(2).standard_normal((1, 300)) + 0.1
    alone, copied = spa(row), spa(np.repeat(row, 50, axis=0))
    assert alone.p_upper == copied.p_upper
    assert copied.best == 0


def test_constant_sets_cannot_win():
    row = np.random.default_rng(2).standard_normal(300)
    found = spa(np.stack([np.full(300, 0.2), row, np.zeros(300)]))
    assert (found.best, found.n_sets, found.n_constant) == (1, 3, 2)
    nothing = spa(np.zeros((3, 300)))
    assert (nothing.best, nothing.p_consistent) == (-1, 1.0)
    assert stepm(np.zeros((3, 300))).critical_values == ()


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        (np.zeros((2, 7)), "at least 8 sessions, got 7"),
        (np.full((2, 50), np.nan), "got nan for set 0 in session 0"),
    ],
)
def test_bad_input_is_refused(returns, words):
    with pytest.raises(ValueError, match=words):
        spa(returns)
    with pytest.raises(ValueError, match="between 0 and 1, got 5"):
        stepm(returns, alpha=5)
