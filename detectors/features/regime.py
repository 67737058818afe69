"""Market regime of a bar: one vocabulary for every detector."""

import numpy as np

from detectors.bars import Float
from detectors.features.settings import FeatureSettings

TRENDING_UP = 0
TRENDING_DOWN = 1
RANGING = 2
VOLATILE = 3
CHOPPY = 4

NAMES = ("trending_up", "trending_down", "ranging", "volatile", "choppy")
"""Name of each code."""

_FIT_LONG = np.array([0.6, 0.2, 1.0, 0.7, 0.9])
_FIT_SHORT = np.array([0.2, 0.6, 1.0, 0.7, 0.9])


def regime(
    close: Float,
    ema_21: Float,
    ema_50: Float,
    adx: Float,
    atr_ratio: Float,
    settings: FeatureSettings,
) -> Float:
    """Classify bars; the first rule that matches decides.

    Parameters
    ----------
    close, ema_21, ema_50
        float64 [n], price.
    adx
        float64 [n], 0 to 100.
    atr_ratio
        float64 [n], ATR over its own mean.
    settings
        Thresholds.

    Returns
    -------
    numpy.ndarray
        float64 [n] of the codes above, NaN where an average, ADX or the ratio is unknown.
    """
    strong = adx > settings.trend_adx_min
    code = np.select(
        [
            atr_ratio > settings.volatile_atr_ratio_min,
            strong & (close > ema_21) & (ema_21 > ema_50),
            strong & (close < ema_21) & (ema_21 < ema_50),
            (adx < settings.choppy_adx_max) & (atr_ratio >= settings.choppy_atr_ratio_min),
        ],
        [float(VOLATILE), float(TRENDING_UP), float(TRENDING_DOWN), float(CHOPPY)],
        float(RANGING),
    )
    unknown = np.isnan(atr_ratio) | np.isnan(adx) | np.isnan(ema_21) | np.isnan(ema_50)
    return np.where(unknown, np.nan, code)


def fit(regime: Float, side: int) -> Float:
    """Say how well a regime suits a reversal trade.

    Parameters
    ----------
    regime
        float64 [n] of codes, NaN = unknown.
    side
        +1 long, -1 short; a trend with the trade suits better than one against it.

    Returns
    -------
    numpy.ndarray
        float64 [n] in [0, 1], NaN where the regime is.
    """
    known = ~np.isnan(regime)
    fits = np.full(len(regime), np.nan)
    table = _FIT_LONG if side > 0 else _FIT_SHORT
    fits[known] = table[regime[known].astype(np.int64)]
    return fits
