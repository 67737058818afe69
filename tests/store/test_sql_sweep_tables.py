"""A sweep's tables in SQL: the same rows however often they are recorded, and large ones too."""

import datetime as dt
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.engine.trade_table import COLUMNS
from sweep.store.sql.json_columns import json_objects
from sweep.store.sweep_tables import (
    record_fold_scores,
    record_parameter_sets,
    record_sweep,
    record_trades,
)

SWEEP = {
    "sweep_id": "s0123456789ab",
    "status": "done",
    "counts": {"sets": 3, "failed": 1, "ok": 2},
    "timings": {
        "started_at": "2026-01-05T14:30:00+00:00",
        "finished_at": "2026-01-05T09:31:00.5-05:00",
        "seconds": 60.5,
    },
    "sessions": ["2014-12-01", "2014-12-02", "2015-05-29"],
    "config": {"symbols": ["SPY", "TRUE"], "search": {"budget": 3}},
}
SETS = pa.table(
    {
        "set_id": ["a1", "a2", "b1", "a3"],
        "detector": [
            "breakout_bullish",
            "breakout_bullish",
            "mean_reversion_long",
            "breakout_bullish",
        ],
        "status": ["ok", "invalid", "failed", "infeasible"],
        "param.volume_surge_min": [1.5, 2.0, None, 0.1],
        "param.rsi_max": [None, None, 30.0, None],
        "param.stop_atr": [1.0, math.nan, 2.0, 1e-7],
        "trades": pa.array([120, None, None, 3], pa.int64()),
        "win_rate": [0.55, math.nan, math.nan, 1.0],
        "profit_factor": [1.7, math.nan, math.nan, math.inf],
        "expectancy_r": [0.12, math.nan, math.nan, 0.3],
        "objective": [0.01, math.nan, math.nan, -0.5],
        "max_drawdown_r": [-4.0, math.nan, math.nan, math.inf],
        "active_days": pa.array([60, None, None, 3], pa.int32()),
        "reason": [None, 'a relation: "x" < y', "ZeroDivisionError: \\ \n", None],
    }
)


def _trades(n=3, set_id="a1"):
    minutes = (1_425_907_800 + 300 * np.arange(n)) * 1_000_000_000
    instants = pa.array(minutes, pa.timestamp("ns", "UTC"))
    prices = np.linspace(200.0, 201.0, n)
    return pa.table(
        {
            "set_id": [set_id] * n,
            "detector": ["breakout_bullish"] * n,
            "symbol": ["SPY"] * n,
            "side": pa.array([1] * n, pa.int8()),
            "signal_ts": instants,
            "entry_ts": instants,
            "entry_price": prices,
            "stop": prices - 1,
            "target": prices + 2,
            "exit_ts": instants,
            "exit_price": prices,
            "exit_reason": pa.array(["target"] * n).dictionary_encode(),
            "quantity": prices,
            "r_gross": prices,
            "r_net": prices,
            "score": pa.array([math.nan] * n, pa.float32()),
            "ambiguous": [False] * n,
            "bars_held": pa.array([2] * n, pa.int32()),
        }
    )


def test_sweep_is_kept_whole_and_in_columns(sql_database):
    for status in ("interrupted", "done"):
        record_sweep(sql_database, SWEEP | {"status": status})
    (row,) = sql_database.read("sweeps").to_pylist()
    assert json.loads(row["document"]) == SWEEP
    assert (row["status"], row["sets"], row["failed"], row["stale"]) == ("done", 3, 1, False)
    assert (row["first_session"], row["last_session"]) == (
        dt.date(2014, 12, 1),
        dt.date(2015, 5, 29),
    )
    assert row["started_at"] == dt.datetime(2026, 1, 5, 14, 30, tzinfo=dt.UTC)
    assert row["finished_at"] == dt.datetime(2026, 1, 5, 14, 31, 0, 500_000, tzinfo=dt.UTC)


@pytest.mark.parametrize("missing", ["sweep_id", "status"])
def test_sweep_without_identity_is_refused(sqlite_store, missing):
    with pytest.raises(ValueError, match=f"needs {missing}"):
        record_sweep(sqlite_store, {k: v for k, v in SWEEP.items() if k != missing})


def test_parameters_and_metrics_of_every_set(sql_database):
    for _ in range(2):
        assert record_parameter_sets(sql_database, "s1", SETS) == 4
    rows = sql_database.read("parameter_sets").to_pylist()
    got = {row["set_id"]: row for row in rows}
    parameters = {key: json.loads(row["parameters"]) for key, row in got.items()}
    assert parameters == {
        "a1": {"volume_surge_min": 1.5, "stop_atr": 1.0},
        "a2": {"volume_surge_min": 2.0, "stop_atr": None},
        "a3": {"volume_surge_min": 0.1, "stop_atr": 1e-7},
        "b1": {"rsi_max": 30.0, "stop_atr": 2.0},
    }
    metrics = {key: json.loads(row["metrics"]) for key, row in got.items()}
    assert metrics["a1"] == {"max_drawdown_r": -4.0, "active_days": 60, "reason": None}
    assert metrics["a3"] == {"max_drawdown_r": "Infinity", "active_days": 3, "reason": None}
    assert metrics["b1"]["reason"] == "ZeroDivisionError: \\ \n"
    names = ("sweep_id", "detector", "status", "trades", "win_rate", "expectancy_r", "objective")
    assert [got["a1"][name] for name in names] == [
        *("s1", "breakout_bullish", "ok", 120),
        *(0.55, 0.12, 0.01),
    ]
    assert [got["a2"][name] for name in names[2:]] == ["invalid", None, None, None, None]
    assert got["a3"]["profit_factor"] == math.inf


