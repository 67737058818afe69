"""Price processes: martingales with volatility that clusters over days and minutes.

A minute moves twice: from the last close to the open (`gap`), then from open to close (`body`).
Given its volatility each step is normal with mean price factor 1, so that price, not its
logarithm, has no drift. Highs and lows are drawn from the extremes of a Brownian bridge between
open and close: a stop or target is touched with the probability of a continuous path, and neither
side is favoured.
"""

import dataclasses

import numpy as np
from scipy.signal import lfilter

from detectors.bars import Float
from sweep.ingest.sample.clock import POST_MINUTES, PRE_MINUTES, Grid

GAP_SHARE = 0.03
DAY_PERSISTENCE, DAY_SPREAD, OWN_DAY_SPREAD = 0.94, 0.30, 0.15
MINUTE_PERSISTENCE, MINUTE_SPREAD = 0.97, 0.25

#: Volatility outside regular hours, as a share of that of a full regular session.
OVERNIGHT, PRE, POST = 0.40, 0.25, 0.12


@dataclasses.dataclass(frozen=True)
class Process:
    """One source of prices.

    Attributes
    ----------
    name
        Of the index or stock that it drives.
    start
        Price before the first minute.
    day_frac
        Typical standard deviation of a full regular session.
    market
        Correlation of its steps with the first process.
    """

    name: str
    start: float
    day_frac: float
    market: float


PROCESSES = (
    Process("SPX", 4300.0, 0.0085, 1.0),
    Process("NDX", 14700.0, 0.0115, 0.88),
    Process("AAPL", 172.0, 0.0145, 0.60),
)


@dataclasses.dataclass(frozen=True)
class Steps:
    """Logarithmic steps of one process, before events; all arrays float64 [n minutes].

    Attributes
    ----------
    start
        Logarithm of the price before the first minute.
    sigma
        Standard deviation of a minute's gap and body together, known before the minute; the move
        overnight comes on top of the first minute's gap.
    gap, body
        Steps from the last close to the open, and from open to close.
    rise, fall
        Uniform numbers in (0, 1] behind the minute's high and low.
    """

    start: float
    sigma: Float
    gap: Float
    body: Float
    rise: Float
    fall: Float

    def of(self, part: slice) -> "Steps":
        """Return the steps of a part of the minutes, as copies."""
        return dataclasses.replace(
            self,
            sigma=self.sigma[part].copy(),
            gap=self.gap[part].copy(),
            body=self.body[part].copy(),
            rise=self.rise[part].copy(),
            fall=self.fall[part].copy(),
        )


@dataclasses.dataclass(frozen=True)
class Path:
    """Logarithmic prices of consecutive minutes; all arrays float64 [n minutes]."""

    open: Float
    high: Float
    low: Float
    close: Float


def steps_of(grid: Grid, rng: np.random.Generator) -> list[Steps]:
    """Draw the steps of all processes.

    Parameters
    ----------
    grid
        Minutes.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    list of Steps
        One per entry of `PROCESSES`.
    """
    n, days = len(grid), len(grid.sessions)
    market = rng.standard_normal((2, n))
    market_day = autoregression(rng, days, DAY_PERSISTENCE, DAY_SPREAD)
    market_minute = autoregression(rng, n, MINUTE_PERSISTENCE, MINUTE_SPREAD)
    shape = _session_shape(grid)
    drawn = []
    for process in PROCESSES:
        own_day = autoregression(rng, days, DAY_PERSISTENCE, OWN_DAY_SPREAD)
        level = np.exp((market_day + own_day)[grid.session] + grid.regular * market_minute)
        sigma = process.day_frac * shape * level
        own = rng.standard_normal((2, n))
        normal = process.market * market + np.sqrt(1 - process.market**2) * own
        gap_sigma, body_sigma = np.sqrt(GAP_SHARE) * sigma, np.sqrt(1 - GAP_SHARE) * sigma
        gap_sigma[grid.first[:-1]] = OVERNIGHT * process.day_frac * level[grid.first[:-1]]
        drawn.append(
            Steps(
                start=float(np.log(process.start)),
                sigma=sigma,
                gap=gap_sigma * normal[0] - gap_sigma**2 / 2,
                body=body_sigma * normal[1] - body_sigma**2 / 2,
                rise=1 - rng.random(n),
                fall=1 - rng.random(n),
            )
        )
    return drawn


def trace(start: float, steps: Steps) -> Path:
    """Walk the steps.

    Parameters
    ----------
    start
        Logarithm of the price before the first step.
    steps
        Steps of consecutive minutes; its own `start` is not read.

    Returns
    -------
    Path
        Log prices, low <= open, close <= high.
    """
    close = start + np.cumsum(steps.gap + steps.body)
    opening = close - steps.body
    variance = (1 - GAP_SHARE) * steps.sigma**2
    return Path(
        open=opening,
        high=(opening + close + np.sqrt(steps.body**2 - 2 * variance * np.log(steps.rise))) / 2,
        low=(opening + close - np.sqrt(steps.body**2 - 2 * variance * np.log(steps.fall))) / 2,
        close=close,
    )


def u_shape(minute: Float, length: Float) -> Float:
    """Return the U-shaped volatility of regular minutes, float64 [n], 1 to 1.8 times its floor."""
    return np.asarray(
        0.72 + 1.1 * np.exp(-minute / 22) + 0.55 * np.exp((minute + 1 - length) / 25)
    )


def _session_shape(grid: Grid) -> Float:
    """Return each minute's share of a full session's standard deviation, float64 [n]."""
    minute, length = grid.minute.astype(np.float64), grid.length[grid.session].astype(np.float64)
    inside = np.clip(minute, 0, length - 1)
    full = u_shape(np.arange(390.0), np.full(390, 390.0))
    shape: Float = u_shape(inside, length) / np.sqrt(np.sum(full**2))
    shape[minute < 0] = PRE / np.sqrt(PRE_MINUTES)
    shape[minute >= length] = POST / np.sqrt(POST_MINUTES)
    return shape


def autoregression(
    rng: np.random.Generator, count: int, persistence: float, spread: float
) -> Float:
    """Return a stationary AR(1) series of standard deviation `spread`, float64 [count]."""
    noise = rng.standard_normal(count) * spread * np.sqrt(1 - persistence**2)
    noise[0] /= np.sqrt(1 - persistence**2)
    series: Float = np.asarray(lfilter([1.0], [1.0, -persistence], noise), np.float64)
    return series
