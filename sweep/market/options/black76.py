"""Black-76 on a forward, and Black-Scholes-Merton greeks of spot options.

Volatility and time enter the kernels as one number, the total volatility v = sigma * sqrt(years).
Premiums are undiscounted: over the 35 days that count, a discount at 5 % is half a percent.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from detectors.bars import Float
from sweep.market.options.jit import kernel

YEAR_MINUTES = 525_600.0

_ROOT_HALF = math.sqrt(0.5)
_PDF_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


@kernel
def density(x: float) -> float:
    """Return the standard normal density."""
    return _PDF_AT_0 * math.exp(-0.5 * x * x)


@kernel
def normalised_price(moneyness: float, v: float) -> float:
    """Return the undiscounted price of the out-of-the-money option over sqrt(forward * strike).

    Parameters
    ----------
    moneyness
        |ln(forward / strike)|, >= 0.
    v
        Total volatility, > 0.
    """
    h = moneyness / v
    half = 0.5 * v
    root = math.exp(0.5 * moneyness)
    near = 0.5 * math.erfc((h - half) * _ROOT_HALF)
    far = 0.5 * math.erfc((h + half) * _ROOT_HALF)
    return near / root - far * root


@kernel
def gamma_weight(forward: float, strike: float, v: float) -> float:
    """Return gamma times spot squared: forward * density(d1) / v, the forward moving with spot."""
    d1 = math.log(forward / strike) / v + 0.5 * v
    return forward * density(d1) / v


@dataclasses.dataclass(frozen=True)
class Greeks:
    """Price and greeks of options, each float64 of the broadcast shape of the inputs.

    Attributes
    ----------
    price
        Discounted premium, price units.
    delta, gamma
        Per 1.00 of spot.
    vega
        Per 1.00 of volatility.
    theta
        Per year.
    """

    price: Float
    delta: Float
    gamma: Float
    vega: Float
    theta: Float


def greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    sigma: ArrayLike,
    call: ArrayLike,
    *,
    rate: float = 0.0,
    dividend: float = 0.0,
) -> Greeks:
    """Compute Black-Scholes-Merton price and greeks.

    Parameters
    ----------
    spot, strike
        Prices, > 0.
    years
        Time to expiry, calendar minutes / 525,600, > 0.
    sigma
        Volatility a year, > 0.
    call
        True for calls, False for puts.
    rate, dividend
        Continuous rates a year.
    """
    s, k, t, vol = np.broadcast_arrays(
        *(np.asarray(x, float) for x in (spot, strike, years, sigma))
    )
    side: NDArray[np.float64] = np.where(np.asarray(call, bool), 1.0, -1.0)
    v = vol * np.sqrt(t)
    d1 = (np.log(s / k) + (rate - dividend) * t) / v + 0.5 * v
    d2 = d1 - v
    carry, discount = np.exp(-dividend * t), np.exp(-rate * t)
    slope = np.exp(-0.5 * d1 * d1) * _PDF_AT_0
    in_spot = side * s * carry * ndtr(side * d1)
    in_strike = side * k * discount * ndtr(side * d2)
    return Greeks(
        price=in_spot - in_strike,
        delta=side * carry * ndtr(side * d1),
        gamma=carry * slope / (s * v),
        vega=s * carry * slope * np.sqrt(t),
        theta=-s * carry * slope * vol / (2.0 * np.sqrt(t))
        + dividend * in_spot
        - rate * in_strike,
    )
