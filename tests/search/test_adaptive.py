"""Searches that look: one conformance suite over all of them, and what each must find."""

import numpy as np
import pytest

from detectors.registry import DETECTORS
from sweep.search.adaptive import FINAL, AdaptiveSearch, Scores, adaptive_faults
from sweep.search.searchers import RandomSearcher
from sweep.search.spaces import read_spaces
from sweep.search.spec import ADAPTIVE_KINDS, SearchSettings

BREAKOUT = DETECTORS["breakout_bullish"]
EVERY_KIND = {
    "breakout": {
        "breakout_lookback_bars": ["logint", 8, 60],
        "breakout_buffer_atr": ["uniform", 0, 0.6],
        "volume_surge_min": ["step", 1, 3, 0.25],
        "vwap_dist_min_frac": 0.001,
        "price_change_min_frac": ["loguniform", 0.001, 0.03],
    },
    "exit": {"stop_atr": ["loguniform", 0.5, 3], "cooldown_bars": ["int", 0, 12]}
    | {"target_atr": 2, "max_hold_bars": 20, "min_score": 60, "flat_before_close_minutes": 5},
}
WITH_CHOICE = EVERY_KIND | {
    "breakout": EVERY_KIND["breakout"] | {"volume_surge_min": ["choice", 1, 1.5, 3]}
}


def space(sections=None):
    return read_spaces([BREAKOUT], sections or EVERY_KIND)["breakout_bullish"]


def settings(kind, budget=120, **changes):
    small = {"population": 20, "batch": 10, "startup": 20}
    return SearchSettings(kind=kind, budget=budget, **small | changes)


def place(space, sets):
    """Return sets in the unit cube of the scales they are searched in."""
    columns = []
    for d in space.searched:
        low, high, x = d.low, d.high, sets.values[d.name]
        if d.kind in ("loguniform", "logint"):
            low, high, x = np.log(low), np.log(high), np.log(x)
        columns.append((x - low) / (high - low))
    return np.stack(columns, axis=1)


def bowl(space, sets):
    """Planted optimum at 0.3 of every range; a third of the space breaks a constraint."""
    at = place(space, sets)
    return Scores(-((at - 0.3) ** 2).sum(axis=1)[:, np.newaxis], np.maximum(0, at[:, 0] - 0.66))


def run(kind, score=bowl, fold=0, sections=None, n_objectives=1, **changes):
    """Run a search; return sets as rows, keys, and the best feasible score."""
    own = space(sections)
    search = AdaptiveSearch(own, settings(kind, **changes), fold, n_objectives)
    rows = []
    while (sets := search.ask()) is not None:
        rows += [sets.row(i) for i in range(len(sets))]
        search.tell(score(own, sets))
    return rows, search


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_every_proposal_is_a_value_of_its_dimension(kind):
    rows, _ = run(kind)
    assert len(rows) == 120
    for row in rows:
        assert row["vwap_dist_min_frac"] == 0.001
        assert 8 <= row["breakout_lookback_bars"] <= 60
        assert row["breakout_lookback_bars"] % 1 == row["cooldown_bars"] % 1 == 0
        assert row["volume_surge_min"] in np.arange(1, 3.01, 0.25)
        assert 0.5 <= row["stop_atr"] <= 3
        # Six digits, as every search has them: a set reads well and has one key.
        assert row["stop_atr"] == float(f"{row['stop_atr']:.6g}")


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_a_larger_budget_begins_with_the_sets_of_a_smaller_one(kind):
    small, large = run(kind, budget=33)[0], run(kind, budget=70)[0]
    assert (len(small), len(large)) == (33, 70)
    assert large[:33] == small


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_folds_and_seeds_search_for_themselves(kind):
    first = run(kind, budget=20)[0]
    assert run(kind, budget=20)[0] == first
    assert run(kind, budget=20, fold=1)[0] != first
    assert run(kind, budget=20, fold=FINAL)[0] != first
    assert run(kind, budget=20, seed=1)[0] != first


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_sets_without_a_value_do_not_stop_it(kind):
    def broken(space, sets):
        found = bowl(space, sets)
        found.objectives[::2] = np.nan
        found.violation[1::3] = np.inf
        return found

    rows, search = run(kind, score=broken)
    assert len(rows) == len(search.proposed) == 120
    silent, _ = run(kind, score=lambda _, s: Scores(np.full((len(s), 1), np.nan), np.ones(len(s))))
    assert len(silent) == 120


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_a_set_is_asked_for_once_and_a_small_space_is_exhausted(kind):
    fixed = {
        "breakout": {
            "breakout_lookback_bars": ["int", 10, 14],
            "breakout_buffer_atr": ["step", 0, 0.3, 0.1],
            "volume_surge_min": 1.5,
            "vwap_dist_min_frac": 0.001,
            "price_change_min_frac": 0.005,
        },
        "exit": EVERY_KIND["exit"] | {"stop_atr": 1, "cooldown_bars": 0},
    }
    rows, search = run(kind, sections=fixed, budget=1000)
    keys = search.proposed
    assert len(np.unique(keys)) == len(keys) == len(rows) <= 20
    assert len(rows) >= 15


@pytest.mark.parametrize("kind", ADAPTIVE_KINDS)
def test_a_planted_optimum_is_found_better_than_by_chance(kind):
    gains = []
    for seed in range(2):
        _, search = run(kind, budget=200, seed=seed)
        own = space()
        drawn = RandomSearcher(own, SearchSettings(budget=200, seed=seed)).at(0, 200)
        rival = bowl(own, drawn)
        found = search.scores
        gains.append(
            found.objectives[found.violation == 0].max()
            - rival.objectives[rival.violation == 0].max()
        )
    assert min(gains) > 0.0, gains


@pytest.mark.parametrize("kind", ["genetic", "tpe"])
def test_choices_are_searched(kind):
    rows, _ = run(kind, sections=WITH_CHOICE, budget=60)
    assert {row["volume_surge_min"] for row in rows} == {1, 1.5, 3}


def test_two_objectives_end_in_a_front_and_not_in_a_point():
    def score(space, sets):
        at = place(space, sets)
        rest = ((at[:, 1:] - 0.3) ** 2).sum(axis=1)
        both = np.stack([at[:, 0] - rest, -at[:, 0] - rest], axis=1)
        return Scores(both, np.zeros(len(sets)))

    own = space()
    _, search = run("genetic", score=score, n_objectives=2, budget=400)
    late = search.scores.objectives[-100:]
    drawn = score(own, RandomSearcher(own, SearchSettings(budget=100)).at(0, 100)).objectives
    # The sum is twice the distance from the front; the difference is where on it a set lies.
    assert late.sum(axis=1).mean() > drawn.sum(axis=1).mean() + 0.3
    assert np.ptp(late[:, 0] - late[:, 1]) > 1.0


def test_what_a_searcher_cannot_do_is_refused_by_name():
    own = [space(WITH_CHOICE)]
    (fault,) = adaptive_faults(settings("cmaes"), own)
    assert fault.startswith("breakout_bullish: search=cmaes knows distances only")
    assert "volume_surge_min is a choice" in fault
    assert adaptive_faults(settings("tpe"), own) == []
    assert adaptive_faults(SearchSettings(), own) == []
