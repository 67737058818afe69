"""The market mirrored at 0, scaled by powers of two, and with eight times the volume."""

import dataclasses
import operator

import numpy as np
import pytest

from detectors.features.build import build_features
from detectors.features.regime import TRENDING_DOWN, TRENDING_UP
from tests.detectors.features.walks import SMALL, flat, priced, toy_sessions, walk

SESSIONS = toy_sessions([65, 65, 65, 35, 65, 65, 65, 65, 65, 65])
NEGATED = [
    "open",
    "close",
    "session_open",
    "prior_close",
    "overnight_gap_frac",
    "session_move_frac",
    "day_change_frac",
    "vwap",
    "vwap_dist_frac",
    "vwap_dist_atr",
    "rsi_centred",
    "ema_9",
    "ema_21",
    "ema_50",
    "ema_200",
    "flow_signed",
]
NEGATED_PAIRS = {
    "high": "low",
    "session_high": "session_low",
    "prior_high": "prior_low",
    "or_high_15": "or_low_15",
    "or_high_30": "or_low_30",
}
SWAPPED = {
    "rsi_div_long": "rsi_div_short",
    "higher_lows": "lower_highs",
    "hammer": "shooting_star",
    "mtf_rsi_up_frac": "mtf_rsi_down_frac",
    "mtf_ema_up_frac": "mtf_ema_down_frac",
}
SAME = [
    "minutes_since_open",
    "minutes_to_close",
    "session_frac",
    "volume",
    "atr",
    "atr_ratio",
    "adx",
    "vwap_sd",
    "rel_volume",
    "dollar_volume_mean",
    "patient_candle",
]
PRICES = [
    "open",
    "high",
    "low",
    "close",
    "session_open",
    "session_high",
    "session_low",
    "prior_close",
    "prior_high",
    "prior_low",
    "vwap",
    "vwap_sd",
    "or_high_15",
    "or_low_15",
    "or_high_30",
    "or_low_30",
    "atr",
    "ema_9",
    "ema_21",
    "ema_50",
    "ema_200",
]


def market(asset_class, seed=11):
    """Prices with many digits, so that an unordered sum would show."""
    minutes = priced(walk(SESSIONS, seed, missing=0.1), lambda p: p * 0.1237 + 1 / 3)
    if asset_class == "INDEX":
        proxy = walk(SESSIONS, 3, missing=0.05)
        bare = dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan))
        return bare, {"asset_class": "INDEX", "proxy": proxy, "proxy_symbol": "SPY"}
    return minutes, {"asset_class": asset_class}


def build(minutes, options):
    return build_features(minutes, SESSIONS, bar_minutes=5, settings=SMALL, **options)


def identical(left, right):
    return np.array_equal(left, right, equal_nan=True)


OPTIONS = {
    "gex",
    "gex_norm",
    "zero_gamma",
    "flip_count",
    "gex_slope_norm",
    "gex_0dte_frac",
    "call_wall",
    "put_wall",
    "max_gamma_strike",
    "max_pain",
    "pin_strike",
    "pin_oi_frac",
    "pin_gex_norm",
    "minutes_to_expiry",
    "is_0dte",
    "call_volume_frac",
    "opt_volume_surge",
    "opt_priced_frac",
    "opt_null_frac",
    "opt_age_minutes",
}


@pytest.mark.parametrize("asset_class", ["ETF", "INDEX"])
def test_the_mirrored_market_mirrors_every_feature_to_the_last_bit(asset_class):
    minutes, options = market(asset_class)
    there = build(minutes, options)
    back = build(priced(minutes, operator.neg, swap=True), options)
    pairs = {name: (name, -1) for name in NEGATED} | {name: (name, 1) for name in SAME}
    for sign, names in ((-1, NEGATED_PAIRS), (1, SWAPPED)):
        for one, other in names.items():
            pairs |= {one: (other, sign), other: (one, sign)}
    assert set(pairs) | {"rsi", "regime"} == set(there.values) - OPTIONS
    assert all(np.isnan(there[name]).all() for name in OPTIONS)  # mirrored in test_gamma
    for name, (other, sign) in pairs.items():
        assert identical(back[name], sign * there[other]), name
        assert np.array_equal(back.reason(name), there.reason(other)), name
    assert identical(back["rsi"], 50 - there["rsi_centred"])
    swap = np.array([TRENDING_DOWN, TRENDING_UP, 2, 3, 4])
    known = ~np.isnan(there["regime"])
    regimes = there["regime"][known].astype(int)
    assert set(regimes) >= {TRENDING_UP, TRENDING_DOWN}
    assert np.array_equal(back["regime"][known], swap[regimes])
    assert np.isnan(back["regime"][~known]).all()


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_prices_scaled_by_a_power_of_two_scale_exactly(factor):
    minutes, options = market("ETF")
    there = build(minutes, options)
    scaled = build(priced(minutes, lambda p: p * factor), options)
    for name in there.values:
        expected = there[name] * (factor if name in [*PRICES, "dollar_volume_mean"] else 1.0)
        assert identical(scaled[name], expected), name


def test_prices_times_ten_keep_every_ratio():
    """Off the grid of ticks, where equal up and down moves tie in ADX and rounding decides."""
    minutes, options = market("ETF")
    minutes = priced(minutes, lambda p: 37.0 * np.exp(p / 100.0))
    there = build(minutes, options)
    scaled = build(priced(minutes, lambda p: p * 10), options)
    for name in ("rsi_centred", "adx", "atr_ratio", "vwap_dist_frac", "vwap_dist_atr"):
        np.testing.assert_allclose(scaled[name], there[name], rtol=0, atol=1e-9, err_msg=name)


def test_eight_times_the_volume_changes_only_the_volume_itself():
    minutes, options = market("ETF")
    there = build(minutes, options)
    louder = build(dataclasses.replace(minutes, volume=minutes.volume * 8), options)
    for name in there.values:
        expected = there[name] * (8.0 if name in ("volume", "dollar_volume_mean") else 1.0)
        assert identical(louder[name], expected), name


def test_a_constant_price_has_no_atr_and_no_distance():
    ts = walk(SESSIONS, 1).ts
    table = build(flat(ts, 123.45678, 7.0), {"asset_class": "ETF"})
    assert np.isnan(table["atr"]).all()
    assert np.isnan(table["regime"]).all()
    assert (table["vwap"] == 123.45678).all()
    assert (table["vwap_dist_frac"] == 0).all()
    assert (table["vwap_sd"][~np.isnan(table["vwap_sd"])] == 0).all()
    assert (table["rsi_centred"][20:] == 0).all()
    assert (table["adx"][20:] == 0).all()
