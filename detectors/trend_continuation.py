"""Trend continuation: a shallow pullback to EMA21 in an established trend.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.3.
"""

import dataclasses

from detectors.contract import Columns, Condition, Factor, Relation, bounded
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 15
ASSET_CLASSES = ("ETF", "STOCK")


@dataclasses.dataclass(frozen=True)
class TrendContinuationParams:
    """Parameters of `trend_continuation_long` and `trend_continuation_short`."""

    ema_sep_min_atr: float = bounded(0.25, legal=(0, 10), searched=(0, 1.5), unit="ATR")
    adx_min: float = bounded(20.0, legal=(0, 80), searched=(12, 35), unit="ADX points")
    pullback_max_atr: float = bounded(
        1.0, legal=(0.05, 10), searched=(0.3, 2.5), unit="ATR", log=True
    )
    pullback_overshoot_atr: float = bounded(0.25, legal=(0, 5), searched=(0, 1), unit="ATR")
    rsi_min: float = bounded(45.0, legal=(10, 70), searched=(42, 54), unit="RSI points")
    rsi_max: float = bounded(60.0, legal=(30, 95), searched=(56, 70), unit="RSI points")


WINDOWS = ()
CONDITIONS = (
    Condition("separation", "ema_sep_atr", ">=", "ema_sep_min_atr", ("ema_21", "ema_50", "atr")),
    Condition("adx", "adx", ">=", "adx_min", ("adx",)),
    Condition("not_broken", "overshoot_atr", "<=", "pullback_overshoot_atr", ("ema_21", "atr")),
    Condition("pullback", "pullback_atr", "<=", "pullback_max_atr", ("ema_21", "atr")),
    Condition("rsi_floor", "rsi_side", ">=", "rsi_min", ("rsi",)),
    Condition("rsi_cap", "rsi_side", "<=", "rsi_max", ("rsi",)),
)
FACTORS = (
    Factor("ema_alignment", 0.25, "ema_sep_atr", ((0, 30), (0.5, 60), (1, 80), (2, 100))),
    Factor("long_trend", 0.05, "ema_200_dist_atr", ((-1, 0), (0, 50), (1, 100))),
    Factor(
        "pullback_quality",
        0.25,
        "pullback_atr",
        ((-1, 20), (0, 100), (0.5, 100), (1, 60), (2, 0)),
    ),
    Factor(
        "volume_confirmation",
        0.20,
        "rel_volume",
        ((0.3, 0), (0.5, 60), (0.8, 100), (1.5, 100), (2, 75), (3, 40)),
    ),
    Factor("swing_pattern", 0.15, "swings_advance", ((0, 30), (1, 100))),
    Factor("mtf_trend_strength", 0.10, "mtf_ema_frac", ((0, 0), (1, 100))),
)
RELATIONS = (Relation("rsi_min", "<", "rsi_max"),)


def columns(features: FeatureTable, _params: TrendContinuationParams, side: int) -> Columns:
    """Derive separation of the averages, depth of the pullback and signs of the trend."""
    close, middle, atr = features["close"], features["ema_21"], features["atr"]
    swings, shares = (
        ("higher_lows", "mtf_ema_up_frac") if side > 0 else ("lower_highs", "mtf_ema_down_frac")
    )
    pullback = side * (close - middle) / atr
    return Columns(
        values={
            "ema_sep_atr": side * (middle - features["ema_50"]) / atr,
            "adx": features["adx"],
            "overshoot_atr": -pullback,
            "pullback_atr": pullback,
            "rsi_side": 50.0 + side * features["rsi_centred"],
            "ema_200_dist_atr": side * (close - features["ema_200"]) / atr,
            "rel_volume": features["rel_volume"],
            "swings_advance": features[swings],
            "mtf_ema_frac": features[shares],
        }
    )
