"""Volume and transactions of the sample market's stocks and ETFs.

Spreads are set so that relative volume of 15-minute bars has the quantiles of two index ETFs and
a stock in 2014-15 (0.42, 0.86 and 2.0 at 5, 50 and 95 %; here 0.41, 0.91 and 1.95) and the lag-one
correlation of its logarithm (0.70; here 0.72).
"""

import numpy as np

from detectors.bars import Float, Int
from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.walk import Steps, autoregression, u_shape

DAY_PERSISTENCE, DAY_SPREAD = 0.6, 0.25
MINUTE_PERSISTENCE, MINUTE_SPREAD, NOISE_SPREAD = 0.96, 0.30, 0.35

#: Volume goes with the volatility of the day and of the minute, and with the minute's move.
DAY_POWER, MINUTE_POWER, MOVE_SHARE = 0.5, 1.0, 0.5

#: Shares of an extended-hours minute against a regular one, and of a transaction.
EXTENDED_SHARE = 0.01
SHARES_PER_TRANSACTION = 110.0


def volume_of(
    grid: Grid, mean_shares: float, steps: Steps, surge: Float, rng: np.random.Generator
) -> Float:
    """Draw the shares of each minute.

    Parameters
    ----------
    grid
        Minutes.
    mean_shares
        Scale of a regular minute.
    steps
        The price process without its events; no step moves the volume of an earlier minute.
    surge
        float64 [n], factor of events.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    numpy.ndarray
        float64 [n], shares, 1 or more, with fractions.
    """
    length = grid.length[grid.session].astype(np.float64)
    inside = np.clip(grid.minute.astype(np.float64), 0, length - 1)
    shape = u_shape(inside, length)
    sigma = np.where(grid.regular, steps.sigma / shape, 0.0)
    day = (np.add.reduceat(sigma, grid.first[:-1]) / grid.length)[grid.session]
    size = 1 + MOVE_SHARE * (np.abs(steps.body) / steps.sigma - 0.8)
    wildness = (sigma / day) ** MINUTE_POWER * (day / day.mean()) ** DAY_POWER
    lively = autoregression(rng, len(grid), MINUTE_PERSISTENCE, MINUTE_SPREAD)
    lively += autoregression(rng, len(grid.sessions), DAY_PERSISTENCE, DAY_SPREAD)[grid.session]
    shares = mean_shares * np.exp(lively + NOISE_SPREAD * rng.standard_normal(len(grid)))
    shares *= np.where(grid.regular, shape * wildness * size * surge, EXTENDED_SHARE)
    return np.asarray(np.maximum(shares, 1.0), np.float64)


def transactions_of(shares: Float, rng: np.random.Generator) -> Int:
    """Draw the number of transactions behind each minute's shares; int64 [n], 1 or more."""
    mean = shares / SHARES_PER_TRANSACTION * np.exp(0.15 * rng.standard_normal(len(shares)))
    return np.maximum(np.rint(mean), 1).astype(np.int64)
