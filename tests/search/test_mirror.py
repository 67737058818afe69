"""What of a sweep is in SQL: all of a small one, the best and the chosen sets of a large one."""

import numpy as np
import pyarrow as pa
import pytest

from sweep.search import mirror as mirrored
from sweep.search.mirror import mirror, mirror_notes
from sweep.search.spec import SweepSpec
from sweep.store.database import Database
from sweep.store.results import FOLD_SCORES, PARAMETER_SETS, TRADES, Results
from sweep.store.tables import TRADE_ROWS

SETS = 50


@pytest.fixture
def finished(tmp_path):
    """Tables of one detector: set i has rank i + 1, set 40 was chosen, 41 is configured."""
    results = Results(tmp_path, "s0")
    ids = [f"p{i:02d}" for i in range(SETS)]
    sets = pa.table(
        {
            "detector": ["d"] * SETS,
            "set_id": ids,
            "status": ["ok"] * SETS,
            "rank": np.arange(1, SETS + 1),
            "trades": [7] * SETS,
            "objective": [0.5] * SETS,
            "param.stop_atr": np.linspace(1, 2, SETS),
        }
    )
    folds = pa.table(
        {
            "detector": ["d"] * 2 * SETS,
            "set_id": np.repeat(ids, 2),
            "fold": pa.array([0, 1] * SETS, pa.int32()),
            "in_sample_objective": np.zeros(2 * SETS),
            "trades": [3] * 2 * SETS,
            "out_of_sample_mean_r": np.zeros(2 * SETS),
        }
    )
    results.write_table(PARAMETER_SETS, [sets])
    results.write_table(FOLD_SCORES, [folds])
    results.write_table(TRADES, [TRADE_ROWS.empty_table()])
    chosen = {"final": "p40", "folds": [None, "p40"]}
    about = {
        "sweep_id": "s0",
        "status": "done",
        "counts": {"sets": SETS, "failed": 0},
        "detectors": {"d": {"chosen": chosen, "configured": {"set_id": "p41"}}},
    }
    return SweepSpec(storage_root=tmp_path, symbols=("SPY",), detectors=("d",)), results, about


def stored(spec, table):
    with Database.open("sqlite", spec.storage_root) as db:
        return db.read(table, columns=["set_id"])["set_id"].to_pylist()


def test_a_small_sweep_is_there_whole_and_its_folds_in_part(finished, monkeypatch):
    spec, results, about = finished
    monkeypatch.setattr(mirrored, "DETAILED", 3)
    monkeypatch.setattr(mirrored, "_ROWS", 8)
    assert mirror(spec, results, about) == mirror(spec, results, about) == []
    assert sorted(stored(spec, "parameter_sets")) == [f"p{i:02d}" for i in range(SETS)]
    detailed = {"p00", "p01", "p02", "p40", "p41"}
    assert sorted(stored(spec, "fold_scores")) == sorted([*detailed] * 2)


def test_of_a_large_sweep_the_best_and_the_chosen_sets_are_there(finished, monkeypatch):
    spec, results, about = finished
    monkeypatch.setattr(mirrored, "MOST_SETS", 10)
    assert mirror(spec, results, about) == []
    found = sorted(stored(spec, "parameter_sets"))
    assert found == [*(f"p{i:02d}" for i in range(10)), "p40", "p41"]
    assert mirror_notes(10) == []
    assert "the best 10 of 50 sets" in mirror_notes(50)[0]
