"""Mean reversion: stretched from VWAP and EMA21, oversold or overbought, no strong adverse trend.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.2.
"""

import dataclasses

import numpy as np

from detectors import stretch
from detectors.contract import Columns, Factor, Relation, bounded
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
CONDITIONS = stretch.CONDITIONS
FACTORS = (
    Factor("rsi_extreme", 0.35, "rsi_side", stretch.RSI_RAMP),
    Factor("vwap_deviation", 0.30, "vwap_stretch_frac", stretch.VWAP_RAMP),
    Factor("volume_profile", 0.20, "rel_volume", stretch.VOLUME_RAMP),
    Factor("regime_suitability", 0.10, "regime_fit", stretch.REGIME_RAMP),
    Factor("reversal_confirmation", 0.05, "confirm_count", ((0, 0), (1, 60), (2, 85), (3, 100))),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: MeanReversionParams, side: int) -> Columns:
    """Derive the stretch and the number of confirmations."""
    divergence, candle = (
        ("rsi_div_long", "hammer") if side > 0 else ("rsi_div_short", "shooting_star")
    )
    diverges = np.where(np.isnan(features[divergence]), np.nan, features[divergence] >= 2)
    confirmations = diverges + features["patient_candle"] + features[candle]
    return Columns(
        values=stretch.stretch_columns(features, side) | {"confirm_count": confirmations}
    )
