"""Tables on the terminal say what is known, and never 0 where nothing could be tested."""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.report.console import show_backtest, show_coverage, summary_lines
from sweep.report.leaderboard import show_sweep, state_line
from sweep.report.promotions import show_promotions

FIRST, LAST = dt.date(2025, 1, 2), dt.date(2025, 3, 31)


def metrics(trades, win_rate, **others):
    found = {
        "trades": float(trades),
        "win_rate": win_rate,
        "win_rate_low": win_rate - 0.1,
        "win_rate_high": win_rate + 0.1,
        "breakeven_win_rate": 0.4,
        "expectancy_r": 0.05,
        "expectancy_gross_r": 0.08,
        "profit_factor": 1.5,
        "total_r": 3.25,
        "daily_lcb_r": -0.012,
    }
    return found | others


def row(detector, status, reason="", found=None):
    return {
        "detector": detector,
        "status": status,
        "reason": reason,
        "sessions": 60,
        "metrics": found or {},
    }


# Of 300 trades 40 % win 1 R, 60 % lose 4 / 3 R: profit factor 0.5, break-even 4 / 7.
LOSING = metrics(
    300, 0.4, profit_factor=0.5, expectancy_r=-0.4, breakeven_win_rate=4 / 7, total_r=-120
)
UNTESTED = "asset_class (SPY is ETF; it runs on INDEX)"
RESULTS = [
    row("breakout_bullish", "traded", found=metrics(100, 0.6)),
    row(
        "breakout_bearish",
        "traded",
        found=LOSING,
    ),
    row("mean_reversion_long", "traded", found=metrics(1, 1.0, profit_factor=float("inf"))),
    row("mean_reversion_short", "no_signal", found=metrics(0, float("nan"))),
    row("opening_drive_bullish", "not_evaluable", UNTESTED),
]


def test_the_summary_counts_what_was_tested():
    assert summary_lines(RESULTS) == [
        "",
        "BACKTEST SUMMARY",
        "  Detectors tested:    4 of 5",
        "  Total trades:        401",
        # (60 + 120 + 1) wins of 401 trades
        "  Overall win rate:    45.1 %",
        "  Mean profit factor:  1.00 (1 without losses left out)",
        # (0.05 - 0.4 + 0.05) / 3
        "  Mean expectancy:     -0.10 R net",
        "  Top performers, by win rate, of those with a profit factor above 1:",
        "    mean_reversion_long         100.0 % of 1 trades (break-even 40.0 %)",
        "    breakout_bullish             60.0 % of 100 trades (break-even 40.0 %)",
        "  Needs improvement, win rate below 45 % and its break-even:",
        "    breakout_bearish             40.0 % of 300 trades (break-even 57.1 %)",
    ]


NONE_WON = metrics(4, 0.0, profit_factor=0.0, breakeven_win_rate=float("nan"))


@pytest.mark.parametrize(
    ("found", "top", "weak"),
    [
        (metrics(9, 0.44, breakeven_win_rate=0.43, profit_factor=1.1), True, False),
        (metrics(9, 0.44, breakeven_win_rate=0.5, profit_factor=0.8), False, True),
        (metrics(9, 0.55, breakeven_win_rate=0.6, profit_factor=0.9), False, False),
        (metrics(9, 0.55, breakeven_win_rate=0.55, profit_factor=1.0), False, False),
        # Trades that end at 0 are no losses: more won than lost, and still below break-even.
        (metrics(9, 0.4, breakeven_win_rate=0.5, profit_factor=1.3), False, True),
        (
            metrics(4, 1.0, breakeven_win_rate=float("nan"), profit_factor=float("inf")),
            True,
            False,
        ),
        (NONE_WON, False, True),
    ],
)
def test_a_detector_stands_in_one_list_at_most(found, top, weak):
    lines = summary_lines([row("breakout_bullish", "traded", found=found)])
    at = next(k for k, line in enumerate(lines) if line.startswith("  Needs improvement"))
    listed = ["breakout_bullish" in "".join(part) for part in (lines[:at], lines[at:])]
    assert listed == [top, weak]


