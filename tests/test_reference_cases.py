"""The worked cases of the reference file, through the adapter."""

import json

import numpy as np
import pytest

from tests import reference_adapter

CASES = (
    "pub-psr-1", "pub-psr-2", "pub-dsr-100", "pub-dsr-46", "pub-dsr-88", "pub-emax-100",
    "pub-mintrl-250-3", "pub-mintrl-52-3", "pub-mintrl-12-3", "pub-mintrl-12-5.78",
    "pub-minbtl-45", "pub-effn", "pub-pbo-tiny", "pub-pbo-noise", "pub-wilson", "pub-mt",
    "pub-cpcv", "pub-mdd", "pub-trades", "pub-hull-call", "pub-hull-put", "pub-hull-greeks",
    "pub-0dte", "pub-opra", "pub-tte", "pub-gex", "pub-flip", "pub-fill-both", "pub-fill-gap",
    "pub-fill-next-open",
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
def test_every_case_of_the_file_is_run(cases):
    assert set(cases) == set(CASES)


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


def test_fill_options_of_the_notes():
    """F8, F10, F11 and F12 by hand, on bars o, h, l, c, v."""
    bars = [
        {"o": 100, "h": 100, "l": 100, "c": 100, "v": 500},
        {"o": 100, "h": 101, "l": 99.5, "c": 101, "v": 500},
        {"o": 101, "h": 102, "l": 100.8, "c": 102, "v": 500},
        {"o": 102, "h": 102.2, "l": 100.5, "c": 101, "v": 500},
    ]
    plain = {"side": "long", "signal_bar": 0, "stop": 98.0, "target": 110.0, "bars": bars}

    def run(**changes):
        return reference_adapter.evaluate("simulate_bracket", plain | changes)

    assert (run()["reason"], run()["r"]) == ("session_end", 0.5)
    # A minimum of 5 dollars a leg on 100 shares is 0.10 a share for both: 0.05 R.
    assert run(fee_per_share=0.01, fee_min=5.0, shares=100)["r"] == pytest.approx(0.45)
    flat = run(flat_time=2)
    assert (flat["reason"], flat["exit_bar"], flat["exit_price"]) == ("flat", 2, 101.0)
    closed = run(session_close=2)
    assert (closed["reason"], closed["exit_bar"], closed["exit_price"]) == (
        "session_end",
        2,
        102.0,
    )
    # Best through bar 2 is 102: a trail of 1 stops at 101 in bar 3, not at 101.2.
    trailed = run(trailing_distance=1.0)
    assert (trailed["reason"], trailed["exit_bar"], trailed["exit_price"]) == ("stop", 3, 101.0)
    # 120 shares at a tenth of 500 a bar: 50 at 100, 50 at 101, 20 at 102.
    parts = run(participation=0.1, shares=120)
    assert parts["entry_price"] == pytest.approx((50 * 100 + 50 * 101 + 20 * 102) / 120)
    assert run(bars=bars[:1])["reason"] == "no_fill"


def test_options_and_bars_of_the_notes():
    evaluate = reference_adapter.evaluate
    exposed = evaluate("gex_single", {"spot": 6700, "gamma": 0.0025, "oi": 10_000, "right": "C"})
    assert exposed["shares_per_usd"] == pytest.approx(2_500)
    assert exposed["per_point"] == pytest.approx(16.75e6)
    assert exposed["per_1pct"] == pytest.approx(1.12225e9)
    hull = {"spot": 42, "strike": 40, "r": 0.10, "years": 0.5, "right": "C", "price": 4.759422}
    assert evaluate("implied_vol", hull) == pytest.approx(0.2, abs=1e-6)
    assert evaluate("implied_vol", hull | {"price": 50.0}) is None
    interest = evaluate("oi_proxies", {"oi": 1000, "volumes": [200, 100], "cum_volume": 50})
    assert interest == {
        "oi_file": 1000,
        "prev_volume": 200,
        "decayed": pytest.approx(200 + 0.65 * 100),
        "cum_volume": 50,
        "oi_plus": pytest.approx(1000 + 0.3 * 50),
    }
    adjusted = evaluate("split_adjust", {"ratio": 4, "prices": [400.0], "volumes": [10.0]})
    assert adjusted == {"factor": 0.25, "prices": [100.0], "volumes": [40.0]}
    assert evaluate("bar_available_at", {"window_start": 10**18}) == 10**18 + 60 * 10**9
