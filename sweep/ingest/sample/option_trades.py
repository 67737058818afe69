"""Minute bars of the sample market's options: prices on a smile, volumes around the money.

Variance runs with trading time and follows that of earlier sessions, so that contracts on their
last day cost what the rest of the session is worth. A bar knows prices up to its own close.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.option_chain import Expiry, Underlying
from sweep.ingest.sample.walk import OVERNIGHT, POST, PRE, Path, u_shape
from sweep.market.options.black76 import YEAR_MINUTES, greeks

#: Rows a minute of an expiry, by its place in the list; the first two are a pair at the money.
DRAWS = (7, 3, 2, 2)

#: Spread of traded strikes in standard deviations to expiry, and share of in-the-money trades.
STRIKE_SPREAD, INSIDE_SHARE = 1.2, 0.08

#: Smile in standard deviations to expiry: slope and bend of the relative volatility; its noise.
SMILE_SLOPE, SMILE_BEND, SMILE_NOISE = -0.05, 0.012, 0.004

#: Forward against spot, a year; sessions over which implied variance forgets.
CARRY, MEMORY_SESSIONS = 0.03, 4.0

TICK, LARGE_TICK, LARGE_PRICE = 0.05, 0.10, 3.0
CONTRACTS_PER_BAR, CONTRACT_SPREAD, OPENING_NOISE = 6.0, 0.9, 0.02


@dataclasses.dataclass(frozen=True)
class Bars:
    """Option bars of one expiry in one session, n rows, rising by minute.

    Attributes
    ----------
    expiry
        Whose.
    minute
        int64 [n], minutes since the open.
    strike
        float64 [n], points.
    call
        bool [n].
    open, high, low, close
        int64 [n], price in cents.
    volume
        float64 [n], contracts.
    """

    expiry: Expiry
    minute: Int
    strike: Float
    call: NDArray[np.bool_]
    open: Int
    high: Int
    low: Int
    close: Int
    volume: Float


def day_variances(grid: Grid, path: Path, first: float) -> Float:
    """Return the variance of a full session that is expected before each one, float64 [sessions].

    Parameters
    ----------
    grid, path
        Minutes, and prices of the process.
    first
        Standard deviation of a full session expected before the first.
    """
    step = np.diff(path.close, prepend=path.close[0])
    total = np.add.reduceat(np.where(grid.regular, step**2, 0.0), grid.first[:-1])
    expected = np.empty(len(grid.sessions))
    mean = first**2
    for session, length in enumerate(grid.length.tolist()):
        expected[session] = mean
        mean += (total[session] * 390 / length - mean) / MEMORY_SESSIONS
    return expected


def variance_left(expiry: Expiry, length: int, variance: float) -> Float:
    """Return the variance from the end of each minute of a session to expiry, float64 [length].

    Parameters
    ----------
    expiry
        Of the contracts.
    length
        Minutes of the session.
    variance
        Of a full session, without the night.
    """
    minute = np.arange(length, dtype=np.float64)
    shape = u_shape(minute, np.full(length, float(length))) ** 2
    full = np.sum(u_shape(np.arange(390.0), np.full(390, 390.0)) ** 2)
    left = np.maximum((shape.sum() - np.cumsum(shape)) / full, shape[-1] / full)
    nights = OVERNIGHT**2 + PRE**2 + POST**2
    return np.asarray(variance * (left + expiry.sessions * (1 + nights) - expiry.morning))


def bars_of(
    underlying: Underlying,
    expiry: Expiry,
    place: int,
    spot: Float,
    variance: float,
    surge: Float,
    rng: np.random.Generator,
) -> Bars:
    """Draw the bars of one expiry in one session.

    Parameters
    ----------
    underlying, expiry, place
        Of the contracts; `place` is that of the expiry in the session's list.
    spot
        float64 [minutes], close of every minute of the session.
    variance
        Of a full session, as expected before it.
    surge
        float64 [minutes], factor on the volume.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    Bars
        Contracts below the smallest price do not trade.
    """
    length, draws = len(spot), DRAWS[place]
    left = variance_left(expiry, length, variance)
    years = (length - np.arange(length) + expiry.sessions * 1440.0) / YEAR_MINUTES
    forward = spot * np.exp(CARRY * years)
    step = underlying.fine if expiry.near else underlying.coarse
    z = STRIKE_SPREAD * rng.standard_normal((length, draws))
    z[:, :2] = 0.0
    strike = np.rint(forward[:, None] * np.exp(z * np.sqrt(left)[:, None]) / step) * step
    outside = strike >= forward[:, None]
    call = outside ^ (rng.random((length, draws)) < INSIDE_SHARE)
    call[:, 0], call[:, 1] = True, False
    minute = np.repeat(np.arange(length), draws)
    key = (minute * 100_000 + np.rint(strike / underlying.fine).ravel()) * 2 + call.ravel()
    rows = np.unique(key, return_index=True)[1]
    luck = rng.standard_normal((3, length * draws))[:, rows]
    minute, strike, call = minute[rows], strike.ravel()[rows], call.ravel()[rows]
    price = _prices(forward[minute], strike, call, left[minute], luck[0])
    opening, close = _ticks(price * np.exp(OPENING_NOISE * luck[1])), _ticks(price)
    lively = surge[minute] * np.exp(CONTRACT_SPREAD * luck[2])
    kept = np.flatnonzero((close >= 100 * TICK) & (opening >= 100 * TICK))
    opening, close = opening[kept], close[kept]
    return Bars(
        expiry=expiry,
        minute=minute[kept],
        strike=strike[kept],
        call=call[kept],
        open=opening,
        high=np.maximum(opening, close),
        low=np.minimum(opening, close),
        close=close,
        volume=np.maximum(np.rint(CONTRACTS_PER_BAR * lively[kept]), 1.0),
    )


def _prices(
    forward: Float,
    strike: Float,
    call: NDArray[np.bool_],
    variance: Float,
    luck: Float,
) -> Float:
    """Price contracts on the smile, undiscounted; `luck` is a standard normal number of each."""
    v = np.sqrt(variance)
    x = np.clip(np.log(strike / forward) / v, -4.0, 4.0)
    v = v * (1.0 + SMILE_SLOPE * x + SMILE_BEND * x**2) * np.exp(SMILE_NOISE * luck)
    return greeks(forward, strike, 1.0, v, call).price


def _ticks(price: Float) -> Int:
    """Return prices in cents on the exchange's ticks."""
    tick = np.where(price < LARGE_PRICE, TICK, LARGE_TICK) * 100
    return np.asarray(np.rint(np.rint(price * 100 / tick) * tick), np.int64)
