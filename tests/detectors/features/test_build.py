import dataclasses
import importlib
import pkgutil

import numba
import numpy as np
import pytest

import detectors.features
from detectors.features.build import build_features
from detectors.features.settings import FeatureSettings
from detectors.features.table import Reason
from tests.detectors.features.walks import (
    SMALL,
    calendar_sessions,
    flat,
    frozen,
    take,
    toy_sessions,
    walk,
)

SESSIONS = toy_sessions([65, 65, 65, 35, 65, 65, 65, 65, 65, 65])
NEVER_UNKNOWN = {
    "minutes_since_open",
    "minutes_to_close",
    "session_frac",
    "hammer",
    "shooting_star",
}
WARMUPS = {
    "rsi": 98,
    "rsi_centred": 98,
    "atr": 98,
    "adx": 140,
    "ema_9": 27,
    "ema_21": 63,
    "ema_50": 150,
    "ema_200": 600,
    "atr_ratio": 198,
    "regime": 198,
    "higher_lows": 41,
    "lower_highs": 41,
    "rsi_div_long": 117,
    "rsi_div_short": 117,
    "patient_candle": 98,
}


def build(minutes, sessions=SESSIONS, **options):
    options = {"bar_minutes": 5, "asset_class": "ETF", "settings": SMALL} | options
    return build_features(minutes, sessions, **options)


def assert_reasons_match(table):
    for name, values in table.values.items():
        reason = table.reason(name)
        assert values.dtype == np.float64, name
        assert reason.dtype == np.int8, name
        assert len(values) == len(reason) == len(table), name
        assert np.array_equal(np.isnan(values), reason != Reason.KNOWN), name
    assert set(table.values) - set(table.reasons) == NEVER_UNKNOWN


@pytest.mark.parametrize("asset_class", ["INDEX", "ETF", "STOCK"])
@pytest.mark.parametrize("bar_minutes", [1, 5, 15, 30, 60])
def test_a_value_is_unknown_exactly_where_a_reason_says_why(asset_class, bar_minutes):
    minutes = walk(SESSIONS, 3, missing=0.4)
    proxy = walk(SESSIONS, 9, missing=0.2)
    options = {"asset_class": asset_class, "bar_minutes": bar_minutes}
    assert_reasons_match(build(minutes, **options))
    assert_reasons_match(build(minutes, proxy=proxy, proxy_symbol="SPY", **options))


def test_unknown_prices_and_volumes_have_a_reason_too():
    minutes = walk(SESSIONS, 3)
    holes = np.random.default_rng(1).random(len(minutes)) < 0.1
    gaps = {
        name: np.where(holes, np.nan, getattr(minutes, name))
        for name in ("open", "high", "low", "close", "volume")
    }
    assert_reasons_match(build(dataclasses.replace(minutes, **gaps)))


@pytest.mark.parametrize("bars", [0, 1])
@pytest.mark.parametrize("asset_class", ["INDEX", "ETF"])
def test_empty_and_one_bar_input(bars, asset_class):
    minutes = take(walk(SESSIONS, 3), slice(0, bars))
    table = build(minutes, asset_class=asset_class)
    assert len(table) == bars
    assert_reasons_match(table)
    empty = build(
        minutes, asset_class=asset_class, proxy=take(minutes, slice(0, 0)), proxy_symbol="X"
    )
    assert_reasons_match(empty)


def test_no_sessions_at_all():
    assert len(build(take(walk(SESSIONS, 3), slice(0, 0)), toy_sessions([]))) == 0


def test_warm_ups_at_the_defaults_count_bars_since_the_start():
    sessions = calendar_sessions("2024-08-01", "2024-12-31")
    table = build(walk(sessions, 2), sessions, bar_minutes=60, settings=FeatureSettings())
    for name, warmup in WARMUPS.items():
        assert (table.reason(name)[:warmup] == Reason.WARMUP).all(), name
        assert (table.reason(name)[warmup:] == Reason.KNOWN).all(), name


