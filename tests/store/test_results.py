import json

import numpy as np
import pyarrow as pa
import pytest

from sweep.store.results import (
    DAILY,
    PARAMETER_SETS,
    TRADES,
    Results,
    daily_chunks,
    digest,
    read_table,
    sweep_names,
)


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path, "s1")


def part(keys, status="ok", value=1.0):
    n = len(keys)
    return pa.table(
        {
            "key": pa.array(keys, pa.uint64()),
            "status": [status] * n,
            "x": pa.array([value * k for k in range(n)]),
        }
    )


def sets(order):
    ids = [f"p{k:016x}" for k in range(6)]
    table = pa.table(
        {
            "detector": ["a", "a", "a", "b", "b", "b"],
            "set_id": ids,
            "text": [None, "x", "", None, "y", "z"],
            "trades": pa.array([1, 2, None, 4, 5, 6]),
            "win_rate": pa.array([0.5, None, 0.1, float("inf"), 0.25, -0.0]),
        }
    )
    return table.take(order)


def daily(rows, chunk, results):
    n = len(rows)
    values = np.arange(18, dtype=np.float32).reshape(6, 3)[rows].ravel()
    table = pa.table(
        {
            "detector": pa.array(["a" if r < 4 else "b" for r in rows]),
            "set_id": [f"p{r}" for r in rows],
            "r": pa.FixedSizeListArray.from_arrays(pa.array(values), 3),
        }
    )
    for k, start in enumerate(range(0, n, chunk)):
        results.write_table(f"{DAILY}/part-{k:05d}.parquet", [table.slice(start, chunk)])


def test_parts_give_every_set_once_rising_by_key(results):
    results.write_part("d-1.parquet", part([5, 9]))
    results.write_part("d-2.parquet", part([2**63, 1]))
    results.write_part("d_longer-1.parquet", part([7]))
    assert results.read_parts("d", ["key"])["key"].to_pylist() == [1, 5, 9, 2**63]
    assert results.read_parts("d", ["key"], 5, 9)["key"].to_pylist() == [5, 9]
    assert results.read_parts("other", ["key"]) is None


def test_an_evaluated_set_comes_before_a_failed_one_of_the_same_key(results):
    results.write_part("d-1.parquet", part([5, 9], "failed"))
    results.write_part("d-2.parquet", part([9, 5], "ok"))
    assert results.read_parts("d", ["status"])["status"].to_pylist() == ["ok", "ok"]


def test_an_unfinished_part_is_no_part(results):
    results.write_part("d-1.parquet", part([5]))
    (results.path / "parts/sets/.d-2.parquet.x.tmp").write_bytes(b"half")
    assert len(results.parts("d")) == 1


def test_a_damaged_part_is_set_aside_with_its_trades(results):
    kept = results.write_part("d-1.parquet", part([1]))
    lost = results.write_part("d-2.parquet", part([2]))
    trades = results.write_part("d-2.parquet", part([2]), kind="trades")
    lost.write_bytes(lost.read_bytes()[:50])
    assert results.set_aside_damaged("d") == ["d-2.parquet"]
    assert kept.exists()
    assert not lost.exists()
    assert not trades.exists()
    assert lost.with_name("d-2.parquet.damaged").exists()
    assert results.set_aside_damaged("d") == []


def test_a_failed_write_leaves_the_old_table(results):
    results.write_table(PARAMETER_SETS, [sets([0])])

    def breaks():
        yield sets([1])
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        results.write_table(PARAMETER_SETS, breaks())
    assert read_table(results.path, PARAMETER_SETS)["set_id"].to_pylist() == ["p" + "0" * 16]
    assert [f.name for f in results.path.iterdir()] == [PARAMETER_SETS]


