"""Breakdowns add up to the trades they are of, whoever groups them."""

import collections

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.engine.sets import ParameterSets
from sweep.search.breakdowns import PHASES, write_breakdowns
from sweep.search.choose import Chosen
from sweep.search.chosen_sets import evaluate_full, write_trades
from sweep.search.identity import set_ids, set_keys
from sweep.search.merge import Merged
from sweep.search.plan import make_plan
from sweep.search.spec import FoldSettings, HoldoutSettings, ResultSettings
from sweep.store.results import Results

NS_PER_MINUTE = 60_000_000_000


@pytest.fixture(scope="module")
def written(spec_over, tmp_path_factory):
    """Breakdowns and trades of a configured set and two ranked ones, of which one is wanted."""
    spec = spec_over(
        tmp_path_factory.mktemp("breakdowns") / "run",
        detectors=("mean_reversion_long",),
        parameters={"mean_reversion_long": {"rsi_extreme_max": 45, "min_score": 0}},
        folds=FoldSettings(kind="none"),
        holdout=HoldoutSettings(fraction=0.0),
        results=ResultSettings(detail=1),
    )
    plan = make_plan(spec).judged[0]
    columns = {"rsi_extreme_max": np.array([40.0, 48.0]), "min_score": np.array([0.0, 10.0])}
    sets = ParameterSets.of(plan.detector, columns, 2)
    keys = set_keys(plan.detector, sets)
    merged = Merged(keys, pa.table({"rank": [2, 1]}), sets.values, Chosen(None, ()))
    full = evaluate_full(spec, plan, None)
    results = Results(spec.storage_root, "s")
    write_trades(spec, results, [(plan, full)])
    write_breakdowns(spec, results, [(plan, full)], {plan.detector.name: merged})
    tables = (pq.read_table(results.path / f"{n}.parquet") for n in ("breakdowns", "trades"))
    return *(table.to_pylist() for table in tables), next(iter(full.values)), set_ids(keys)[1]


def test_the_configured_set_and_the_best_by_rank_are_broken_down(written):
    rows, _, configured, best = written
    assert {row["set_id"] for row in rows} == {configured, best}
    for by in ("symbol", "phase", "regime", "exit_reason"):
        counts = collections.Counter()
        for row in rows:
            if row["by"] == by:
                counts[row["set_id"]] += row["trades"]
        assert counts[configured] > 50
        assert counts[best] > counts[configured] / 2


@pytest.mark.parametrize("by", ["symbol", "exit_reason"])
def test_groups_are_those_of_the_trades(written, by):
    rows, trades, configured, _ = written
    found = {r["value"]: r for r in rows if r["by"] == by and r["set_id"] == configured}
    expected = collections.defaultdict(list)
    for trade in trades:
        expected[trade[by]].append(trade)
    assert set(found) == set(expected)
    for value, mine in expected.items():
        net = [trade["r_net"] for trade in mine]
        row = found[value]
        assert row["trades"] == len(net)
        assert row["wins"] == sum(r > 0 for r in net)
        assert row["total_r"] == pytest.approx(sum(net))
        assert row["expectancy_r"] == pytest.approx(sum(net) / len(net))
        assert row["expectancy_gross_r"] == pytest.approx(np.mean([t["r_gross"] for t in mine]))
        won, lost = sum(r for r in net if r > 0), -sum(r for r in net if r < 0)
        assert row["profit_factor"] == pytest.approx(won / lost if lost else np.inf)


def test_phases_follow_the_clock_of_new_york(written):
    rows, trades, configured, _ = written
    counts = collections.Counter()
    for trade in trades:
        local = trade["signal_ts"].tz_convert("America/New_York")
        minute = local.hour * 60 + local.minute
        counts[PHASES[0 if minute <= 10 * 60 + 30 else 2 if minute > 15 * 60 else 1]] += 1
    found = {
        r["value"]: r["trades"] for r in rows if r["by"] == "phase" and r["set_id"] == configured
    }
    assert found == counts
    assert set(found) == set(PHASES)