def test_earlier_history_changes_nothing_after_the_warm_up():
    sessions = calendar_sessions("2024-08-01", "2024-12-31")
    minutes = walk(sessions, 2)
    later = take(minutes, minutes.ts >= sessions.open_ns[30])
    long = build(minutes, sessions, bar_minutes=15, settings=FeatureSettings())
    short = build(later, sessions, bar_minutes=15, settings=FeatureSettings())
    tail = slice(len(long) - len(short) + 650, None)
    for name in ("rsi", "atr", "adx", "ema_21", "ema_50", "vwap", "rel_volume", "prior_close"):
        np.testing.assert_allclose(short[name][650:], long[name][tail], rtol=2e-3, err_msg=name)


def test_read_only_input_is_accepted_and_left_alone():
    minutes = walk(SESSIONS, 3, missing=0.1)
    copies = {f.name: getattr(minutes, f.name).copy() for f in dataclasses.fields(minutes)}
    build(frozen(minutes), frozen(toy_sessions([65, 65, 65, 35, 65, 65, 65, 65, 65, 65])))
    for name, copy in copies.items():
        assert np.array_equal(getattr(minutes, name), copy)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled: NUMBA_DISABLE_JIT=1")
def test_compiled_kernels_equal_plain_python(monkeypatch):
    minutes, proxy = walk(SESSIONS, 3, missing=0.1), walk(SESSIONS, 9, missing=0.1)
    trailing = dataclasses.replace(SMALL, rel_volume_baseline="trailing")
    cases = (
        {"settings": SMALL},
        {"settings": trailing},
        {"asset_class": "INDEX", "proxy": proxy, "proxy_symbol": "SPY"},
    )
    compiled = [build(minutes, **options) for options in cases]
    replaced = 0
    for info in pkgutil.iter_modules(detectors.features.__path__, "detectors.features."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).copy().items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
                replaced += 1
    assert replaced >= 15
    for options, expected in zip(cases, compiled, strict=True):
        plain = build(minutes, **options)
        for name in expected.values:
            assert np.array_equal(plain[name], expected[name], equal_nan=True), name
            assert np.array_equal(plain.reason(name), expected.reason(name)), name


def test_a_split_table_of_another_length_is_refused():
    with pytest.raises(ValueError, match="one entry per session, got 3 for 10"):
        build(walk(SESSIONS, 3), split_sessions=np.zeros(3, np.bool_))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"bar_minutes": 7}, "bar_minutes must be one of .* got 7"),
        ({"asset_class": "FX"}, "asset_class must be one of .* got 'FX'"),
        ({"proxy": flat(SESSIONS.open_ns, 1.0)}, "proxy_symbol must name the proxy"),
    ],
)
def test_arguments_that_cannot_work_are_refused(options, fault):
    with pytest.raises(ValueError, match=fault):
        build(walk(SESSIONS, 3), **options)


@pytest.mark.market_data
def test_regimes_of_a_real_index_etf_have_the_shares_measured_before(market_data):
    """SPY, 15m, 129 sessions: ranging .53, trends and choppy .12 to .17, volatile .04."""
    # Late: only this test reads files.
    import pandas as pd  # noqa: PLC0415

    folder = market_data / "us_2014_12_to_2015_07" / "us_stocks_sip" / "minute_aggs_v1"
    days = [pd.read_csv(path) for path in sorted(folder.rglob("*.csv.gz"))]
    spy = pd.concat([day[day["ticker"] == "SPY"] for day in days]).sort_values("window_start")
    spy = spy.drop_duplicates("window_start")
    minutes = dataclasses.replace(
        flat(spy["window_start"].to_numpy(np.int64), spy["close"].to_numpy(np.float64)),
        **{name: spy[name].to_numpy(np.float64) for name in ("open", "high", "low", "volume")},
    )
    sessions = calendar_sessions("2014-11-03", "2015-06-30")
    table = build(minutes, sessions, bar_minutes=15, settings=FeatureSettings())
    known = table["regime"][~np.isnan(table["regime"])].astype(int)
    shares = np.bincount(known, minlength=5) / len(known)
    assert shares[2] == pytest.approx(0.53, abs=0.02)
    assert shares[3] == pytest.approx(0.04, abs=0.01)
    assert ((shares[[0, 1, 4]] > 0.11) & (shares[[0, 1, 4]] < 0.18)).all()
    divergence = table["rsi_div_long"][~np.isnan(table["rsi_div_long"])]
    assert 0.02 <= (divergence >= 2).mean() <= 0.07