def test_the_weakest_detector_comes_first():
    lines = summary_lines(
        [row("a", "traded", found=LOSING), row("b", "traded", found=NONE_WON)],
    )
    assert [line.split()[0] for line in lines[-2:]] == ["b", "a"]
    assert lines[-4] == "    none"


def test_a_summary_of_nothing_is_no_division_by_zero():
    assert "  Overall win rate:    -" in summary_lines([row("breakout_bullish", "not_evaluable")])


def test_a_detector_that_could_not_be_tested_shows_no_number(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show_backtest(FIRST, LAST, RESULTS)
    shown = capsys.readouterr().out.splitlines()
    (line,) = [text for text in shown if text.startswith("opening_drive_bullish  ")]
    assert line.split() == ["opening_drive_bullish", "-", "not", "evaluable"]
    assert f"opening_drive_bullish: not evaluable: {UNTESTED}" in shown
    (line,) = [text for text in shown if text.startswith("breakout_bullish ")]
    assert line.split() == [
        "breakout_bullish",
        "100",
        "60.0",
        "%",
        "[50,",
        "70]",
        "0.050",
        "0.080",
        "1.50",
        "3.2",
    ]
    (line,) = [text for text in shown if text.startswith("mean_reversion_short ")]
    assert line.split()[1:3] == ["0", "-"]


def test_coverage_counts_sessions_by_state(capsys):
    days = [FIRST + dt.timedelta(days=i) for i in range(5)]
    show_coverage(
        FIRST,
        LAST,
        [
            {
                "symbol": "SPY",
                "timeframe": "1m",
                "sessions": 5,
                "expected": 1950,
                "present": 1170,
                "states": {"complete": days[:3], "absent_at_vendor": days[3:4], "hole": days[4:]},
                "duplicates": 2,
                "bad_rows": {"low_at_or_below_zero": 3, "no_minute": 1},
            }
        ],
    )
    shown = capsys.readouterr().out.splitlines()
    assert shown[2].split() == [
        "SPY",
        "1m",
        "5",
        "3",
        "1",
        "1",
        "1,170",
        "1,950",
        "60.0",
        "%",
        "2",
        "4",
    ]


def test_three_states_of_symbol_sessions():
    keys = ("symbol", "session", "line", "name", "reason")

    def line(symbol, session, name, feature="", reason=""):
        return dict(zip(keys, (symbol, session, name, feature, reason), strict=True))

    lines = [
        line("SPY", 1, "evaluable"),
        line("SPY", 1, "trades"),
        line("SPY", 2, "evaluable"),
        line("SPY", 2, "not_evaluable", "rel_volume", "warmup"),
        line("QQQ", 1, "not_evaluable", "rel_volume", "warmup"),
        line("QQQ", 2, "not_evaluable", "rel_volume", "warmup"),
        line("QQQ", 3, "not_evaluable", "vwap", "missing_input"),
    ]
    assert state_line("p1", lines) == (
        "symbol-sessions of p1: 1 traded, 1 without a trade, 3 not evaluable "
        "(mostly rel_volume: warmup)"
    )


def test_what_a_promotion_changed_comes_after_what_it_refused(capsys):
    blank = {"reasons": [], "forced": False, "forced_ever": False, "regression": None, "seen": 1}
    outcomes = [
        {"detector": "a", "status": "promoted", "old": {"x": 1.0}, "new": {"x": 2.0}, **blank},
        {"detector": "b", "status": "refused", **blank, "reasons": ["it fails"]},
    ]
    show_promotions(outcomes)
    shown = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert shown[0] == ["b:", "REFUSED,", "nothing", "was", "changed"]
    assert shown[1] == ["because:", "it", "fails"]
    assert shown[2] == ["a:", "PROMOTED"]
    assert shown[-1] == ["x", "1", "2"]


@pytest.fixture
def folder(tmp_path):
    final = "p0123456789abcdef"
    about = {
        "breakout_bullish": {
            "reason": "",
            "chosen": {"final": final},
            "configured": {"set_id": "pc", "metrics": metrics(40, 0.5, profit_factor=None)},
        },
        "opening_drive_bullish": {"reason": UNTESTED},
    }
    (tmp_path / "sweep.json").write_text(json.dumps({"detectors": about}))
    ids = [f"p{rank}" for rank in range(1, 7)] + [final, "p8"]
    sets = [
        {"set_id": name, "rank": rank, "status": "ok", **metrics(9, 0.5)}
        for rank, name in enumerate(ids, 1)
    ]
    sets[1]["status"] = "infeasible"
    sets += [{"set_id": "pbad", "rank": None, "status": "invalid"}]
    table = pa.Table.from_pylist([{"detector": "breakout_bullish", **each} for each in sets])
    pq.write_table(table, tmp_path / "parameter_sets.parquet")
    funnel = [
        {
            "detector": "breakout_bullish",
            "set_id": final,
            "symbol": "SPY",
            "session": FIRST,
            "line": name,
            "name": "",
            "reason": "",
            "bars": 1,
        }
        for name in ("evaluable", "trades", "signals")
    ]
    pq.write_table(pa.Table.from_pylist(funnel), tmp_path / "funnel.parquet")
    return tmp_path


def test_final_sets_of_several_detectors_stand_side_by_side_best_first(folder, capsys):
    sets = pq.read_table(folder / "parameter_sets.parquet").to_pylist()
    other = {"detector": "mean_reversion_long", "daily_lcb_r": 0.5}
    table = pa.Table.from_pylist([*sets, *({**each, **other} for each in sets)])
    pq.write_table(table, folder / "parameter_sets.parquet")
    about = json.loads((folder / "sweep.json").read_text())
    about["detectors"]["mean_reversion_long"] = about["detectors"]["breakout_bullish"]
    (folder / "sweep.json").write_text(json.dumps(about))
    show_sweep(folder)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    at = shown.index(["final", "set", "of", "every", "detector"])
    assert [line[0] for line in shown[at + 2 : at + 4]] == [
        "mean_reversion_long",
        "breakout_bullish",
    ]


def test_of_many_detectors_only_those_that_hold_are_shown_set_by_set(folder, capsys, monkeypatch):
    names = [f"detector_{k}" for k in range(6)]
    sets = pq.read_table(folder / "parameter_sets.parquet").to_pylist()
    table = pa.Table.from_pylist([{**each, "detector": name} for name in names for each in sets])
    pq.write_table(table, folder / "parameter_sets.parquet")
    about = json.loads((folder / "sweep.json").read_text())["detectors"]
    detectors = dict.fromkeys(names, about["breakout_bullish"])
    (folder / "sweep.json").write_text(json.dumps({"detectors": detectors}))
    monkeypatch.setattr("sweep.report.leaderboard.holding", lambda _: ("detector_3",))
    show_sweep(folder)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown if line in [[name] for name in names]] == [["detector_3"]]
    at = shown.index(["final", "set", "of", "every", "detector"])
    assert sorted(line[0] for line in shown[at + 2 : at + 8]) == names


def test_the_leaderboard_shows_the_best_the_final_and_the_configured_set(folder, capsys):
    show_sweep(folder)
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert all(len(line) <= 80 for line in shown if ":" not in line and "," not in line)
    sets = [line.split()[0] for line in shown if "9 " in line or line.startswith("configured")]
    assert sets == ["p1", "p2", "p3", "p0123456789abcdef", "configured"]
    (final,) = [line for line in shown if line.startswith("p0123456789abcdef")]
    assert final.endswith("final")
    assert next(line for line in shown if line.startswith("p2")).endswith("infeas.")
    assert "  sets: 7 ok, 1 infeasible, 1 invalid" in shown
    assert f"opening_drive_bullish: not evaluable: {UNTESTED}" in shown
    assert any("1 traded, 0 without a trade, 0 not evaluable" in line for line in shown)
