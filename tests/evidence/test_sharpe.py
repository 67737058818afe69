import math

import numpy as np
import pytest
from scipy import stats

from sweep.evidence.sharpe import (
    min_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_and_moments,
    sharpe_radicand,
)


def test_moments_agree_with_scipy():
    values = np.random.default_rng(3).standard_t(4, 300) * 0.3 + 0.05
    found = sharpe_and_moments(values)
    assert found.sharpe == pytest.approx(values.mean() / values.std(ddof=1), rel=1e-12)
    assert found.skew == pytest.approx(stats.skew(values), rel=1e-12)
    assert found.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False), rel=1e-12)
    assert (found.n_obs, found.active, found.constant) == (300, 300, False)


def test_days_without_a_trade_do_not_count_as_active():
    values = np.zeros(200)
    values[:59] = np.tile([1.5, -1.0], 30)[:59]
    assert sharpe_and_moments(values).active == 59
    assert sharpe_and_moments(values).insufficient
    values[59] = 1.0
    assert not sharpe_and_moments(values).insufficient


def test_a_constant_series_has_no_sharpe_ratio_and_is_flagged():
    found = sharpe_and_moments(np.full(100, 0.1))
    assert (found.sharpe, found.skew, found.kurtosis, found.constant) == (0.0, 0.0, 3.0, True)


# Bailey and Lopez de Prado 2012, 24 months with mean .036 and deviation .079; values of the paper
# from the rounded annual ratio 1.585 are those asserted by pypbo.
@pytest.mark.parametrize(
    ("sharpe", "benchmark", "skew", "kurtosis", "expected"),
    [
        (0.036 / 0.079, 0.0, 0.0, 3.0, 0.98124),
        (0.036 / 0.079, 0.0, -2.448, 10.164, 0.91271),
        (1.585 / math.sqrt(12), 0.0, -2.448, 10.164, 0.9132343069),
    ],
)
def test_paper_values(sharpe, benchmark, skew, kurtosis, expected):
    found = probabilistic_sharpe_ratio(
        sharpe, 24, benchmark=benchmark, skew=skew, kurtosis=kurtosis
    )
    assert found == pytest.approx(expected, abs=6e-6)


def test_excess_kurtosis_would_give_another_number():
    # 7.164 in place of 10.164 gives .91930: the mistake is visible at this tolerance.
    found = probabilistic_sharpe_ratio(0.036 / 0.079, 24, skew=-2.448, kurtosis=7.164)
    assert found == pytest.approx(0.91930, abs=6e-6)


def test_it_is_the_probability_under_simulation():
    # 500 normal days, true ratio 0: estimates above .08 occur as often as 1 - PSR(.08) says.
    draws = np.random.default_rng(5).standard_normal((20_000, 500))
    estimates = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    expected = 1 - probabilistic_sharpe_ratio(0.08, 500)
    assert np.mean(estimates > 0.08) == pytest.approx(expected, abs=0.004)


def test_a_radicand_below_zero_is_clamped():
    assert sharpe_radicand(1.0, 3.0, 4.0) == pytest.approx(-1.25)
    assert probabilistic_sharpe_ratio(1.0, 100, skew=3.0, kurtosis=4.0) == 1.0
    assert probabilistic_sharpe_ratio(1.0, 100, benchmark=2.0, skew=3.0, kurtosis=4.0) == 0.0


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "years"),
    [(250, 0, 3, 2.7312), (52, 0, 3, 2.8288), (12, 0, 3, 3.2398), (12, -0.72, 5.78, 4.9913)],
)
def test_minimum_track_record_of_the_paper(periods, skew, kurtosis, years):
    found = min_track_record_length(
        2 / math.sqrt(periods), benchmark=1 / math.sqrt(periods), skew=skew, kurtosis=kurtosis
    )
    assert found / periods == pytest.approx(years, abs=6e-5)


def test_the_track_record_is_where_the_probability_reaches_the_confidence():
    needed = min_track_record_length(0.1, benchmark=0.02, skew=-1, kurtosis=6, confidence=0.9)
    reached = probabilistic_sharpe_ratio(0.1, needed, benchmark=0.02, skew=-1, kurtosis=6)
    assert reached == pytest.approx(0.9, abs=1e-12)


def test_no_track_record_is_long_enough_at_or_below_the_benchmark():
    assert min_track_record_length(0.1, benchmark=0.1) == math.inf
    assert min_track_record_length(-0.1) == math.inf


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.1], "at least 2 values, got 1"),
        ([0.1, math.nan, 0.2], "finite, got nan at position 1"),
        ([[0.1, 0.2]], r"one series, got an array of shape \(1, 2\)"),
    ],
)
def test_bad_series_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        sharpe_and_moments(np.array(values))


def test_bad_scalars_are_refused():
    with pytest.raises(ValueError, match="at least 2 periods, got n_obs=1"):
        probabilistic_sharpe_ratio(0.1, 1)
    with pytest.raises(ValueError, match="finite, got sharpe=nan"):
        probabilistic_sharpe_ratio(math.nan, 100)
    with pytest.raises(ValueError, match=r"between 0\.5 and 1, got 95"):
        min_track_record_length(0.1, confidence=95)
