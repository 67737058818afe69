"""Probabilistic Sharpe ratio and the track record it needs.

Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012.
Every Sharpe ratio here is **per period** (a day), never annual, and every kurtosis is **raw**
(normal = 3): with excess kurtosis or annual Sharpe the formulas give confident nonsense. The
variance of the estimate is taken at the observed Sharpe ratio with n - 1 observations, as in the
papers of 2012 and 2014 (a later convention takes it at the benchmark and gives other numbers).
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sweep.evidence.columns import column_moments, series

RADICAND_FLOOR = 1e-12
"""What a non-positive variance factor is raised to; the result is then 0 or 1 and flagged."""

MIN_ACTIVE_DAYS = 60
"""Below this many traded days zeros make the kurtosis explode: say so, show no probability."""


@dataclasses.dataclass(frozen=True)
class SharpeMoments:
    """Sharpe ratio and moments of one daily series.

    Attributes
    ----------
    sharpe
        Mean / standard deviation (ddof 1) per period; 0 for a constant series.
    skew, kurtosis
        Biased sample skewness and raw kurtosis (normal = 3).
    n_obs
        Periods.
    active
        Periods with a value other than 0.
    constant
        True where every period is the same, so that there is no Sharpe ratio.
    """

    sharpe: float
    skew: float
    kurtosis: float
    n_obs: int
    active: int
    constant: bool

    @property
    def insufficient(self) -> bool:
        """Whether too few days were traded to speak of a probability."""
        return self.active < MIN_ACTIVE_DAYS


def sharpe_and_moments(returns: NDArray[np.floating[Any]]) -> SharpeMoments:
    """Compute Sharpe ratio, skewness and kurtosis of one series.

    Parameters
    ----------
    returns
        float [periods >= 2], daily net R, 0 on days without a trade.

    Returns
    -------
    SharpeMoments
        Per period.
    """
    values = series(returns, at_least=2)
    found = column_moments(values[None, :])
    return SharpeMoments(
        sharpe=float(found.sharpe[0]),
        skew=float(found.skew[0]),
        kurtosis=float(found.kurtosis[0]),
        n_obs=len(values),
        active=int(found.active_days[0]),
        constant=bool(found.constant[0]),
    )


def sharpe_radicand(sharpe: float, skew: float, kurtosis: float) -> float:
    """Return `1 - g3 SR + (g4 - 1) / 4 SR^2`: (n - 1) times the variance of the estimated SR.

    At or below 0 the moments contradict each other or come from two values only; the probabilities
    of this package then use `RADICAND_FLOOR`, and whoever shows them must say so.
    """
    if not (math.isfinite(sharpe) and math.isfinite(skew) and math.isfinite(kurtosis)):
        raise ValueError(
            f"Sharpe ratio and moments must be finite, got sharpe={sharpe}, skew={skew}, "
            f"kurtosis={kurtosis}"
        )
    return 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2


def probabilistic_sharpe_ratio(
    sharpe: float,
    n_obs: float,
    *,
    benchmark: float = 0.0,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark.

    `Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))`, Bailey and Lopez de
    Prado 2012.

    Parameters
    ----------
    sharpe, benchmark
        Sharpe ratios per period.
    n_obs
        Periods, at least 2.
    skew, kurtosis
        Skewness and raw kurtosis of the returns.

    Returns
    -------
    float
        In [0, 1]. Where `sharpe_radicand` is not positive it is clamped and the answer is 0, 1/2
        or 1.
    """
    if not n_obs >= 2:
        raise ValueError(f"a Sharpe ratio needs at least 2 periods, got n_obs={n_obs}")
    radicand = max(sharpe_radicand(sharpe, skew, kurtosis), RADICAND_FLOOR)
    return float(special.ndtr((sharpe - benchmark) * math.sqrt((n_obs - 1) / radicand)))


def min_track_record_length(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Return after how many periods a Sharpe ratio is above a benchmark with confidence.

    `1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (z / (SR - SR*))^2`, Bailey and Lopez de Prado 2012.

    Parameters
    ----------
    sharpe, benchmark
        Sharpe ratios per period.
    skew, kurtosis
        Skewness and raw kurtosis of the returns.
    confidence
        In (0.5, 1).

    Returns
    -------
    float
        Periods; infinite where the Sharpe ratio is not above the benchmark.
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence must lie between 0.5 and 1, got {confidence}")
    radicand = max(sharpe_radicand(sharpe, skew, kurtosis), RADICAND_FLOOR)
    if sharpe <= benchmark:
        return math.inf
    return 1 + radicand * float(special.ndtri(confidence) / (sharpe - benchmark)) ** 2
