"""Volume-weighted average price of the session's minutes, and its volume-weighted deviation.

Sums run over tp - first tp of the session: a constant price gives exactly that price and a
deviation of exactly 0, and the deviation does not lose its digits at large price levels.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.jit import kernel

DEVIATION_MIN_MINUTES = 5


@kernel
def session_vwap(
    ts: Int,
    session: NDArray[np.int32],
    high: Float,
    low: Float,
    close: Float,
    volume: Float,
    bar_end: Int,
    bar_session: NDArray[np.int32],
) -> tuple[Float, Float]:
    """Return VWAP and its deviation, of the session up to each bar's end.

    Parameters
    ----------
    ts, session
        int64 [n_minutes] UTC ns and int32 [n_minutes], minute bars inside sessions.
    high, low, close, volume
        float64 [n_minutes], price and shares (of the proxy for an index).
    bar_end, bar_session
        int64 [n] UTC ns and int32 [n], signal bars.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] VWAP, price, NaN where no volume traded; float64 [n] deviation, price, NaN with
        fewer than 5 minutes of volume.
    """
    n = len(bar_end)
    vwap = np.full(n, np.nan)
    deviation = np.full(n, np.nan)
    i = 0
    anchor, total, first, second = 0.0, 0.0, 0.0, 0.0
    count = 0
    for t in range(n):
        if t == 0 or bar_session[t] != bar_session[t - 1]:
            while i < len(ts) and session[i] < bar_session[t]:
                i += 1
            anchor = (high[i] + low[i] + close[i]) / 3.0
            total, first, second = 0.0, 0.0, 0.0
            count = 0
        while i < len(ts) and ts[i] < bar_end[t]:
            distance = (high[i] + low[i] + close[i]) / 3.0 - anchor
            total += volume[i]
            first += volume[i] * distance
            second += volume[i] * distance * distance
            if volume[i] > 0.0:
                count += 1
            i += 1
        if total > 0.0:
            mean = first / total
            vwap[t] = anchor + mean
            if count >= DEVIATION_MIN_MINUTES:
                deviation[t] = np.sqrt(max(second / total - mean * mean, 0.0))
    return vwap, deviation
