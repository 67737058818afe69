"""Gamma squeeze: dealers short gamma, price moving toward the strike with most gamma, late.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.4.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, Window, bounded
from detectors.features.table import FeatureTable, Reason

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class GammaSqueezeParams:
    """Parameters of `gamma_squeeze_bullish` and `gamma_squeeze_bearish`."""

    window_minutes: int = bounded(90, legal=(5, 390), searched=(45, 180), step=15, unit="minutes")
    wall_dist_max_frac: float = bounded(
        0.005, legal=(0.0005, 0.05), searched=(0.002, 0.01), unit="frac", log=True
    )
    short_gamma_min: float = bounded(0.0005, legal=(0, 10), searched=(0, 0.01), unit="gex_norm")
    momentum_bars: int = bounded(
        3, legal=(1, 50), searched=(2, 12), unit="bars", log=True, structural=True
    )
    momentum_min_atr: float = bounded(0.5, legal=(0, 10), searched=(0.2, 1.5), unit="ATR")
    volume_surge_min: float = bounded(1.3, legal=(0, 50), searched=(0.8, 2), unit="ratio")
    short_gamma_full: float = bounded(
        0.01, legal=(0.0005, 10), searched=(0.003, 0.03), unit="gex_norm", log=True
    )


WINDOWS = (Window("minutes_to_close", "<=", "window_minutes"),)
CONDITIONS = (
    Condition("wall", "wall_ahead_frac", "<=", "wall_dist_max_frac", ("max_gamma_strike",)),
    Condition("short_gamma", "short_gamma", ">=", "short_gamma_min", ("gex", "gex_norm")),
    Condition("momentum", "momentum_atr", ">=", "momentum_min_atr", ("momentum", "atr")),
    Condition("volume", "rel_volume", ">=", "volume_surge_min", ("rel_volume",)),
)
FACTORS = (
    Factor("gamma_wall_proximity", 0.30, "wall_dist_frac", ((0, 100), (0.005, 0))),
    Factor(
        "dealer_gamma_exposure",
        0.25,
        "short_gamma_norm",
        ((-1, 0), (0, 50), (1, 100)),
        scale="short_gamma_full",
    ),
    Factor("call_put_skew", 0.20, "call_share_side", ((0.4, 0), (0.5, 50), (0.6, 100))),
    Factor(
        "time_decay_acceleration",
        0.15,
        "minutes_to_expiry",
        ((30, 100), (60, 85), (120, 70), (240, 55), (480, 0)),
    ),
    Factor("volume_surge", 0.10, "rel_volume", ((0, 0), (1.5, 60), (2, 80), (3, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, params: GammaSqueezeParams, side: int) -> Columns:
    """Derive the distance to the strike of most gamma, and the move of the last N bars."""
    close, session = features["close"], features.bars.session
    wall = side * (features["max_gamma_strike"] - close) / np.abs(close)
    before = np.arange(len(close)) - params.momentum_bars
    same = before >= 0
    same[same] = session[before[same]] == session[same]
    momentum = np.full(len(close), np.nan)
    momentum[same] = side * (close[same] - close[before[same]]) / features["atr"][same]
    calls = features["call_volume_frac"]
    return Columns(
        values={
            "wall_ahead_frac": np.where(wall < 0, np.inf, wall),  # behind the price: never near
            "wall_dist_frac": wall,
            "short_gamma": np.where(features["gex"] >= 0, -np.inf, -features["gex_norm"]),
            "short_gamma_norm": -features["gex_norm"],
            # No move is no momentum, also where the parameter is 0: it keeps the pair exclusive.
            "momentum_atr": np.where(momentum == 0, -np.inf, momentum),
            "call_share_side": calls if side > 0 else 1.0 - calls,
            "minutes_to_expiry": features["minutes_to_expiry"],
            "rel_volume": features["rel_volume"],
        },
        reasons={"momentum": np.where(same, np.int8(Reason.KNOWN), np.int8(Reason.WARMUP))},
    )
