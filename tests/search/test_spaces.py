import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract import Window
from detectors.registry import DETECTORS
from sweep.engine.sets import ParameterSets, all_parameters
from sweep.search.dimensions import Dimension, significant
from sweep.search.space_faults import space_faults
from sweep.search.spaces import default_dimension, invalid_reasons, read_spaces

BREAKOUT = DETECTORS["breakout_bullish"]
DRIVE = DETECTORS["opening_drive_bullish"]


def faults(entries, section="breakout"):
    return space_faults([BREAKOUT], {section: entries})


def one(entries, section="breakout"):
    return read_spaces([BREAKOUT], {section: entries})["breakout_bullish"]


# Searched ranges of DETECTORS.md 9.2, by hand.
DEFAULTS = {
    "breakout_lookback_bars": ["logint", 8, 60],
    "breakout_buffer_atr": ["uniform", 0, 0.6],
    "volume_surge_min": ["uniform", 1, 3],
    "vwap_dist_min_frac": ["uniform", 0, 0.006],
    "price_change_min_frac": ["loguniform", 0.001, 0.03],
    "stop_atr": ["loguniform", 0.5, 3],
    "target_atr": ["loguniform", 0.5, 5],
    "max_hold_bars": ["logint", 4, 40],
    "min_score": ["uniform", 40, 85],
    "cooldown_bars": ["int", 0, 12],
    "flat_before_close_minutes": ["step", 0, 30, 5],
    "breakeven_atr": 0,
    "trail_atr": 0,
}


def test_the_default_space_is_the_searched_ranges_with_optional_exits_off():
    assert read_spaces([BREAKOUT], {})["breakout_bullish"].as_json() == DEFAULTS


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=lambda d: d.name)
def test_every_default_range_is_legal_as_written(detector):
    written = {p.name: default_dimension(p).as_list() for p in all_parameters(detector)}
    assert space_faults([detector], {detector.name: written}) == []


def test_a_detectors_own_section_comes_before_its_family_and_that_before_the_exits():
    space = read_spaces(
        [BREAKOUT, DETECTORS["breakout_bearish"]],
        {
            "breakout_bullish": {"stop_atr": 1.5},
            "breakout": {"stop_atr": 2, "target_atr": ["uniform", 1, 2]},
            "exit": {"stop_atr": 2.5, "target_atr": 3, "cooldown_bars": 4},
        },
    )
    bullish, bearish = space["breakout_bullish"].as_json(), space["breakout_bearish"].as_json()
    assert [bullish[n] for n in ("stop_atr", "target_atr", "cooldown_bars")] == [
        1.5,
        ["uniform", 1, 2],
        4,
    ]
    assert bearish["stop_atr"] == 2


def test_the_weights_open_together_or_one_by_one():
    together = read_spaces([BREAKOUT], {"factor_weights": {"ratio": ["loguniform", 0.5, 2]}})
    space = together["breakout_bullish"].as_json()
    ratios = {name: given for name, given in space.items() if name not in DEFAULTS}
    assert {tuple(given) for given in ratios.values()} == {("loguniform", 0.5, 2)}
    assert list(ratios) == [
        "weight_volume_intensity_ratio",
        "weight_flow_alignment_ratio",
        "weight_vwap_strength_ratio",
        "weight_breakout_strength_ratio",
        "weight_level_confluence_ratio",
        "weight_mtf_alignment_ratio",
    ]
    assert one({"weight_mtf_alignment_ratio": ["uniform", 0.5, 1]}).as_json() == DEFAULTS | {
        "weight_mtf_alignment_ratio": ["uniform", 0.5, 1]
    }


