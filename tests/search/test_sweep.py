"""The sweep end to end: same tables for any number of workers, kills and resumes."""

import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import pickle
import random
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats
from pyarrow import csv
from walk_store import write_minutes

from sweep.engine.block import evaluate_block
from sweep.engine.trade_table import COLUMNS
from sweep.evidence.criteria import Thresholds
from sweep.search import runner, tuner
from sweep.search.identity import set_keys
from sweep.search.plan import make_plan
from sweep.search.rungs import rungs_of
from sweep.search.runner import run_sweep
from sweep.search.searchers import make_searcher
from sweep.search.spec import (
    ExecutionSettings,
    FoldSettings,
    HoldoutSettings,
    ResultSettings,
    ScreeningSettings,
    SearchSettings,
)
from sweep.search.weighing import SHARES
from sweep.search.work import build_table
from sweep.store import copies
from sweep.store.lease import Held, Lease
from sweep.store.ledger import Ledger
from sweep.store.results import (
    FOLD_SCORES,
    FUNNEL,
    PARAMETER_SETS,
    STITCHED,
    TRADES,
    daily_chunks,
    digest,
    read_table,
)
from tests.search.drivers import drive
from tests.search.own_cluster import run_script

pytestmark = pytest.mark.ray

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def whole(spec_over, tmp_path_factory, ray_local):
    """The sweep that others are compared with, run in one go: what it said, how it ended."""
    heard = []
    spec = spec_over(tmp_path_factory.mktemp("whole") / "run")
    return heard, run_sweep(spec, on_progress=heard.append)


def searching(budget):
    return SearchSettings(budget=budget, constraints=("trades>=5",))


def rows_of(outcome, name=PARAMETER_SETS):
    return read_table(outcome.folder, name).to_pylist()


def test_a_sweep_ends_in_tables_that_agree_with_each_other(whole):
    heard, outcome = whole
    assert (outcome.status, outcome.sets, outcome.failed, outcome.evaluated) == (
        "done",
        120,
        0,
        120,
    )
    stages = list(dict.fromkeys(one.stage for one in heard))
    assert stages[-4:] == [
        *("ranking and choosing", "writing tables"),
        *("weighing the evidence", "writing into SQL"),
    ]
    weighed = [one for one in heard if one.stage == "weighing the evidence"]
    assert (weighed[0].done, weighed[-1].done) == (0, 120)
    assert all(a.done <= b.done for a, b in itertools.pairwise(weighed))
    assert {one.total for one in weighed} == {120}
    notes = [one.note for one in weighed]
    for name in ("breakout_bullish", "mean_reversion_long"):
        assert [n for n in dict.fromkeys(notes) if n.startswith(f"{name}: ")][1:] == [
            f"{name}: {statistic}" for statistic in SHARES
        ]
    about = json.loads((outcome.folder / "sweep.json").read_text())
    sets = rows_of(outcome)
    assert [(r["detector"], r["set_id"]) for r in sets] == sorted(
        {(r["detector"], r["set_id"]) for r in sets}
    )
    folds, trades = rows_of(outcome, FOLD_SCORES), read_table(outcome.folder, TRADES)
    assert trades.column_names == list(COLUMNS)
    for name, detector in about["detectors"].items():
        own = {r["set_id"]: r for r in sets if r["detector"] == name}
        assert len(own) == 60
        assert {r["status"] for r in own.values()} <= {"ok", "infeasible"}
        assert all((r["status"] == "ok") == (r["trades"] >= 5) for r in own.values())
        ranked = sorted(own.values(), key=lambda r: r["rank"])
        assert [r["rank"] for r in ranked] == list(range(1, 61))
        feasible = [r["objective"] for r in ranked if r["status"] == "ok"]
        assert feasible == sorted(feasible, reverse=True)
        assert all(r["status"] == "ok" for r in ranked[: len(feasible)])
        assert len(feasible) > 5
        scores = [r for r in folds if r["detector"] == name]
        assert len(scores) == 60 * len(detector["folds"])
        # Daily results, rows and trades are three ways to the same total.
        for ids, values in daily_chunks(outcome.folder, name):
            assert len(detector["axis"]) == values.shape[1]
            for one, daily in zip(ids.to_pylist(), values, strict=True):
                assert daily.sum() == pytest.approx(own[one]["total_r"], abs=1e-4)
                for score in (s for s in scores if s["set_id"] == one):
                    outside = detector["folds"][score["fold"]]["out_of_sample"]
                    assert daily[outside].mean() == pytest.approx(
                        score["out_of_sample_mean_r"], abs=1e-5
                    )
        chosen = detector["chosen"]
        assert len(chosen["folds"]) == len(detector["folds"])
        assert own[chosen["final"]]["status"] == "ok"
        mine = trades.filter(np.array(trades["set_id"].to_pylist()) == chosen["final"])
        assert mine.num_rows == own[chosen["final"]]["trades"]
    assert (outcome.folder / "leaderboard.csv").read_text().count("\n") == 41
    assert {r["set_id"] for r in rows_of(outcome, FUNNEL)} >= {
        d["configured"]["set_id"] for d in about["detectors"].values()
    }


