"""Gamma exposure of dealers: dollars to hedge per 1 % move, its zero, its slope, its walls."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.features.option_settings import SignModel
from sweep.market.options.black76 import density
from sweep.market.options.contracts import MULTIPLIER
from sweep.market.options.jit import kernel
from sweep.market.options.pin import nearest_extreme

#: Sign of (calls, puts) in the dealers' book.
SIGNS: dict[SignModel, tuple[float, float]] = {
    "naive": (1.0, -1.0),
    "all_short": (-1.0, -1.0),
    "none": (1.0, 1.0),
}

_PER_MOVE = MULTIPLIER * 0.01
_GRID = 50  # steps of 0.1 % on each side
_GRID_STEP = 0.001
_FAR = 9.0  # the density there is 1e-18 of its peak
_ROOT_TOLERANCE = 1e-11  # of spot: about 1e-7 points of an index


class Book(NamedTuple):
    """n positions at one instant, one per expiry and strike (a call and a put share gamma).

    Attributes
    ----------
    forward, strike, v
        float64 [n], forward, strike and total volatility.
    weight
        float64 [n], signed contracts.
    """

    forward: Float
    strike: Float
    v: Float
    weight: Float


@kernel
def exposure_terms(book: Book, spot_ratio: float) -> Float:
    """Return the exposure of each position with the spot at `spot_ratio` times its level.

    gamma * spot^2 is forward * density(d1) / v when the forward moves in proportion to the spot.

    Returns
    -------
    numpy.ndarray
        float64 [n], dollars per 1 % move; volatility, time and contracts held.
    """
    terms = np.empty(len(book.v))
    for i in range(len(book.v)):
        forward = book.forward[i] * spot_ratio
        v = book.v[i]
        d1 = math.log(forward / book.strike[i]) / v + 0.5 * v
        terms[i] = book.weight[i] * _PER_MOVE * forward * density(d1) / v
    return terms


@kernel
def _moved(book: Book) -> Float:
    """Return what a move of the spot leaves as it is, float64 [n, 3]: d1, 1 / v and scale."""
    held = np.empty((len(book.v), 3))
    for i in range(len(book.v)):
        v = book.v[i]
        held[i, 0] = math.log(book.forward[i] / book.strike[i]) / v + 0.5 * v
        held[i, 1] = 1.0 / v
        held[i, 2] = book.weight[i] * _PER_MOVE * book.forward[i] / v
    return held


@kernel
def _total_at(held: Float, ratio: float) -> float:
    """Return the total exposure with the spot at `ratio` times its level."""
    log = math.log(ratio)
    total = 0.0
    for i in range(len(held)):
        d1 = held[i, 0] + log * held[i, 1]
        if -_FAR < d1 < _FAR:
            total += held[i, 2] * density(d1)
    return total * ratio


@kernel
def total_exposure(book: Book, spot_ratio: float) -> float:
    """Return the total exposure with the spot at `spot_ratio` times its level, dollars per 1 %."""
    return float(_total_at(_moved(book), spot_ratio))


@kernel
def _root(held: Float, low: float, high: float, below: float) -> float:
    """Halve a bracket of the total's sign change; `below` is the total at its lower end."""
    while high - low > _ROOT_TOLERANCE:
        middle = 0.5 * (low + high)
        if (_total_at(held, middle) > 0.0) == (below > 0.0):
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def zero_gamma(book: Book, spot: float) -> tuple[float, int]:
    """Find where the re-priced total exposure changes sign, within 5 % of the spot.

    Parameters
    ----------
    book
        Positions.
    spot
        Price of the underlying.

    Returns
    -------
    tuple
        Level nearest to the spot and number of sign changes on the grid. Without one: -inf where
        the total is positive, +inf where it is negative, NaN where it is 0 throughout.
    """
    held = _moved(book)
    last, flips = -1, 0
    under, over = np.full(3, np.nan), np.full(3, np.nan)  # brackets nearest to the spot
    before = now = 0.0
    for j in range(2 * _GRID + 1):
        now = _total_at(held, 1.0 + (j - _GRID) * _GRID_STEP)
        if now == 0.0:
            continue
        if last >= 0 and (now > 0.0) != (before > 0.0):
            flips += 1
            bracket = over if j > _GRID else under
            if j <= _GRID or math.isnan(over[0]):
                bracket[0] = 1.0 + (last - _GRID) * _GRID_STEP
                bracket[1] = 1.0 + (j - _GRID) * _GRID_STEP
                bracket[2] = before
        last, before = j, now
    if flips == 0:
        if last < 0:
            return np.nan, 0
        return (-np.inf if before > 0.0 else np.inf), 0
    best = np.nan
    for bracket in (under, over):
        if not math.isnan(bracket[0]):
            found = _root(held, bracket[0], bracket[1], bracket[2])
            if math.isnan(best) or abs(found - 1.0) < abs(best - 1.0):
                best = found
    return float(best * spot), flips