@pytest.mark.parametrize(
    ("section", "name", "value", "says"),
    [
        ("breakout", "weight_mtf_alignment_ratio", ["uniform", 0, 1], "legal 0.01 to 10"),
        ("breakout", "weight_mtf_ratio", 2, "did you mean 'weight_mtf_alignment_ratio'"),
        ("exit", "weight_mtf_alignment_ratio", 2, "no such parameter"),
        ("factor_weights", "ratio", ["uniform", 0.5, 11], "11 is outside the legal 0.01 to 10"),
        ("factor_weights", "weight", 2, "there are: ratio"),
    ],
)
def test_a_weight_that_cannot_be(section, name, value, says):
    (fault,) = faults({name: value}, section)
    assert says in fault


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("volume_surge_min", ["unifrom", 1, 3], "did you mean 'uniform'"),
        ("volume_surge_min", [1, 3], "unknown kind 1"),
        ("volume_surge_min", [], "unknown kind None"),
        ("volume_surge_min", ["uniform", 3, 1], "low 3 must be below high 1"),
        ("volume_surge_min", ["uniform", 2, 2], "write the number alone"),
        ("volume_surge_min", ["uniform", 1], r"write \[uniform, low, high\]"),
        ("volume_surge_min", ["uniform", 1, 2, 3], r"write \[uniform, low, high\]"),
        ("volume_surge_min", ["uniform", "1e-4", 3], "finite numbers, got '1e-4'"),
        ("volume_surge_min", ["uniform", True, 3], "finite numbers, got True"),
        ("volume_surge_min", ["uniform", float("nan"), 3], "finite numbers, got nan"),
        ("volume_surge_min", ["uniform", 1, float("inf")], "finite numbers, got inf"),
        ("volume_surge_min", ["uniform", 1, 60], "60 is outside the legal 0 to 50 ratio"),
        ("volume_surge_min", ["choice"], "at least one value"),
        ("volume_surge_min", ["choice", 1, 2, 1], "1 stands there more than once"),
        ("volume_surge_min", ["step", 1, 2, 0.3], "does not divide 1 to 2; end at 1.9 or 2.2"),
        ("volume_surge_min", ["step", 1, 2, 0], "above 0, got 0"),
        ("volume_surge_min", ["step", 0, 50, 1e-6], "use uniform"),
        ("volume_surge_min", ["loguniform", 0, 3], "must begin above 0, got 0"),
        ("volume_surge_min", ["int", 1, 2.5], "whole numbers, got 1 and 2.5"),
        ("volume_surge_min", "1e-4", "write the number 0.0001 without quotes"),
        ("volume_surge_min", "high", "a range is a list"),
        ("volume_surge_min", {"uniform": [0, 1]}, "a range is a list"),
        ("volume_surge_min", True, "finite number or a range, got True"),
        ("volume_surge_min", None, "finite number or a range, got None"),
        ("volume_surge_min", 51, "outside the legal 0 to 50"),
        ("breakout_lookback_bars", 10.5, "whole numbers of bars, got 10.5"),
        ("breakout_lookback_bars", ["uniform", 8.5, 20], "whole numbers of bars, got 8.5"),
        ("breakout_lookback_bars", ["step", 8, 10, 0.5], "got step 0.5"),
        ("volume_surge", 2, "did you mean 'volume_surge_min'"),
        ("zzz", 2, "there are: breakout_lookback_bars"),
    ],
)
def test_one_fault_is_one_sentence_with_key_value_and_remedy(name, value, says):
    (fault,) = faults({name: value})
    assert fault.startswith(f"space.breakout.{name}")
    assert re.search(says, fault), fault


def test_unknown_sections_are_named_and_those_of_others_left_alone():
    (fault,) = space_faults([BREAKOUT], {"brekout": {}})
    assert "did you mean 'breakout'" in fault
    assert space_faults([BREAKOUT], {"gamma_flip": {"anything": "goes"}}) == []
    (fault,) = space_faults([BREAKOUT], {"exit": 3})
    assert "must map parameters to ranges, got 3" in fault


