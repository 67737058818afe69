"""Build every bar feature of one symbol on one signal timeframe (DETECTORS.md section 3).

Bar t of the table reads minutes that end at or before its decision instant T, and nothing later.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MinuteBars, Sessions
from detectors.features.buckets import regular
from detectors.features.columns import FeatureColumns
from detectors.features.flow import Flow, flow_signed
from detectors.features.gamma import GammaMinutes, add_gamma
from detectors.features.higher_timeframes import ema_shares, rsi_shares
from detectors.features.inputs import feature_inputs
from detectors.features.price_columns import (
    add_clock_and_prices,
    add_indicators,
    add_patterns,
    add_session,
)
from detectors.features.settings import FeatureSettings
from detectors.features.table import FeatureTable, Reason
from detectors.features.volume import own_volume, proxy_volume
from detectors.features.volume_columns import add_volume

SIGNAL_MINUTES = (1, 5, 15, 30, 60)
ASSET_CLASSES = ("INDEX", "ETF", "STOCK")


def build_features(
    minutes: MinuteBars,
    sessions: Sessions,
    *,
    bar_minutes: int,
    asset_class: str,
    proxy: MinuteBars | None = None,
    proxy_symbol: str | None = None,
    split_sessions: NDArray[np.bool_] | None = None,
    flow: Flow | None = None,
    gamma: GammaMinutes | None = None,
    settings: FeatureSettings = FeatureSettings(),  # noqa: B008 - frozen, holds no state
) -> FeatureTable:
    """Compute the feature table of one symbol.

    Parameters
    ----------
    minutes
        Regular-session minute bars, split-adjusted; minutes outside every session are left out.
    sessions
        Contiguous calendar sessions that cover the minutes; earlier ones serve baselines.
    bar_minutes
        Signal timeframe, minutes: 1, 5, 15, 30 or 60.
    asset_class
        `INDEX`, `ETF` or `STOCK`. An index takes its volume from `proxy`.
    proxy, proxy_symbol
        Minute bars and name of the symbol whose volume stands in for that of an index; ignored for
        other classes. None: volume features of an index are unknown (`MISSING_PROXY`).
    split_sessions
        bool [n_sessions], True where a split takes effect: its gap is no reason to restart.
    flow
        Order-flow readings, None for none.
    gamma
        Gamma table of the symbol, levels split-adjusted like the minutes, None for none.
    settings
        Feature settings.

    Returns
    -------
    FeatureTable
        One row per signal bar that has a minute. NaN = unknown, exactly where the reason is not
        `KNOWN`. `volume` is the volume the features read: that of the proxy for an index.
    """
    if bar_minutes not in SIGNAL_MINUTES:
        raise ValueError(f"bar_minutes must be one of {SIGNAL_MINUTES}, got {bar_minutes}")
    if asset_class not in ASSET_CLASSES:
        raise ValueError(
            f"asset_class must be one of {', '.join(ASSET_CLASSES)}, got {asset_class!r}"
        )
    if proxy is not None and not proxy_symbol:
        raise ValueError("proxy_symbol must name the proxy where proxy bars are given, got none")
    if split_sessions is not None and len(split_sessions) != len(sessions):
        raise ValueError(
            f"split_sessions must have one entry per session, got {len(split_sessions)} "
            f"for {len(sessions)}"
        )
    index = asset_class == "INDEX"
    inputs = feature_inputs(
        minutes,
        sessions,
        bar_minutes=bar_minutes,
        index=index,
        split_sessions=split_sessions,
        settings=settings,
    )
    traded: MinuteBars | None = inputs.minutes
    volume = own_volume(inputs.minutes)
    if index:
        traded = None if proxy is None else regular(proxy, sessions)[0]
        volume = proxy_volume(inputs.minutes, traded, proxy_symbol)
    columns = FeatureColumns(inputs.bars)
    add_clock_and_prices(columns, inputs)
    add_session(columns, inputs)
    add_indicators(columns, inputs)
    add_volume(columns, inputs, volume, traded)
    add_patterns(columns, inputs)
    for name, shares in (("rsi", rsi_shares), ("ema", ema_shares)):
        up, down = shares(inputs.series, inputs.bars, settings)
        columns.put(f"mtf_{name}_up_frac", up, Reason.WARMUP)
        columns.put(f"mtf_{name}_down_frac", down, Reason.WARMUP)
    columns.put("flow_signed", *flow_signed(flow, inputs.bars))
    add_gamma(columns, gamma, sessions)
    return columns.table()
