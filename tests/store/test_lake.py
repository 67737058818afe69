import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from detectors.bars import MINUTE_NS
from sweep.market.calendar import session_table
from sweep.market.schema import BARS
from sweep.store.lake import Lake, month_bounds

SESSIONS = session_table(dt.date(2015, 1, 29), dt.date(2015, 2, 3))


def bars(symbol, sessions, volume=1.5, phase="regular", offset=0):
    ts = np.concatenate(
        [sessions.open_ns[i] + (np.arange(3) + offset) * MINUTE_NS for i in range(len(sessions))]
    )
    count = len(ts)
    return pa.table(
        {
            "symbol": [symbol] * count,
            "timeframe": ["1m"] * count,
            "ts": pa.array(ts).cast(BARS.field("ts").type),
            **{name: np.arange(count) + 10.0 for name in ("open", "high", "low", "close")},
            "volume": pa.array([volume] * count, pa.float64()),
            "vwap": pa.array([None] * count, pa.float64()),
            "vwap_basis": pa.array([None] * count, pa.string()),
            "trades": pa.array([None] * count, pa.int64()),
            "phase": [phase] * count,
            "source": ["flatfiles"] * count,
        },
        schema=BARS,
    )


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def lake(request, tmp_path):
    return Lake(tmp_path if request.param == "local" else request.getfixturevalue("s3_root"))


def fill(lake, symbol="SPY", **options):
    january = session_table(dt.date(2015, 1, 29), dt.date(2015, 1, 30))
    february = session_table(dt.date(2015, 2, 2), dt.date(2015, 2, 3))
    lake.replace_month(symbol, "1m", "2015-01", bars(symbol, january, **options))
    lake.replace_month(symbol, "1m", "2015-02", bars(symbol, february, **options))


def test_an_empty_root_is_empty_and_nothing_is_created(tmp_path):
    lake = Lake(tmp_path / "none")
    assert lake.symbols() == []
    assert lake.months("SPY", "1m") == []
    assert lake.read("SPY", "1m").schema == BARS
    assert len(lake.minute_bars("SPY", SESSIONS)) == 0
    assert not (tmp_path / "none").exists()


def test_months_are_files_of_the_documented_layout(tmp_path):
    fill(Lake(tmp_path))
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet"))
    assert names == [
        "bars/timeframe=1m/symbol=SPY/2015-01.parquet",
        "bars/timeframe=1m/symbol=SPY/2015-02.parquet",
    ]
    assert not list(tmp_path.rglob("*.tmp"))


def test_reading_a_range_keeps_both_dates(lake):
    fill(lake)
    assert lake.months("SPY", "1m") == ["2015-01", "2015-02"]
    assert len(lake.read("SPY", "1m")) == 12
    inner = lake.read("SPY", "1m", dt.date(2015, 1, 30), dt.date(2015, 2, 2))
    assert inner["ts"].cast(pa.int64())[0].as_py() == SESSIONS.open_ns[1]
    assert len(inner) == 6
    assert len(lake.read("SPY", "1m", last=dt.date(2015, 1, 29))) == 3
    assert lake.read("SPY", "1m", columns=["close", "ts"]).column_names == ["close", "ts"]
    with pytest.raises(ValueError, match="2015-02-02 > 2015-01-30"):
        lake.read("SPY", "1m", dt.date(2015, 2, 2), dt.date(2015, 1, 30))


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "BACpL", "BRK.B", "I:TRIN"])
def test_awkward_tickers_come_back_as_they_went(lake, symbol):
    fill(lake, symbol)
    assert lake.symbols() == [symbol]
    assert set(lake.read(symbol, "1m")["symbol"].to_pylist()) == {symbol}


def test_minute_bars_are_regular_and_of_the_sessions(lake):
    january = session_table(dt.date(2015, 1, 29), dt.date(2015, 1, 30))
    early = bars("SPY", january, phase="pre", offset=-60)
    both = pa.concat_tables([early, bars("SPY", january)]).sort_by("ts")
    lake.replace_month("SPY", "1m", "2015-01", both)
    minutes = lake.minute_bars("SPY", SESSIONS)
    assert minutes.ts.tolist() == bars("SPY", january)["ts"].cast(pa.int64()).to_pylist()
    assert minutes.volume.tolist() == [1.5] * 6
    one = session_table(dt.date(2015, 1, 30), dt.date(2015, 1, 30))
    assert len(lake.minute_bars("SPY", one)) == 3
    nothing = session_table(dt.date(2015, 1, 31), dt.date(2015, 2, 1))
    assert len(lake.minute_bars("SPY", nothing)) == 0


def test_volume_of_an_index_is_nan(lake):
    fill(lake, "SPX", volume=None)
    assert np.isnan(lake.minute_bars("SPX", SESSIONS).volume).all()


def test_a_month_file_is_replaced_whole(lake):
    fill(lake)
    day = session_table(dt.date(2015, 1, 29), dt.date(2015, 1, 29))
    lake.replace_month("SPY", "1m", "2015-01", bars("SPY", day, volume=7.0))
    assert lake.read("SPY", "1m", last=dt.date(2015, 1, 31))["volume"].to_pylist() == [7.0] * 3


def test_wrong_rows_never_enter(lake):
    january = session_table(dt.date(2015, 1, 29), dt.date(2015, 1, 30))
    table = bars("SPY", january)
    with pytest.raises(ValueError, match="holds one symbol, QQQ"):
        lake.replace_month("QQQ", "1m", "2015-01", table)
    with pytest.raises(ValueError, match="holds one timeframe, 5m"):
        lake.replace_month("SPY", "5m", "2015-01", table)
    with pytest.raises(ValueError, match="inside 2015-02"):
        lake.replace_month("SPY", "1m", "2015-02", table)
    with pytest.raises(ValueError, match="rise strictly"):
        lake.replace_month("SPY", "1m", "2015-01", pa.concat_tables([table, table]))
    with pytest.raises(ValueError, match="a symbol starts with"):
        lake.replace_month("../x", "1m", "2015-01", table)


def test_a_damaged_file_is_named(tmp_path):
    lake = Lake(tmp_path)
    fill(lake)
    path = tmp_path / "bars/timeframe=1m/symbol=SPY/2015-01.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"2015-01.parquet is not a readable.*delete it"):
        lake.read("SPY", "1m")


def test_a_file_of_another_symbol_is_noticed(tmp_path):
    lake = Lake(tmp_path)
    fill(lake, "BACpL")
    folder = tmp_path / "bars/timeframe=1m"
    (folder / "symbol=BACpL").rename(folder / "symbol=BACPL")
    with pytest.raises(ValueError, match="holds bars of BACpL, not BACPL"):
        lake.read("BACPL", "1m")


def test_an_unwritable_root_is_named(tmp_path):
    (tmp_path / "bars").write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"cannot write .*check storage.root"):
        fill(Lake(tmp_path))


def test_month_bounds_follow_new_york():
    begin, end = month_bounds("2014-12")
    assert np.datetime64(begin, "ns") == np.datetime64("2014-12-01T05:00")
    assert np.datetime64(end, "ns") == np.datetime64("2015-01-01T05:00")
