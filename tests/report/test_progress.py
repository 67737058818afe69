"""Progress: plain lines without a terminal, a bar on one."""

import io
import logging
import re

from rich.console import Console

from sweep.report.progress import Reporter


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def lines_of(caplog, steps):
    clock = Clock()
    with (
        caplog.at_level(logging.INFO),
        Reporter(Console(file=io.StringIO(), force_terminal=False), clock) as reporter,
    ):
        for now, update in steps:
            clock.now = now
            reporter.update(*update)
    return [record.getMessage() for record in caplog.records]


def test_without_a_terminal_a_line_comes_every_ten_seconds_and_at_the_end(caplog):
    found = lines_of(
        caplog,
        [
            (0.0, ("evaluating", 100, 1100)),
            (4.0, ("evaluating", 300, 1100)),
            (10.0, ("evaluating", 600, 1100)),
            (12.0, ("evaluating", 700, 1100)),
            (20.0, ("evaluating", 1100, 1100, 3)),
        ],
    )
    # 100 sets of an earlier run do not count into the rate: 500 in 10 s, then 1,000 in 20 s.
    assert found == [
        "evaluating, 100 of 1,100",
        "evaluating, 600 of 1,100, 50.0/s, 0:00:10 left",
        "evaluating, 1,100 of 1,100, 50.0/s, 3 failed",
    ]


def test_the_rate_counts_from_the_first_item_not_from_the_start_of_workers(caplog):
    found = lines_of(
        caplog,
        [
            (0.0, ("evaluating", 0, 1000)),
            (30.0, ("evaluating", 100, 1000)),  # workers started and compiled for half a minute
            (40.0, ("evaluating", 300, 1000)),
        ],
    )
    assert found[1:] == [
        "evaluating, 100 of 1,000",
        "evaluating, 300 of 1,000, 20.0/s, 0:00:35 left",
    ]


def test_a_new_stage_is_said_at_once(caplog):
    found = lines_of(
        caplog,
        [(0.0, ("loading bars",)), (1.0, ("starting Ray", 0, 50)), (2.0, ("tables", 50, 50))],
    )
    assert found == ["loading bars", "starting Ray, 0 of 50", "tables, 50 of 50"]


def test_on_a_terminal_the_bar_shows_stage_count_and_failures(caplog):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with caplog.at_level(logging.INFO), Reporter(console) as reporter:
        reporter.update("evaluating", 0, 40)
        reporter.update("evaluating", 40, 40, 2)
        reporter.update("writing tables")
    shown = screen.getvalue()
    assert "evaluating (2 failed)" in shown
    assert "40/40" in shown
    assert "writing tables" in shown
    assert not caplog.records


def test_on_a_narrow_terminal_no_figure_is_cut():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    note = "best 0.5581 daily_lcb_r (power_hour_reversal_bullish)"
    with Reporter(console) as reporter:
        reporter.update("loading bars and features")
        reporter.update("building candidate tables", 0, 8500)
        reporter.update("evaluating", 8_500, 8_500, 12, note=note)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).split("\r")[-1].splitlines()
    shown = [line.rstrip() for line in last if line.strip()]
    assert any("8,500/8,500" in line and "in 0:00:00 best 0.5581" in line for line in shown)
    assert any("building candidate tables" in line and "0/8,500" in line for line in shown)
    assert not any("?" in line or "-:--" in line for line in shown)
    assert all(len(line) <= 80 for line in shown)
