"""Readings: every statistic of a detector in a sentence, worked example and nothing known."""

from sweep.report.readings import readings

FOUND = {
    "tries": {"sweep": 501, "ever": 900, "sweeps_ever": 2, "effective": 78},
    "superiority": {"stepm_sets": 198},
    "overfitting": {"pbo": 0.033, "null_sd": 0.155},
    "final": {
        "sessions": 251,
        "years": 0.996,
        "min_track_record_days": 39.1,
        "psr": 0.99998,
        "min_backtest_years": 0.284,
    },
    "random_entry": {"actual": 0.402, "random_mean": -0.021, "p_value": 0.001},
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
        *("tries", "overfitting", "track record", "random entry"),
        *("out of sample", "drawdown", "costs"),
    ]
    said = " ".join(readings(FOUND))
    for words in (
        "501 sets here, 900 ever in 2 sweeps, as good as 78 independent ones;",
        "; 198 of them beat zero for certain (StepM)",
        "below the median in the other in 3% of the splits; noise gives 50 % give or take 16%",
        "251 sessions, 39 needed for a Sharpe ratio above 0 (PSR 1.00);",
        "would be luck in under 0.3 years, there are 1.0, enough",
        "+0.402 R a trade, with the same exits from random bars -0.021 R; as good by chance: 0.1%",
        "136 trades in 140 sessions, +0.435 R a day, at least +0.247 R with 95 % confidence;",
        "; 86% of what it earned in sample",
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
    assert "there are 1.0, too few" in readings(short)[2]
