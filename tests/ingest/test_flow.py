"""Order flow from a file: read, joined to bars, and refused where it cannot be."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.ingest.flow import read_flow

OPEN = dt.datetime(2024, 12, 2, 14, 30, tzinfo=dt.UTC)


def written(path, **changes):
    columns = {
        "symbol": ["SPY", "QQQ", "SPY", "SPY", "SPY"],
        "known_at": [OPEN + dt.timedelta(minutes=m) for m in (30, 15, 15, 45, 60)],
        "flow_score": [80.0, 10.0, 40.0, None, 70.0],
        "flow_bias": [-1, 1, 1, 1, None],
    }
    pq.write_table(pa.table({k: v for k, v in (columns | changes).items() if v is not None}), path)
    return path


def test_readings_of_a_symbol_rise_and_rows_without_a_number_are_none(tmp_path):
    flow = read_flow(written(tmp_path / "flow.parquet"), "SPY")
    first = int(OPEN.timestamp()) * 10**9
    assert flow.known_at.tolist() == [first + 15 * 60 * 10**9, first + 30 * 60 * 10**9]
    np.testing.assert_array_equal(flow.bias * flow.score, [40.0, -80.0])


def test_a_symbol_without_readings_has_no_flow(tmp_path):
    assert read_flow(written(tmp_path / "flow.parquet"), "AAPL") is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"flow_bias": None}, "needs the columns symbol, known_at, flow_score, flow_bias"),
        ({"flow_score": [80.0, 10.0, 140.0, 1.0, 1.0]}, "SPY: flow score must lie in 0 to 100"),
        ({"flow_bias": [2, 1, 1, 1, 1]}, r"SPY: flow bias must be -1, 0 or \+1"),
        ({"known_at": [OPEN.replace(tzinfo=None)] * 5}, "instants with a time zone"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, changes, text):
    with pytest.raises(ValueError, match=text):
        read_flow(written(tmp_path / "flow.parquet", **changes), "SPY")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"features.flow_path must be .*no file .*flow.parquet"):
        read_flow(tmp_path / "flow.parquet", "SPY")
