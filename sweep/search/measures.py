"""What the numbers of one detector say: every statistic of a verdict, from a sweep's series. Pure.

A statistic that the data cannot give (too few sessions, no trades, one set) is None, never 0.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.evidence.bootstrap import Interval, mean_interval, ratio_interval
from sweep.evidence.clusters import ALONE, TrialClusters, cluster_trials
from sweep.evidence.columns import ColumnMoments, column_moments
from sweep.evidence.deflated import (
    DeflatedSharpe,
    SharpeEvidence,
    deflated_sharpe_ratio,
    sharpe_evidence,
    trial_sharpe_variance,
)
from sweep.evidence.drawdown import DrawdownDistribution, monte_carlo_drawdown
from sweep.evidence.luck import BacktestLength, min_backtest_length_years
from sweep.evidence.pbo import PboResult, null_sd, pbo_cscv
from sweep.evidence.plateau import plateau_score_nearest
from sweep.evidence.superiority import SpaResult, StepMResult, spa_and_stepm
from sweep.evidence.trials import EffectiveTrials, effective_number_of_trials
from sweep.search.stitching import SetSeries, Stitched
from sweep.search.weighing import Heard, Weighed

SESSIONS_PER_YEAR = 252
LEAST_SESSIONS = 8
"""Below this many there is no bootstrap test."""

MOST_BLOCKS = 16
LEAST_BLOCK = 4  # sessions of a block of the cross-validation


@dataclasses.dataclass(frozen=True)
class Matrix:
    """What all sets of a sweep that traded say together.

    Attributes
    ----------
    n_sets
        Sets with a trade; the others stay in the number of tries only.
    moments
        Of each of them, or of the random ones beside an adaptive search; None where there is
        none.
    effective, clusters
        Effective number of tries, by the spectrum of correlations and by families.
    pbo, spa, stepm
        Overfitting, and the tests that no set beats zero.
    """

    n_sets: int
    moments: ColumnMoments | None = None
    effective: EffectiveTrials | None = None
    clusters: TrialClusters | None = None
    pbo: PboResult | None = None
    spa: SpaResult | None = None
    stepm: StepMResult | None = None

    @property
    def pbo_null_sd(self) -> float | None:
        """Return the spread of PBO in noise, for as many sets as these really are."""
        return None if self.clusters is None else null_sd(self.clusters.n_effective)


@dataclasses.dataclass(frozen=True)
class FinalSet:
    """What the final set's own series says, given the tries behind it.

    Attributes
    ----------
    sharpe
        PSR, deflated Sharpe ratio at all tries, minimum track record.
    at_effective
        Deflated at the effective number, with the spread between families; None where too few
        days were traded.
    variance, family_variance
        Of the Sharpe ratio per day over the sets, and over their families.
    backtest_length
        Years that so many tries need before a Sharpe ratio as high is no luck; None where it is
        not above 0.
    """

    sharpe: SharpeEvidence
    at_effective: DeflatedSharpe | None
    variance: float
    family_variance: float
    backtest_length: BacktestLength | None


@dataclasses.dataclass(frozen=True)
class OutOfSample:
    """What the stitched series says.

    Attributes
    ----------
    daily
        Mean net R a session; None below two sessions.
    expectancy
        Mean net R a trade; None without a trade.
    drawdown
        Maximum drawdown over other orders of the same days, R.
    breakeven_bps, paid_bps
        Cost a side at which it earns nothing, and the cost it paid; None without a trade.
    """

    daily: Interval | None
    expectancy: Interval | None
    drawdown: DrawdownDistribution
    breakeven_bps: float | None
    paid_bps: float | None


@dataclasses.dataclass(frozen=True)
class Plateau:
    """Objective of the final set, that of its neighbourhood, and the ratio of both (None: n/a)."""

    objective: float
    score: float
    peak_ratio: float


def measure_matrix(
    returns: Iterable[NDArray[np.floating[Any]]],
    drawn: Iterable[NDArray[np.floating[Any]]] | None = None,
    heard: Heard = lambda *_: None,
) -> Matrix:
    """Measure all sets that traded.

    Parameters
    ----------
    returns
        Daily net R in parts [sets, sessions], float32 or float64, none of them all 0; gone over
        several times, so that `__iter__` must start afresh. Never held whole.
    drawn
        The same of those drawn at random beside an adaptive search. Its own sets crowd where
        results are good, so they vary less than luck does; moments and effective number are
        those of the random ones. None: of all.
    heard
        Told how far it is: a million sets take a minute.
    """
    n_sets, n_sessions = 0, 0
    for part in returns:
        n_sets, n_sessions = n_sets + len(part), part.shape[1]
    if n_sets == 0 or n_sessions < LEAST_SESSIONS:
        return Matrix(n_sets)
    blocks = min(MOST_BLOCKS, n_sessions // LEAST_BLOCK // 2 * 2)
    spread = returns if drawn is None else drawn
    known = any(len(part) for part in spread)

    def weighed(sets: Iterable[NDArray[np.floating[Any]]], statistic: str) -> Weighed:
        return Weighed(sets, statistic, n_sets, heard)

    halves = weighed(returns, "overfitting (PBO)")
    moments = column_moments(weighed(spread, "moments")) if known else None
    effective = effective_number_of_trials(weighed(spread, "effective tries")) if known else None
    clusters = cluster_trials(weighed(spread, "families of like sets")) if known else None
    pbo = pbo_cscv(halves, n_blocks=blocks, heard=halves.went) if n_sets > 1 else None
    superiority = spa_and_stepm(weighed(returns, "luck of the best (SPA, StepM)"))
    return Matrix(n_sets, moments, effective, clusters, pbo, *superiority)


def measure_final(series: SetSeries, matrix: Matrix, n_trials: int) -> FinalSet | None:
    """Measure the final set; None where the sets have no Sharpe ratios to compare with.

    Parameters
    ----------
    series
        Of the final set, all sessions outside the hold-out.
    matrix
        All sets.
    n_trials
        Tries of the ledger.
    """
    if matrix.moments is None or matrix.clusters is None:
        return None
    n_obs = matrix.moments.n_sessions
    variance = trial_sharpe_variance(matrix.moments.sharpe[~matrix.moments.constant], n_obs)
    alone = matrix.moments.sharpe[matrix.clusters.labels == ALONE]
    families = trial_sharpe_variance(np.concatenate([matrix.clusters.sharpes, alone]), n_obs)
    n_effective = matrix.clusters.n_effective
    found = sharpe_evidence(
        series.daily,
        n_trials=max(n_trials, 1),
        n_effective=n_effective,
        sharpe_variance=variance,
    )
    at_effective = None
    if found.at_effective is not None:
        at_effective = deflated_sharpe_ratio(
            found.moments.sharpe,
            found.moments.n_obs,
            n_trials=n_effective,
            sharpe_variance=families,
            skew=found.moments.skew,
            kurtosis=found.moments.kurtosis,
        )
    annual = found.moments.sharpe * np.sqrt(SESSIONS_PER_YEAR)
    length = (
        min_backtest_length_years(max(n_trials, 1), target_sharpe=float(annual))
        if annual > 0
        else None
    )
    return FinalSet(found, at_effective, variance, families, length)


def measure_out_of_sample(stitched: Stitched) -> OutOfSample:
    """Measure the stitched series."""
    series = stitched.series
    traded = series.trades.sum() > 0
    turnover = float(series.turnover.sum()) * 1e-4
    gross, net = float(series.gross.sum()), float(series.daily.sum())
    return OutOfSample(
        daily=mean_interval(series.daily) if len(series.daily) > 1 else None,
        expectancy=(
            ratio_interval(series.daily, series.trades.astype(np.float64)) if traded else None
        ),
        drawdown=monte_carlo_drawdown(series.daily),
        breakeven_bps=gross / turnover if turnover > 0 else None,
        paid_bps=(gross - net) / turnover if turnover > 0 else None,
    )


def measure_plateau(parameters: Float, objective: Float, row: int) -> Plateau:
    """Compare one set with its neighbours.

    Parameters
    ----------
    parameters, objective
        float64 [sets, searched parameters] and [sets], the values that the choice was made by.
    row
        The set.
    """
    found = plateau_score_nearest(parameters, objective)
    return Plateau(float(objective[row]), float(found.scores[row]), float(found.peak_ratio[row]))
