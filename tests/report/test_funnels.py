"""The funnel on the terminal, as text."""

from sweep.report.funnels import funnel_lines, show_funnels

UNKNOWN = "(rel_volume warmup 120, gex low_coverage 30)"
LOST = "below_score 5, in_trade 7"
FUNNEL = (
    ("in_window", "", "", 1900),
    ("not_evaluable", "symbol", "asset_class", 400),
    ("not_evaluable", "rel_volume", "warmup", 120),
    ("not_evaluable", "gex", "low_coverage", 30),
    ("evaluable", "", "", 1350),
    ("passed", "wall", "", 600),
    ("passed", "short_gamma", "", 90),
    ("alone", "short_gamma", "", 12),
    ("alone", "volume", "", 3),
    ("below_score", "", "", 5),
    ("in_trade", "", "", 7),
    ("trades", "", "", 21),
)


def test_every_step_stands_in_order_with_what_it_alone_stopped():
    assert funnel_lines({"detector": "gamma_squeeze_bullish", "funnel": FUNNEL}) == [
        "  gamma_squeeze_bullish: 1,350 of 1,500 in the window evaluable " + UNKNOWN,
        "    wall 600 (0) > short_gamma 90 (12) > volume 0 (3) > trades 21; lost: " + LOST,
    ]


def test_a_detector_that_saw_no_bar_has_no_funnel(capsys):
    nothing = {"detector": "eod_pin_setup", "funnel": ()}
    assert funnel_lines(nothing) == []
    show_funnels([nothing])
    assert capsys.readouterr().out == ""


def test_what_was_not_lost_is_not_named():
    funnel = (("in_window", "", "", 2), ("evaluable", "", "", 2), ("alone", "wall", "", 2))
    shown = funnel_lines({"detector": "d", "funnel": funnel})
    assert shown == ["  d: 2 of 2 in the window evaluable", "    wall 0 (2) > trades 0"]
