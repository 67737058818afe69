"""Columns of the feature table that read volume: VWAP, relative volume, dollar volume."""

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, MinuteBars
from detectors.features.baselines import dollar_volume_mean, slot_baseline, slots
from detectors.features.columns import FeatureColumns
from detectors.features.indicators import mean_before
from detectors.features.inputs import FeatureInputs
from detectors.features.table import Reason
from detectors.features.volume import MinuteVolume, bar_volume, sessions_with_volume
from detectors.features.vwap import session_vwap


def add_volume(
    columns: FeatureColumns,
    inputs: FeatureInputs,
    volume: MinuteVolume,
    traded: MinuteBars | None,
) -> None:
    """Add the features that read volume; ATR comes first.

    Parameters
    ----------
    columns
        Where they are added.
    inputs
        Inputs of the symbol.
    volume
        Volume of its minutes, own or of a proxy.
    traded
        Minute bars whose dollars count: its own, those of the proxy of an index, None without a
        proxy.
    """
    bars, minutes, settings = inputs.bars, inputs.minutes, inputs.settings
    shares, coverage = bar_volume(
        minutes.ts,
        inputs.minute_session,
        volume.shares,
        volume.covered,
        bars.end,
        bars.session,
    )
    thin = coverage < settings.proxy_coverage_min_frac
    why = np.where(thin, Reason.MISSING_PROXY, Reason.MISSING_INPUT).astype(np.int8)
    columns.put("volume", np.where(thin, np.nan, shares), why)
    _add_vwap(columns, inputs, volume, thin)
    _add_relative_volume(columns, inputs, volume, shares)
    if traded is None:
        columns.put("dollar_volume_mean", np.full(len(bars), np.nan), Reason.MISSING_PROXY)
    else:
        dollars = dollar_volume_mean(
            traded,
            inputs.sessions,
            bars.session,
            settings.baseline_sessions,
            settings.baseline_min_sessions,
        )
        columns.put("dollar_volume_mean", dollars, Reason.WARMUP)
    columns.read_volume(
        volume.source,
        "volume",
        "vwap",
        "vwap_sd",
        "vwap_dist_frac",
        "vwap_dist_atr",
        "rel_volume",
        "dollar_volume_mean",
    )


def _add_vwap(
    columns: FeatureColumns, inputs: FeatureInputs, volume: MinuteVolume, thin: NDArray[np.bool_]
) -> None:
    """Add VWAP, its deviation and the close's distances; `thin`: too little proxy."""
    bars, minutes = inputs.bars, inputs.minutes
    vwap, deviation = session_vwap(
        minutes.ts,
        inputs.minute_session,
        minutes.high,
        minutes.low,
        minutes.close,
        volume.shares,
        bars.end,
        bars.session,
    )
    why = np.where(thin, Reason.MISSING_PROXY, Reason.MISSING_INPUT).astype(np.int8)
    columns.put("vwap", np.where(thin, np.nan, vwap), why)
    few = np.where(np.isnan(columns["vwap"]), why, np.int8(Reason.WARMUP))
    columns.put("vwap_sd", np.where(thin, np.nan, deviation), few)
    distance = bars.close - columns["vwap"]
    columns.derive("vwap_dist_frac", distance / np.abs(columns["vwap"]), "vwap")
    columns.derive("vwap_dist_atr", distance / columns["atr"], "vwap", "atr")


def _add_relative_volume(
    columns: FeatureColumns, inputs: FeatureInputs, volume: MinuteVolume, shares: Float
) -> None:
    """Add the bar's volume over what is normal: at that time of day, or over the bars before."""
    bars, settings, levels = inputs.bars, inputs.settings, inputs.levels
    if settings.rel_volume_baseline == "trailing":
        normal = mean_before(shares, settings.trailing_bars)
        few = inputs.number < settings.trailing_bars
    else:
        normal, counted = slot_baseline(
            shares,
            slots(bars.ts, bars.session, inputs.sessions, inputs.bar_minutes),
            bars.session,
            inputs.sessions,
            sessions_with_volume(volume, levels.first, levels.stop),
            settings.baseline_sessions,
            settings.baseline_min_sessions,
        )
        few = counted < settings.baseline_min_sessions
    normal = np.where(few | (normal == 0.0), np.nan, normal)
    why = np.where(few, Reason.WARMUP, Reason.MISSING_INPUT)
    now = columns.reason("volume")
    columns.put(
        "rel_volume",
        columns["volume"] / normal,
        np.where(now == Reason.KNOWN, why, now).astype(np.int8),
    )
