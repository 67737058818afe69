"""No choice of a fold moves when its out-of-sample sessions change (DESIGN.md 7).

Daily results come from a surface over the space, no market: noise that neighbours share. The plant
makes one region brilliant in the out-of-sample sessions of fold 1 and nowhere else.
"""

import functools

import numpy as np
import pytest

from detectors.registry import DETECTORS
from sweep.engine.block import BlockResult
from sweep.engine.metrics import metrics_of
from sweep.engine.sums import TRADES, empty_sums
from sweep.search import adaptive_trial
from sweep.search.evaluation import Task, evaluate_ranges, evaluate_sets
from sweep.search.folds import make_folds
from sweep.search.identity import block_name, set_ids
from sweep.search.merge import merge_detector
from sweep.search.plan import DetectorPlan
from sweep.search.spaces import read_spaces
from sweep.search.spec import FoldSettings, SearchSettings
from sweep.search.wanted import wanted_of
from sweep.store.results import Results

SESSIONS, BUDGET, FOLD = 120, 80, 1
BREAKOUT = DETECTORS["breakout_bullish"]
SECTIONS = {
    "breakout": {
        "breakout_lookback_bars": 20,
        "breakout_buffer_atr": ["uniform", 0, 0.6],
        "volume_surge_min": ["uniform", 1, 3],
        "vwap_dist_min_frac": 0.001,
        "price_change_min_frac": 0.005,
    },
    "exit": {"stop_atr": ["uniform", 0.5, 3], "target_atr": 2, "max_hold_bars": 20}
    | {"min_score": 60, "cooldown_bars": 0, "flat_before_close_minutes": 5},
}
SPACE = read_spaces([BREAKOUT], SECTIONS)["breakout_bullish"]
FOLDS = make_folds(SESSIONS, FoldSettings())


def place(sets):
    return np.stack(
        [(sets.values[d.name] - d.low) / (d.high - d.low) for d in SPACE.searched], axis=1
    )


def in_plant(at):
    return (np.abs(at - 0.75) < 0.25).all(axis=1)


def surface(seed, planted, detector, tables, sets):
    """Stand in for the engine: one trade a session."""
    rng = np.random.default_rng(seed)
    waves, shift = rng.normal(0, 3, (10, 3)), rng.uniform(0, 6, 10)
    at = place(sets)
    daily = np.cos(at @ waves.T + shift) @ rng.normal(0, 0.3, (10, SESSIONS))
    if planted:
        daily[np.ix_(in_plant(at), FOLDS.folds[FOLD].out_of_sample)] += 5.0
    counts = np.ones(daily.shape, np.int32)
    sums = empty_sums(len(sets))
    sums[:, TRADES] = SESSIONS
    return BlockResult(metrics_of(sums, daily, counts, 1), daily, counts)


def swept(root, kind, seed, *, planted, monkeypatch):
    """Run the searches, the baseline and the choice of one detector; return id -> in plant."""
    settings = SearchSettings(kind=kind, budget=BUDGET, seed=seed, population=10, startup=10)
    task = Task(SPACE, settings, np.arange(SESSIONS), SESSIONS, FOLDS.folds)
    evaluate = functools.partial(surface, seed, planted)
    results = Results(root, "s")
    pool = evaluate_ranges(task, [], [[0, BUDGET]], evaluate=evaluate)
    results.write_part(block_name(BREAKOUT.name, pool.keys), pool.sets)
    monkeypatch.setattr(
        adaptive_trial, "evaluate_sets", functools.partial(evaluate_sets, evaluate=evaluate)
    )
    for search in adaptive_trial.searches_of(task):
        for _ in adaptive_trial.run_search(task, [], results, search):
            pass
    wanted = wanted_of(task, results)
    assert wanted.finished
    axis = np.arange(SESSIONS, dtype=np.int32)
    plan = DetectorPlan(BREAKOUT, SPACE, (), (), 0, axis, axis.astype(np.int64), FOLDS, "h")
    merged = merge_detector(plan, task, results, wanted.keys)
    at = place(merged_sets(merged))
    ids = set_ids(merged.keys)
    chosen = [ids[row] for row in merged.chosen.folds]
    proposed = {one: [ids[row] for row in rows] for one, rows in merged.selected.searches.items()}
    return chosen, proposed, dict(zip(ids, in_plant(at).tolist(), strict=True)), merged


@pytest.mark.parametrize("kind", ["random", "genetic", "cmaes"])
def test_a_set_brilliant_out_of_sample_of_a_fold_only_is_not_chosen_for_it(
    kind, tmp_path, monkeypatch
):
    planted_choices = bare_choices = drawn_later = bare_later = 0
    for seed in range(3):
        runs = [
            swept(tmp_path / f"{seed}{on}", kind, seed, planted=on, monkeypatch=monkeypatch)
            for on in (True, False)
        ]
        (planted, proposed, where, _), (bare, asked, nowhere, _) = runs
        # More than "not more often": the very same proposals and the very same set.
        assert planted[FOLD] == bare[FOLD]
        if proposed:
            assert proposed[FOLD] == asked[FOLD]
            drawn_later += sum(where[one] for one in proposed[FOLD + 1])
            bare_later += sum(nowhere[one] for one in asked[FOLD + 1])
        planted_choices += where[planted[FOLD]]
        bare_choices += nowhere[bare[FOLD]]
    assert planted_choices == bare_choices
    # The next fold has those sessions in sample, and does go there.
    assert kind == "random" or drawn_later > 1.5 * bare_later


def test_the_rivalry_compares_like_with_like(tmp_path, monkeypatch):
    *_, merged = swept(tmp_path, "genetic", 0, planted=False, monkeypatch=monkeypatch)
    assert [row["search"] for row in merged.rivalry] == [
        *(f"fold {k}" for k in range(len(FOLDS))),
        "final",
    ]
    for row in merged.rivalry:
        assert row["sets"] == row["random_sets"] == BUDGET
        assert row["gain"] == pytest.approx(row["best"] - row["random_best"])
    assert merged.rivalry[-1]["out_of_sample_mean_r"] is None
    daily = surface(0, 0, None, [], merged_sets(merged)).daily
    for k, row in enumerate(merged.rivalry[:-1]):
        outside = daily[:, FOLDS.folds[k].out_of_sample].mean(axis=1)
        by_id = dict(zip(set_ids(merged.keys), outside, strict=True))
        assert row["out_of_sample_mean_r"] == pytest.approx(by_id[row["chosen"]])
        assert row["random_out_of_sample_mean_r"] == pytest.approx(by_id[row["random_chosen"]])


def merged_sets(merged):
    return SPACE.sets({d.name: merged.values[d.name] for d in SPACE.searched}, len(merged.keys))