@kernel
def slope_at(book: Book, level: float, spot: float) -> float:
    """Return exposure 1 % above a level minus 1 % below it, dollars per 1 %; 0 if infinite."""
    if math.isinf(level):
        return 0.0
    ratio, held = level / spot, _moved(book)
    return float(_total_at(held, 1.01 * ratio) - _total_at(held, 0.99 * ratio))


@kernel
def walls(
    net: Float, strikes: Float, used: NDArray[np.bool_], spot: float
) -> tuple[float, float, float]:
    """Return call wall, put wall and strike of most gamma.

    Parameters
    ----------
    net
        float64 [n], net exposure of each strike.
    strikes
        float64 [n], rising.
    used
        bool [n], strikes that count.
    spot
        Price of the underlying.

    Returns
    -------
    tuple
        +inf (call wall) and -inf (put wall) where no strike is positive (negative); the third NaN
        where every strike is 0.
    """
    above = nearest_extreme(net, strikes, used, spot)
    below = nearest_extreme(-net, strikes, used, spot)
    most = nearest_extreme(np.abs(net), strikes, used, spot)
    return (
        np.inf if math.isnan(above) else above,
        -np.inf if math.isnan(below) else below,
        most,
    )


@dataclasses.dataclass(frozen=True)
class ChainExposure:
    """Exposure of one chain at one instant.

    Attributes
    ----------
    strikes
        float64 [k], distinct, rising.
    call, put, net
        float64 [k], signed exposure of each strike, dollars per 1 % move.
    total
        Their sum.
    zero_gamma, flip_count, slope
        As `zero_gamma` and `slope_at`.
    call_wall, put_wall, max_gamma_strike
        As `walls`.
    """

    strikes: Float
    call: Float
    put: Float
    net: Float
    total: float
    zero_gamma: float
    flip_count: int
    slope: float
    call_wall: float
    put_wall: float
    max_gamma_strike: float


def chain_exposure(
    spot: float,
    strikes: Float,
    call: NDArray[np.bool_],
    open_interest: Float,
    sigma: Float,
    years: Float,
    *,
    forward: Float | None = None,
    sign_model: SignModel = "naive",
) -> ChainExposure:
    """Compute the exposure of one chain whose volatilities are known.

    Parameters
    ----------
    spot
        Price of the underlying.
    strikes, call, open_interest
        float64, bool, float64 [n] contracts.
    sigma, years
        float64 [n]; contracts without a volatility (NaN) are left out.
    forward
        float64 [n], the spot by default.
    sign_model
        Signs of calls and puts.
    """
    known = ~np.isnan(sigma)
    signs = np.where(call, *SIGNS[sign_model])
    book = Book(
        forward=np.full(int(known.sum()), spot) if forward is None else forward[known],
        strike=strikes[known],
        v=(sigma * np.sqrt(years))[known],
        weight=(signs * open_interest)[known],
    )
    terms = exposure_terms(book, 1.0)
    levels, place = np.unique(book.strike, return_inverse=True)
    of_calls = np.where(call[known], terms, 0.0)
    by_call = _by_strike(place, of_calls, len(levels))
    by_put = _by_strike(place, terms - of_calls, len(levels))
    level, flips = zero_gamma(book, spot)
    net = by_call + by_put
    above, below, most = walls(net, levels, np.ones(len(levels), np.bool_), spot)
    return ChainExposure(
        strikes=levels,
        call=by_call,
        put=by_put,
        net=net,
        total=float(terms.sum()),
        zero_gamma=level,
        flip_count=flips,
        slope=slope_at(book, level, spot),
        call_wall=above,
        put_wall=below,
        max_gamma_strike=most,
    )


def _by_strike(place: Int, terms: Float, count: int) -> Float:
    summed = np.zeros(count)
    np.add.at(summed, place, terms)
    return summed
