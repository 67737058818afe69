"""Volume and transactions of the sample market's stocks and ETFs."""

import numpy as np
from scipy.signal import lfilter

from detectors.bars import Float, Int
from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.walk import u_shape

DAY_PERSISTENCE, DAY_SPREAD = 0.8, 0.18
MINUTE_SPREAD = 0.35

#: Volume moves with volatility, as its root: a session twice as wild trades 1.4 times as much.
VOLATILITY_POWER = 0.5

#: Shares of an extended-hours minute against a regular one, and of a transaction.
EXTENDED_SHARE = 0.01
SHARES_PER_TRANSACTION = 110.0


def volume_of(
    grid: Grid, mean_shares: float, sigma: Float, surge: Float, rng: np.random.Generator
) -> Float:
    """Draw the shares of each minute.

    Parameters
    ----------
    grid
        Minutes.
    mean_shares
        Typical regular minute.
    sigma
        float64 [n], volatility of the minute, any unit: its daily level moves the volume.
    surge
        float64 [n], factor of events.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    numpy.ndarray
        float64 [n], shares, 1 or more, with fractions.
    """
    days = len(grid.sessions)
    noise = rng.standard_normal(days) * DAY_SPREAD * np.sqrt(1 - DAY_PERSISTENCE**2)
    day = np.exp(lfilter([1.0], [1.0, -DAY_PERSISTENCE], noise))
    wildness = np.add.reduceat(np.where(grid.regular, sigma, 0.0), grid.first[:-1]) / grid.length
    day *= (wildness / wildness.mean()) ** VOLATILITY_POWER
    length = grid.length[grid.session].astype(np.float64)
    inside = np.clip(grid.minute.astype(np.float64), 0, length - 1)
    shares = mean_shares * day[grid.session] * u_shape(inside, length) * surge
    shares[~grid.regular] *= EXTENDED_SHARE
    shares *= np.exp(MINUTE_SPREAD * rng.standard_normal(len(grid)))
    return np.asarray(np.maximum(shares, 1.0), np.float64)


def transactions_of(shares: Float, rng: np.random.Generator) -> Int:
    """Draw the number of transactions behind each minute's shares; int64 [n], 1 or more."""
    mean = shares / SHARES_PER_TRANSACTION * np.exp(0.15 * rng.standard_normal(len(shares)))
    return np.maximum(np.rint(mean), 1).astype(np.int64)
