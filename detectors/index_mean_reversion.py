"""Index mean reversion: stretched from the proxy's VWAP and EMA21, with the time of the session.

The signal of bar t uses bars up to and including t. Source: DETECTORS.md 5.6.
"""

import dataclasses

from detectors import stretch
from detectors.contract import Columns, Factor, Relation, bounded
from detectors.features.table import FeatureTable

REVISION = 1
SIGNAL_MINUTES = 5
ASSET_CLASSES = ("INDEX",)


@dataclasses.dataclass(frozen=True)
class IndexMeanReversionParams:
    """Parameters of `index_mean_reversion_long` and `index_mean_reversion_short`."""

    rsi_extreme_max: float = bounded(35.0, legal=(5, 50), searched=(20, 42), unit="RSI points")
    vwap_dist_min_frac: float = bounded(
        0.0025, legal=(0.0001, 0.1), searched=(0.0008, 0.008), unit="frac", log=True
    )
    ema_dist_min_atr: float = bounded(2.0, legal=(0, 10), searched=(1, 3.5), unit="ATR")
    adx_against_max: float = bounded(40.0, legal=(10, 100), searched=(20, 60), unit="ADX points")


WINDOWS = ()
CONDITIONS = stretch.CONDITIONS
FACTORS = (
    Factor("vwap_deviation", 0.30, "vwap_stretch_frac", stretch.VWAP_RAMP),
    Factor("rsi_extreme", 0.25, "rsi_side", stretch.RSI_RAMP),
    Factor("volume_profile", 0.20, "rel_volume", stretch.VOLUME_RAMP),
    Factor("regime_suitability", 0.15, "regime_fit", stretch.REGIME_RAMP),
    Factor(
        "time_of_session",
        0.10,
        "session_frac",
        ((0, 60), (0.15, 100), (0.6, 100), (0.8, 80), (1, 60)),
    ),
)
RELATIONS: tuple[Relation, ...] = ()


def columns(features: FeatureTable, _params: IndexMeanReversionParams, side: int) -> Columns:
    """Derive the stretch; the time of the session is the same for both sides."""
    clock = {"session_frac": features["session_frac"]}
    return Columns(values=stretch.stretch_columns(features, side) | clock)
