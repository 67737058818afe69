import numpy as np
import pytest
from scipy import stats

from detectors.registry import DETECTORS
from sweep.engine.metrics import metrics_of
from sweep.engine.sums import empty_sums
from sweep.search.objective import (
    DIRECTIONS,
    SERIES_METRICS,
    Constraint,
    objective_faults,
    ranking,
    read_constraint,
    read_objective,
    series_metrics,
    total_violation,
)
from sweep.search.spec import SearchSettings


def test_the_known_metrics_are_those_of_the_engine():
    metrics = metrics_of(empty_sums(1), np.zeros((1, 3)), np.zeros((1, 3), np.int32), 1)
    assert set(DIRECTIONS) == {name for name in metrics if not name.startswith("exits_")}
    assert DETECTORS


def test_the_objective_is_the_lower_bound_of_the_daily_mean():
    daily = np.array([[1.0, -1.0, 2.0, 0.0, 9.0]])
    trades = np.array([[1, 1, 2, 0, 3]], np.int32)
    found = series_metrics(daily, trades, np.arange(4))
    low = stats.ttest_1samp([1, -1, 2, 0], 0, alternative="greater").confidence_interval(0.95).low
    assert found["daily_lcb_r"][0] == pytest.approx(low, rel=1e-12)
    assert set(found) == set(SERIES_METRICS)
    assert (found["total_r"][0], found["trades"][0], found["active_days"][0]) == (2, 4, 3)
    assert found["max_drawdown_r"][0] == 1


def test_a_slice_is_the_same_bits_alone_and_among_others():
    rng = np.random.default_rng(4)
    daily = rng.normal(size=(50, 200))
    trades = np.ones((50, 200), np.int32)
    places = np.arange(3, 170)
    together = series_metrics(daily, trades, places)
    for i in (0, 17, 49):
        alone = series_metrics(daily[i : i + 1], trades[i : i + 1], places)
        assert all(alone[name][0] == together[name][i] for name in SERIES_METRICS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("trades>=100", Constraint("trades", ">=", 100)),
        (" max_drawdown_r <= 2e1 ", Constraint("max_drawdown_r", "<=", 20)),
    ],
)
def test_constraints_are_read(text, wanted):
    assert read_constraint(text) == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trades>100", "is no constraint"),
        ("trades=>100", "is no constraint"),
        ("100<=trades", "is no constraint|no metric"),
        ("trade>=100", "did you mean 'trades'"),
        ("trades>=many", "'many' in .* is no finite number"),
        ("trades>=nan", "is no finite number"),
        ("", "is no constraint"),
    ],
)
def test_a_wrong_constraint_says_how_one_is_written(text, says):
    with pytest.raises(ValueError, match=says):
        read_constraint(text)


def test_an_objective_has_a_direction():
    assert read_objective("win_rate").sign == 1
    assert read_objective("max_drawdown_r").sign == -1
    assert read_objective("-bars_held").sign == -1
    for text, says in (
        ("bars_held", "write -bars_held"),
        ("-win_rate", "without '-'"),
        ("winrate", "did you mean 'win_rate'"),
    ):
        with pytest.raises(ValueError, match=says):
            read_objective(text)


def test_faults_are_listed_together():
    settings = SearchSettings(objective="winrate", constraints=("trades>100", "x>=1"))
    assert len(objective_faults(settings, with_folds=True)) == 3
    (fault,) = objective_faults(SearchSettings(objective="win_rate"), with_folds=True)
    assert "no value per fold" in fault
    assert objective_faults(SearchSettings(objective="win_rate"), with_folds=False) == []


def test_infeasible_sets_rank_below_feasible_ones_by_violation():
    metrics = {
        "trades": np.array([200, 50, 0, 100, 90]),
        "daily_lcb_r": np.array([-0.5, 0.9, 0.0, -0.1, 0.8]),
    }
    violation = total_violation([read_constraint("trades>=100")], metrics)
    assert violation.tolist() == [0, 0.5, 2, 0, 0.1]
    order = ranking(metrics["daily_lcb_r"], violation, np.arange(5, dtype=np.uint64))
    assert order.tolist() == [3, 0, 4, 1, 2]


def test_a_set_without_trades_is_infeasible_and_a_metric_without_value_is_far_away():
    metrics = {"trades": np.array([0, 3]), "win_rate": np.array([np.nan, np.nan])}
    assert total_violation([], metrics).tolist() == [1, 0]
    assert total_violation([read_constraint("win_rate>=0.4")], metrics)[1] == np.inf


def test_equals_are_ordered_by_key_and_missing_values_come_last():
    keys = np.array([3, 1, 2], np.uint64)
    assert ranking(np.array([1.0, 1.0, np.nan]), np.zeros(3), keys).tolist() == [1, 0, 2]


def test_bounds_on_counts_shrink_with_the_share_of_sessions():
    metrics = {"trades": np.array([30]), "daily_sharpe": np.array([0.1])}
    rules = [read_constraint("trades>=100"), read_constraint("daily_sharpe>=0.1")]
    assert total_violation(rules, metrics, share=0.25).tolist() == [0]
    assert total_violation(rules, metrics, share=0.5).tolist() == [pytest.approx(0.4)]
