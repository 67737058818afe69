import numpy as np
import pyarrow as pa
import pytest

from sweep.search.objective import Objective
from sweep.search.pareto import pareto_front, pareto_table


def test_the_front_of_a_few_points_is_known():
    values = np.array([[3, 1], [2, 2], [1, 3], [2, 1], [1, 1], [2, 2], [0, 3], [4, np.nan]], float)
    every = np.ones(len(values), bool)
    assert np.flatnonzero(pareto_front(values, every)).tolist() == [0, 1, 2, 5]
    # An infeasible set beats nobody.
    every[[1, 5]] = False
    assert np.flatnonzero(pareto_front(values, every)).tolist() == [0, 2]
    assert not pareto_front(values, np.zeros(len(values), bool)).any()


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_front_is_what_comparing_every_pair_says(objectives):
    rng = np.random.default_rng(objectives)
    values = rng.integers(0, 12, (300, objectives)).astype(float) * 10.0 ** np.arange(objectives)
    feasible = rng.random(300) < 0.8
    beaten = [
        any(
            feasible[j] and (values[j] >= values[i]).all() and (values[j] > values[i]).any()
            for j in range(300)
        )
        for i in range(300)
    ]
    assert pareto_front(values, feasible).tolist() == [
        bool(feasible[i]) and not beaten[i] for i in range(300)
    ]


def test_the_table_lists_the_front_by_the_first_objective():
    table = pa.table(
        {
            "detector": ["d"] * 3,
            "set_id": ["a", "b", "c"],
            "max_drawdown_r": [2.0, 1.0, 3.0],
            "daily_lcb_r": [0.2, 0.1, 0.0],
            "param.stop_atr": [1.0, 2.0, 3.0],
            "pareto": pa.array([True, True, None]),
        }
    )
    found = pareto_table(table, [Objective("max_drawdown_r", -1), Objective("daily_lcb_r", 1)])
    assert found["set_id"].to_pylist() == ["b", "a"]
    assert found.column_names[2:] == ["max_drawdown_r", "daily_lcb_r", "param.stop_atr"]
