"""The worked cases of the reference file, through the adapter."""

import json

import numpy as np
import pytest

from tests import reference_adapter

NOT_BUILT = frozenset({"simulate_bracket"})
"""Functions of the file that the adapter does not know yet; a test fails once it knows one."""

CASES = (
    "pub-psr-1", "pub-psr-2", "pub-dsr-100", "pub-dsr-46", "pub-dsr-88", "pub-emax-100",
    "pub-mintrl-250-3", "pub-mintrl-52-3", "pub-mintrl-12-3", "pub-mintrl-12-5.78",
    "pub-minbtl-45", "pub-effn", "pub-pbo-tiny", "pub-pbo-noise", "pub-wilson", "pub-mt",
    "pub-cpcv", "pub-mdd", "pub-trades", "pub-hull-call", "pub-hull-put", "pub-hull-greeks",
    "pub-0dte", "pub-opra", "pub-tte", "pub-gex", "pub-flip",
)  # fmt: skip


@pytest.fixture(scope="module")
def cases(market_data):
    file = market_data.parent / "reference" / "stats_reference.json"
    if not file.is_file():
        pytest.skip(f"no worked cases beside the market data: {file.name}")
    return {case["id"]: case for case in json.loads(file.read_text())["cases"]}


def check(expected, found, tolerance):
    if isinstance(expected, dict):
        for key, value in expected.items():
            check(value, found[key], tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(expected, found, strict=True):
            check(one, other, tolerance)
    elif "exact" in tolerance or isinstance(expected, str):
        assert found == expected
    else:
        absolute, relative = tolerance.get("abs", 0.0), tolerance.get("rel", 0.0)
        assert found == pytest.approx(expected, abs=absolute, rel=relative)


@pytest.mark.market_data
@pytest.mark.parametrize("name", CASES)
def test_case(cases, name):
    case = cases[name]
    given = dict(case["input"])
    if "generator" in given:
        given["returns"] = eval(given["generator"], {"numpy": np})  # noqa: S307 - a stated recipe
    check(case["expected"], reference_adapter.evaluate(case["function"], given), case["tol"])


@pytest.mark.market_data
def test_every_case_of_the_file_is_run_or_named_as_not_built(cases):
    left = {name: case["function"] for name, case in cases.items() if name not in CASES}
    assert set(left.values()) == NOT_BUILT
    assert not NOT_BUILT & set(reference_adapter.FUNCTIONS)


def test_an_unknown_function_is_refused_by_name():
    with pytest.raises(ValueError, match=r"must be one of adjust_pvalues.*got astrology"):
        reference_adapter.evaluate("astrology", {})


# Functions without a case in the file: values of the reference notes.
def test_walk_forward_of_the_notes():
    given = {"n_obs": 50, "train_size": 20, "test_size": 8, "purged_size": 2}
    found = reference_adapter.evaluate("walk_forward_splits", given)
    ends = [(train[0], train[-1], test[0], test[-1])
            for train, test in zip(found["train"], found["test"], strict=True)]  # fmt: skip
    assert ends == [(0, 19, 22, 29), (8, 27, 30, 37), (16, 35, 38, 45)]
    anchored = reference_adapter.evaluate("walk_forward_splits", given | {"anchored": True})
    assert [train[0] for train in anchored["train"]] == [0, 0, 0]


def test_counts_and_expected_maximum_of_the_notes():
    counts = reference_adapter.evaluate("cpcv_counts", {"n_folds": 10, "n_test_folds": 2})
    assert counts == {"n_splits": 45, "n_test_paths": 9}
    exact = reference_adapter.evaluate("expected_max_z_exact", {"n_trials": 100_000})
    assert exact == pytest.approx(4.38432, abs=6e-6)


def test_matrices_come_as_days_by_sets():
    days = np.random.default_rng(3).standard_normal((250, 12))
    days[:, 7] += 0.4
    given = {"returns": days, "n_resamples": 200, "seed": 1}
    assert reference_adapter.evaluate("deflated_sharpe_from_matrix", given)["best"] == 7
    assert reference_adapter.evaluate("spa", given)["best"] == 7
    assert reference_adapter.evaluate("spa", given)["n_resamples"] == 200
    assert reference_adapter.evaluate("stepm", given)["superior"] == [7]
    moments = reference_adapter.evaluate("sharpe_and_moments", {"returns": days[:, 7]})
    assert moments["sr"] == pytest.approx(days[:, 7].mean() / days[:, 7].std(ddof=1))
    assert reference_adapter.evaluate("effective_number_of_trials", given)["clusters"] == 12


def test_plateau_of_a_small_grid():
    grid = [[0, 0, 0, 0], [0, 0.9, 0, 0.3], [0, 0, 0.3, 0.3], [0, 0, 0.3, 0.3]]
    found = reference_adapter.evaluate("plateau_score_grid", {"grid": grid})
    assert found["best_index"] == [2, 2]  # the first of equals; the peak's own score is 0
    assert found["scores"][1][1] == 0
    assert found["best_score"] == pytest.approx(0.3)
