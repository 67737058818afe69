"""Power-hour reversal: at the session's extreme in its last hour, stretched and on volume.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.5.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, Window, bounded
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class PowerHourReversalParams:
    """Parameters of `power_hour_reversal_bullish` and `power_hour_reversal_bearish`."""

    window_minutes: int = bounded(60, legal=(10, 195), searched=(30, 90), step=5, unit="minutes")
    extreme_dist_max_frac: float = bounded(
        0.003, legal=(0.0001, 0.05), searched=(0.0008, 0.006), unit="frac", log=True
    )
    rsi_extreme_max: float = bounded(40.0, legal=(5, 50), searched=(25, 45), unit="RSI points")
    volume_surge_min: float = bounded(1.2, legal=(0, 50), searched=(0.8, 2), unit="ratio")


WINDOWS = (Window("minutes_to_close", "<=", "window_minutes"),)
CONDITIONS = (
    Condition(
        "extreme",
        "extreme_dist_frac",
        "<=",
        "extreme_dist_max_frac",
        ("session_low", "session_high"),
    ),
    Condition("rsi", "rsi_side", "<=", "rsi_extreme_max", ("rsi",)),
    Condition("volume", "rel_volume", ">=", "volume_surge_min", ("rel_volume",)),
)
FACTORS = (
    Factor(
        "extreme_proximity",
        0.25,
        "range_pos_side",
        ((0.05, 100), (0.1, 85), (0.2, 70), (0.5, 0)),
    ),
    Factor(
        "power_hour_timing",
        0.20,
        "minutes_to_close",
        ((30, 100), (45, 85), (60, 70), (90, 40)),
    ),
    Factor(
        "reversal_confirmation",
        0.25,
        "rsi_side",
        ((25, 100), (30, 85), (35, 70), (40, 55), (50, 0)),
    ),
    Factor(
        "institutional_flow",
        0.20,
        "flow_signed",
        ((-100, 0), (-60, 20), (0, 50), (60, 85), (70, 100)),
    ),
    Factor("day_move", 0.10, "day_move_frac", ((-0.005, 0), (0, 40), (0.015, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: PowerHourReversalParams, side: int) -> Columns:
    """Derive the distance from the session's extreme behind, and the move that led there."""
    close, high, low = features["close"], features["session_high"], features["session_low"]
    extreme = low if side > 0 else high
    distance = side * (close - extreme)
    span = high - low
    return Columns(
        values={
            "extreme_dist_frac": distance / np.abs(extreme),
            "rsi_side": 50.0 + side * features["rsi_centred"],
            "rel_volume": features["rel_volume"],
            "range_pos_side": distance / np.where(span > 0, span, np.nan),
            "minutes_to_close": features["minutes_to_close"],
            "flow_signed": side * features["flow_signed"],
            "day_move_frac": -side * features["session_move_frac"],
        }
    )