def test_nothing_takes_its_place_once_the_guard_refuses(tmp_path):
    allowed = [True]

    def guard():
        if not allowed[0]:
            raise OSError("taken over")

    results = Results(tmp_path, "s1", guard)
    results.write_json("sweep.json", {"a": 1})
    allowed[0] = False
    writers = (
        lambda: results.write_json("sweep.json", {"a": 2}),
        lambda: results.write_text("note", "x"),
        lambda: results.write_table("t.parquet", [pa.table({"a": [1]})]),
    )
    for write in writers:
        with pytest.raises(OSError, match="taken over"):
            write()
    assert results.read_json() == {"a": 1}
    assert [file.name for file in results.path.iterdir()] == ["sweep.json"]


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write .*sweep\.json.*check storage\.root"):
        Results(tmp_path / "file", "s1").write_json("sweep.json", {})


def test_the_digest_follows_content_and_neither_order_nor_layout(tmp_path):
    one, two, three = (Results(tmp_path, name) for name in ("s1", "s2", "s3"))
    one.write_table(PARAMETER_SETS, [sets([0, 1, 2, 3, 4, 5])])
    two.write_table(PARAMETER_SETS, [sets([3, 1]), sets([5, 0]), sets([2, 4])])
    changed = sets([0, 1, 2, 3, 4, 5])
    three.write_table(
        PARAMETER_SETS, [changed.set_column(3, "trades", pa.array([1, 2, 0, 4, 5, 6]))]
    )
    daily([0, 1, 2, 3, 4, 5], 6, one)
    daily([0, 1, 2, 3, 4, 5], 2, two)
    daily([0, 1, 2, 3, 4, 5], 4, three)
    assert digest(one.path) == digest(two.path)
    assert digest(one.path)[PARAMETER_SETS] != digest(three.path)[PARAMETER_SETS]
    assert digest(one.path)[DAILY] == digest(three.path)[DAILY]
    assert digest(one.path)["all"] != digest(three.path)["all"]


def test_a_swapped_text_changes_the_digest(tmp_path):
    one, two = (Results(tmp_path, name) for name in ("s1", "s2"))
    for results, texts in ((one, ["ab", "c"]), (two, ["a", "bc"])):
        ids = pa.array(["p0", "p1"])
        table = {"detector": pa.array(["a", "a"]), "set_id": ids, "text": pa.array(texts)}
        results.write_table(PARAMETER_SETS, [pa.table(table)])
    assert digest(one.path)["all"] != digest(two.path)["all"]


def test_daily_results_are_read_a_piece_at_a_time_on_the_detectors_axis(results):
    daily([0, 1, 2, 3, 4, 5], 5, results)
    results.write_json(
        "sweep.json", {"detectors": {"a": {"axis": [0, 2]}, "b": {"axis": [0, 1, 2]}}}
    )
    pieces = list(daily_chunks(results.path, "a", rows=3))
    assert [ids.to_pylist() for ids, _ in pieces] == [["p0", "p1", "p2"], ["p3"]]
    assert np.concatenate([values for _, values in pieces]).tolist() == [
        [0, 2],
        [3, 5],
        [6, 8],
        [9, 11],
    ]
    (last,) = [
        values for ids, values in daily_chunks(results.path, "b") if ids.to_pylist() == ["p5"]
    ]
    assert last.tolist() == [[15, 16, 17]]


def test_a_table_without_rows_keeps_its_schema(results):
    schema = pa.schema([("set_id", pa.string())])
    assert results.write_table(TRADES, [], schema) == 0
    assert read_table(results.path, TRADES).schema == schema
    with pytest.raises(ValueError, match="neither rows nor a schema"):
        results.write_table(TRADES, [])


def test_sweeps_are_listed_by_their_document(tmp_path):
    Results(tmp_path, "s2").write_json("sweep.json", {})
    Results(tmp_path, "s1").write_json("sweep.json", {})
    Results(tmp_path, "s3").write_part("d-1.parquet", part([1]))
    Results(tmp_path, "backtest-2024-01-01").write_json("backtest.json", {})
    assert sweep_names(tmp_path) == ["s1", "s2"]
    assert Results(tmp_path, "s3").read_json() is None
    assert json.loads((tmp_path / "results/s1/sweep.json").read_text()) == {}
