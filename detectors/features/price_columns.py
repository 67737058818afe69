"""Columns of the feature table that read prices and the calendar only."""

import numpy as np

from detectors.bars import MINUTE_NS, Float
from detectors.features.columns import FeatureColumns
from detectors.features.higher_timeframes import EMA_WARMUP_SPANS, RSI_WARMUP_PERIODS
from detectors.features.indicators import adx, atr, ema, mean_before, rsi_centred
from detectors.features.inputs import FeatureInputs
from detectors.features.levels import LATE_OPEN_MINUTES, opening_range, running_extremes
from detectors.features.patterns import divergence, hammers, patient_candle, swings_advance
from detectors.features.regime import regime
from detectors.features.table import Reason

OPENING_RANGES = (15, 30)
ATR_WARMUP_PERIODS = 7
ADX_WARMUP_PERIODS = 10
EMA_NAMES = ("ema_9", "ema_21", "ema_50", "ema_200")


def add_clock_and_prices(columns: FeatureColumns, inputs: FeatureInputs) -> None:
    """Add the calendar and the bar's own prices."""
    bars, sessions = inputs.bars, inputs.sessions
    opened, closed = sessions.open_ns[bars.session], sessions.close_ns[bars.session]
    columns.known("minutes_since_open", (bars.end - opened) / MINUTE_NS)
    columns.known("minutes_to_close", (closed - bars.end) / MINUTE_NS)
    columns.known("session_frac", (bars.end - opened) / (closed - opened))
    for name in ("open", "high", "low", "close"):
        columns.put(name, getattr(bars, name))


def add_session(columns: FeatureColumns, inputs: FeatureInputs) -> None:
    """Add levels of the session and of the one before, and the moves measured from them."""
    bars, levels, sessions = inputs.bars, inputs.levels, inputs.sessions
    at = bars.session
    opened = bars.end >= levels.open_known_ns[at]
    delay = inputs.settings.index_open_delay_minutes if inputs.index else 0
    still = columns["minutes_since_open"] < LATE_OPEN_MINUTES + delay
    columns.put(
        "session_open",
        np.where(opened, levels.open[at], np.nan),
        np.where(still, Reason.WARMUP, Reason.MISSING_INPUT).astype(np.int8),
    )
    high, low = running_extremes(bars.high, bars.low, at)
    columns.put("session_high", high)
    columns.put("session_low", low)
    masked = (at == 0) | (inputs.suspect[at] & opened)
    begins = at[0] if len(at) else 0
    reason = np.where(at == begins, Reason.WARMUP, Reason.MISSING_INPUT).astype(np.int8)
    for name in ("close", "high", "low"):
        prior = getattr(levels, name)[at - 1]
        columns.put(f"prior_{name}", np.where(masked, np.nan, prior), reason)
    close = bars.close
    for name, move, base in (
        ("overnight_gap_frac", columns["session_open"], "prior_close"),
        ("session_move_frac", close, "session_open"),
        ("day_change_frac", close, "prior_close"),
    ):
        reads = ("session_open", base) if name == "overnight_gap_frac" else (base,)
        reference = columns[base]
        columns.derive(name, (move - reference) / np.abs(reference), *reads)
    minutes = inputs.minutes
    for length in OPENING_RANGES:
        ranges = opening_range(
            minutes.ts,
            minutes.high,
            minutes.low,
            levels.first,
            levels.stop,
            sessions.open_ns,
            length * MINUTE_NS,
        )
        over = columns["minutes_since_open"] >= length
        why = np.where(over, Reason.MISSING_INPUT, Reason.WARMUP).astype(np.int8)
        for side, extreme in zip(("high", "low"), ranges, strict=True):
            columns.put(f"or_{side}_{length}", np.where(over, extreme[at], np.nan), why)


def add_indicators(columns: FeatureColumns, inputs: FeatureInputs) -> None:
    """Add RSI, ATR, ADX, averages and regime, with their warm-ups masked."""
    bars, settings = inputs.bars, inputs.settings
    start = np.ones(len(bars), np.bool_)
    start[1:] = bars.session[1:] != bars.session[:-1]

    def put(name: str, values: Float, warmup_bars: int) -> None:
        cold = inputs.number < warmup_bars
        why = np.where(cold, Reason.WARMUP, Reason.MISSING_INPUT).astype(np.int8)
        columns.put(name, np.where(cold, np.nan, values), why)

    rsi = rsi_centred(bars.close, bars.segment, settings.rsi_period)
    put("rsi_centred", rsi, RSI_WARMUP_PERIODS * settings.rsi_period)
    columns.derive("rsi", 50.0 + columns["rsi_centred"], "rsi_centred")
    ranges = atr(bars.high, bars.low, bars.close, bars.segment, start, settings.atr_period)
    atr_warmup = ATR_WARMUP_PERIODS * settings.atr_period
    put("atr", np.where(ranges == 0.0, np.nan, ranges), atr_warmup)
    usual = mean_before(ranges, settings.atr_ratio_bars)
    ratio = np.where((ranges == 0.0) | (usual == 0.0), np.nan, ranges) / usual
    put("atr_ratio", ratio, atr_warmup + settings.atr_ratio_bars)
    index = adx(bars.high, bars.low, bars.segment, start, settings.adx_period)
    put("adx", index, ADX_WARMUP_PERIODS * settings.adx_period)
    for name, span in zip(EMA_NAMES, settings.ema_bars, strict=True):
        put(name, ema(bars.close, bars.segment, span), EMA_WARMUP_SPANS * span)
    code = regime(
        bars.close,
        columns["ema_21"],
        columns["ema_50"],
        columns["adx"],
        columns["atr_ratio"],
        settings,
    )
    columns.derive("regime", code, "atr_ratio", "adx", "ema_21", "ema_50")


def add_patterns(columns: FeatureColumns, inputs: FeatureInputs) -> None:
    """Add divergences, swings and candles; ATR and RSI come first."""
    bars, settings = inputs.bars, inputs.settings
    for name, swings, extremes, side in (
        ("rsi_div_long", "higher_lows", bars.low, 1),
        ("rsi_div_short", "lower_highs", bars.high, -1),
    ):
        diverged = divergence(
            extremes,
            columns["rsi_centred"],
            settings.divergence_bars,
            settings.divergence_recent_bars,
            side,
        )
        columns.put(name, diverged, Reason.WARMUP)
        advance = swings_advance(
            extremes, bars.segment, settings.swing_side_bars, settings.swing_memory_bars, side
        )
        columns.put(swings, advance, Reason.WARMUP)
    small = patient_candle(bars.open, bars.close, columns["atr"], settings.patient_body_atr_max)
    columns.derive("patient_candle", small, "atr")
    hammer, star = hammers(
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        settings.hammer_wick_min_frac,
        settings.hammer_opposite_max_frac,
    )
    columns.known("hammer", hammer)
    columns.known("shooting_star", star)
