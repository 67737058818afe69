"""The verdict lines: main numbers, and a plain sentence for what keeps a detector from holding."""

import json

from sweep.report.verdicts import show_verdicts, verdict_line


def criterion(name, sentence, *, met=False):
    return {"name": name, "value": None, "threshold": "", "met": met, "sentence": sentence}


FOUND = {
    "verdict": "not_proven",
    "summary": "Not proven: 36 trades, 100 are needed. Open: trades, plateau.",
    "criteria": [
        criterion("feasible", "All is feasible.", met=True),
        criterion("trades", "36 trades, 100 are needed."),
        criterion("plateau", "Neither the chosen set nor its neighbours earn."),
    ],
    "tries": {"sweep": 501, "ever": 12_345, "sweeps_ever": 7, "effective": 32},
    "final": {
        "active_days": 90,
        "dsr_effective": {"dsr": 0.861, "radicand_clamped": False},
        "dsr_ever": {"dsr": None},
    },
    "overfitting": {"pbo": 0.248},
    "superiority": {"p_consistent": 0.004, "p_adjusted": 0.0125},
    "out_of_sample": {"expectancy_r": {"estimate": 0.1234, "low": -0.05, "high": 0.3}},
}
NOTHING = FOUND | dict.fromkeys(("final", "overfitting", "superiority", "out_of_sample"))


def test_a_line_has_the_numbers_and_no_zero_for_what_is_unknown():
    assert verdict_line("breakout_bullish", FOUND) == (
        "breakout_bullish: not proven; out of sample +0.123 R a trade (-0.050 to +0.300), "
        "DSR 0.86 (32 effective) / - (all tries), PBO 25 %, SPA p 0.013, "
        "tried 501 sets here, 12,345 ever in 7 sweeps"
    )
    unknown = NOTHING | {"tries": {"sweep": 1, "ever": 1, "sweeps_ever": 1, "effective": None}}
    assert verdict_line("x", unknown) == (
        "x: not proven; out of sample - R a trade (- to -), DSR unknown (no set to judge), "
        "PBO -, SPA p -, tried 1 sets here, 1 ever in 1 sweep"
    )


def test_what_is_missing_is_said_in_sentences(tmp_path, capsys):
    show_verdicts(tmp_path)
    assert capsys.readouterr().out == ""  # nothing was judged yet
    failing = FOUND | {"verdict": "fails", "summary": "Fails: out of sample it loses."}
    detectors = {"a": FOUND, "b": failing, "c": NOTHING | {"verdict": "holds"}}
    (tmp_path / "evidence.json").write_text(json.dumps({"detectors": detectors}))
    show_verdicts(tmp_path)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("a: not proven; ")
    assert shown[2:4] == [
        "  36 trades, 100 are needed.",
        "  Neither the chosen set nor its neighbours earn.",
    ]
    assert shown[4].startswith("b: FAILS; ")
    assert shown[5] == "  Fails: out of sample it loses."
    assert shown[6].startswith("c: HOLDS; ")
    assert shown[7].startswith("    tries: 501 sets here, 12,345 ever in 7 sweeps, as good as 32")
    assert shown[8].startswith("    overfitting: ")
    assert shown[9].startswith("  out of sample = ")


def test_of_many_detectors_few_reasons_are_told_and_what_holds_comes_last(tmp_path, capsys):
    missed = [criterion(f"c{k}", f"Reason {k}.") for k in range(5)]
    detectors = {
        "a": NOTHING | {"verdict": "holds"},
        "b": FOUND | {"verdict": "fails", "summary": "Fails."},
        "c": NOTHING | {"criteria": missed},
    }
    (tmp_path / "evidence.json").write_text(json.dumps({"detectors": detectors}))
    show_verdicts(tmp_path)
    shown = capsys.readouterr().out.splitlines()
    assert [line[0] for line in shown if line[:1].strip()] == ["c", "b", "a"]
    assert shown[2:5] == ["  Reason 0.", "  Reason 1.", "  And 3 more, in the report."]
    (tmp_path / "evidence.json").write_text(json.dumps({"detectors": {"c": detectors["c"]}}))
    show_verdicts(tmp_path)
    assert "  Reason 4." in capsys.readouterr().out.splitlines()  # of one, everything
