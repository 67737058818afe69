"""What 5, 15 and 60 minute bars say at a decision instant: only bars that have ended by then.

Each timeframe is its own series from minutes, with its own indicators and warm-ups, broken at the
same instants as the signal bars.
"""

import numpy as np

from detectors.bars import Float, SignalBars
from detectors.features.buckets import bars_before
from detectors.features.indicators import ema, rsi_centred
from detectors.features.settings import FeatureSettings

RSI_MINUTES = (5, 15, 60)
EMA_MINUTES = (15, 60)
TIMEFRAMES = (5, 15, 60)
PULLBACK_RSI = 20.0
RSI_WARMUP_PERIODS = 7
EMA_WARMUP_SPANS = 3


def warm(values: Float, bars: SignalBars, warmup_bars: int) -> Float:
    """Mask the first `warmup_bars` bars of every segment with NaN."""
    return np.where(bars_before(bars.segment) < warmup_bars, np.nan, values)


def last_ended(values: Float, higher: SignalBars, bars: SignalBars) -> Float:
    """Return, per signal bar, the value of the last higher-timeframe bar that has ended at T.

    Parameters
    ----------
    values
        float64 [n_higher], a column of `higher`.
    higher, bars
        Bars of the other timeframe, and signal bars.

    Returns
    -------
    numpy.ndarray
        float64 [n], NaN where there is none, or where it lies before the last restart.
    """
    out = np.full(len(bars), np.nan)
    place = np.searchsorted(higher.end, bars.end, side="right") - 1
    usable = place >= 0
    usable[usable] = higher.segment[place[usable]] == bars.segment[usable]
    out[usable] = values[place[usable]]
    return out


def rsi_shares(
    series: dict[int, SignalBars], bars: SignalBars, settings: FeatureSettings
) -> tuple[Float, Float]:
    """Return the share of timeframes in a mild up move, and of those in a mild down move.

    Parameters
    ----------
    series
        Bars by timeframe, minutes.
    bars
        Signal bars.
    settings
        RSI period.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] each in [0, 1], of the known timeframes; NaN with fewer than two known.
    """
    known, up, down = np.zeros(len(bars)), np.zeros(len(bars)), np.zeros(len(bars))
    for minutes in RSI_MINUTES:
        higher = series[minutes]
        rsi = rsi_centred(higher.close, higher.segment, settings.rsi_period)
        at = last_ended(warm(rsi, higher, RSI_WARMUP_PERIODS * settings.rsi_period), higher, bars)
        known += ~np.isnan(at)
        up += (at >= 0) & (at <= PULLBACK_RSI)
        down += (at <= 0) & (at >= -PULLBACK_RSI)
    enough = np.where(known >= 2, known, np.nan)
    return up / enough, down / enough


def ema_shares(
    series: dict[int, SignalBars], bars: SignalBars, settings: FeatureSettings
) -> tuple[Float, Float]:
    """Return the share of timeframes with EMA21 above EMA50, and below.

    Parameters
    ----------
    series
        Bars by timeframe, minutes.
    bars
        Signal bars.
    settings
        EMA spans.

    Returns
    -------
    tuple of numpy.ndarray
        float64 [n] each in [0, 1]; NaN unless every timeframe is known.
    """
    up, down = np.zeros(len(bars)), np.zeros(len(bars))
    _, middle, slow, _ = settings.ema_bars
    for minutes in EMA_MINUTES:
        higher = series[minutes]
        averages = [
            last_ended(
                warm(ema(higher.close, higher.segment, span), higher, EMA_WARMUP_SPANS * span),
                higher,
                bars,
            )
            for span in (middle, slow)
        ]
        unknown = np.isnan(averages[0]) | np.isnan(averages[1])
        up += np.where(unknown, np.nan, averages[0] > averages[1])
        down += np.where(unknown, np.nan, averages[0] < averages[1])
    return up / len(EMA_MINUTES), down / len(EMA_MINUTES)
