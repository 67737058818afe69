"""Opening drive: a directional move from the session's open within its first minutes, on volume.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.7.
"""

import dataclasses

from detectors.contract import Columns, Condition, Factor, Relation, Window, bounded
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class OpeningDriveParams:
    """Parameters of `opening_drive_bullish` and `opening_drive_bearish`."""

    window_minutes: int = bounded(30, legal=(5, 120), searched=(15, 60), step=5, unit="minutes")
    skip_minutes: int = bounded(10, legal=(0, 60), searched=(5, 15), step=5, unit="minutes")
    move_min_frac: float = bounded(
        0.003, legal=(0.0001, 0.1), searched=(0.001, 0.008), unit="frac", log=True
    )
    volume_surge_min: float = bounded(1.2, legal=(0, 50), searched=(0.8, 2.5), unit="ratio")


WINDOWS = (
    Window("minutes_since_open", ">=", "skip_minutes"),
    Window("minutes_since_open", "<=", "window_minutes"),
)
CONDITIONS = (
    Condition("move", "session_move_frac", ">=", "move_min_frac", ("session_open",)),
    Condition("volume", "rel_volume", ">=", "volume_surge_min", ("rel_volume",)),
)
FACTORS = (
    Factor(
        "momentum_strength",
        0.30,
        "session_move_frac",
        ((0, 0), (0.003, 50), (0.005, 75), (0.01, 100)),
    ),
    Factor("volume_intensity", 0.25, "rel_volume", ((0.5, 0), (1, 50), (1.5, 75), (2.5, 100))),
    Factor(
        "flow_alignment",
        0.20,
        "flow_signed",
        ((-100, 0), (-60, 20), (0, 50), (60, 85), (70, 100)),
    ),
    Factor(
        "overnight_gap",
        0.15,
        "overnight_gap_frac",
        ((-0.01, 0), (0, 40), (0.005, 80), (0.01, 100)),
    ),
    Factor("mtf_alignment", 0.10, "mtf_rsi_frac", ((0, 0), (1, 100))),
)
RELATIONS = (Relation("skip_minutes", "<=", "window_minutes"),)


def columns(features: FeatureTable, _params: OpeningDriveParams, side: int) -> Columns:
    """Turn the session's move, the overnight gap and flow to the side of the trade."""
    return Columns(
        values={
            "session_move_frac": side * features["session_move_frac"],
            "rel_volume": features["rel_volume"],
            "flow_signed": side * features["flow_signed"],
            "overnight_gap_frac": side * features["overnight_gap_frac"],
            "mtf_rsi_frac": features["mtf_rsi_up_frac" if side > 0 else "mtf_rsi_down_frac"],
        }
    )
