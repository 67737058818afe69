"""Max pain and the other strikes that may pin an expiry."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.market.options.jit import kernel


@kernel
def nearest_extreme(
    values: Float, strikes: Float, allowed: NDArray[np.bool_], spot: float
) -> float:
    """Return the strike of the largest value above 0; ties nearest to the spot, then the lower.

    Parameters
    ----------
    values
        float64 [n].
    strikes
        float64 [n], rising.
    allowed
        bool [n], strikes that count.
    spot
        Price of the underlying.

    Returns
    -------
    float
        NaN where no allowed value is above 0.
    """
    best = np.nan
    most = 0.0
    for i in range(len(values)):
        if not allowed[i] or not values[i] > 0.0:
            continue
        if values[i] > most:
            most, best = values[i], strikes[i]
        elif values[i] == most and abs(strikes[i] - spot) < abs(best - spot):
            best = strikes[i]
    return float(best)


@kernel
def max_pain(
    strikes: Float, call_oi: Float, put_oi: Float, listed: NDArray[np.bool_], spot: float
) -> float:
    """Return the listed strike at which the options of one expiry pay out least.

    The payout is convex and piecewise linear in the settlement price: between two strikes it
    rises by the open interest of calls below minus that of puts above. Ties are found on these
    whole numbers, not on rounded sums of dollars.

    Parameters
    ----------
    strikes
        float64 [n], rising.
    call_oi, put_oi
        float64 [n], contracts.
    listed
        bool [n], strikes that count.
    spot
        Price of the underlying: the nearest of equal minima wins, then the lower.

    Returns
    -------
    float
        NaN where there is no open interest, or it is unknown.
    """
    puts_above = 0.0
    total = 0.0
    for i in range(len(strikes)):
        if listed[i]:
            puts_above += put_oi[i]
            total += call_oi[i] + put_oi[i]
    if not total > 0.0:
        return np.nan
    calls_below = 0.0
    best = np.nan
    falling = True
    for i in range(len(strikes)):
        if not listed[i]:
            continue
        if falling or abs(strikes[i] - spot) < abs(best - spot):
            best = strikes[i]
        calls_below += call_oi[i]
        puts_above -= put_oi[i]
        slope = calls_below - puts_above
        if slope > 0.0:
            break
        falling = slope < 0.0
    return float(best)
