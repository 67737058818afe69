"""Small files that claim or hold very much are refused by name, in little memory."""

import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.store import bounds
from sweep.store.bounds import DamagedFile
from sweep.store.results import TRADES, Results, read_table


def grown_mb(before):
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def bomb(kind):
    """Return a table, and how it is written, that is small on disk and large in memory."""
    if kind == "columns":
        return pa.table({f"c{number}": pa.nulls(1, pa.int8()) for number in range(5_000)}), {}
    if kind == "rows in a group":
        return pa.table({"detector": pa.nulls(3_000_000)}), {"row_group_size": 3_000_000}
    if kind == "bytes of text in text":  # each of them short
        rows = pa.array(np.zeros(100_000, np.int32))
        words = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 60_000]))
        return pa.table({"text": words}), {}
    rows = pa.array(np.zeros(100_000, np.int32))
    words = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 1_000_000]))
    return pa.table({"text": words}), {}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("columns", "has 5,000 columns, 4,096 at most"),
        ("rows in a group", "has 3,000,000 rows in a group, 1,048,576 at most"),
        ("bytes of text in text", "has 6,000,000,000 bytes of text in text, 1,073,741,824 at"),
        ("text", "has a text of 1,000,000 bytes in text, 65,536 at most"),
    ],
)
def test_a_small_result_that_is_large_in_memory_is_refused_and_a_part_set_aside(
    tmp_path, kind, said
):
    table, how = bomb(kind)
    results = Results(tmp_path, "s1")
    part = results.path / "parts" / "sets" / "d-1.parquet"
    part.parent.mkdir(parents=True)
    for file in (part, results.path / TRADES):
        pq.write_table(table, file, compression="zstd", **how)
        assert file.stat().st_size < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedFile, match=rf"trades.parquet {said}") as told:
        read_table(results.path, TRADES)
    assert "remove the sweep.json of its sweep and run that again" in str(told.value)
    assert results.set_aside_damaged("d") == ["d-1.parquet"]
    assert grown_mb(before) < 150


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([["a"]], "has a column x.list.element of BYTE_ARRAY"),
        (pa.array([b"ab"], pa.binary(2)), "has a column x of FIXED_LEN_BYTE_ARRAY"),
    ],
)
def test_kinds_of_columns_that_no_result_has_are_refused(tmp_path, column, said):
    results = Results(tmp_path, "s1")
    results.write_table(TRADES, [pa.table({"x": column})])
    with pytest.raises(DamagedFile, match=f"trades.parquet {said}; remove the"):
        read_table(results.path, TRADES)


def test_rows_without_their_list_of_one_length_are_counted_as_if_they_had_it(
    tmp_path, monkeypatch
):
    results = Results(tmp_path, "s1")
    nothing = pa.table({"r": pa.nulls(1_000, pa.list_(pa.float32(), 1_000))})
    results.write_table(TRADES, [nothing])
    assert (results.path / TRADES).stat().st_size < 1_000
    monkeypatch.setattr(bounds, "_GROUP_BYTES", 7_999_999)
    with pytest.raises(DamagedFile, match=r"has 8,000,000 bytes of r in a group, 7,999,999 at"):
        read_table(results.path, TRADES)


def test_rows_that_do_not_fit_the_memory_are_refused(tmp_path, monkeypatch):
    results = Results(tmp_path, "s1")
    results.write_table(TRADES, [pa.table({"x": np.zeros(100_000)})])
    assert len(read_table(results.path, TRADES)) == 100_000
    monkeypatch.setattr(bounds, "_most_memory", lambda: 500_000)
    with pytest.raises(DamagedFile, match=r"trades.parquet needs more than 500,000 bytes"):
        read_table(results.path, TRADES)
    assert len(read_table(results.path, TRADES, columns=[])) == 100_000


def test_a_page_damaged_behind_a_good_footer_is_told_with_its_file(tmp_path):
    results = Results(tmp_path, "s1")
    for name in ("a", "b"):
        results.write_part(f"d-{name}.parquet", pa.table({"key": np.arange(5_000, dtype="u8")}))
    (_, file) = results.parts("d")
    content = bytearray(file.read_bytes())
    content[20:2_000] = bytes(1_980)
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"(?s)d-b.parquet is damaged .*; remove the"):
        bounds.collected(bounds.ds.dataset([str(one) for one in results.parts("d")]))
