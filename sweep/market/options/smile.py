"""Forwards by put-call parity, and one quadratic smile per expiry and minute.

A smile is sigma = a + b x + c x^2 with x = ln(strike / forward) / sqrt(years), fitted to the last
trades of out-of-the-money contracts, each solved in the minute in which it traded.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.bars import Float
from sweep.market.options.implied_vol import total_volatility
from sweep.market.options.jit import kernel

MIN_STRIKES = 3
SIGMA_MIN, SIGMA_MAX = 0.01, 5.0

#: A parity forward further from the spot than this is a bad print: no carry does that in 35 days.
CARRY_MAX_FRAC = 0.02


class Smile(NamedTuple):
    """A fitted smile; outside [low, high] it goes on flat, since a parabola does not.

    Attributes
    ----------
    level, slope, bend
        Coefficients around `centre`.
    centre, low, high
        Middle and range of the x that were fitted.
    strikes
        Distinct strikes; below `MIN_STRIKES` there is no smile.
    """

    level: float
    slope: float
    bend: float
    centre: float
    low: float
    high: float
    strikes: int


@kernel
def parity_forward(strike: float, call_price: float, put_price: float, spot: float) -> float:
    """Return the forward of one strike traded on both sides, NaN for a bad print."""
    forward = strike + call_price - put_price
    return forward if abs(forward / spot - 1.0) <= CARRY_MAX_FRAC else np.nan


@kernel
def implied_sigma(
    price: float, forward: float, strike: float, call: bool, years: float, tick: float
) -> float:
    """Return the volatility of an out-of-the-money trade, NaN where it cannot be used.

    Parameters
    ----------
    price, forward, strike
        Price units.
    call
        True for a call.
    years
        Time to expiry, > 0.
    tick
        Smallest price that means something, price units.
    """
    if not price >= tick or (strike < forward if call else strike > forward):
        return np.nan
    sigma = total_volatility(price, forward, strike, call) / math.sqrt(years)
    return sigma if SIGMA_MIN <= sigma <= SIGMA_MAX else np.nan


@kernel
def fit_smile(x: Float, sigma: Float, strikes: Float, count: int) -> Smile:
    """Fit a parabola by least squares.

    Parameters
    ----------
    x, sigma
        float64 [>= count], moneyness and volatility of each trade.
    strikes
        float64 [>= count], rising; two trades of one strike are one strike.
    count
        Trades to use.

    Returns
    -------
    Smile
        `strikes` 0 where fewer than 3 are there, or their x does not span a parabola.
    """
    distinct = 0
    low = high = centre = 0.0
    for i in range(count):
        if i == 0 or strikes[i] > strikes[i - 1]:
            distinct += 1
        low = x[i] if i == 0 else min(low, x[i])
        high = x[i] if i == 0 else max(high, x[i])
        centre += x[i] / count
    nothing = Smile(np.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    width = 0.5 * (high - low)
    if distinct < MIN_STRIKES or not width > 0.0:
        return nothing
    powers = np.zeros(5)
    right = np.zeros(3)
    for i in range(count):
        z = (x[i] - centre) / width
        term = 1.0
        for p in range(5):
            powers[p] += term
            if p < 3:
                right[p] += term * sigma[i]
            term *= z
    level, slope, bend = _solve(powers, right)
    return Smile(level, slope / width, bend / (width * width), centre, low, high, distinct)


@kernel
def _solve(s: Float, r: Float) -> tuple[float, float, float]:
    """Solve the 3 x 3 normal equations of a parabola by Cramer's rule."""
    m11 = s[2] * s[4] - s[3] * s[3]
    m12 = s[1] * s[4] - s[2] * s[3]
    m13 = s[1] * s[3] - s[2] * s[2]
    whole = s[0] * m11 - s[1] * m12 + s[2] * m13
    if not whole > 1e-12 * s[0] * s[0] * s[0]:
        return np.nan, np.nan, np.nan
    first = r[0] * m11 - s[1] * (r[1] * s[4] - s[3] * r[2]) + s[2] * (r[1] * s[3] - s[2] * r[2])
    second = s[0] * (r[1] * s[4] - s[3] * r[2]) - r[0] * m12 + s[2] * (s[1] * r[2] - r[1] * s[2])
    third = s[0] * (s[2] * r[2] - r[1] * s[3]) - s[1] * (s[1] * r[2] - r[1] * s[2]) + r[0] * m13
    return first / whole, second / whole, third / whole


@kernel
def smile_at(smile: Smile, x: float) -> float:
    """Return the volatility at a moneyness, NaN where the smile gives none."""
    if smile.strikes < MIN_STRIKES:
        return np.nan
    z = min(max(x, smile.low), smile.high) - smile.centre
    sigma = smile.level + z * (smile.slope + z * smile.bend)
    return sigma if SIGMA_MIN <= sigma <= SIGMA_MAX else np.nan


def sigma_of_chain(delta: Float, gamma: Float, spot: float, years: Float) -> Float:
    """Recover volatilities from a vendor's delta and gamma, where a snapshot has no volatility.

    With d1 from the delta, gamma = density(d1) / (spot * sigma * sqrt(years)) has one solution.

    Parameters
    ----------
    delta, gamma
        float64 [n], per 1.00 of spot; the delta of a put is negative.
    spot
        Price of the underlying.
    years
        float64 [n], > 0.

    Returns
    -------
    numpy.ndarray
        float64 [n], NaN where an input is, or the delta is not strictly inside its range.
    """
    inside = (np.abs(delta) > 0.0) & (np.abs(delta) < 1.0) & (gamma > 0.0)
    as_call: NDArray[np.float64] = np.where(delta < 0.0, delta + 1.0, delta)
    d1 = ndtri(np.where(inside, as_call, np.nan))
    density = np.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    sigma: Float = density / (spot * np.where(inside, gamma, np.nan) * np.sqrt(years))
    return sigma
