"""Readings: every statistic of a detector in a sentence, worked example and nothing known."""

import pytest

from sweep.report.readings import readings
from sweep.report.verdicts import verdict_line

FOUND = {
    "tries": {"sweep": 501, "ever": 900, "sweeps_ever": 2, "effective": 78},
    "superiority": {"stepm_sets": 198},
    "overfitting": {"pbo": 0.033, "null_sd": 0.155},
    "final": {
        "sessions": 251,
        "years": 0.996,
        "active_days": 120,
        "sharpe_annual": 5.88,
        "min_track_record_days": 39.1,
        "psr": 0.99998,
        "min_backtest_years": 0.284,
        "dsr_effective": {"dsr": 0.972, "radicand_clamped": False},
        "dsr_ever": {"dsr": 0.931, "radicand_clamped": False},
    },
    "random_entry": {
        "out_of_sample": {"actual": 0.402, "random_mean": -0.021, "p_value": 0.001},
        "folds": [],
        "final": {"actual": 0.511, "random_mean": -0.03, "p_value": 0.002},
    },
    "out_of_sample": {
        "trades": 136,
        "sessions": 140,
        "daily_mean_r": {"estimate": 0.435, "lower_bound": 0.247},
        "walk_forward": {"efficiency": 0.86},
        "drawdown_r": {"actual": 6.78, "median": 7.16, "high": 11.45},
        "cost_paid_bps": 0.7,
        "cost_breakeven_bps": 15.84,
    },
}


def test_every_statistic_is_a_sentence():
    assert [line.partition(": ")[0] for line in readings(FOUND)] == [
        *("tries", "overfitting", "luck", "track record", "length", "random entry"),
        *("out of sample", "drawdown", "costs"),
    ]
    said = " ".join(readings(FOUND))
    for words in (
        "501 sets here, 900 ever in 2 sweeps, as good as 78 independent ones;",
        "; 198 of them beat zero for certain (StepM)",
        "below the median in the other in 3 % of the splits; noise gives 50 % give or take 16 %",
        "is above 0 with 100.0 % (PSR), above that of the luckiest of 78 independent tries with ",
        "with 97.2 %, of all 900 tries with 93.1 % (DSR; above 95 % is proof, 50 % is what luck",
        "39 sessions are needed to be 95 % sure of a Sharpe ratio above 0; there are 251, enough",
        (
            "in under 0.3 years of data luck alone lets the best of 900 tries reach its Sharpe "
            "ratio of 5.9 a year; there are 1.0 years, enough"
        ),
        (
            "out of sample +0.402 R a trade, from random bars with the same exits -0.021 R, as "
            "good by chance: 0.1 %; the final set, on days it was chosen by: +0.511, -0.030 R and "
            "0.2 %"
        ),
        "136 trades in 140 sessions, +0.435 R a day, at least +0.247 R with 95 % confidence;",
        "; 86 % of what it earned in sample",
        "6.8 R as it came, in other orders of the same days 7.2 R, one time in twenty above 11",
        "0.7 bp a side were paid, at 15.8 bp it earns nothing",
    ):
        assert words in said


def test_what_is_unknown_is_a_dash_and_what_does_not_exist_is_left_out():
    nothing = FOUND | dict.fromkeys(("superiority", "overfitting", "final", "out_of_sample"))
    nothing |= {"tries": FOUND["tries"] | {"effective": None}, "random_entry": None}
    first, second = readings(nothing)
    assert "as good as - independent ones; - of them" in first
    assert "in - of the splits" in second
    short = FOUND | {"final": FOUND["final"] | {"min_backtest_years": 3.2}}
    assert "there are 1.0 years, too few" in readings(short)[4]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"active_days": 21, "dsr_effective": None, "psr": None}, "traded on 21 days, 60 are"),
        ({"dsr_effective": None, "psr": None}, "the same every day"),
        ({"dsr_effective": {"dsr": None, "radicand_clamped": True}}, "a few extreme days"),
    ],
)
def test_a_probability_that_cannot_be_given_says_why(changes, words):
    final = FOUND["final"] | changes
    line = next(line for line in readings(FOUND | {"final": final}) if line.startswith("luck"))
    assert words in line
    assert words in next(one for one in readings(FOUND | {"final": final}) if "track" in one)
    assert words in verdict_line("x", FOUND | {"verdict": "not_proven", "final": final})


def test_a_set_that_loses_has_no_track_record_to_wait_for():
    lost = {"min_track_record_days": None, "min_backtest_years": None}
    record, length = readings(FOUND | {"final": FOUND["final"] | lost})[3:5]
    assert record.endswith("no number of sessions would do, its Sharpe ratio is not above 0")
    assert length.startswith("length: its Sharpe ratio is not above 0")
