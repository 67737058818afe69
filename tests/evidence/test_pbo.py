import itertools
import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.pbo import null_sd, pbo_cscv


def slow_pbo(returns, n_blocks):
    """One combination and one set at a time, as the paper says it."""
    days = returns.T[returns.shape[1] % n_blocks :]
    blocks = np.split(days, n_blocks)

    def ratio(values):
        # Rounded, since all sets with one gain in a half have the same ratio.
        return 0.0 if np.ptp(values) == 0 else round(values.mean() / values.std(ddof=1), 11)

    omegas, inside, outside = [], [], []
    for chosen in itertools.combinations(range(n_blocks), n_blocks // 2):
        rest = [b for b in range(n_blocks) if b not in chosen]
        before = [ratio(column) for column in np.concatenate([blocks[b] for b in chosen]).T]
        after = [ratio(column) for column in np.concatenate([blocks[b] for b in rest]).T]
        best = int(np.argmax(before))
        omegas.append(stats.rankdata(after)[best] / (len(after) + 1))
        inside.append(before[best])
        outside.append(after[best])
    return np.array(omegas), np.array(inside), np.array(outside)


@pytest.mark.plain_python
@pytest.mark.parametrize(("sets", "days", "n_blocks"), [(7, 61, 6), (40, 90, 8), (2, 40, 8)])
def test_agrees_with_the_loop(sets, days, n_blocks):
    returns = np.random.default_rng(sets).standard_t(4, (sets, days)) * 0.3
    omega, inside, outside = slow_pbo(returns, n_blocks)
    found = pbo_cscv(returns, n_blocks=n_blocks)
    assert found.omega == pytest.approx(omega, abs=1e-12)
    assert found.in_sample == pytest.approx(inside, abs=1e-11)
    assert found.out_of_sample == pytest.approx(outside, abs=1e-11)
    fit = stats.linregress(inside, outside)
    assert (found.slope, found.intercept) == pytest.approx((fit.slope, fit.intercept))
    assert found.prob_oos_loss == np.mean(outside < 0)
    assert found.dropped == days % n_blocks


def test_agrees_with_the_loop_on_sparse_and_constant_sets():
    rng = np.random.default_rng(9)
    returns = rng.standard_normal((12, 48)) * (rng.random((12, 48)) < 0.1)
    returns[2], returns[5] = 0.0, 0.7
    returns[7, :24], returns[7, 24:] = 0.4, rng.standard_normal(24)  # level on half of the days
    omega, inside, _ = slow_pbo(returns, 8)
    found = pbo_cscv(returns, n_blocks=8)
    assert found.omega == pytest.approx(omega, abs=1e-12)
    assert found.in_sample == pytest.approx(inside, abs=1e-11)


# RandomState(42) noise, values on which three public implementations agree.
def test_noise_of_the_notes():
    noise = np.random.RandomState(42).standard_normal((240, 20)) * 0.01
    found = pbo_cscv(noise.T, n_blocks=8)
    assert found.pbo == pytest.approx(0.5285714, abs=1e-7)
    assert found.slope == pytest.approx(-0.4643877, abs=1e-7)
    assert found.prob_oos_loss == pytest.approx(0.4714286, abs=1e-7)
    # An odd number of sets has a middle: counted as overfit (.5286), else it would be .4857.
    assert pbo_cscv(noise.T[:19], n_blocks=8).pbo == pytest.approx(0.5286, abs=1e-4)
    # Of 235 sessions the first three go (.5714); longer first blocks would give .6143.
    assert pbo_cscv(noise[:235].T, n_blocks=8).pbo == pytest.approx(0.5714, abs=1e-4)


def test_sixteen_blocks_make_all_combinations():
    found = pbo_cscv(np.random.default_rng(0).standard_normal((5, 160)))
    assert len(found.omega) == math.comb(16, 8) == 12_870
    assert (found.n_blocks, found.n_sessions, found.n_sets) == (16, 160, 5)


def test_parts_precision_and_scale_do_not_change_the_ranks():
    returns = np.random.default_rng(1).standard_normal((1500, 70)).astype(np.float32)
    whole = pbo_cscv(returns, n_blocks=6)
    cut = pbo_cscv(iter(np.split(returns, [1, 900])), n_blocks=6)
    scaled = pbo_cscv(returns * np.float32(1 / 64), n_blocks=6)
    for other in (cut, scaled):
        assert np.array_equal(whole.omega, other.omega)
        assert np.array_equal(whole.selected, other.selected)
    assert np.array_equal(whole.in_sample, cut.in_sample)


@pytest.mark.parametrize("n_sets", [2, 31, 1000])
def test_copies_tie_exactly(n_sets):
    # The kernels of a linear algebra library differ at the edges of its tiles; sums must not.
    row = np.random.default_rng(4).standard_t(3, 176) / 7
    found = pbo_cscv(np.repeat(row[None, :], n_sets, axis=0), n_blocks=8)
    assert np.all(found.logits == 0)
    assert found.pbo == 1.0
    assert np.all(found.selected == 0)


def test_copies_of_another_size_tie_too():
    row = np.random.default_rng(4).standard_t(3, 176)
    found = pbo_cscv(row * np.array([[1.0], [3.0], [0.7], [1e-3], [17.0]]), n_blocks=8)
    assert np.all(found.logits == 0)
    assert np.all(found.selected == 0)


def test_inputs_are_not_written_to():
    returns = np.random.default_rng(1).standard_normal((6, 64))
    returns[2] = 0.5
    before = returns.copy()
    returns.flags.writeable = False
    pbo_cscv(returns, n_blocks=8)
    assert np.array_equal(returns, before)


def test_all_constant_sets_say_nothing():
    found = pbo_cscv(np.zeros((3, 64)), n_blocks=8)
    assert np.all(found.omega == 0.5)
    assert math.isnan(found.slope)


def test_a_true_edge_is_not_overfit_and_a_chosen_fluke_is():
    rng = np.random.default_rng(2)
    returns = rng.standard_normal((100, 320))
    flukes = np.repeat(np.eye(4), 80, axis=1) * 3.0 - 1.0
    assert pbo_cscv(np.concatenate([returns, returns[:1] + 0.5]), n_blocks=8).pbo == 0
    # Four sets, each brilliant in one quarter and bad in the others.
    assert pbo_cscv(rng.standard_normal((4, 320)) * 0.1 + flukes, n_blocks=4).pbo > 0.9


def test_mean_as_metric():
    returns = np.random.default_rng(3).standard_normal((9, 64)) * np.arange(1, 10)[:, None]
    found = pbo_cscv(returns, n_blocks=4, metric="mean")
    days = returns[:, :32].mean(axis=1)  # first combination: blocks 0 and 1
    assert found.selected[0] == days.argmax()
    assert found.in_sample[0] == pytest.approx(days.max())
    rest = returns[:, 32:].mean(axis=1)
    assert found.omega[0] == pytest.approx(stats.rankdata(rest)[days.argmax()] / 10)


def test_noise_scatters_around_one_half_as_stated():
    # Reference notes: N = 100 mean .505 and deviation .150; standard error here .019.
    rng = np.random.default_rng(13)
    found = [pbo_cscv(rng.standard_normal((100, 160)), n_blocks=10) for _ in range(60)]
    values = [result.pbo for result in found]
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)
    assert np.std(values) == pytest.approx(null_sd(100), abs=0.05)
    assert np.mean([result.slope for result in found]) < -0.2


def test_null_spread_falls_with_the_number_of_sets():
    assert null_sd(100) == pytest.approx(0.150, abs=0.005)
    assert null_sd(1000) == pytest.approx(0.114, abs=0.008)
    spread = [null_sd(n) for n in (1, 2, 10, 50, 1000, 10_000, 10**6)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] > 0


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        ((1, 64), {}, "at least 2 sets to choose from, got 1"),
        ((3, 63), {}, "at least 4 sessions, got 63 sessions"),
        ((3, 64), {"n_blocks": 7}, "even and at least 2, got 7"),
        ((3, 64), {"metric": "calmar"}, "one of sharpe, mean, got 'calmar'"),
    ],
)
def test_what_cannot_work_is_refused(shape, settings, words):
    with pytest.raises(ValueError, match=words):
        pbo_cscv(np.random.default_rng(0).standard_normal(shape), **settings)


def test_nan_is_refused():
    returns = np.zeros((3, 64))
    returns[1, 5] = np.nan
    with pytest.raises(ValueError, match="got nan for set 1 in session 5"):
        pbo_cscv(returns)
