"""A staged day lies in a bucket like everything else: what is read back is held within bounds."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.ingest.stage import _SMALL_PART, read_manifest, read_staged, stage_folder, stage_symbol
from sweep.market.schema import BARS
from sweep.store.bounds import DamagedFile

DAY = dt.date(2015, 3, 26)


def bars(symbol, count):
    first = 1_427_376_600_000_000_000
    rng = np.random.default_rng(1)
    columns = {
        "symbol": [symbol] * count,
        "timeframe": ["1m"] * count,
        "ts": first + 60_000_000_000 * np.arange(count),
        **{name: rng.uniform(1, 2, count) for name in ("open", "high", "low", "close", "volume")},
        **{name: [None] * count for name in ("vwap", "vwap_basis", "trades")},
        "phase": ["regular"] * count,
        "source": ["test"] * count,
    }
    return pa.table([pa.array(columns[f.name], f.type) for f in BARS], schema=BARS)


def stage(root, symbol, count=3):
    stage_symbol(root, DAY, "us_stocks_sip", symbol, bars(symbol, count), None, "a key")
    return stage_folder(root, DAY, "us_stocks_sip") / "part-0.parquet"


def test_a_large_part_is_read_by_its_row_groups(tmp_path):
    for symbol in ("AAPL", "SPY"):
        part = stage(tmp_path, symbol, 70_000)
    assert part.stat().st_size > _SMALL_PART
    assert pq.read_metadata(part).num_row_groups == 3
    for symbol in ("AAPL", "SPY"):
        found = read_staged(tmp_path, DAY, "us_stocks_sip", symbol)
        assert found.equals(bars(symbol, 70_000))
    assert len(read_staged(tmp_path, DAY, "us_stocks_sip", "QQQ")) == 0


@pytest.mark.parametrize("damage", ["long text", "rows", "cut", "columns"])
def test_a_staged_part_beyond_bounds_is_refused_by_name_wherever_it_is_read(tmp_path, damage):
    part = stage(tmp_path, "SPY")
    hostile, said = bars("SPY", 3), "is not a readable file of this store"
    if damage == "long text":
        place = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0]), pa.array(["x" * 5_000]))
        hostile, said = hostile.set_column(0, "symbol", place), "has a text of 5,000 bytes"
    if damage == "rows":
        hostile, said = pa.table({"x": pa.nulls(20_000_001)}), "has 20,000,001 rows"
    if damage == "columns":
        hostile = hostile.drop_columns(["close"])
    pq.write_table(hostile, part, compression="zstd")
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:100])
    for read in (
        lambda: read_staged(tmp_path, DAY, "us_stocks_sip", "SPY"),
        lambda: stage(tmp_path, "AAPL"),
    ):
        with pytest.raises(DamagedFile, match=rf"part-0.parquet {said}.*run the backfill again"):
            read()


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"format": 1}', "[" * 100_000, '{"format": 1, "symbols": [2]}']
)
def test_a_manifest_of_another_shape_is_none(tmp_path, text):
    part = stage(tmp_path, "SPY")
    assert read_manifest(tmp_path, DAY, "us_stocks_sip").asked == ("SPY",)
    part.with_name("manifest.json").write_text(text)
    assert read_manifest(tmp_path, DAY, "us_stocks_sip") is None
