"""Gamma flip: the close crosses the level at which dealers' gamma changes sign.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.8.
"""

import dataclasses

import numpy as np

from detectors.contract import Columns, Condition, Factor, Relation, Window, bounded
from detectors.features.table import FeatureTable, Reason

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class GammaFlipParams:
    """Parameters of `gamma_flip_bullish` and `gamma_flip_bearish`."""

    window_minutes: int = bounded(180, legal=(5, 390), searched=(60, 300), step=30, unit="minutes")
    expiry_max_minutes: float = bounded(
        480.0, legal=(5, 20160), searched=(120, 3000), unit="minutes", log=True
    )
    cross_min_atr: float = bounded(0.1, legal=(0, 5), searched=(0, 0.6), unit="ATR")
    gex_slope_full: float = bounded(
        0.01, legal=(0.0005, 10), searched=(0.003, 0.05), unit="gex_norm", log=True
    )


WINDOWS = (Window("minutes_to_close", "<=", "window_minutes"),)
CONDITIONS = (
    Condition("expiry", "minutes_to_expiry", "<=", "expiry_max_minutes", ("minutes_to_expiry",)),
    Condition("crossing", "crossing", ">=", 1.0, ("zero_gamma", "previous_zero_gamma")),
    Condition("price_led", "price_led", ">=", 1.0, ()),
    Condition("distance", "distance_atr", ">=", "cross_min_atr", ("atr",)),
)
FACTORS = (
    Factor(
        "gamma_flip_significance",
        0.35,
        "gex_slope_norm",
        ((0, 0), (0.25, 40), (1, 100)),
        scale="gex_slope_full",
    ),
    Factor(
        "time_to_expiry",
        0.25,
        "minutes_to_expiry",
        ((120, 100), (240, 75), (360, 50), (480, 25), (1440, 0)),
    ),
    Factor("dealer_hedging_pressure", 0.20, "gex_0dte_frac", ((0, 20), (0.5, 70), (0.8, 100))),
    Factor("options_volume", 0.15, "opt_volume_surge", ((0.5, 0), (1, 50), (1.5, 100))),
    Factor("price_momentum", 0.05, "rel_volume", ((1, 0), (2, 50), (3, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: GammaFlipParams, side: int) -> Columns:
    """Derive where the close stands to the zero-gamma level, now and one bar before."""
    close, level, session = features["close"], features["zero_gamma"], features.bars.session
    follows = np.zeros(len(close), np.bool_)
    follows[1:] = session[1:] == session[:-1]
    distance = side * (close - level)
    before, move = np.full((2, len(close)), np.nan)
    before[1:], move[1:] = distance[:-1], side * np.diff(close)
    finite = np.isfinite(distance) & np.isfinite(before)
    crossing = follows & finite & (before < 0) & (distance > 0)
    why = np.full(len(close), np.int8(Reason.WARMUP))
    why[1:][follows[1:]] = features.reason("zero_gamma")[:-1][follows[1:]]
    return Columns(
        values={
            "minutes_to_expiry": features["minutes_to_expiry"],
            "crossing": crossing.astype(np.float64),
            "price_led": (follows & (move > 0)).astype(np.float64),
            "distance_atr": distance / features["atr"],
            "gex_slope_norm": features["gex_slope_norm"],
            "gex_0dte_frac": features["gex_0dte_frac"],
            "opt_volume_surge": features["opt_volume_surge"],
            "rel_volume": features["rel_volume"],
        },
        reasons={"previous_zero_gamma": why},
    )