def test_part_of_the_sets_adds_to_those_recorded(sql_database):
    record_parameter_sets(sql_database, "s1", SETS.slice(0, 2))
    record_parameter_sets(sql_database, "s1", SETS.slice(1))
    record_parameter_sets(sql_database, "s2", SETS.slice(0, 1))
    ids = sql_database.read("parameter_sets", columns=["sweep_id", "set_id"]).to_pylist()
    assert [(row["sweep_id"], row["set_id"]) for row in ids] == [
        *(("s1", "a1"), ("s1", "a2"), ("s1", "a3"), ("s1", "b1")),
        ("s2", "a1"),
    ]
    assert record_parameter_sets(sql_database, "s1", SETS.slice(0, 0)) == 0


def test_fold_scores_and_trades_take_the_place_of_earlier_ones(sql_database):
    scores = pa.table(
        {
            "set_id": ["a1", "a1"],
            "detector": ["breakout_bullish"] * 2,
            "fold": pa.array([0, 1], pa.int32()),
            "in_sample_objective": [0.1, 0.2],
            "trades": [40, 50],
            "out_of_sample_mean_r": [-0.1, math.nan],
            "plateau": [0.5, 0.6],
        }
    )
    for _ in range(2):
        record_fold_scores(sql_database, "s1", scores)
        record_trades(sql_database, "s1", _trades(5))
    record_trades(sql_database, "s2", _trades(1))
    record_fold_scores(sql_database, "s1", scores.slice(1))
    record_trades(sql_database, "s1", _trades(3, "a2"))
    (score,) = sql_database.read("fold_scores").to_pylist()
    assert (score["fold"], score["in_sample_objective"], score["trades"]) == (1, 0.2, 50)
    assert score["out_of_sample_mean_r"] is None
    assert json.loads(score["metrics"]) == {"plateau": 0.6}
    trades = sql_database.read("trades")
    assert trades["sweep_id"].to_pylist() == ["s1"] * 3 + ["s2"]
    assert trades["set_id"].to_pylist() == ["a2"] * 3 + ["a1"]
    assert trades["signal_ts"][1].as_py() == dt.datetime(2015, 3, 9, 13, 35, tzinfo=dt.UTC)
    assert trades["exit_reason"].unique().to_pylist() == ["target"]


def test_trades_have_the_columns_of_the_engine(sqlite_store):
    assert set(sqlite_store.read("trades").column_names) == {"sweep_id", *COLUMNS}
    assert _trades().column_names == list(COLUMNS)


def test_hundred_thousand_sets_load_and_load_again(sql_database):
    n = 100_000
    generator = np.random.default_rng(7)
    table = pa.table(
        {
            "set_id": [f"{i:016x}" for i in range(n)],
            "detector": ["breakout_bullish"] * n,
            "status": ["ok"] * n,
            **{f"param.p{k}": generator.integers(0, 50, n) / 10 for k in range(12)},
            **{
                name: generator.normal(size=n)
                for name in ("win_rate", "objective", "expectancy_r")
            },
            "trades": generator.integers(0, 500, n),
            **{f"metric_{k}": generator.normal(size=n) for k in range(20)},
        }
    )
    for _ in range(2):
        assert record_parameter_sets(sql_database, "s1", table) == n
    got = sql_database.read("parameter_sets", where={"set_id": f"{n - 1:016x}"}).to_pylist()
    last = table.slice(n - 1).to_pylist()[0]
    assert json.loads(got[0]["parameters"]) == {f"p{k}": last[f"param.p{k}"] for k in range(12)}
    assert json.loads(got[0]["metrics"]) == {f"metric_{k}": last[f"metric_{k}"] for k in range(20)}
    with sql_database.transaction() as connection:
        count, total = connection.exec_driver_sql(
            "SELECT count(*), sum(trades) FROM parameter_sets WHERE sweep_id = 's1'"
        ).one()
    assert (count, int(total)) == (n, int(table["trades"].to_numpy().sum()))


VALUES = st.one_of(
    st.lists(st.floats() | st.none(), min_size=1, max_size=8),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=8),
    st.lists(st.booleans() | st.none(), min_size=1, max_size=8),
    st.lists(st.text() | st.none(), min_size=1, max_size=8),
    st.lists(st.dates() | st.none(), min_size=1, max_size=8),
    st.lists(st.lists(st.floats() | st.none(), max_size=3) | st.none(), min_size=1, max_size=8),
)


def _expected(value):
    if isinstance(value, list):
        return [_expected(entry) for entry in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("-" if value < 0 else "") + "Infinity"
    return value


@settings(max_examples=200, deadline=None)
@given(values=VALUES, name=st.text())
def test_json_columns_read_back_as_the_values(values, name):
    column = pa.chunked_array([pa.array(values)])
    texts = json_objects({name: column, name + "'": column}, len(values)).to_pylist()
    for text, value in zip(texts, values, strict=True):
        want = _expected(value)
        assert json.loads(text) == {name: want, name + "'": want}
        if isinstance(value, float) and math.isfinite(value) and value != 0:
            assert float(json.loads(text)[name]).hex() == value.hex()


def test_no_columns_give_empty_objects():
    assert json_objects({}, 3).to_pylist() == ["{}"] * 3
