"""The worked cases of the reference file, through the adapter."""

import json

import numpy as np
import pytest

from tests import reference_adapter

NOT_BUILT = frozenset(
    {
        "bsm_greeks",
        "gex_chain",
        "minutes_to_expiry",
        "parse_opra_ticker",
        "simulate_bracket",
        "zero_gamma_two_strikes",
    }
)
"""Functions of the file that the adapter does not know yet; a test fails once it knows one."""

CASES = (
    "pub-psr-1", "pub-psr-2", "pub-dsr-100", "pub-dsr-46", "pub-dsr-88", "pub-emax-100",
    "pub-mintrl-250-3", "pub-mintrl-52-3", "pub-mintrl-12-3", "pub-mintrl-12-5.78",
    "pub-minbtl-45", "pub-effn", "pub-pbo-tiny", "pub-pbo-noise", "pub-wilson", "pub-mt",
    "pub-cpcv", "pub-mdd", "pub-trades",
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
