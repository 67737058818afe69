import dataclasses
import math

import pytest

from sweep.evidence.criteria import Findings, Thresholds
from sweep.evidence.verdict import judge

GOOD = Findings(
    feasible=True,
    daily_lower=0.05,
    daily_upper=0.25,
    spa_p=0.01,
    dsr=0.97,
    pbo=0.1,
    peak_ratio=1.2,
    trades=300,
    active_days=150,
    ambiguous_frac=0.01,
    stop_first_lower=0.03,
)


def verdict(**changes):
    return judge(dataclasses.replace(GOOD, **changes))


def missed(judgement):
    return [criterion.name for criterion in judgement.criteria if not criterion.met]


def test_all_met_holds():
    found = verdict()
    assert found.verdict == "holds"
    assert missed(found) == []
    assert len(found.criteria) == 9


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("feasible", {"feasible": False}),
        ("trades", {"trades": 99}),
        ("active_days", {"active_days": 59}),
        ("out_of_sample", {"daily_lower": 0.0}),
        ("out_of_sample", {"daily_lower": None}),
        ("out_of_sample", {"daily_lower": math.nan}),
        ("beats_luck", {"spa_p": 0.05, "dsr": 0.95}),
        ("beats_luck", {"spa_p": None, "dsr": None}),
        ("overfitting", {"pbo": 0.3}),
        ("overfitting", {"pbo": None}),
        ("plateau", {"peak_ratio": 2.0}),
        ("plateau", {"peak_ratio": math.inf}),
        ("plateau", {"peak_ratio": math.nan}),
        ("range_edge", {"edge_parameters": ("stop_atr",)}),
        ("ambiguous_exits", {"ambiguous_frac": 0.051, "stop_first_lower": 0.0}),
        ("ambiguous_exits", {"ambiguous_frac": None, "stop_first_lower": None}),
        ("reservation", {"reservations": ("There is no hold-out.",)}),
    ],
)
def test_each_condition_alone_keeps_it_from_holding(name, changes):
    found = verdict(**changes)
    assert found.verdict == "not_proven"
    assert missed(found) == [name]
    assert name in found.summary


@pytest.mark.parametrize(
    "changes",
    [
        {"spa_p": 0.2, "dsr": 0.96},
        {"spa_p": 0.04, "dsr": 0.2},
        {"spa_p": 0.04, "dsr": None},
        {"ambiguous_frac": 0.4, "stop_first_lower": 0.01},
        {"ambiguous_frac": 0.05, "stop_first_lower": None},
        {"trades": 100, "active_days": 60},
    ],
)
def test_either_of_two_ways_is_enough(changes):
    assert verdict(**changes).verdict == "holds"


def test_a_certain_loss_fails():
    found = verdict(daily_lower=-0.3, daily_upper=-0.01)
    assert found.verdict == "fails"
    assert "-0.010 R a day" in found.summary
    assert verdict(daily_lower=-0.3, daily_upper=0.0).verdict == "not_proven"


def test_overfitting_without_a_gain_fails():
    assert verdict(pbo=0.71, daily_lower=0.0).verdict == "fails"
    assert verdict(pbo=0.7, daily_lower=0.0).verdict == "not_proven"
    assert verdict(pbo=0.9, daily_lower=0.01).verdict == "not_proven"
    assert verdict(pbo=0.9, daily_lower=None).verdict == "not_proven"


def test_failures_of_the_earlier_system_cannot_hold():
    twenty_one_trades = verdict(trades=21, active_days=20, daily_lower=-1.0, daily_upper=-0.4)
    assert twenty_one_trades.verdict == "fails"
    one_lucky_day = verdict(daily_lower=-0.1, spa_p=0.4, dsr=None, active_days=3)
    assert one_lucky_day.verdict == "not_proven"


def test_thresholds_are_settings():
    strict = Thresholds(trades_min=301, pbo_max=0.05)
    found = judge(GOOD, strict)
    assert missed(found) == ["trades", "overfitting"]
    by_name = {criterion.name: criterion for criterion in found.criteria}
    assert by_name["trades"].threshold == ">= 301"
    assert by_name["overfitting"].value == 0.1
    assert by_name["overfitting"].threshold == "< 0.05"


def test_every_criterion_speaks():
    for judgement in (verdict(), verdict(pbo=None, ambiguous_frac=None, peak_ratio=None)):
        for criterion in judgement.criteria:
            assert criterion.sentence.endswith(".")
            assert criterion.threshold


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pbo": 1.5}, "pbo must lie between 0 and 1, got 1.5"),
        ({"spa_p": -0.1}, "spa_p must lie between 0 and 1"),
        ({"trades": -1}, "0 or more, got trades=-1"),
    ],
)
def test_impossible_findings_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        verdict(**changes)
