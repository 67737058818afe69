"""What is measured, one function each; the first run of a process fills caches."""

import dataclasses

import numpy as np

from benchmarks.features.inputs import index_day, options, symbol_year
from detectors.bars import MINUTE_NS
from detectors.evaluate import evaluate
from detectors.features.build import build_features
from detectors.features.gamma import GammaMinutes
from detectors.features.option_settings import OptionSettings
from detectors.registry import DETECTORS
from sweep.engine.evaluability import session_axis
from sweep.engine.settings import DEFAULT_COSTS, FillSettings
from sweep.engine.single_set import evaluate_single
from sweep.engine.symbol_data import SymbolData
from sweep.market.options.implied_vol import implied_volatility
from sweep.market.options.session import gamma_minutes

VOLATILITIES = 1_000_000
USING_EVERY_KERNEL = ("breakout_bullish", "gamma_squeeze_bearish", "eod_pin_setup")


def bar_features(minutes: str) -> int:
    """Compute every bar feature of a symbol-year; return the number of signal bars."""
    bars, sessions = symbol_year("SPY")
    return len(build_features(bars, sessions, bar_minutes=int(minutes), asset_class="ETF"))


def volatilities() -> float:
    """Solve a million options; return the largest error."""
    price, forward, strike, call, years, sigma = options(VOLATILITIES)
    return float(np.max(np.abs(implied_volatility(price, forward, strike, call, years) - sigma)))


def gamma_day() -> int:
    """Compute the gamma features of an index day; return the minutes whose exposure is known."""
    return int(np.isfinite(gamma_minutes(index_day(), OptionSettings())["gex"]).sum())


def every_kernel() -> int:
    """Use every kernel once: features, options, detectors, whole and partial fills."""
    bars, sessions = symbol_year("SPY")
    kept = bars.ts < sessions.open_ns[20]
    bars = dataclasses.replace(
        bars, **{field.name: getattr(bars, field.name)[kept] for field in dataclasses.fields(bars)}
    )
    day = index_day()
    found = gamma_minutes(day, OptionSettings())
    gamma = GammaMinutes(day.open_ns + np.arange(day.minutes) * MINUTE_NS, found)
    trades = 0
    for detector in (DETECTORS[name] for name in USING_EVERY_KERNEL):
        features = build_features(
            bars,
            sessions,
            bar_minutes=detector.signal_minutes,
            asset_class=detector.asset_classes[0],
            proxy=bars,
            proxy_symbol="SPY",
            gamma=gamma,
        )
        evaluate(detector, features)
        ones = np.ones(len(sessions))
        data = SymbolData(
            "SPY", "ETF", sessions, bars, ones, features, bar_minutes=detector.signal_minutes
        )
        axis = session_axis([ones > 0], slice(0, None))
        for fills in (FillSettings(), FillSettings(participation=0.5)):
            for values in ({}, {"breakeven_atr": 0.5, "trail_atr": 1.0}):
                single = evaluate_single(
                    detector, [data], values, axis=axis, fills=fills, costs=DEFAULT_COSTS
                )
                trades += int(single.block.metrics["trades"][0])
    return trades
