import dataclasses

import numpy as np
import pytest

from sweep.engine.block import evaluate_block
from sweep.engine.metrics import lower_bound
from sweep.engine.single_set import evaluate_single
from sweep.search.evaluation import evaluate_ranges, proposals
from sweep.search.identity import set_ids, set_keys
from sweep.search.plan import make_plan
from sweep.search.runner import task_of
from sweep.search.searchers import make_searcher
from sweep.search.spec import FoldSettings, ResultSettings, SearchSettings
from sweep.search.work import build_table


@pytest.fixture
def prepared(make_spec):
    def prepare(**changes):
        spec = make_spec(detectors=("breakout_bullish",), **changes)
        plan = make_plan(spec)
        (one,) = plan.judged
        task = task_of(spec, plan, one)
        tables = [
            build_table(one, data, spec.fills, spec.costs[data.asset_class])
            for data in one.symbols
        ]
        return spec, plan, one, task, tables

    return prepare


def test_a_row_is_what_the_engine_says_of_the_set_alone(prepared):
    spec, _, one, task, tables = prepared()
    rows = evaluate_ranges(task, tables, [[0, 8], [20, 25]]).sets.to_pylist()
    sets = proposals(make_searcher(task.space, task.search), [[0, 8], [20, 25]])
    keys = set_keys(one.detector, sets)
    assert [row["key"] for row in rows] == sorted(keys.tolist())
    assert sum(row["trades"] for row in rows) > 100
    for i, key in enumerate(keys.tolist()):
        (row,) = [row for row in rows if row["key"] == key]
        alone = evaluate_single(
            one.detector,
            one.symbols,
            sets.row(i),
            axis=one.axis,
            fills=spec.fills,
            costs=spec.costs,
        ).block
        assert row["status"] == "ok"
        for name, value in alone.metrics.items():
            assert row[name] == (None if np.isnan(value[0]) else value[0]), name
        assert [sets.row(i)[n] for n in sets.values] == [row[f"param.{n}"] for n in sets.values]
        assert row["r"] == alone.daily[0].astype(np.float32).tolist()
        for k, fold in enumerate(task.folds):
            inside = alone.daily[0, fold.in_sample]
            bound = lower_bound(inside.mean(), inside.std(ddof=1), len(inside))
            assert row["fold_objective"][k] == pytest.approx(float(bound), rel=1e-9, abs=1e-12)
            assert row["fold_trades"][k] == alone.daily_trades[0, fold.in_sample].sum()
            outside = alone.daily[0, fold.out_of_sample].mean()
            assert row["fold_out_mean"][k] == pytest.approx(outside, abs=1e-12)


def test_a_set_is_the_same_bits_in_any_block(prepared):
    *_, task, tables = prepared()
    whole = evaluate_ranges(task, tables, [[0, 30]]).sets.to_pylist()
    parts = [
        row
        for a, b in ((0, 1), (1, 13), (13, 30))
        for row in evaluate_ranges(task, tables, [[a, b]]).sets.to_pylist()
    ]
    assert sorted(parts, key=lambda row: row["key"]) == whole


def test_a_set_that_makes_the_engine_raise_is_recorded_and_costs_no_other(prepared):
    *_, one, task, tables = prepared()
    sets = proposals(make_searcher(task.space, task.search), [[0, 20]])
    keys = set_keys(one.detector, sets)
    bad = {float(sets.values["stop_atr"][i]) for i in (3, 4, 17)}
    calls = []

    def raises(detector, tables, some):
        calls.append(len(some))
        if bad & set(some.values["stop_atr"].tolist()):
            raise ZeroDivisionError("planted " * 100)
        return evaluate_block(detector, tables, some)

    found = evaluate_ranges(task, tables, [[0, 20]], evaluate=raises)
    assert found.failed == 3
    clean = {r["key"]: r for r in evaluate_ranges(task, tables, [[0, 20]]).sets.to_pylist()}
    for row in found.sets.to_pylist():
        if row["key"] in keys[[3, 4, 17]].tolist():
            assert row["status"] == "failed"
            assert row["text"].startswith("ZeroDivisionError: planted")
            assert len(row["text"]) == 300
            assert row["trades"] is None
            assert row["r"] is None
        else:
            assert row == clean[row["key"]]
    assert len(calls) < 30


def test_a_block_of_failures_has_the_same_columns(prepared):
    *_, task, tables = prepared()

    def raises(*_):
        raise ValueError("never")

    broken = evaluate_ranges(task, tables, [[0, 3]], evaluate=raises)
    assert broken.sets.schema == evaluate_ranges(task, tables, [[0, 3]]).sets.schema
    assert broken.failed == 3


def test_invalid_sets_are_rows_that_nobody_evaluates(prepared):
    space = {
        "breakout": {"breakout_lookback_bars": ["choice", 4, 8]},
        "exit": {"breakeven_atr": ["uniform", 0.5, 2], "target_atr": ["uniform", 1, 2]},
    }
    *_, task, tables = prepared(space=space)
    seen = []

    def watched(detector, tables, some):
        seen.append(some)
        return evaluate_block(detector, tables, some)

    found = evaluate_ranges(task, tables, [[0, 40]], evaluate=watched).sets.to_pylist()
    invalid = [row for row in found if row["status"] == "invalid"]
    assert 0 < len(invalid) < 40
    assert {row["text"] for row in invalid} == {"breakeven_atr must be < target_atr"}
    assert all(row["param.breakeven_atr"] >= row["param.target_atr"] for row in invalid)
    assert sum(map(len, seen)) == 40 - len(invalid)


def test_all_trades_add_up_to_the_rows(prepared):
    *_, task, tables = prepared(results=ResultSettings(trades="all"))
    rows = evaluate_ranges(task, tables, [[0, 12]])
    trades = rows.trades.to_pylist()
    for row in rows.sets.to_pylist():
        (name,) = set_ids(np.array([row["key"]], np.uint64))
        mine = [t for t in trades if t["set_id"] == name]
        assert len(mine) == row["trades"]
        assert sum(t["r_net"] for t in mine) == pytest.approx(row["total_r"], abs=1e-9)


def test_without_folds_there_are_no_fold_columns(prepared):
    *_, task, tables = prepared(folds=FoldSettings(kind="none"))
    rows = evaluate_ranges(task, tables, [[0, 2]]).sets
    assert not [name for name in rows.column_names if name.startswith("fold")]


def test_a_fold_constraint_sees_its_own_share_of_the_trades(prepared):
    settings = SearchSettings(budget=20, constraints=("trades>=60",))
    *_, task, tables = prepared(search=settings)
    n_axis = len(task.columns)
    rows = evaluate_ranges(task, tables, [[0, 20]]).sets.to_pylist()
    for row in rows:
        for k, fold in enumerate(task.folds):
            bound = 60 * len(fold.in_sample) / n_axis
            short = max(0.0, bound - row["fold_trades"][k]) / bound
            untraded = float(row["fold_trades"][k] == 0)
            assert row["fold_violation"][k] == pytest.approx(short + untraded)


def test_the_task_travels_light(prepared):
    *_, task, _ = prepared()
    assert dataclasses.replace(task, record_trades=True).detector is task.detector
