"""Breakout: a close beyond the extreme of the last N bars, on volume, with the day's direction.

The signal of bar t uses bars up to and including t; the level excludes t. Source: DETECTORS.md
5.1.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, bounded
from detectors.features.levels import extreme_before
from detectors.features.table import FeatureTable, Reason

REVISION = 1
SIGNAL_MINUTES = 15
ASSET_CLASSES = ("ETF", "STOCK")


@dataclasses.dataclass(frozen=True)
class BreakoutParams:
    """Parameters of `breakout_bullish` and `breakout_bearish`."""

    breakout_lookback_bars: int = bounded(
        20, legal=(2, 500), searched=(8, 60), unit="bars", log=True, structural=True
    )
    breakout_buffer_atr: float = bounded(0.1, legal=(0, 5), searched=(0, 0.6), unit="ATR")
    volume_surge_min: float = bounded(1.5, legal=(0, 50), searched=(1, 3), unit="ratio")
    vwap_dist_min_frac: float = bounded(0.001, legal=(0, 0.1), searched=(0, 0.006), unit="frac")
    price_change_min_frac: float = bounded(
        0.005, legal=(0.0001, 0.5), searched=(0.001, 0.03), unit="frac", log=True
    )


WINDOWS = ()
CONDITIONS = (
    Condition("level", "level_dist_atr", ">=", "breakout_buffer_atr", ("level", "atr")),
    Condition("volume", "rel_volume", ">=", "volume_surge_min", ("rel_volume",)),
    Condition("vwap", "vwap_dist_frac", ">=", "vwap_dist_min_frac", ("vwap",)),
    Condition("day_change", "day_change_frac", ">=", "price_change_min_frac", ("prior_close",)),
)
FACTORS = (
    Factor("volume_intensity", 0.30, "rel_volume", ((1, 0), (1.5, 50), (2.5, 75), (4, 100))),
    Factor(
        "flow_alignment",
        0.25,
        "flow_signed",
        ((-100, 0), (-60, 20), (0, 50), (60, 85), (70, 100)),
    ),
    Factor(
        "vwap_strength",
        0.20,
        "vwap_dist_frac",
        ((-0.005, 0), (0, 50), (0.002, 60), (0.005, 70), (0.01, 85), (0.015, 100)),
    ),
    Factor("breakout_strength", 0.10, "level_dist_atr", ((0, 40), (0.5, 80), (1, 100))),
    Factor("level_confluence", 0.05, "levels_beaten", ((0, 0), (1, 60), (2, 100))),
    Factor("mtf_alignment", 0.10, "mtf_rsi_frac", ((0, 0), (1, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, params: BreakoutParams, side: int) -> Columns:
    """Derive the distance to the level of the last N bars and the count of levels beaten."""
    close, segment = features["close"], features.bars.segment
    ahead, opening, prior, mtf = (
        ("high", "or_high_30", "prior_high", "mtf_rsi_up_frac")
        if side > 0
        else ("low", "or_low_30", "prior_low", "mtf_rsi_down_frac")
    )
    extremes = features.bars.high if ahead == "high" else features.bars.low
    level = extreme_before(extremes, segment, params.breakout_lookback_bars, side)
    beaten = np.where(side * (close - features[opening]) > 0, 1.0, 0.0)
    beaten += np.where(side * (close - features[prior]) > 0, 1.0, 0.0)
    beaten[np.isnan(features[opening]) | np.isnan(features[prior])] = np.nan
    unknown_level = np.where(np.isnan(level), np.int8(Reason.WARMUP), np.int8(Reason.KNOWN))
    return Columns(
        values={
            "level_dist_atr": side * (close - level) / features["atr"],
            "rel_volume": features["rel_volume"],
            "vwap_dist_frac": side * features["vwap_dist_frac"],
            "day_change_frac": side * features["day_change_frac"],
            "flow_signed": side * features["flow_signed"],
            "levels_beaten": beaten,
            "mtf_rsi_frac": features[mtf],
        },
        reasons={"level": unknown_level},
    )
