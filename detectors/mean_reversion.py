"""Mean reversion: stretched from VWAP and EMA21, oversold or overbought, no strong adverse trend.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.2.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, bounded
from detectors.features.regime import TRENDING_DOWN, TRENDING_UP, fit
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 15
ASSET_CLASSES = ("ETF", "STOCK")


@dataclasses.dataclass(frozen=True)
class MeanReversionParams:
    """Parameters of `mean_reversion_long` and `mean_reversion_short`."""

    rsi_extreme_max: float = bounded(35.0, legal=(5, 50), searched=(20, 42), unit="RSI points")
    vwap_dist_min_frac: float = bounded(
        0.003, legal=(0.0001, 0.1), searched=(0.001, 0.012), unit="frac", log=True
    )
    ema_dist_min_atr: float = bounded(2.0, legal=(0, 10), searched=(1, 3.5), unit="ATR")
    adx_against_max: float = bounded(40.0, legal=(10, 100), searched=(20, 60), unit="ADX points")


WINDOWS = ()
CONDITIONS = (
    Condition("rsi", "rsi_side", "<=", "rsi_extreme_max", ("rsi",)),
    Condition("vwap", "vwap_stretch_frac", ">=", "vwap_dist_min_frac", ("vwap",)),
    Condition("ema", "ema_stretch_atr", ">=", "ema_dist_min_atr", ("ema_21", "atr")),
    Condition("trend", "adx_if_against", "<=", "adx_against_max", ("regime", "adx")),
)
FACTORS = (
    Factor("rsi_extreme", 0.35, "rsi_side", ((20, 100), (25, 85), (30, 70), (35, 55), (50, 0))),
    Factor(
        "vwap_deviation",
        0.30,
        "vwap_stretch_frac",
        ((0, 0), (0.003, 55), (0.005, 70), (0.01, 85), (0.015, 100)),
    ),
    Factor(
        "volume_profile", 0.20, "rel_volume", ((0, 0), (1, 50), (1.2, 65), (1.5, 80), (2, 100))
    ),
    Factor("regime_suitability", 0.10, "regime_fit", ((0, 0), (1, 100))),
    Factor("reversal_confirmation", 0.05, "confirm_count", ((0, 0), (1, 60), (2, 85), (3, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: MeanReversionParams, side: int) -> Columns:
    """Derive stretch from VWAP and EMA21, ADX where the trend is adverse, and confirmations."""
    divergence, candle = (
        ("rsi_div_long", "hammer") if side > 0 else ("rsi_div_short", "shooting_star")
    )
    regime = features["regime"]
    against = regime == (TRENDING_DOWN if side > 0 else TRENDING_UP)
    return Columns(
        values={
            "rsi_side": 50.0 + side * features["rsi_centred"],
            "vwap_stretch_frac": -side * features["vwap_dist_frac"],
            "ema_stretch_atr": -side * (features["close"] - features["ema_21"]) / features["atr"],
            "adx_if_against": np.where(against, features["adx"], -np.inf),
            "rel_volume": features["rel_volume"],
            "regime_fit": fit(regime, side),
            "confirm_count": np.where(
                np.isnan(features[divergence]), np.nan, features[divergence] >= 2
            )
            + features["patient_candle"]
            + features[candle],
        }
    )
