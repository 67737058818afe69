"""Patterns of a few bars: divergence between price and RSI, swings, candles.

Each kernel looks at `sign * price`, so that a pattern of lows and its mirror of highs are one
piece of code, and the mirrored market gives the mirrored pattern exactly.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.jit import kernel


@kernel
def divergence(extremes: Float, rsi: Float, bars: int, recent_bars: int, side: int) -> Float:
    """Measure how far RSI holds back while the price makes a new extreme.

    Parameters
    ----------
    extremes
        float64 [n], lows for side +1, highs for -1, price.
    rsi
        float64 [n], RSI or RSI - 50; NaN where unknown (a restart leaves a run of NaN).
    bars
        Length of each of the two windows: the last `bars` with the current one, and those before.
    recent_bars
        The newer extreme may be at most this many bars old.
    side
        +1: lower low, higher RSI; -1: higher high, lower RSI.

    Returns
    -------
    numpy.ndarray
        float64 [n], RSI points, 0 without divergence, NaN unless RSI is known on all 2 `bars`
        bars.
    """
    out = np.full(len(extremes), np.nan)
    known = 0
    for t in range(len(extremes)):
        known = 0 if np.isnan(rsi[t]) else known + 1
        if known < 2 * bars:
            continue
        newer, older = t - bars + 1, t - 2 * bars + 1
        for j in range(t - bars + 1, t + 1):
            if side * extremes[j] <= side * extremes[newer]:
                newer = j
        for j in range(t - 2 * bars + 1, t - bars + 1):
            if side * extremes[j] <= side * extremes[older]:
                older = j
        out[t] = 0.0
        if side * extremes[newer] < side * extremes[older] and t - newer <= recent_bars:
            out[t] = max(0.0, side * (rsi[newer] - rsi[older]))
    return out


@kernel
def swings_advance(
    extremes: Float, segment: NDArray[np.int32], side_bars: int, memory_bars: int, side: int
) -> Float:
    """Tell whether the last two swings advance: lows that rise (side +1), highs that fall (-1).

    A swing low is below the `side_bars` lows before it and not above those after it; it is known
    once these exist.

    Parameters
    ----------
    extremes
        float64 [n], lows for side +1, highs for -1, price.
    segment
        int32 [n].
    side_bars
        Bars compared on each side of a swing.
    memory_bars
        Both swings lie among the last `memory_bars` bars, the current one included.
    side
        +1 or -1.

    Returns
    -------
    numpy.ndarray
        float64 [n], 1 or 0; NaN with fewer than `memory_bars` + `side_bars` bars in the segment.
    """
    n = len(extremes)
    out = np.full(n, np.nan)
    start, last, before = 0, -1, -1
    for t in range(n):
        if t > 0 and segment[t] != segment[t - 1]:
            start, last, before = t, -1, -1
        j = t - side_bars
        if j - side_bars >= start:
            swing = True
            for k in range(1, side_bars + 1):
                below = side * extremes[j] < side * extremes[j - k]
                swing = swing and below and side * extremes[j] <= side * extremes[j + k]
            if swing:
                before = last
                last = j
        if t - start + 1 >= memory_bars + side_bars:
            recent = before >= 0 and before > t - memory_bars
            rising = recent and side * extremes[last] > side * extremes[before]
            out[t] = 1.0 if rising else 0.0
    return out


def patient_candle(open_: Float, close: Float, atr: Float, body_atr_max: float) -> Float:
    """Return 1 where the body is small against ATR, else 0; float64 [n], NaN where ATR is."""
    small = np.abs(close - open_) <= body_atr_max * atr
    return np.where(np.isnan(atr), np.nan, small.astype(np.float64))


def hammers(
    open_: Float,
    high: Float,
    low: Float,
    close: Float,
    wick_min_frac: float,
    opposite_max_frac: float,
) -> tuple[Float, Float]:
    """Find candles that came back from an extreme.

    Parameters
    ----------
    open_, high, low, close
        float64 [n], price.
    wick_min_frac, opposite_max_frac
        Smallest long wick and largest opposite wick, fractions of the bar's range.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] each, 1 or 0: hammer (long lower wick), shooting star (long upper wick).
    """
    span = high - low
    lower = np.minimum(open_, close) - low
    upper = high - np.maximum(open_, close)
    long_wick, short_wick = wick_min_frac * span, opposite_max_frac * span
    hammer = (span > 0) & (lower >= long_wick) & (upper <= short_wick)
    star = (span > 0) & (upper >= long_wick) & (lower <= short_wick)
    return hammer.astype(np.float64), star.astype(np.float64)
