import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.deflated import (
    deflated_sharpe_from_matrix,
    deflated_sharpe_ratio,
    sharpe_evidence,
    trial_sharpe_variance,
)
from sweep.evidence.luck import (
    expected_max_z,
    expected_max_z_exact,
    min_backtest_length_years,
)

# Closed form and quadrature, both tabulated in the reference notes; pypbo asserts 2.5306028932.
EXPECTED_MAX = [
    (2, 0.51976, 0.56419),
    (5, 1.19259, 1.16296),
    (10, 1.57460, 1.53875),
    (45, 2.23564, 2.20772),
    (100, 2.53060, 2.50759),
    (1_000, 3.25512, 3.24144),
    (10_000, 3.86066, 3.85162),
    (100_000, 4.39083, 4.38432),
]


@pytest.mark.parametrize(("n", "closed", "exact"), EXPECTED_MAX)
def test_expected_maximum(n, closed, exact):
    assert expected_max_z(n) == pytest.approx(closed, abs=6e-6)
    assert expected_max_z_exact(n) == pytest.approx(exact, abs=6e-6)


def test_expected_maximum_of_two_and_three_in_closed_form():
    assert expected_max_z_exact(2) == pytest.approx(1 / math.sqrt(math.pi), abs=1e-10)
    assert expected_max_z_exact(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-10)


def test_one_trial_expects_nothing():
    assert expected_max_z(1) == 0
    assert expected_max_z_exact(1) == pytest.approx(0, abs=1e-10)


def test_expected_maximum_never_falls_with_more_trials():
    found = [expected_max_z(n) for n in np.linspace(1, 40, 400)]
    assert min(np.diff(found)) >= 0


@pytest.mark.parametrize("n", [0, 0.5, -3, math.nan, math.inf])
def test_a_number_of_trials_below_one_is_refused(n):
    with pytest.raises(ValueError, match="trials must be at least 1"):
        expected_max_z(n)


# Bailey and Lopez de Prado 2014: annual ratio 2.5, 250 days, T = 1250, V = 0.5 annual.
PAPER = {"sharpe_variance": 0.5 / 250, "skew": -3, "kurtosis": 10}


@pytest.mark.parametrize(("trials", "dsr"), [(100, 0.900397), (46, 0.950502)])
def test_deflated_ratio_of_the_paper(trials, dsr):
    found = deflated_sharpe_ratio(2.5 / math.sqrt(250), 1250, n_trials=trials, **PAPER)
    assert found.dsr == pytest.approx(dsr, abs=6e-7)
    assert not found.radicand_clamped


@pytest.mark.parametrize(
    ("sharpe", "days", "settings", "wrong"),
    [
        (2.5 / math.sqrt(250), 1250, {"kurtosis": 7}, 0.90178),
        (2.5 / math.sqrt(250), 1251, {}, 0.90049),
        (2.5 / math.sqrt(250), 1250, {"sharpe_variance": (0.5 / 250) ** 2}, 0.99999),
    ],
)
def test_known_mistakes_give_other_numbers(sharpe, days, settings, wrong):
    found = deflated_sharpe_ratio(sharpe, days, n_trials=100, **(PAPER | settings))
    assert found.dsr == pytest.approx(wrong, abs=6e-6)


def test_clamped_moments_are_flagged():
    found = deflated_sharpe_ratio(1, 100, n_trials=5, sharpe_variance=0.01, skew=3, kurtosis=4)
    assert found.radicand_clamped


def test_a_negative_variance_is_refused():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        deflated_sharpe_ratio(0.1, 100, n_trials=5, sharpe_variance=-1)


def test_few_trials_get_at_least_the_variance_of_noise():
    assert trial_sharpe_variance(np.array([0.1, 0.1001]), 101) == 0.01
    assert trial_sharpe_variance(np.array([0.1]), 101) == 0.01
    assert trial_sharpe_variance(np.array([-1.0, 1.0]), 101) == 2.0
    ten = np.full(10, 0.1)
    ten[0] = 0.2
    assert trial_sharpe_variance(ten, 101) == pytest.approx(0.001)


def test_matrix_deflates_its_best_column():
    rng = np.random.default_rng(8)
    returns = rng.standard_normal((40, 300))
    returns[17] += 0.15
    returns[5] = returns[5] * 50 + 2  # largest mean, not the largest ratio
    returns[3] = 0.05  # constant: counts as a try, has no ratio
    best, found = deflated_sharpe_from_matrix(returns)
    assert best == 17
    ratios = [row.mean() / row.std(ddof=1) for i, row in enumerate(returns) if i != 3]
    expected = deflated_sharpe_ratio(
        ratios[16],
        300,
        n_trials=40,
        sharpe_variance=np.var(ratios, ddof=1),
        skew=stats.skew(returns[17]),
        kurtosis=stats.kurtosis(returns[17], fisher=False),
    )
    assert found.dsr == pytest.approx(expected.dsr, rel=1e-9)
    assert found.sr0 == pytest.approx(expected.sr0, rel=1e-9)


def test_one_trial_is_not_deflated():
    values = np.random.default_rng(2).standard_normal(200) + 0.1
    _, found = deflated_sharpe_from_matrix(values[None, :])
    assert found.sr0 == 0


def test_the_best_of_noise_is_about_one_half():
    # Reference notes, T = 500 and N = 1000: mean .501, never above .95 in 200 sweeps.
    rng = np.random.default_rng(11)
    found = [
        deflated_sharpe_from_matrix(rng.standard_normal((200, 250)))[1].dsr for _ in range(150)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.array(found) > 0.95) <= 0.02


def test_minimum_backtest_length():
    five_years = min_backtest_length_years(45)
    assert five_years.years == pytest.approx(4.998, abs=6e-4)
    assert five_years.upper_bound_years == pytest.approx(7.61, abs=6e-3)
    assert min_backtest_length_years(10_000).years == pytest.approx(14.9, abs=0.06)
    assert min_backtest_length_years(10_000, target_sharpe=2).years == pytest.approx(3.7, abs=0.06)
    with pytest.raises(ValueError, match="above 0, got 0"):
        min_backtest_length_years(45, target_sharpe=0)


def test_evidence_of_a_chosen_set():
    values = np.random.default_rng(4).standard_normal(320) + 0.2
    found = sharpe_evidence(values, n_trials=1000, n_effective=50, sharpe_variance=1 / 319)
    assert found.days == 320
    assert found.at_effective.dsr > found.at_trials.dsr
    assert found.psr > found.at_effective.dsr
    assert found.at_trials.sr0 == pytest.approx(3.25512 / math.sqrt(319), abs=1e-5)


def test_too_few_active_days_give_no_probability():
    values = np.zeros(320)
    values[::6] = np.tile([2.0, -1.0], 27)
    found = sharpe_evidence(values, n_trials=10, n_effective=5, sharpe_variance=0.01)
    assert found.moments.active == 54
    assert (found.psr, found.at_trials, found.at_effective) == (None, None, None)
    assert math.isnan(found.min_track_record_days)


def test_a_constant_set_gives_no_probability():
    found = sharpe_evidence(np.full(100, 0.1), n_trials=1, n_effective=1, sharpe_variance=0.01)
    assert found.psr is None
