"""No choice of a fold moves when its out-of-sample sessions change (DESIGN.md 7).

Daily results come from a surface over the space, no market: noise that neighbours share. The plant
makes one region brilliant in the out-of-sample sessions of fold 1 and nowhere else.
"""

import functools

import numpy as np
import pytest
import scipy.stats

from detectors.registry import DETECTORS
from sweep.engine.block import BlockResult
from sweep.engine.metrics import metrics_of
from sweep.engine.sums import TRADES, empty_sums
from sweep.search import adaptive_trial
from sweep.search.evaluation import Task, evaluate_ranges, evaluate_sets
from sweep.search.folds import make_folds
from sweep.search.halving import halving_of, narrowed, rung_task, write_scores
from sweep.search.identity import block_name, set_ids
from sweep.search.merge import merge_detector
from sweep.search.plan import DetectorPlan
from sweep.search.rungs import rungs_of
from sweep.search.screened import describe_screening, fair_sample, reservation
from sweep.search.spaces import read_spaces
from sweep.search.spec import FoldSettings, ScreeningSettings, SearchSettings
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
ALL = np.arange(SESSIONS)
SCREENING = ScreeningSettings("halving", factor=3, min_resources=5, sample=15)


def place(sets):
    return np.stack(
        [(sets.values[d.name] - d.low) / (d.high - d.low) for d in SPACE.searched], axis=1
    )


def in_plant(at):
    return (np.abs(at - 0.75) < 0.25).all(axis=1)


def surface(seed, planted, detector, tables, sets, sessions=ALL):
    """Stand in for the engine on some sessions: one trade each."""
    rng = np.random.default_rng(seed)
    waves, shift = rng.normal(0, 3, (10, 3)), rng.uniform(0, 6, 10)
    at = place(sets)
    daily = np.cos(at @ waves.T + shift) @ rng.normal(0, 0.3, (10, SESSIONS))
    if planted:
        daily[np.ix_(in_plant(at), FOLDS.folds[FOLD].out_of_sample)] += 5.0
    daily = daily[:, sessions]
    counts = np.ones(daily.shape, np.int32)
    sums = empty_sums(len(sets))
    sums[:, TRADES] = len(sessions)
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


def screened(root, seed, *, planted):
    """Halve a pool and choose among what is evaluated in full; return halving and tables."""
    task = Task(SPACE, SearchSettings(budget=BUDGET, seed=seed), ALL, SESSIONS, FOLDS.folds)
    results, rungs = Results(root, "s"), rungs_of(FOLDS, SESSIONS, SCREENING)
    wanted = wanted_of(task, results)
    halving = halving_of(task, rungs, SCREENING, results, wanted)
    while not halving.finished:
        sessions = rungs[len(halving.rungs)]
        evaluate = functools.partial(surface, seed, planted, sessions=sessions)
        one, pending = rung_task(task, sessions), halving.pending
        for part in (pending[1::2], pending[::2]):
            ranges = [[position, position + 1] for position in part.tolist()]
            write_scores(one, results, evaluate_ranges(one, [], ranges, evaluate=evaluate))
        halving = halving_of(task, rungs, SCREENING, results, wanted)
    ranges = [[one, one + 1] for one in narrowed(wanted, halving).pending.tolist()]
    evaluate = functools.partial(surface, seed, planted)
    rows = evaluate_ranges(task, [], ranges, evaluate=evaluate)
    results.write_part(block_name(BREAKOUT.name, rows.keys), rows.sets)
    axis = np.arange(SESSIONS, dtype=np.int32)
    plan = DetectorPlan(BREAKOUT, SPACE, (), (), 0, axis, axis.astype(np.int64), FOLDS, "h")
    merged = merge_detector(plan, task, results, wanted.keys)
    return halving, merged, describe_screening(plan, results, halving, merged)


def test_screening_drops_no_set_for_what_it_does_out_of_sample_of_a_fold(tmp_path):
    for seed in range(3):
        (planted, *_), (bare, *_) = (
            screened(tmp_path / f"{seed}{on}", seed, planted=on) for on in (True, False)
        )
        assert planted.kept.tolist() == bare.kept.tolist()
        assert planted.sampled.tolist() == bare.sampled.tolist()


def by_hand(daily, keys, rungs, factor):
    """Halve again, in the plainest way: (kept, dropped) keys by the bound of the mean."""
    alive, dropped = dict(zip(keys.tolist(), daily, strict=True)), []
    for sessions in rungs:
        n = len(sessions)
        bound = {
            key: row[sessions].mean()
            - scipy.stats.t.ppf(0.95, n - 1) * row[sessions].std(ddof=1) / n**0.5
            for key, row in alive.items()
        }
        best = sorted(alive, key=lambda key: -bound[key])
        kept = -(-len(best) // factor)
        dropped += best[kept:]
        alive = {key: alive[key] for key in best[:kept]}
    return sorted(alive), sorted(dropped)


def test_a_halving_keeps_what_one_by_hand_does_and_says_what_it_lost(tmp_path):
    halving, merged, found = screened(tmp_path, 0, planted=False)
    rungs = rungs_of(FOLDS, SESSIONS, SCREENING)
    assert [len(sessions) for sessions in rungs] == [5, 17, 51]
    daily = surface(0, 0, None, [], merged_sets(merged)).daily
    kept, dropped = by_hand(daily, merged.keys, rungs, 3)
    assert (halving.kept.tolist(), halving.dropped.tolist()) == (kept, dropped)
    assert (len(kept), len(dropped)) == (3, 77)  # 80 to 27 to 9 to 3
    sampled = dropped[:15]
    status = dict(zip(merged.keys.tolist(), merged.sets["status"].to_pylist(), strict=True))
    assert {key for key, one in status.items() if one == "ok"} == {*kept, *sampled}
    assert {key for key, one in status.items() if one == "screened"} == {*dropped[15:]}
    # No number where the truth is that it was looked at on a part of the sessions.
    waiting = merged.sets.filter(np.array([*status.values()]) == "screened")
    assert waiting["trades"].null_count == waiting["objective"].null_count == 62
    assert set(waiting["text"].to_pylist()) == {f"on {n} of 120 sessions" for n in (5, 17, 51)}
    # Of all sets, those below the first one that waits are a fair sample: both kinds are in it.
    assert fair_sample(merged).tolist() == [key for key in status if key < dropped[15]]
    assert reservation(merged).startswith("62 of 80 sets were screened on a part of the sessions")
    spent = 80 * 5 + 27 * 17 + 9 * 51 + 18 * 120
    assert (found["set_sessions"], found["of_set_sessions"]) == (spent, 80 * 120)
    rows = dict(zip(merged.keys.tolist(), daily, strict=True))
    for k, choice in enumerate(found["choices"][:-1]):
        inside = FOLDS.folds[k].in_sample
        of = {
            key: row[inside].mean()
            - scipy.stats.t.ppf(0.95, len(inside) - 1)
            * row[inside].std(ddof=1)
            / len(inside) ** 0.5
            for key, row in rows.items()
        }
        best = max(of[key] for key in kept)
        assert choice["best_kept"] == pytest.approx(best)
        assert choice["best_sampled"] == pytest.approx(max(of[key] for key in sampled))
        assert choice["sampled_above_kept"] == sum(of[key] > best for key in sampled)
        assert choice["from_sample"] == (choice["set_id"] in set_ids(halving.sampled))
    assert any(choice["sampled_above_chosen"] for choice in found["choices"])


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
