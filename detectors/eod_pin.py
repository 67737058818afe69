"""End-of-day pin: on an expiry day, near a strike that holds much open interest: toward it.

The signal of bar t uses bars up to and including t; its side is that of the pin. Source:
DETECTORS.md 5.9.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, Window, bounded
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class EodPinParams:
    """Parameters of `eod_pin_setup`."""

    window_minutes: int = bounded(30, legal=(5, 120), searched=(20, 60), step=5, unit="minutes")
    pin_dist_max_frac: float = bounded(
        0.005, legal=(0.0005, 0.05), searched=(0.002, 0.008), unit="frac", log=True
    )
    pin_dist_min_atr: float = bounded(0.25, legal=(0, 5), searched=(0.1, 1), unit="ATR")
    pin_oi_min_frac: float = bounded(
        0.03, legal=(0.001, 1), searched=(0.01, 0.1), unit="frac", log=True
    )


WINDOWS = (Window("minutes_to_close", "<=", "window_minutes"),)
CONDITIONS = (
    Condition("expiry", "is_0dte", ">=", 1.0, ("is_0dte",)),
    Condition("near", "pin_dist_frac", "<=", "pin_dist_max_frac", ("pin_strike",)),
    Condition("room", "pin_dist_atr", ">=", "pin_dist_min_atr", ("atr",)),
    Condition("open_interest", "pin_oi_frac", ">=", "pin_oi_min_frac", ("pin_oi_frac",)),
)
FACTORS = (
    Factor("max_pain_proximity", 0.40, "pin_dist_frac", ((0, 100), (0.005, 0))),
    Factor(
        "open_interest_concentration",
        0.30,
        "pin_oi_frac",
        ((0, 0), (0.05, 40), (0.1, 70), (0.2, 100)),
    ),
    Factor("time_remaining", 0.20, "minutes_to_close", ((0, 100), (30, 50), (60, 0))),
    Factor("dealer_gamma", 0.10, "pin_gex_norm", ((-0.002, 0), (0, 40), (0.002, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: EodPinParams, _side: int) -> Columns:
    """Derive the distance to the pin and the side on which it lies."""
    close = features["close"]
    ahead = features["pin_strike"] - close
    distance = np.abs(ahead)
    return Columns(
        values={
            "is_0dte": features["is_0dte"],
            "pin_dist_frac": distance / np.abs(close),
            # At the pin there is no room, also where the parameter is 0.
            "pin_dist_atr": np.where(distance == 0, -np.inf, distance / features["atr"]),
            "pin_oi_frac": features["pin_oi_frac"],
            "minutes_to_close": features["minutes_to_close"],
            "pin_gex_norm": features["pin_gex_norm"],
        },
        side=np.sign(np.nan_to_num(ahead)).astype(np.int8),
    )
