"""Backfill of real day files against their README and an independent roll-up with pandas."""

import datetime as dt
import functools
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from detectors.features.buckets import signal_bars
from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.coverage import coverage_report
from sweep.market.calendar import as_dates, session_table
from sweep.store.lake import Lake

pytestmark = pytest.mark.market_data

FIRST, LAST = dt.date(2014, 12, 1), dt.date(2015, 5, 29)
FRAMES = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
#: Half day of the range, from the exchange's published hours.
HALF_DAY = dt.date(2014, 12, 24)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def store(market_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    report = backfill(
        BackfillSpec(
            market_data / "us_2014_12_to_2015_07",
            root,
            ("SPY", "QQQ", "IWM", "AAPL"),
            FIRST,
            LAST,
            timeframes=FRAMES,
            workers=2,
        )
    )
    assert report.ok, report.lines()
    return root


def test_coverage_is_what_the_readme_says(store):
    report = coverage_report(store, timeframes=FRAMES)
    gone = [dt.date(2014, 12, 15), dt.date(2014, 12, 31)]
    week = [dt.date(2015, 5, day) for day in (11, 12, 13, 14, 15)]
    for series in report.series:
        absent = [*gone, *week] if series.symbol == "AAPL" else gone
        assert list(series.states["absent_at_vendor"]) == absent
        assert set(series.states) == {"absent_at_vendor", "complete"}
        assert series.sessions == 124
        assert not series.bad_rows
        assert series.duplicates == 0
    for row in report.rows.to_pylist():
        assert row["present"] == (row["expected"] if row["state"] == "complete" else 0), row


def test_half_day_and_daylight_saving(store):
    lake = Lake(store)
    short = lake.read("SPY", "1m", HALF_DAY, HALF_DAY).to_pandas()
    regular = short[short["phase"] == "regular"]
    assert len(regular) == 210
    assert regular["ts"].iloc[-1].tz_convert(NEW_YORK).time() == dt.time(12, 59)
    for day in (dt.date(2015, 3, 6), dt.date(2015, 3, 9)):
        bars = lake.read("SPY", "1h", day, day).to_pandas()["ts"].dt.tz_convert(NEW_YORK)
        assert [t.strftime("%H:%M") for t in bars] == [
            "09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30",
        ]  # fmt: skip


@functools.cache
def all_minutes(root, first, last):
    frames = []
    for path in sorted((root / "us_stocks_sip/minute_aggs_v1").glob("*/*/*.csv.gz")):
        day = dt.date.fromisoformat(path.name[:10])
        if first <= day <= last:
            frames.append(pd.read_csv(path, keep_default_na=False).assign(day=day))
    return pd.concat(frames)


def raw_minutes(root, symbol, first, last, half_day):
    """Regular minutes of a symbol from the files, by pandas and the clock on the wall."""
    frame = all_minutes(root, first, last)
    frame = frame[frame["ticker"] == symbol].copy()
    clock = pd.to_datetime(frame["window_start"], utc=True).dt.tz_convert(NEW_YORK)
    frame["minute"] = clock.dt.hour * 60 + clock.dt.minute - (9 * 60 + 30)
    length = np.where(frame["day"] == half_day, 210, 390)
    return frame[(frame["minute"] >= 0) & (frame["minute"] < length)]


@pytest.mark.parametrize("symbol", ["SPY", "AAPL"])
@pytest.mark.parametrize(
    ("timeframe", "minutes"), [("5m", 5), ("15m", 15), ("1h", 60), ("4h", 240), ("1d", 390)]
)
def test_timeframes_match_a_roll_up_with_pandas(market_data, store, symbol, timeframe, minutes):
    raw = raw_minutes(market_data / "us_2014_12_to_2015_07", symbol, FIRST, LAST, HALF_DAY)
    raw["typical"] = (raw["high"] + raw["low"] + raw["close"]) / 3 * raw["volume"]
    groups = raw.groupby(["day", raw["minute"] // minutes])
    expected = groups.agg(
        ts=("window_start", "first"),
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        typical=("typical", "sum"),
    )
    bars = Lake(store).read(symbol, timeframe).to_pandas()
    assert len(bars) == len(expected)
    np.testing.assert_array_equal(bars["ts"].astype("int64"), expected["ts"])
    for column in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(bars[column], expected[column])
    np.testing.assert_allclose(bars["vwap"], expected["typical"] / expected["volume"], rtol=1e-12)
    assert set(bars["vwap_basis"]) == {"typical_price"}
    assert bars["trades"].isna().all()


@pytest.mark.parametrize(("timeframe", "minutes"), [("5m", 5), ("15m", 15), ("1h", 60)])
def test_stored_bars_are_the_signal_bars_of_the_detectors(store, timeframe, minutes):
    sessions = session_table(FIRST, LAST)
    signal = signal_bars(Lake(store).minute_bars("SPY", sessions), sessions, minutes)
    bars = Lake(store).read("SPY", timeframe)
    np.testing.assert_array_equal(bars["ts"].cast("int64").to_numpy(), signal.ts)
    for column in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(bars[column].to_numpy(), getattr(signal, column))


def test_a_thin_symbol_is_complete_with_few_minutes(market_data, tmp_path):
    """README: FXY has bars in 38 % of its regular minutes, INDA in 71 sessions to 2023-10-17."""
    root = market_data / "thin_etf_2023_2025"
    first, last, half = dt.date(2023, 10, 2), dt.date(2023, 11, 30), dt.date(2023, 11, 24)
    order = BackfillSpec(root, tmp_path, ("FXY", "INDA"), first, last, workers=1)
    assert backfill(order).ok
    fxy, inda = coverage_report(tmp_path).series
    assert set(fxy.states) == {"complete"}
    assert fxy.present == len(raw_minutes(root, "FXY", first, last, half)) < 0.5 * fxy.expected
    assert inda.states["complete"][-1] == dt.date(2023, 10, 17)
    assert inda.states["absent_at_vendor"][0] == dt.date(2023, 10, 18)
    assert backfill(order).months == 0
    assert coverage_report(tmp_path, first=half, last=half).series[0].expected == 210


def test_indices_have_no_volume_and_refuse_prices_below_zero(market_data, tmp_path):
    """README: I:VIX from 2015-01-23 to 2015-02-20 only, 84 % of its minutes; TICK is signed."""
    order = BackfillSpec(
        market_data / "us_2014_12_to_2015_07",
        tmp_path,
        ("VIX", "I:TICK"),
        dt.date(2015, 1, 20),
        dt.date(2015, 2, 27),
        workers=1,
    )
    report = backfill(order)
    assert report.ok
    assert set(report.bad_rows) == {"low_not_positive"}
    vix = next(s for s in coverage_report(tmp_path).series if s.symbol == "VIX")
    complete = vix.states["complete"]
    assert (complete[0], complete[-1]) == (dt.date(2015, 1, 23), dt.date(2015, 2, 20))
    assert vix.present / (390 * len(complete)) == pytest.approx(0.84, abs=0.005)
    sessions = session_table(complete[0], complete[-1])
    assert len(as_dates(sessions)) == len(complete)
    assert np.isnan(Lake(tmp_path).minute_bars("VIX", sessions).volume).all()