@pytest.mark.parametrize("signal_of", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_while_tables_are_written_and_weighed_keeps_them_all(
    whole, make_spec, ray_local, monkeypatch, signal_of
):
    _, done = whole
    root, bars = make_spec().storage_root, shutil.ignore_patterns("bars")
    shutil.copytree(done.folder.parents[1], root, ignore=bars, dirs_exist_ok=True)
    before = digest(done.folder)
    spec = make_spec(verdict=Thresholds(trades_min=7))  # another verdict is asked for

    def pressed(now):
        if now.note.endswith("overfitting (PBO)"):
            raise signal_of

    def pressed_early(now):
        if now.stage == "writing tables":
            raise signal_of

    with pytest.raises(signal_of):
        run_sweep(spec, on_progress=pressed_early)
    about = json.loads((done.folder / "sweep.json").read_text())
    left = json.loads((root / "results" / done.sweep_id / "sweep.json").read_text())
    assert (left["status"], left["counts"]) == ("interrupted", about["counts"])
    cut = run_sweep(spec, on_progress=pressed)
    assert (cut.status, cut.sets, cut.evaluated) == ("interrupted", 120, 0)
    assert digest(cut.folder) == before
    assert not (cut.folder / "evidence.json").exists()
    assert json.loads((cut.folder / "sweep.json").read_text())["status"] == "interrupted"
    again = run_sweep(spec)
    assert (again.status, again.evaluated) == ("done", 0)
    assert digest(again.folder) == before
    evidence = json.loads((again.folder / "evidence.json").read_text())
    assert evidence["thresholds"]["trades_min"] == 7


def numbers(value, place=()):
    """Return path -> leaf of nested JSON."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, one in items for k, v in numbers(one, (*place, key)).items()}
    return {place: value}


def test_every_detector_ends_in_a_verdict_about_the_sets_of_its_tables(whole):
    outcome = whole[1]
    about = json.loads((outcome.folder / "sweep.json").read_text())["detectors"]
    evidence = json.loads((outcome.folder / "evidence.json").read_text())["detectors"]
    trades = rows_of(outcome, TRADES)
    assert evidence.keys() == about.keys()
    for name, found in evidence.items():
        rows = {r["set_id"]: r for r in rows_of(outcome) if r["detector"] == name}
        chosen, final = about[name]["chosen"], rows[about[name]["chosen"]["final"]]
        # 60 searched sets and the configured one.
        assert (found["tries"]["sweep"], found["tries"]["ever"]) == (61, 61)
        assert found["tries"]["traded"] == sum(r["trades"] > 0 for r in rows.values())
        # Random walks with costs lose, and may do so visibly.
        assert about[name]["evidence"]["verdict"] == found["verdict"]
        assert found["verdict"] in {"not_proven", "fails"}
        assert found["final"]["set_id"] == final["set_id"]
        assert found["final"]["trades"] == final["trades"]
        assert found["final"]["active_days"] == final["active_days"]
        assert found["final"]["sharpe_daily"] == pytest.approx(final["daily_sharpe"], rel=1e-9)
        seen = [
            r["in_sample_objective"]
            for r in rows_of(outcome, FOLD_SCORES)
            if (r["detector"], r["set_id"]) == (name, final["set_id"])
        ]
        assert found["plateau"]["objective"] == pytest.approx(np.median(seen), rel=1e-9)
        # The stitched series again, from the trades that users see.
        axis = [about[name]["axis"][i] for f in about[name]["folds"] for i in f["out_of_sample"]]
        days = json.loads((outcome.folder / "sweep.json").read_text())["sessions"]
        owner = {
            days[about[name]["axis"][i]]: one
            for fold, one in zip(about[name]["folds"], chosen["folds"], strict=True)
            for i in fold["out_of_sample"]
        }
        mine = [
            t
            for t in trades
            if t["detector"] == name
            and owner.get(str(t["signal_ts"].tz_convert("America/New_York").date())) == t["set_id"]
        ]
        outside = found["out_of_sample"]
        assert (outside["sessions"], outside["trades"]) == (len(axis), len(mine))
        net = sum(t["r_net"] for t in mine)
        assert outside["expectancy_r"]["estimate"] == pytest.approx(net / len(mine), rel=1e-9)
        stitched = [r for r in rows_of(outcome, STITCHED) if r["detector"] == name]
        assert [str(r["session"]) for r in stitched] == [days[i] for i in sorted(axis)]
        assert sum(r["trades"] for r in stitched) == len(mine)
        assert sum(r["r_net"] for r in stitched) == pytest.approx(net, rel=1e-9)
        gross = sum(t["r_gross"] for t in mine)
        sides = [
            (t["entry_price"] + t["exit_price"]) / abs(t["entry_price"] - t["stop"]) for t in mine
        ]
        # Prices of the table include slippage of 1 bp or less.
        assert outside["cost_breakeven_bps"] == pytest.approx(gross / sum(sides) * 1e4, rel=3e-4)


def test_tables_are_the_same_bits_for_any_workers_blocks_and_budgets_on_the_way(whole, make_spec):
    small = make_spec(search=searching(25), execution=ExecutionSettings(workers=1, block_size=20))
    first = run_sweep(small)
    grown = dataclasses.replace(
        small, search=searching(60), execution=ExecutionSettings(workers=2, block_size=7)
    )
    second = run_sweep(grown)
    assert (first.evaluated, second.evaluated, second.sets) == (50, 70, 120)
    assert second.sweep_id == whole[1].sweep_id
    assert digest(second.folder) == digest(whole[1].folder)
    written = (second.folder / "evidence.json").stat().st_mtime_ns
    same, other = (
        numbers(json.loads((one.folder / "evidence.json").read_text()))
        for one in (second, whole[1])
    )
    assert same.keys() == other.keys()
    for place, value in same.items():
        close = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        assert other[place] == close, place
    again = run_sweep(grown)
    assert (again.status, again.evaluated, again.sets) == ("done", 0, 120)
    assert (second.folder / "evidence.json").stat().st_mtime_ns == written
    strict = dataclasses.replace(grown, verdict=Thresholds(trades_min=10**6))
    (second.folder / "evidence.json").unlink()
    judged = run_sweep(strict)
    assert (judged.sweep_id, judged.evaluated) == (second.sweep_id, 0)
    found = numbers(json.loads((second.folder / "evidence.json").read_text()))
    assert found.pop(("thresholds", "trades_min")) == 10**6
    held_out = json.loads((second.folder / "sweep.json").read_text())["holdout"]
    # 60 searched sets and the configured one, each once, however often it was run.
    assert Ledger(grown.storage_root).count("breakout_bullish", {"SPY": held_out}).distinct == 61


def on_the_front(outcome):
    """Return the ids of `pareto.csv`, which is sorted by the first objective."""
    rows = csv.read_csv(outcome.folder / "pareto.csv").to_pylist()
    gains = [row["daily_lcb_r"] for row in rows]
    assert gains == sorted(gains, reverse=True)
    return {row["set_id"] for row in rows}


def front_of(outcome):
    """Return the ids of the feasible sets that no other beats in mean and drawdown."""
    known = {
        row["set_id"]: (row["daily_lcb_r"], -row["max_drawdown_r"])
        for row in rows_of(outcome)
        if row["status"] == "ok" and None not in (row["daily_lcb_r"], row["max_drawdown_r"])
    }
    return {
        name
        for name, own in known.items()
        if not any(other != own and all(np.greater_equal(other, own)) for other in known.values())
    }


def test_an_adaptive_sweep_is_the_same_for_any_workers_and_goes_on(make_spec, ray_local):
    def genetic(name, budget, workers):
        return make_spec(
            name,
            detectors=("breakout_bullish",),
            search=SearchSettings(
                kind="genetic",
                budget=budget,
                population=10,
                objective=("daily_lcb_r", "max_drawdown_r"),
                constraints=("trades>=5",),
            ),
            folds=FoldSettings(kind="split"),
            execution=ExecutionSettings(workers=workers),
        )

    def compared(outcome):
        content = json.loads((outcome.folder / "sweep.json").read_text())
        return content["detectors"]["breakout_bullish"]["searches"]

    small = run_sweep(genetic("a", 20, 1))
    of_small = compared(small)
    grown = run_sweep(genetic("a", 45, 2))
    whole = run_sweep(genetic("b", 45, 1))
    assert (small.status, grown.sweep_id, grown.sets) == ("done", whole.sweep_id, whole.sets)
    assert digest(grown.folder) == digest(whole.folder)
    assert run_sweep(genetic("b", 45, 1)).evaluated == 0
    about = json.loads((whole.folder / "sweep.json").read_text())["detectors"]["breakout_bullish"]
    assert [row["search"] for row in about["searches"]] == ["fold 0", "final"]
    assert [(row["sets"], row["random_sets"]) for row in about["searches"]] == [(45, 45)] * 2
    # Two searches and the baseline, each of 45 distinct sets, few of them shared.
    assert 120 <= whole.sets == whole.evaluated <= 135
    chosen = about["chosen"]
    assert chosen["folds"][0] == about["searches"][0]["chosen"]
    found = json.loads((whole.folder / "evidence.json").read_text())["detectors"]
    assert found["breakout_bullish"]["final"]["set_id"] == chosen["final"]
    assert on_the_front(whole) == front_of(whole)
    # A smaller budget compares as many random sets with what the search proposed by then.
    again = run_sweep(genetic("b", 20, 1))
    assert (again.status, again.evaluated, compared(again)) == ("done", 0, of_small)
    assert [(row["sets"], row["random_sets"]) for row in of_small] == [(20, 20)] * 2


def test_symbols_read_in_groups_give_the_same_tables(whole, make_spec, ray_local, monkeypatch):
    monkeypatch.setattr(tuner, "grouped", lambda tables, *_: tuple((one,) for one in tables))
    grouped = run_sweep(make_spec("grouped", execution=ExecutionSettings(workers=2)))
    assert (grouped.status, grouped.evaluated) == ("done", 120)
    assert digest(grouped.folder) == digest(whole[1].folder)


def test_a_sweep_without_folds_over_a_grid_with_all_trades(make_spec, ray_local):
    spec = make_spec(
        detectors=("breakout_bullish",),
        space={
            "breakout": {
                "breakout_lookback_bars": ["choice", 4, 8],
                "breakout_buffer_atr": 0,
                "volume_surge_min": ["uniform", 0.2, 1],
                "vwap_dist_min_frac": 0,
                "price_change_min_frac": 0.0005,
            },
            "exit": dict.fromkeys(("cooldown_bars", "min_score"), 0)
            | {"stop_atr": ["step", 1, 2, 1], "target_atr": 2, "max_hold_bars": 8}
            | {"flat_before_close_minutes": 5},
        },
        search=SearchSettings(kind="grid", budget=100, grid_points=3, objective="win_rate"),
        folds=FoldSettings(kind="none"),
        holdout=HoldoutSettings(fraction=0.0, minimum=0),
        results=ResultSettings(trades="all"),
    )
    outcome = run_sweep(spec)
    (found,) = json.loads((outcome.folder / "evidence.json").read_text())["detectors"].values()
    assert (found["verdict"], found["out_of_sample"]) == ("not_proven", None)
    reserved = [c["sentence"] for c in found["criteria"] if c["name"] == "reservation"]
    assert ["hold-out" in reserved[0], "folds" in reserved[1]] == [True, True]
    sets = rows_of(outcome)
    assert len(sets) == 12
    assert rows_of(outcome, FOLD_SCORES) == []
    best = min(sets, key=lambda r: r["rank"])
    assert best["win_rate"] == max(r["win_rate"] for r in sets)
    counts = {r["set_id"]: r["trades"] for r in sets}
    found = [t["set_id"] for t in rows_of(outcome, TRADES)]
    assert all(found.count(name) == n for name, n in counts.items())


def test_data_that_change_while_it_runs_end_it(make_spec, ray_local, monkeypatch):
    monkeypatch.setattr(runner, "lake_stamp", lambda *_: str(time.monotonic_ns()))
    monkeypatch.setattr(runner, "read_fingerprint", lambda *_: {})
    monkeypatch.setattr(runner, "_DATA_CHECK_S", 0.0)
    small = ExecutionSettings(workers=1, block_size=5)
    heard = []
    outcome = run_sweep(make_spec(search=searching(60), execution=small), on_progress=heard.append)
    assert outcome.status == "failed"
    (told,) = [now for now in heard if now.stage == "writing tables"]
    assert told.done == outcome.evaluated < told.total == 120
    assert "data changed while the sweep ran: new sweep" in outcome.reason


def test_a_store_that_is_away_costs_a_note_and_a_detector_that_cannot_be_judged_a_row(
    make_spec, ray_local, monkeypatch
):
    spec = make_spec(detectors=("breakout_bullish", "opening_drive_bullish"), search=searching(5))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    outcome = run_sweep(dataclasses.replace(spec, store="postgres"))
    assert outcome.status == "done"
    assert any("not mirrored into SQL" in note for note in outcome.notes)
    assert not any("secret" in note for note in outcome.notes)
    back = run_sweep(spec)
    assert (back.status, back.evaluated) == ("done", 0)
    assert not any("not mirrored" in note for note in back.notes)
    (row,) = (r for r in rows_of(back) if r["detector"] == "opening_drive_bullish")
    assert (row["status"], row["trades"]) == ("not_evaluable", None)
    assert row["text"].startswith("asset_class (SPY is ETF, AAPL is STOCK; it runs on INDEX)")
    assert row["param.move_min_frac"] == 0.003


@pytest.mark.s3
@pytest.mark.postgres
def test_a_sweep_in_a_bucket_goes_on_from_another_machine(
    whole, spec_over, s3_root, postgres_database, monkeypatch
):
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    write_minutes(s3_root, "SPY", 1)
    write_minutes(s3_root, "AAPL", 2)
    spec = spec_over(s3_root, search=searching(25), store="postgres")
    first = run_sweep(spec)
    assert first.evaluated == 50
    assert str(first.folder).startswith("s3://")
    copies._copies_folder.cache_clear()  # another machine has none
    grown = run_sweep(dataclasses.replace(spec, search=searching(60)))
    assert (grown.status, grown.evaluated, grown.sets) == ("done", 70, 120)
    assert not any("not mirrored" in note for note in grown.notes)
    assert grown.sweep_id == whole[1].sweep_id
    assert digest(grown.folder) == digest(whole[1].folder)
    assert run_sweep(dataclasses.replace(spec, search=searching(60))).evaluated == 0


def test_two_nodes_and_a_lost_one_end_in_the_same_bits(whole, make_spec, tmp_path):
    pickled, told = tmp_path / "spec", tmp_path / "told.json"
    pickled.write_bytes(pickle.dumps(make_spec("nodes")))
    run_script("two_nodes.py", pickled, told, timeout=300)
    assert json.loads(told.read_text("utf-8")) == 2 * [["done", 120, digest(whole[1].folder)]]


def kept_by_hand(plan, one, task, rungs):
    """Halve the pool by its full results, sliced by hand; return the ids evaluated in full."""
    costs = plan.spec.costs
    tables = [build_table(one, d, plan.spec.fills, costs[d.asset_class]) for d in one.symbols]
    sets = make_searcher(task.space, task.search).at(0, 60)
    found = evaluate_block(task.detector, tables, sets)
    keys, alive, dropped = set_keys(task.detector, sets), list(range(60)), []
    for sessions in rungs:
        n, daily, counts = len(sessions), found.daily[:, sessions], found.daily_trades[:, sessions]
        spread = scipy.stats.t.ppf(0.95, n - 1) * daily.std(axis=1, ddof=1) / n**0.5
        bound, trades = daily.mean(axis=1) - spread, counts.sum(axis=1)
        least = 5 * n / len(task.columns)
        short = np.maximum(least - trades, 0) / least + (trades == 0)
        alive.sort(key=lambda k: (short[k] > 0, short[k], -bound[k], keys[k]))
        alive, dropped = alive[: -(-len(alive) // 2)], dropped + alive[-(-len(alive) // 2) :]
    sampled = sorted(dropped, key=lambda k: keys[k])[:5]
    return {f"p{keys[k]:016x}" for k in (*alive, *sampled)}


def test_a_screened_sweep_goes_on_after_a_kill_and_ends_as_if_it_had_not_been(
    whole, make_spec, ray_local
):
    halving = ScreeningSettings("halving", factor=2, min_resources=8, sample=5)
    once = run_sweep(make_spec("once", screening=halving, execution=ExecutionSettings(workers=1)))
    spec = make_spec("killed", screening=halving, execution=ExecutionSettings(block_size=4))

    killed = []

    def kill(now):  # once: a second signal ends it at once, in the middle of Tune
        if now.stage == "screening on 12 to 15 of 36 sessions" and now.done and not killed:
            killed.append(now)
            os.kill(os.getpid(), signal.SIGINT)

    broken = run_sweep(spec, on_progress=kill)
    assert (broken.status, broken.evaluated) == ("interrupted", 0)
    assert broken.reason.startswith("interrupted while screening, scores are kept: breakout_bull")
    scored = re.findall(r": (\d+) of 60 sets on 1[25] sessions", broken.reason)
    assert 4 <= sum(map(int, scored)) < 120
    # What it has looked at by then stays a try, whatever becomes of its folder.
    days = json.loads((broken.folder / "sweep.json").read_text())["sessions"]
    assert Ledger(spec.storage_root).count("breakout_bullish", {"SPY": days}).distinct >= 5
    heard = []
    resumed = run_sweep(spec, on_progress=heard.append)
    (begun, *_) = (now for now in heard if now.stage.startswith("screening"))
    assert 4 <= begun.done < begun.total == 120
    # Of each detector 60 sets on 15 or 12 sessions, then 30 and a sample of the others.
    assert resumed.evaluated == 2 * 35
    assert (resumed.status, resumed.evaluated) == ("done", once.evaluated)
    assert resumed.sweep_id == once.sweep_id == whole[1].sweep_id
    assert digest(resumed.folder) == digest(once.folder)
    plan, rows = make_plan(spec), rows_of(once)
    evidence = json.loads((once.folder / "evidence.json").read_text())["detectors"]
    for one in plan.judged:
        name, own = one.detector.name, [r for r in rows if r["detector"] == one.detector.name]
        rungs = rungs_of(one.folds, len(one.columns), halving)
        expected = kept_by_hand(plan, one, runner.task_of(spec, plan, one), rungs)
        assert {r["set_id"] for r in own if r["status"] != "screened"} == expected
        assert {r["trades"] for r in own if r["status"] == "screened"} == {None}
        # Dropped sets are tries all the same.
        assert (len(own), evidence[name]["tries"]["sweep"]) == (60, 61)
        assert evidence[name]["verdict"] != "holds"
        (reserved,) = [c for c in evidence[name]["criteria"] if c["name"] == "reservation"]
        assert reserved["value"].startswith(f"{60 - len(expected)} of 60 sets were screened")
    again = run_sweep(spec)
    assert (again.status, again.evaluated, again.sets) == ("done", 0, 120)
    completed = run_sweep(dataclasses.replace(spec, screening=ScreeningSettings()))
    assert completed.evaluated == 120 - once.evaluated
    assert digest(completed.folder) == digest(whole[1].folder)
    judged = json.loads((completed.folder / "evidence.json").read_text())["detectors"]
    assert not any(c["name"] == "reservation" for d in judged.values() for c in d["criteria"])
    assert {d["tries"]["ever"] for d in judged.values()} == {61}


def test_a_driver_killed_five_times_loses_running_blocks_only(whole, make_spec):
    spec = make_spec("killed", execution=ExecutionSettings(workers=1, block_size=2))
    spawn, rng = multiprocessing.get_context("forkserver"), random.Random(18)
    spawn.set_forkserver_preload(["ray", "tests.search.drivers"])
    for _ in range(5):
        heard, told = spawn.Pipe(duplex=False)
        driver = spawn.Process(target=drive, args=(spec, told))
        driver.start()
        told.close()
        for _ in range(rng.randint(1, 8)):  # lines of progress: before, between and after blocks
            heard.recv()
        driver.kill()
        driver.join()
        heard.close()
    parts = spec.storage_root / "results" / whole[1].sweep_id / "parts" / "sets"
    # Workers may end their last block after the driver is gone.
    time.sleep(3)
    finished_blocks = len(list(parts.glob("*.parquet")))
    assert 4 <= finished_blocks < 58
    torn = min(parts.glob("*.parquet"))
    torn.write_bytes(torn.read_bytes()[:100])
    resumed = run_sweep(dataclasses.replace(spec, execution=ExecutionSettings(block_size=11)))
    assert resumed.status == "done"
    assert resumed.evaluated == 120 - 2 * finished_blocks + 2
    assert any(torn.name in note for note in resumed.notes)
    assert digest(resumed.folder) == digest(whole[1].folder)


def test_a_page_damaged_behind_a_good_footer_is_found_where_needed_and_done_again(
    whole, make_spec, ray_local
):
    _, outcome = whole
    spec = make_spec("damaged")
    folder = spec.storage_root / "results" / outcome.sweep_id
    shutil.copytree(outcome.folder, folder)
    bad = min((folder / "parts" / "sets").glob("*"))
    keys = pq.read_table(bad, columns=["key"])
    turn_a_bit(bad, "r")
    assert pq.read_table(bad, columns=["key"]) == keys
    assert run_sweep(spec).evaluated == 0  # its tables are whole, nobody needs the part
    (folder / "sweep.json").unlink()
    mended = run_sweep(spec)
    assert (mended.status, mended.sets, mended.evaluated) == ("done", 120, len(keys))
    assert f"damaged, set aside and done again: {bad.name}" in mended.notes
    assert bad.with_name(f"{bad.name}.damaged").exists()
    assert digest(folder) == digest(outcome.folder)


def turn_a_bit(file, column):
    """Damage the values of a column in the middle of a file, as a disk does."""
    group = pq.read_metadata(file).row_group(0)
    chunks = {
        group.column(n).path_in_schema.split(".")[0]: group.column(n)
        for n in range(group.num_columns)
    }
    content = bytearray(file.read_bytes())
    # The end of a page: what a number is made of, not what a frame is.
    content[chunks[column].data_page_offset + chunks[column].total_compressed_size - 8] ^= 1
    file.write_bytes(content)


def test_a_second_submission_is_refused_while_the_first_runs_and_told_when_it_is_done(
    make_spec, ray_local
):
    spec = make_spec(search=searching(10), detectors=("breakout_bullish",))
    refused = []

    def submit_again(now):
        if now.stage == "evaluating" and not refused:
            with pytest.raises(Held, match=rf"running already: process {os.getpid()} on ") as told:
                run_sweep(spec)
            refused.append(told.value.holder)

    outcome = run_sweep(spec, on_progress=submit_again)
    assert (outcome.status, outcome.evaluated, len(refused)) == ("done", 10, 1)
    again = run_sweep(spec)
    assert again.evaluated == 0
    assert any("nothing was left to do" in note for note in again.notes)


def test_a_sweep_that_another_process_took_over_stops_and_writes_no_tables(
    make_spec, ray_local, monkeypatch
):
    taken = Lease(lost="taken over")
    monkeypatch.setattr(runner, "lease", lambda *_, **__: contextlib.nullcontext(taken))
    spec = make_spec(search=searching(10), detectors=("breakout_bullish",))
    with pytest.raises(OSError, match="taken over"):
        run_sweep(spec)
    (folder,) = (spec.storage_root / "results").iterdir()
    assert not (folder / PARAMETER_SETS).exists()


def test_a_sweep_of_which_nothing_landed_says_why(ray_local, make_spec):
    spec = make_spec("blocked", search=SearchSettings(budget=4))
    plan = make_plan(spec)
    folder = spec.storage_root / "results" / plan.sweep_id
    folder.mkdir(parents=True)
    (folder / "parts").write_text("in the way")
    outcome = run_sweep(spec)
    assert (outcome.status, outcome.sets) == ("failed", 0)
    assert "blocks were lost with their workers" in outcome.reason
    about = json.loads((folder / "sweep.json").read_text())
    assert (about["status"], about["reason"]) == ("failed", outcome.reason)
    assert not (folder / "parameter_sets.parquet").exists()
    (folder / "parts").unlink()
    assert run_sweep(spec).status == "done"
