import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from detectors.bars import MINUTE_NS
from sweep.market.aggregation import aggregate
from sweep.market.calendar import session_table
from sweep.market.schema import BARS
from sweep.market.timeframes import MINUTES

HALF = session_table(dt.date(2014, 12, 24), dt.date(2014, 12, 26))


def minutes_table(ts, close, volume=None, vwap=None, trades=None, phase="regular", spread=1.0):
    count = len(ts)
    close = np.asarray(close, float)
    return pa.table(
        {
            "symbol": ["SPY"] * count,
            "timeframe": ["1m"] * count,
            "ts": pa.array(np.asarray(ts, np.int64)).cast(BARS.field("ts").type),
            "open": close,
            "high": close + spread,
            "low": close - spread,
            "close": close,
            "volume": pa.array(volume or [None] * count, pa.float64()),
            "vwap": pa.array(vwap or [None] * count, pa.float64()),
            "vwap_basis": pa.array([None] * count, pa.string()),
            "trades": pa.array(trades or [None] * count, pa.int64()),
            "phase": [phase] * count if isinstance(phase, str) else phase,
            "source": ["flatfiles"] * count,
        },
        schema=BARS,
    )


def session_minutes_table(sessions, row):
    ts = np.arange(sessions.open_ns[row], sessions.close_ns[row], MINUTE_NS)
    return minutes_table(ts, 100.0 + np.arange(len(ts)), volume=[10.0] * len(ts))


@pytest.mark.parametrize(
    ("timeframe", "half", "full"),
    [("5m", 42, 78), ("15m", 14, 26), ("30m", 7, 13), ("1h", 4, 7), ("4h", 1, 2), ("1d", 1, 1)],
)
def test_buckets_are_anchored_at_the_open_and_cut_at_the_close(timeframe, half, full):
    short = aggregate(session_minutes_table(HALF, 0), HALF, timeframe)
    whole = aggregate(session_minutes_table(HALF, 1), HALF, timeframe)
    assert (len(short), len(whole)) == (half, full)
    assert short["ts"].cast(pa.int64())[0].as_py() == HALF.open_ns[0]
    last = (210 - 1) // MINUTES[timeframe] * MINUTES[timeframe]
    assert short["ts"].cast(pa.int64())[-1].as_py() == HALF.open_ns[0] + last * MINUTE_NS
    assert short["close"][-1].as_py() == 100.0 + 209
    assert short["volume"].to_numpy().sum() == 2100.0
    assert short.schema == BARS
    assert set(short["timeframe"].to_pylist()) == {timeframe}


def test_first_max_min_last_sum():
    ts = HALF.open_ns[0] + np.array([0, 2, 14, 15]) * MINUTE_NS
    bars = aggregate(
        minutes_table(ts, [10, 30, 20, 5], volume=[1, 2, 4.5, 8], trades=[1, 2, 3, 4]), HALF, "15m"
    )
    assert bars["open"].to_pylist() == [10, 5]
    assert bars["high"].to_pylist() == [31, 6]
    assert bars["low"].to_pylist() == [9, 4]
    assert bars["close"].to_pylist() == [20, 5]
    assert bars["volume"].to_pylist() == [7.5, 8]
    assert bars["trades"].to_pylist() == [6, 4]


def test_empty_buckets_have_no_row_and_extended_hours_do_not_count():
    opened, closed = HALF.open_ns[0], HALF.close_ns[0]
    ts = [opened - MINUTE_NS, opened, opened + 45 * MINUTE_NS, closed, closed + MINUTE_NS]
    phase = ["pre", "regular", "regular", "post", "post"]
    bars = aggregate(minutes_table(ts, [1, 2, 3, 4, 5], phase=phase), HALF, "15m")
    assert bars["ts"].cast(pa.int64()).to_pylist() == [opened, opened + 45 * MINUTE_NS]
    assert bars["close"].to_pylist() == [2, 3]
    assert len(aggregate(minutes_table(ts[:1], [1], phase="pre"), HALF, "15m")) == 0


def test_vwap_weighs_typical_prices_by_volume():
    ts = HALF.open_ns[0] + np.arange(3) * MINUTE_NS
    bars = aggregate(minutes_table(ts, [10, 20, 99], volume=[3, 1, 0]), HALF, "5m")
    assert bars["vwap"].to_pylist() == [pytest.approx(12.5)]
    assert bars["vwap_basis"].to_pylist() == ["typical_price"]


def test_vwap_prefers_the_minutes_own_and_says_so():
    ts = HALF.open_ns[0] + np.array([0, 1, 5, 6]) * MINUTE_NS
    table = minutes_table(ts, [10, 20, 10, 20], volume=[3, 1, 3, 1], vwap=[11.0, 23.0, 11.0, None])
    bars = aggregate(table, HALF, "5m")
    assert bars["vwap"].to_pylist() == [pytest.approx(14.0), pytest.approx(13.25)]
    assert bars["vwap_basis"].to_pylist() == ["minute_vwap", "mixed"]


def test_unknown_volume_vwap_and_trades_stay_null():
    ts = HALF.open_ns[0] + np.array([0, 1, 5]) * MINUTE_NS
    index = aggregate(minutes_table(ts, [10, 20, 30]), HALF, "5m")
    for column in ("volume", "vwap", "vwap_basis", "trades"):
        assert index[column].to_pylist() == [None, None]
    silent = minutes_table(ts, [10, 20, 30], volume=[0.0, 0.0, 5.0], trades=[1, None, 2])
    bars = aggregate(silent, HALF, "5m")
    assert bars["volume"].to_pylist() == [0.0, 5.0]
    assert bars["vwap"].to_pylist() == [None, 30.0]
    assert bars["trades"].to_pylist() == [None, 2]


def test_disorder_and_wrong_timeframes_are_refused():
    ts = HALF.open_ns[0] + np.array([1, 0]) * MINUTE_NS
    with pytest.raises(ValueError, match="rise strictly"):
        aggregate(minutes_table(ts, [1, 2]), HALF, "5m")
    with pytest.raises(ValueError, match="1m bars are stored as they came"):
        aggregate(minutes_table(ts, [1, 2]), HALF, "1m")


def test_many_symbols_at_once_are_each_ones_bars():
    rng = np.random.default_rng(3)
    parts = []
    for name in ("NA", "A", "SPY"):
        ts = HALF.open_ns[0] + np.sort(rng.permutation(600)[:150]) * MINUTE_NS
        part = minutes_table(ts, 50 + rng.random(150), volume=list(rng.random(150)))
        parts.append(part.set_column(0, "symbol", pa.array([name] * 150)))
    together = aggregate(pa.concat_tables(parts), HALF, "15m")
    assert together.equals(pa.concat_tables([aggregate(part, HALF, "15m") for part in parts]))
    with pytest.raises(ValueError, match="symbol by symbol"):
        aggregate(pa.concat_tables([parts[0][:75], parts[1], parts[0][75:]]), HALF, "15m")
