import itertools

import numpy as np
import pytest

from detectors.registry import DETECTORS
from sweep.search.identity import set_keys
from sweep.search.searchers import GridSearcher, RandomSearcher, make_searcher, setting_faults
from sweep.search.spaces import read_spaces
from sweep.search.spec import SearchSettings

BREAKOUT = DETECTORS["breakout_bullish"]
SMALL = {
    "breakout": {
        "breakout_lookback_bars": ["choice", 10, 20, 40],
        "breakout_buffer_atr": ["uniform", 0, 0.6],
        "volume_surge_min": 1.5,
        "vwap_dist_min_frac": 0,
        "price_change_min_frac": 0.005,
    },
    "exit": {
        "stop_atr": ["step", 0.5, 2, 0.5],
        "target_atr": 2,
        "max_hold_bars": 20,
        "min_score": 60,
        "cooldown_bars": 0,
        "flat_before_close_minutes": 5,
    },
}


def space(sections=None, detector=BREAKOUT):
    return read_spaces([detector], sections or {})[detector.name]


def rows(sets):
    return [sets.row(i) for i in range(len(sets))]


def everything(searcher, n):
    parts = iter(lambda: searcher.ask(n), None)
    return [r for part in itertools.takewhile(len, parts) for r in rows(part)]


@pytest.mark.parametrize("kind", ["grid", "random", "sobol"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_proposals_do_not_depend_on_how_many_are_asked_for(kind, chunk):
    settings = SearchSettings(kind=kind, budget=50, seed=3)
    whole = everything(make_searcher(space(), settings), 50)
    assert len(whole) == 50
    assert everything(make_searcher(space(), settings), chunk) == whole


@pytest.mark.parametrize("kind", ["grid", "random", "sobol"])
def test_a_larger_budget_begins_with_the_sets_of_a_smaller_one(kind):
    small = everything(make_searcher(space(), SearchSettings(kind=kind, budget=40, seed=9)), 40)
    large = everything(make_searcher(space(), SearchSettings(kind=kind, budget=90, seed=9)), 13)
    assert large[:40] == small
    other = everything(make_searcher(space(), SearchSettings(kind=kind, budget=40, seed=10)), 40)
    assert other != small


def test_random_draws_of_a_parameter_survive_the_fixing_of_another():
    free = rows(RandomSearcher(space(), SearchSettings(budget=30)).ask(30))
    fixed = rows(
        RandomSearcher(space({"exit": {"stop_atr": 1}}), SearchSettings(budget=30)).ask(30)
    )
    assert [r | {"stop_atr": 1.0} for r in free] == fixed


def test_sobol_points_fill_every_cell_of_a_fine_division():
    points = make_searcher(space(SMALL), SearchSettings(kind="sobol", budget=64)).ask(64)
    # The first 64 points of a digital net: 8 x 8 cells of two dimensions hold one each.
    buffer = np.floor(points.values["breakout_buffer_atr"] / 0.6 * 8)
    stop = np.round(points.values["stop_atr"] / 0.5 - 1)
    assert np.unique(buffer, return_counts=True)[1].tolist() == [8] * 8
    assert np.unique(stop, return_counts=True)[1].tolist() == [16] * 4
    lookback = np.unique(points.values["breakout_lookback_bars"], return_counts=True)[1]
    assert 20 <= lookback.min() <= lookback.max() <= 23


def test_two_detectors_draw_differently():
    bearish = DETECTORS["breakout_bearish"]
    a = rows(RandomSearcher(space(), SearchSettings(budget=5)).ask(5))
    b = rows(RandomSearcher(space(detector=bearish), SearchSettings(budget=5)).ask(5))
    assert all(x != y for x, y in zip(a, b, strict=True))


def test_a_whole_grid_is_the_product_of_its_values():
    searcher = GridSearcher(space(SMALL), SearchSettings("grid", budget=1000, grid_points=3))
    assert searcher.total == searcher.size == 3 * 3 * 4
    assert not searcher.cut
    found = {
        (r["breakout_lookback_bars"], r["breakout_buffer_atr"], r["stop_atr"])
        for r in everything(searcher, 5)
    }
    assert found == set(itertools.product((10, 20, 40), (0, 0.3, 0.6), (0.5, 1, 1.5, 2)))


def test_neighbours_in_a_whole_grid_share_their_exits():
    searcher = GridSearcher(space(SMALL), SearchSettings("grid", budget=1000, grid_points=3))
    first = [r["stop_atr"] for r in rows(searcher.ask(9))]
    assert first == [0.5] * 9


def test_a_cut_grid_takes_distinct_points_from_all_over():
    whole = {
        (r["breakout_lookback_bars"], r["breakout_buffer_atr"], r["stop_atr"])
        for r in everything(
            GridSearcher(space(SMALL), SearchSettings("grid", budget=240, grid_points=20)), 240
        )
    }
    cut = everything(
        GridSearcher(space(SMALL), SearchSettings("grid", budget=60, grid_points=20)), 60
    )
    points = {(r["breakout_lookback_bars"], r["breakout_buffer_atr"], r["stop_atr"]) for r in cut}
    assert len(whole) == 240
    assert len(points) == 60
    assert points < whole
    assert {p[0] for p in points} == {10, 20, 40}
    assert {p[2] for p in points} == {0.5, 1, 1.5, 2}


def test_a_grid_of_any_size_is_lazy():
    searcher = GridSearcher(space(), SearchSettings("grid", budget=1000, grid_points=9))
    assert searcher.size > 1e9
    assert len(np.unique(set_keys(BREAKOUT, searcher.ask(1000)))) == 1000
    with pytest.raises(ValueError, match=r"more than can be counted; .* search=random"):
        GridSearcher(space(), SearchSettings("grid", grid_points=200))


def test_settings_are_checked_together():
    faults = setting_faults(SearchSettings(kind="gird", budget=0, seed=-1, grid_points=1))
    assert [f.split()[0] for f in faults] == [
        "search.kind",
        "search.budget",
        "search.seed",
        "search.grid_points",
    ]
    assert setting_faults(SearchSettings()) == []
