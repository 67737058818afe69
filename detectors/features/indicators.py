"""Wilder's RSI, ATR and ADX, and the exponential average: textbook values.

Values start with the first defined bar: the feature table masks the warm-up, not these functions.
All of them restart with the segment. With `session_start` all False, ATR and ADX are the textbook
versions; a True marks the first bar of a session, whose true range is high - low and whose
directional movement is 0, because positions are flat overnight and a gap must not widen stops for
the rest of the day.

Conventions: RSI seeded with the mean of the first `period` changes; the true range of bar 0 is
high - low, so ATR starts on bar period - 1 (ChartSchool counts alike, Skender's Stock Indicators
starts one later); ADX uses the movements of bars 1 to period and starts on bar 2 * period - 1; EMA
seeded with the mean of the first `span` values. Signs are treated alike, so negating prices
negates or keeps every result exactly.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.jit import kernel


@kernel
def rsi_centred(close: Float, segment: NDArray[np.int32], period: int) -> Float:
    """Return RSI - 50, computed as 50 (gain - loss) / (gain + loss).

    Parameters
    ----------
    close
        float64 [n], price. Overnight changes count.
    segment
        int32 [n].
    period
        Wilder period, bars.

    Returns
    -------
    numpy.ndarray
        float64 [n] in [-50, 50], 0 where nothing moved; NaN on the first `period` bars of a
        segment.
    """
    out = np.full(len(close), np.nan)
    gain, loss = 0.0, 0.0
    count = 0
    for i in range(len(close)):
        if i == 0 or segment[i] != segment[i - 1]:
            gain, loss = 0.0, 0.0
            count = 0
            continue
        change = close[i] - close[i - 1]
        up, down = max(change, 0.0), max(-change, 0.0)
        count += 1
        if count <= period:
            gain += up
            loss += down
            if count < period:
                continue
            gain /= period
            loss /= period
        else:
            gain = (gain * (period - 1) + up) / period
            loss = (loss * (period - 1) + down) / period
        both = gain + loss
        out[i] = 0.0 if both == 0.0 else 50.0 * ((gain - loss) / both)
    return out


@kernel
def atr(
    high: Float,
    low: Float,
    close: Float,
    segment: NDArray[np.int32],
    session_start: NDArray[np.bool_],
    period: int,
) -> Float:
    """Return Wilder's average true range, TR = max(high, last close) - min(low, last close).

    Parameters
    ----------
    high, low, close
        float64 [n], price.
    segment, session_start
        int32 [n]; bool [n], True on the first bar of a session.
    period
        Wilder period, bars.

    Returns
    -------
    numpy.ndarray
        float64 [n], price; NaN on the first `period` - 1 bars of a segment.
    """
    out = np.full(len(close), np.nan)
    average = 0.0
    count = 0
    for i in range(len(close)):
        fresh = i == 0 or segment[i] != segment[i - 1]
        if fresh:
            average = 0.0
            count = 0
        if fresh or session_start[i]:
            true_range = high[i] - low[i]
        else:
            true_range = max(high[i], close[i - 1]) - min(low[i], close[i - 1])
        count += 1
        if count <= period:
            average += true_range
            if count < period:
                continue
            average /= period
        else:
            average = (average * (period - 1) + true_range) / period
        out[i] = average
    return out


@kernel
def adx(
    high: Float,
    low: Float,
    segment: NDArray[np.int32],
    session_start: NDArray[np.bool_],
    period: int,
) -> Float:
    """Return Wilder's average directional index.

    The smoothed true range divides both directional indicators and so cancels in
    DX = 100 |+DI - -DI| / (+DI + -DI); closes are therefore not needed.

    Parameters
    ----------
    high, low
        float64 [n], price.
    segment, session_start
        int32 [n]; bool [n], True on the first bar of a session.
    period
        Wilder period, bars.

    Returns
    -------
    numpy.ndarray
        float64 [n] in [0, 100]; NaN on the first 2 `period` - 1 bars of a segment.
    """
    out = np.full(len(high), np.nan)
    plus, minus, average = 0.0, 0.0, 0.0
    count = 0
    for i in range(len(high)):
        if i == 0 or segment[i] != segment[i - 1]:
            plus, minus, average = 0.0, 0.0, 0.0
            count = 0
            continue
        up, down = high[i] - high[i - 1], low[i - 1] - low[i]
        plus_move = up if up > down and up > 0.0 and not session_start[i] else 0.0
        minus_move = down if down > up and down > 0.0 and not session_start[i] else 0.0
        count += 1
        if count <= period:
            plus += plus_move
            minus += minus_move
            if count < period:
                continue
            plus /= period
            minus /= period
        else:
            plus = (plus * (period - 1) + plus_move) / period
            minus = (minus * (period - 1) + minus_move) / period
        both = plus + minus
        index = 0.0 if both == 0.0 else 100.0 * (abs(plus - minus) / both)
        if count < 2 * period:
            average += index
            if count < 2 * period - 1:
                continue
            average /= period
        else:
            average = (average * (period - 1) + index) / period
        out[i] = average
    return out


@kernel
def ema(values: Float, segment: NDArray[np.int32], span: int) -> Float:
    """Return the exponential average with weight 2 / (span + 1), seeded with a plain mean.

    Parameters
    ----------
    values
        float64 [n].
    segment
        int32 [n].
    span
        Bars.

    Returns
    -------
    numpy.ndarray
        float64 [n], unit of `values`; NaN on the first `span` - 1 bars of a segment.
    """
    out = np.full(len(values), np.nan)
    weight = 2.0 / (span + 1.0)
    average = 0.0
    count = 0
    for i in range(len(values)):
        if i == 0 or segment[i] != segment[i - 1]:
            average = 0.0
            count = 0
        count += 1
        if count <= span:
            average += values[i]
            if count < span:
                continue
            average /= span
        else:
            average += weight * (values[i] - average)
        out[i] = average
    return out


@kernel
def mean_before(values: Float, bars: int) -> Float:
    """Return the mean of the `bars` values before each bar, summed afresh in time order.

    A running sum would be faster and would carry rounding from bar to bar for ever.

    Parameters
    ----------
    values
        float64 [n]; a NaN among the `bars` values makes the result NaN.
    bars
        Values in the mean, the current one not among them.

    Returns
    -------
    numpy.ndarray
        float64 [n], unit of `values`; NaN with fewer values.
    """
    out = np.full(len(values), np.nan)
    for i in range(bars, len(values)):
        total = 0.0
        for j in range(i - bars, i):
            total += values[j]
        out[i] = total / bars
    return out
