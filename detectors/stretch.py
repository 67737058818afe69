"""Stretched from VWAP and EMA21: what the two mean-reversion families have in common.

The conditions of DETECTORS.md 5.2, the ramps that both families state alike, and the columns
behind them. Defaults, ranges, weights and further factors are each family's own.
"""

import numpy as np

from detectors.bars import Float
from detectors.contract import Condition
from detectors.features.regime import TRENDING_DOWN, TRENDING_UP, fit
from detectors.features.table import FeatureTable

CONDITIONS = (
    Condition("rsi", "rsi_side", "<=", "rsi_extreme_max", ("rsi",)),
    Condition("vwap", "vwap_stretch_frac", ">=", "vwap_dist_min_frac", ("vwap",)),
    Condition("ema", "ema_stretch_atr", ">=", "ema_dist_min_atr", ("ema_21", "atr")),
    Condition("trend", "adx_if_against", "<=", "adx_against_max", ("regime", "adx")),
)
RSI_RAMP = ((20, 100), (25, 85), (30, 70), (35, 55), (50, 0))
VWAP_RAMP = ((0, 0), (0.003, 55), (0.005, 70), (0.01, 85), (0.015, 100))
VOLUME_RAMP = ((0, 0), (1, 50), (1.2, 65), (1.5, 80), (2, 100))
REGIME_RAMP = ((0, 0), (1, 100))


def stretch_columns(features: FeatureTable, side: int) -> dict[str, Float]:
    """Derive stretch from VWAP and EMA21, and ADX where the trend is adverse.

    Parameters
    ----------
    features
        Feature table, n bars.
    side
        +1: stretched downward; -1: upward.

    Returns
    -------
    dict
        column name -> float64 [n]: `rsi_side` (RSI points), `vwap_stretch_frac` (frac),
        `ema_stretch_atr` (ATR), `adx_if_against` (ADX points, -inf without an adverse trend),
        `rel_volume` (ratio), `regime_fit` (0 to 1).
    """
    regime = features["regime"]
    against = regime == (TRENDING_DOWN if side > 0 else TRENDING_UP)
    return {
        "rsi_side": 50.0 + side * features["rsi_centred"],
        "vwap_stretch_frac": -side * features["vwap_dist_frac"],
        "ema_stretch_atr": -side * (features["close"] - features["ema_21"]) / features["atr"],
        "adx_if_against": np.where(against, features["adx"], -np.inf),
        "rel_volume": features["rel_volume"],
        "regime_fit": fit(regime, side),
    }
