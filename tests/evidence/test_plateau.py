import math

import numpy as np
import pytest

from sweep.evidence.plateau import (
    neighbours_among,
    plateau_score_grid,
    plateau_score_nearest,
    range_edges,
)


def test_scores_by_hand():
    grid = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    found = plateau_score_grid(grid)
    # Corner (0,0) sees 1 2 4 5; edge (0,1) sees 1..6; centre sees all.
    assert found.scores[0, 0] == 3.0
    assert found.scores[0, 1] == 3.5
    assert found.scores[1, 1] == 5.0
    assert found.best == 8
    assert found.peak_ratio[2, 2] == pytest.approx(9 / 7)
    assert found.at_edge.tolist() == [[True] * 3, [True, False, True], [True] * 3]


def test_an_isolated_peak_loses_to_a_plateau():
    grid = np.zeros((9, 9))
    grid[1, 1] = 0.9
    grid[4:8, 4:8] = 0.3
    found = plateau_score_grid(grid)
    best = np.unravel_index(found.best, grid.shape)
    assert found.scores[best] == 0.3
    assert all(4 <= axis < 8 for axis in best)
    assert found.peak_ratio[1, 1] == math.inf
    assert found.peak_ratio[best] == 1.0


def test_a_stricter_quantile_prefers_the_middle_of_the_plateau():
    grid = np.zeros((7, 7))
    grid[2:5, 2:5] = 0.3
    assert plateau_score_grid(grid, quantile=0.01).best == 3 * 7 + 3


def test_cells_that_are_no_legal_set_do_not_count():
    grid = np.array([[1.0, math.nan, 3.0]])
    found = plateau_score_grid(grid)
    assert found.scores[0].tolist() == pytest.approx([1.0, math.nan, 3.0], nan_ok=True)
    assert found.best == 2


@pytest.mark.parametrize("quantile", [0.25, 0.5])
def test_quantiles_are_those_of_numpy(quantile):
    rng = np.random.default_rng(3)
    grid = np.where(rng.random((6, 7)) < 0.2, math.nan, rng.standard_normal((6, 7)))
    found = plateau_score_grid(grid, quantile=quantile).scores
    for (row, column), value in np.ndenumerate(grid):
        around = grid[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        expected = math.nan if math.isnan(value) else np.nanquantile(around, quantile)
        assert found[row, column] == pytest.approx(expected, nan_ok=True)


def test_one_and_three_parameters():
    line = plateau_score_grid(np.array([0.0, 5.0, 1.0, 2.0]))
    assert line.scores.tolist() == [2.5, 1.0, 2.0, 1.5]
    assert line.at_edge.tolist() == [True, False, False, True]
    cube = plateau_score_grid(np.arange(27.0).reshape(3, 3, 3))
    assert cube.scores[1, 1, 1] == 13.0
    assert cube.at_edge.sum() == 26


def test_a_fixed_parameter_has_no_edge():
    found = plateau_score_grid(np.array([[1.0, 2.0, 3.0]]))
    assert found.at_edge.tolist() == [[True, False, True]]


def test_ratio_of_losing_sets():
    found = plateau_score_grid(np.array([-1.0, 0.5, -1.0]))
    assert found.peak_ratio[1] == math.inf
    assert math.isnan(found.peak_ratio[0])


def slow_nearest(parameters, objective, neighbours):
    ranks = np.array(
        [[np.mean(np.flatnonzero(np.sort(c) == v)) for v in c] for c in parameters.T]
    ).T / (len(objective) - 1)
    found = []
    for row in ranks:
        order = np.argsort(((ranks - row) ** 2).sum(axis=1), kind="stable")
        found.append(np.median(objective[order[: neighbours + 1]]))
    return found


def test_nearest_sets_agree_with_the_loop():
    rng = np.random.default_rng(1)
    parameters = np.stack([rng.random(80), 10 ** rng.uniform(-3, 3, 80)], axis=1)
    objective = rng.standard_normal(80)
    found = plateau_score_nearest(parameters, objective, neighbours=6)
    assert found.scores == pytest.approx(slow_nearest(parameters, objective, 6))


def test_units_and_logs_do_not_matter():
    rng = np.random.default_rng(1)
    parameters, objective = rng.random((60, 3)), rng.standard_normal(60)
    same = parameters.copy()
    same[:, 1] = np.exp(9 * same[:, 1])
    same = np.column_stack([same, np.full(60, 7.0)])
    one, other = (plateau_score_nearest(p, objective) for p in (parameters, same))
    assert np.array_equal(one.scores, other.scores)


def test_a_lucky_set_among_losers_is_not_chosen():
    rng = np.random.default_rng(2)
    parameters = rng.random((500, 2))
    objective = np.where(np.hypot(*(parameters - 0.5).T) < 0.25, 0.2, -0.1)
    lucky = int(np.argmin(np.hypot(*(parameters - 0.05).T)))
    objective[lucky] = 0.9
    found = plateau_score_nearest(parameters, objective)
    assert np.hypot(*(parameters[found.best] - 0.5)) < 0.25
    assert found.peak_ratio[lucky] == math.inf


def test_few_sets_copies_and_unknown_objectives():
    found = plateau_score_nearest(np.zeros((3, 1)), np.array([1.0, math.nan, 3.0]))
    assert found.scores.tolist() == pytest.approx([2.0, math.nan, 2.0], nan_ok=True)
    alone = plateau_score_nearest(np.array([[1.0]]), np.array([0.4]))
    assert (alone.scores.tolist(), alone.best) == ([0.4], 0)
    # Thirty copies, two neighbours each: every one still counts itself.
    copies = plateau_score_nearest(np.zeros((30, 2)), np.r_[9.0, np.zeros(29)], neighbours=1)
    assert copies.scores[0] == 4.5


def test_few_sets_have_few_neighbours():
    assert [neighbours_among(n) for n in (1, 2, 8, 9, 11, 21, 40, 41, 10_000)] == [
        1,
        1,
        1,
        2,
        2,
        5,
        9,
        10,
        10,
    ]
    line = np.arange(9.0)
    found = plateau_score_nearest(line[:, np.newaxis], line)
    # Two neighbours: the median of an inner set and the two beside it is its own value.
    assert found.scores.tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 7]


def test_ends_of_searched_ranges():
    found = range_edges(
        np.array([1.0, 0.504, 3.0, 7.0]),
        np.array([1.0, 0.5, 2.0, 7.0]),
        np.array([3.0, 1.0, 3.0, 7.0]),
    )
    assert found.at_low.tolist() == [True, True, False, False]
    assert found.at_high.tolist() == [False, False, True, False]
    inside = range_edges(np.array([4.0]), np.array([4.0]), np.array([40.0]), margin=0.0)
    assert inside.at_low.tolist() == [True]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plateau_score_grid(np.array([math.nan])), "at least one value"),
        (lambda: plateau_score_grid(np.array([math.inf])), "must not be infinite"),
        (lambda: plateau_score_grid(np.ones(3), quantile=0.9), r"\(0, 0.5\], got 0.9"),
        (lambda: plateau_score_nearest(np.ones((2, 1)), np.ones(3)), r"got shape \(2, 1\)"),
        (lambda: plateau_score_nearest(np.full((2, 1), np.nan), np.ones(2)), "must be finite"),
        (lambda: plateau_score_nearest(np.ones((2, 1)), np.ones(2), neighbours=0), "got 0"),
        (lambda: range_edges(np.ones(1) * 4, np.zeros(1), np.ones(1)), "in their ranges"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
