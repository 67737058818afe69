"""What is left of a Sharpe ratio when all the tries behind it are counted.

Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5),
2014. Sharpe ratios per period, kurtosis raw, and N counts every set ever tried.

A deflated ratio of 0.5 means "as good as the expected best of noise"; above 0.95 is strict (none
of 200 null sweeps of 1,000 sets got there), and with two years of days and 1,000 sets a true
annual Sharpe ratio below 3 cannot be proven by it.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.columns import Float, Returns, column_moments, series
from sweep.evidence.luck import expected_max_z
from sweep.evidence.sharpe import (
    SharpeMoments,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_and_moments,
    sharpe_radicand,
)

FEW_TRIALS = 10
"""Below this many Sharpe ratios a small variance of them is not trusted."""


@dataclasses.dataclass(frozen=True)
class DeflatedSharpe:
    """Deflated Sharpe ratio with what went into it.

    Attributes
    ----------
    dsr
        Probability in [0, 1] that the true Sharpe ratio beats the expected best of the tries.
    sr0
        Expected best Sharpe ratio per period of `n_trials` tries without any edge.
    n_trials
        Tries counted.
    radicand_clamped
        True where the variance factor was not positive, so that `dsr` is 0, 1/2 or 1 and no
        evidence.
    """

    dsr: float
    sr0: float
    n_trials: float
    radicand_clamped: bool


@dataclasses.dataclass(frozen=True)
class SharpeEvidence:
    """What one daily series says for itself, given the number of tries behind it.

    Attributes
    ----------
    moments
        Per day.
    psr
        Probability of a true Sharpe ratio above 0; None where too few days were traded or the
        radicand had to be clamped.
    at_trials, at_effective
        Deflated at all tries and at the effective number; None where too few days were traded.
    min_track_record_days, days
        Days needed for a Sharpe ratio above 0 with the confidence asked for (NaN where there is
        no `psr`), and days there are.
    """

    moments: SharpeMoments
    psr: float | None
    at_trials: DeflatedSharpe | None
    at_effective: DeflatedSharpe | None
    min_track_record_days: float
    days: int


def deflated_sharpe_ratio(
    sharpe: float,
    n_obs: float,
    *,
    n_trials: float,
    sharpe_variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> DeflatedSharpe:
    """Return the probability that a Sharpe ratio beats the expected best of all tries.

    `DSR = PSR(SR0)`, `SR0 = sqrt(V) E[max_N]`, Bailey and Lopez de Prado 2014.

    Parameters
    ----------
    sharpe
        Sharpe ratio per period of the chosen set.
    n_obs
        Periods.
    n_trials
        Tries N >= 1, or their effective number.
    sharpe_variance
        V, variance over the tries of the Sharpe ratio per period (`trial_sharpe_variance`).
    skew, kurtosis
        Skewness and raw kurtosis of the chosen set's returns.

    Returns
    -------
    DeflatedSharpe
        With one try SR0 is 0 and the answer is the probabilistic Sharpe ratio.
    """
    if not (sharpe_variance >= 0 and math.isfinite(sharpe_variance)):
        raise ValueError(f"sharpe_variance must be 0 or more, got {sharpe_variance}")
    sr0 = math.sqrt(sharpe_variance) * expected_max_z(n_trials)
    return DeflatedSharpe(
        dsr=probabilistic_sharpe_ratio(sharpe, n_obs, benchmark=sr0, skew=skew, kurtosis=kurtosis),
        sr0=sr0,
        n_trials=float(n_trials),
        radicand_clamped=sharpe_radicand(sharpe, skew, kurtosis) <= 0,
    )


def trial_sharpe_variance(sharpes: Float, n_obs: int) -> float:
    """Return V, the variance of the Sharpe ratio over the tries.

    Parameters
    ----------
    sharpes
        float64 [tries], Sharpe ratios per period of the sets that traded.
    n_obs
        Periods, at least 2.

    Returns
    -------
    float
        Sample variance (ddof 1). With fewer than `FEW_TRIALS` tries at least 1 / (n - 1), what
        pure noise would give, because few and alike tries would otherwise deflate nothing.
    """
    if n_obs < 2:
        raise ValueError(f"a Sharpe ratio needs at least 2 periods, got n_obs={n_obs}")
    spread = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    return spread if len(sharpes) >= FEW_TRIALS else max(spread, 1 / (n_obs - 1))


def deflated_sharpe_from_matrix(
    returns: Returns, *, n_trials: float | None = None
) -> tuple[int, DeflatedSharpe]:
    """Deflate the best Sharpe ratio of a sweep.

    Parameters
    ----------
    returns
        Daily net R, [sets, sessions] or an iterable of such parts.
    n_trials
        Tries behind the sweep, or their effective number; default: the sets of `returns`.

    Returns
    -------
    tuple
        Number of the set with the highest Sharpe ratio, and its deflated ratio. Constant sets
        count as tries and do not enter the variance.
    """
    found = column_moments(returns)
    best = int(np.argmax(np.where(found.constant, -np.inf, found.sharpe)))
    return best, deflated_sharpe_ratio(
        float(found.sharpe[best]),
        found.n_sessions,
        n_trials=len(found.sharpe) if n_trials is None else n_trials,
        sharpe_variance=trial_sharpe_variance(found.sharpe[~found.constant], found.n_sessions),
        skew=float(found.skew[best]),
        kurtosis=float(found.kurtosis[best]),
    )


def sharpe_evidence(
    returns: NDArray[np.floating[Any]],
    *,
    n_trials: float,
    n_effective: float,
    sharpe_variance: float,
    confidence: float = 0.95,
) -> SharpeEvidence:
    """Judge the Sharpe ratio of one chosen set.

    Parameters
    ----------
    returns
        float [sessions >= 2], daily net R of the set.
    n_trials, n_effective
        Tries of the ledger, and their effective number.
    sharpe_variance
        V per period (`trial_sharpe_variance`).
    confidence
        For the minimum track record.

    Returns
    -------
    SharpeEvidence
        Without probabilities where fewer than `sharpe.MIN_ACTIVE_DAYS` days were traded: zeros
        make the moments meaningless.
    """
    values = series(returns, at_least=2)
    moments = sharpe_and_moments(values)
    psr, at_trials, at_effective, needed = None, None, None, math.nan
    if not moments.insufficient and not moments.constant:
        at_trials, at_effective = (
            deflated_sharpe_ratio(
                moments.sharpe,
                moments.n_obs,
                n_trials=tries,
                sharpe_variance=sharpe_variance,
                skew=moments.skew,
                kurtosis=moments.kurtosis,
            )
            for tries in (n_trials, n_effective)
        )
        if not at_trials.radicand_clamped:
            shape = {"skew": moments.skew, "kurtosis": moments.kurtosis}
            psr = probabilistic_sharpe_ratio(moments.sharpe, moments.n_obs, **shape)
            needed = min_track_record_length(moments.sharpe, confidence=confidence, **shape)
    return SharpeEvidence(moments, psr, at_trials, at_effective, needed, moments.n_obs)