def test_all_faults_are_told_at_once():
    with pytest.raises(ValueError, match="search space is not usable") as caught:
        read_spaces(
            [BREAKOUT],
            {
                "breakout": {"volume_surge_min": ["unifrom", 1, 60], "lookbak": 1},
                "exit": {"stop_atr": ["uniform", 3, 1]},
            },
        )
    assert len(str(caught.value).splitlines()) == 4


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50), st.data())
def test_values_stay_inside_both_ends_and_follow_the_unit_draw(draws, data):
    kind, low, high = data.draw(
        st.sampled_from(
            [("uniform", 0.0, 0.6), ("loguniform", 0.001, 0.03), ("int", 0, 12), ("logint", 8, 60)]
        )
    )
    dimension = Dimension("x", kind, low, high)
    values = dimension.from_unit(np.sort(np.array(draws)))
    assert (values >= low).all()
    assert (values <= high).all()
    assert (np.diff(values) >= 0).all()
    if kind in ("int", "logint"):
        assert (values == np.rint(values)).all()


def test_whole_numbers_of_a_linear_range_are_equally_likely_ends_included():
    u = (np.arange(13_000) + 0.5) / 13_000
    _, counts = np.unique(Dimension("x", "int", 0, 12).from_unit(u), return_counts=True)
    assert (counts == 1000).all()
    _, counts = np.unique(Dimension("x", "step", 0, 30, 5).from_unit(u), return_counts=True)
    assert (np.abs(counts - 13_000 / 7) <= 1).all()


def test_an_integer_parameter_stays_whole_in_any_kind_of_range():
    space = one({"breakout_lookback_bars": ["loguniform", 8, 60]})
    values = space["breakout_lookback_bars"].from_unit(np.linspace(0, 0.999, 300))
    assert (values == np.rint(values)).all()
    assert values.min() == 8
    assert values.max() == 60


@given(st.floats(1e-9, 1e9))
def test_rounding_gives_the_bits_of_the_decimal_text(x):
    assert significant(np.array([x, -x, 0.0])).tolist() == [
        float(f"{x:.6g}"),
        -float(f"{x:.6g}"),
        0.0,
    ]


def test_grid_values_hold_both_ends_and_no_value_twice():
    assert Dimension("x", "uniform", 0, 0.6).values(4).tolist() == [0, 0.2, 0.4, 0.6]
    assert Dimension("x", "int", 0, 2).values(5).tolist() == [0, 1, 2]
    assert Dimension("x", "step", 0.1, 0.4, 0.1).values(2).tolist() == [0.1, 0.2, 0.3, 0.4]
    assert Dimension("x", "loguniform", 0.01, 1).values(3).tolist() == [0.01, 0.1, 1]
    assert Dimension("x", "choice", 1, 3, choices=(3.0, 1.0)).values(9).tolist() == [3, 1]


def test_a_set_that_breaks_a_relation_is_invalid_with_the_rule():
    sets = ParameterSets.of(
        DRIVE,
        {
            "skip_minutes": np.array([5.0, 30.0, 31.0, 5.0]),
            "window_minutes": 30.0,
            "target_atr": 2.0,
            "breakeven_atr": np.array([0.0, 0.0, 0.0, 2.0]),
        },
        4,
    )
    reasons = {text: mask.tolist() for mask, text in invalid_reasons(DRIVE, sets)}
    assert reasons == {
        "skip_minutes must be <= window_minutes": [False, False, True, False],
        "breakeven_atr must be < target_atr": [False, False, False, True],
    }


def test_a_window_that_ends_before_the_flat_time_is_invalid():
    closing = dataclasses.replace(
        DRIVE, windows=(Window("minutes_to_close", "<=", "window_minutes"),)
    )
    sets = ParameterSets.of(
        closing,
        {"window_minutes": 30.0, "flat_before_close_minutes": np.array([29.0, 30.0])},
        2,
    )
    ((mask, text),) = invalid_reasons(closing, sets)
    assert mask.tolist() == [False, True]
    assert "no bar left to enter" in text
    assert invalid_reasons(DRIVE, sets) == []
