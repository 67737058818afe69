"""How good the best of N tries without any edge looks, and how many years N tries need.

Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5),
2014; Bailey, Borwein, Lopez de Prado and Zhu, "Pseudo-Mathematics and Financial Charlatanism",
Notices of the AMS 61(5), 2014.
"""

import dataclasses
import math

import numpy as np
from scipy import special


@dataclasses.dataclass(frozen=True)
class BacktestLength:
    """Years below which the best of many tries is expected to reach a Sharpe ratio by luck.

    Attributes
    ----------
    years
        `(E[max] / SR)^2`.
    upper_bound_years
        `2 ln N / SR^2`, always longer.
    """

    years: float
    upper_bound_years: float


def expected_max_z(n_trials: float) -> float:
    """Return the expected largest of N standard normal draws, closed form of the paper.

    `(1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e))`, g = 0.5772..., Bailey and Lopez de Prado
    2014.

    Parameters
    ----------
    n_trials
        N >= 1, need not be whole (effective numbers are not).

    Returns
    -------
    float
        In standard deviations; 0 for one trial, where the closed form is minus infinity.
    """
    trials = _trials(n_trials)
    if trials == 1:
        return 0.0
    # ndtri(1 - x) = -ndtri(x), and the right side keeps its digits for large N.
    first, second = -special.ndtri(1 / trials), -special.ndtri(1 / (trials * math.e))
    return max(0.0, float((1 - np.euler_gamma) * first + np.euler_gamma * second))


def expected_max_z_exact(n_trials: float) -> float:
    """Return the expected largest of N standard normal draws by quadrature.

    `int_0^inf (1 - Phi^N) dz - int_-inf^0 Phi^N dz`.

    Parameters
    ----------
    n_trials
        N >= 1, need not be whole.

    Returns
    -------
    float
        In standard deviations, absolute error below 1e-10.
    """
    from scipy import integrate  # noqa: PLC0415 - slow

    trials = _trials(n_trials)
    above, _ = integrate.quad(
        lambda z: -math.expm1(trials * special.log_ndtr(z)), 0, 40, epsabs=1e-12, limit=500
    )
    below, _ = integrate.quad(
        lambda z: math.exp(trials * special.log_ndtr(z)), -40, 0, epsabs=1e-12, limit=500
    )
    return float(above - below)


def min_backtest_length_years(n_trials: float, *, target_sharpe: float = 1.0) -> BacktestLength:
    """Return the years that N tries need before their best means anything.

    `(E[max_N] / SR)^2 < 2 ln N / SR^2`, Bailey, Borwein, Lopez de Prado and Zhu 2014.

    Parameters
    ----------
    n_trials
        N >= 1.
    target_sharpe
        Annual Sharpe ratio that the best of N tries without edge is expected to show, above 0.

    Returns
    -------
    BacktestLength
        In years: 45 tries at 1.0 need 5 years.
    """
    if not target_sharpe > 0:
        raise ValueError(f"target_sharpe must be above 0, got {target_sharpe}")
    return BacktestLength(
        years=(expected_max_z(n_trials) / target_sharpe) ** 2,
        upper_bound_years=2 * math.log(_trials(n_trials)) / target_sharpe**2,
    )


def _trials(n_trials: float) -> float:
    if not (n_trials >= 1 and math.isfinite(n_trials)):
        raise ValueError(f"the number of trials must be at least 1, got {n_trials}")
    return float(n_trials)
