"""The report as text: what it says, what it escapes, what it leaves out."""

import datetime as dt
import json
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from made_up_sweep import SWEEP, make_sweep, write_promotion

from sweep.market.calendar import as_dates, session_table
from sweep.promotion.records import read_records
from sweep.report.page.binning import axes_of
from sweep.report.page.compare import write_comparison
from sweep.report.page.distribution import histogram
from sweep.report.page.equity import drawdown, ticks_of
from sweep.report.page.folds_part import month_table
from sweep.report.page.markup import breakable, h
from sweep.report.page.pareto import pareto
from sweep.report.page.promotions import write_promotions
from sweep.report.page.scales import Scale, nice_ticks, percent, plain, signed
from sweep.report.page.scatter import scatter
from sweep.report.page.source import Stitched, sweep_folders
from sweep.report.page.surfaces import Landscape, pair_grids
from sweep.report.page.write import _made_by, ensure_report, write_report
from sweep.store.looks import Look, record_look

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    detectors = {
        "breakout_bullish": "holds",
        "mean_reversion_long": "not_proven",
        "opening_drive_bullish": "fails",
        "index_mean_reversion_long": None,
    }
    return make_sweep(tmp_path_factory.mktemp("made"), detectors, symbols=("SPY", "QQQ"))


@pytest.fixture(scope="module")
def text(sweep):
    return write_report(sweep).read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.words, self.inside = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_data(self, data):
        if self.inside[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass


def test_the_verdict_comes_first_in_words(text):
    words = " ".join("".join(Elements(text).words).split())
    assert "1 of 3 detectors holds out of sample: breakout_bullish." in words
    before, after = (words.index(one) for one in ("1 of 3 detectors", "Leaderboard, sortable"))
    assert before < after
    assert "120 parameter sets on QQQ, SPY, 49 sessions from 2024-01-02 to" in words
    assert "The 12 sessions after them" in words


def test_it_says_how_often_the_hold_out_was_seen(tmp_path):
    folder = make_sweep(tmp_path, {"breakout_bullish": "holds"}, symbols=("SPY",))
    report = ensure_report(folder)
    assert ") were never read." in report.read_text(encoding="utf-8")
    held = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))["holdout"]
    for name, days in (("p1", held), ("p2", held[-1:]), ("p3", ["2020-01-02"])):
        look = Look("breakout_bullish", "s1", name, ("SPY",), tuple(days), "2025-01-02T12:00:00Z")
        record_look(tmp_path, look)
    text = ensure_report(folder).read_text(encoding="utf-8")
    assert ") were not read by the sweep; hold-out seen 2 times." in text


def test_noise_shows_no_rank_correlation():
    """Neither by sessions that folds share nor by sets that never trade."""
    rng = np.random.default_rng(5)
    units = rng.normal(size=(400, 7))
    units[:150] = 0.0
    rows = [
        {
            "set_id": f"p{one}",
            "fold": fold,
            "in_sample_objective": units[one, fold : fold + 3].mean(),
            "out_of_sample_mean_r": units[one, fold + 3],
            "trades": int(one >= 150),
        }
        for one in range(400)
        for fold in range(4)
    ]
    words = str(scatter(pa.Table.from_pylist(rows), {}, ["p160", None, "p160", "p170"]))
    assert "400 sets" not in words  # those that never trade leave no dot
    assert "250 sets in 4 folds" in words
    assert words.count('class="ring"') == 3
    found = re.search(r"Rank correlation ([^ ,]+), taken within each fold", words)
    assert abs(float(found[1].replace("\N{MINUS SIGN}", "-"))) < 0.1


def test_every_detector_is_shown_with_its_state(text):
    found = Elements(text)
    anchors = {attributes.get("id") for _, attributes in found.tags}
    for name in ("breakout_bullish", "mean_reversion_long", "index_mean_reversion_long"):
        assert f"d-{name}" in anchors
    words = "".join(found.words)
    assert "asset_class (SPY is ETF; it runs on INDEX)" in words
    assert not re.search(r"\b0 trades", words)


def test_every_statistic_is_read_out_beside_the_criteria(text):
    words = " ".join("".join(Elements(text).words).split())
    for said in (
        "luckiest of 17 independent tries with 90.0 %",
        "in under 1.1 years of data luck",
    ):
        assert said in words


def test_nothing_is_loaded_from_elsewhere_and_no_host_is_told(text):
    for tag, attributes in Elements(text).tags:
        assert not {"src", "srcset", "action"} & set(attributes), tag
        assert attributes.get("href", "#").startswith("#")
    assert "a-host-of-mine" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_sessions_and_hours_are_labelled_with_their_zone(text):
    assert "Entry, New York" in text
    assert "finished (UTC)" in text


def test_hostile_names_stay_text(tmp_path):
    config = {"search": {"constraints": [HOSTILE]}, HOSTILE: HOSTILE}
    folder = make_sweep(tmp_path, {HOSTILE: "holds", "x": None}, config=config)
    about = json.loads((folder / "sweep.json").read_text())
    about["reason"] = about["git_commit"] = about["detectors"]["x"]["reason"] = HOSTILE
    about["detectors"][HOSTILE]["symbols"] = [HOSTILE]  # none that the store would take
    (folder / "sweep.json").write_text(json.dumps(about))
    found = Elements(write_report(folder).read_text(encoding="utf-8"))
    scripts = [attributes for tag, attributes in found.tags if tag == "script"]
    assert scripts == [{"type": "text/plain"}, {"type": "text/plain", "id": "trade-data"}, {}]
    assert not [tag for tag, attributes in found.tags if tag == "img" or "onerror" in attributes]
    assert HOSTILE in "".join(found.words)


def test_a_sweep_that_was_interrupted_has_a_report_without_verdict(tmp_path):
    folder = make_sweep(tmp_path, {"breakout_bullish": "holds"})
    (folder / "evidence.json").unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert "No verdict yet" in text
    assert "holds out of sample" not in text


def test_a_sweep_whose_bars_were_replaced_says_so_first(tmp_path):
    folder = make_sweep(tmp_path, {"breakout_bullish": "holds"})
    assert "Stale" not in write_report(folder).read_text(encoding="utf-8")
    bars = {"SPY": ["2025-01-02", "2025-01-03"]}
    (folder / "stale.json").write_text(json.dumps({"since": "2025-02-01", "bars": bars}))
    text = ensure_report(folder).read_text(encoding="utf-8")
    assert "replaced bars since (SPY in 2 sessions); sweep again" in text


def test_a_report_is_made_again_only_when_the_sweep_or_its_maker_changed(sweep, monkeypatch):
    report = ensure_report(sweep)
    before = report.stat().st_mtime_ns
    assert ensure_report(sweep).stat().st_mtime_ns == before
    report.write_text("old")
    assert ensure_report(sweep).read_text(encoding="utf-8").startswith("<!doctype html>")
    before = report.stat().st_mtime_ns
    monkeypatch.setattr("sweep.report.page.write._made_by", lambda: b"a newer version")
    assert ensure_report(sweep).stat().st_mtime_ns != before
    before = report.stat().st_mtime_ns
    (sweep / "sweep.json").write_text((sweep / "sweep.json").read_text() + " ")
    assert ensure_report(sweep).stat().st_mtime_ns != before


def test_the_maker_of_a_report_is_its_whole_code():
    made_by = _made_by()
    for part in (b"def funnel(", b"const mapOf", b"--rule-strong", b"def needs_improvement("):
        assert part in made_by


def test_pairs_of_parameters_are_counted_and_ranked_by_what_they_explain():
    """Ten thousand sets whose objective is the product of two of three parameters."""
    rng = np.random.default_rng(3)
    a, b, c = rng.integers(0, 4, (3, 10_000)).astype(float)
    table = pa.table({"param.a": a, "param.b": b, "param.c": c})
    axes = axes_of({name: ["int", 0, 3] for name in "abc"}, table, a >= 0)
    land = Landscape(axes, a * b, 0, {"a": 2.0})
    made = pair_grids(land)
    assert [one["name"] for one in made["axes"]] == ["a", "b", "c"]
    assert (made["axes"][0]["final"], made["axes"][0]["configured"]) == (a[0], 2.0)
    best = made["pairs"][0]
    assert best["axes"] == [0, 1]
    assert best["share"] > 0.99
    assert best["median"] == [x * y for x in range(4) for y in range(4)]
    places = [int(np.sum((a == x) & (b == y))) for x in range(4) for y in range(4)]
    assert best["sets"] == places
    assert len(json.dumps(made)) < 3_000  # however many sets there are


def test_the_marks_of_a_map_are_the_sets_nearest_to_the_final_one_by_rank():
    rng = np.random.default_rng(4)
    a, b = np.exp(rng.normal(size=200)), rng.normal(size=200)
    table = pa.table({"param.a": a, "param.b": b})
    axes = axes_of({"a": ["uniform", 0, 9], "b": ["uniform", -9, 9]}, table, a > 0)
    made = pair_grids(Landscape(axes, a + b, 7, {}))
    near = [one["near"] for one in made["axes"]]
    ranks = [np.array([float((values < v).sum()) for v in values]) for values in (a, b)]
    away = sum((one - one[7]) ** 2 for one in ranks)
    closest = np.argsort(away)[1 : len(near[0]) + 1]
    assert len(closest) >= 5
    assert sorted(near[0]) == pytest.approx(sorted(a[closest]), rel=1e-4)
    assert sorted(near[1]) == pytest.approx(sorted(b[closest]), rel=1e-4)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ((2024, 1, 2), (2024, 12, 31), ["Feb 2024", "Apr 2024", "Jun 2024"]),
        ((2024, 10, 14), (2024, 12, 2), ["21 Oct 2024", "28 Oct 2024", "04 Nov 2024"]),
        ((2024, 10, 15), (2024, 10, 23), ["15 Oct 2024", "16 Oct 2024", "17 Oct 2024"]),
    ],
)
def test_an_axis_of_sessions_has_several_ticks_whatever_its_length(first, last, expected):
    days = as_dates(session_table(dt.date(*first), dt.date(*last)))
    ticks = ticks_of(days, 8)
    assert [text for _, text in ticks][:3] == expected
    assert all(days[int(at)].strftime("%Y") in text for at, text in ticks)


def test_the_worst_fall_counts_from_the_start_too():
    assert drawdown(np.array([-1.0, 2.0, 1.0, -3.0])).tolist() == [-1.0, 0.0, 0.0, -3.0]


def test_months_add_up_to_their_year():
    days = [dt.date(2023, 12, 29), dt.date(2024, 1, 2), dt.date(2024, 1, 3), dt.date(2024, 3, 1)]
    net = np.array([0.5, 1.0, -0.25, -2.0])
    words = Elements(str(month_table(Stitched(days, net, net, np.ones(4, np.int64))))).words
    assert words[words.index("2023") :] == [
        *("2023", "+0.5", "+0.5", "2024", "+0.8", "\N{MINUS SIGN}2.0", "\N{MINUS SIGN}1.2"),
    ]


def test_every_fold_names_its_set_and_its_sessions(text):
    words = " ".join(" ".join(Elements(text).words).split())
    assert re.search(r"Fold by fold Folds Fold Chosen on Judged on Set", words)
    assert re.search(r"1 2024-01-02 to 2024-\d\d-\d\d, \d+ sessions 2024-", words)


def test_every_trade_is_in_the_histogram():
    net = np.array([-8.0, *[-1.02] * 30, *[0.1] * 5, *[1.5] * 40])
    drawn = str(histogram(net))
    assert sum(int(n) for n in re.findall(r"R: (\d+) trades", drawn)) == len(net)
    assert "1.3\N{NO-BREAK SPACE}% lost more than" in drawn


def test_an_unknown_sweep_is_named_with_those_that_are_there(sweep):
    root = sweep.parents[1]
    assert sweep_folders(root, None) == sweep_folders(root, SWEEP) == [sweep]
    with pytest.raises(ValueError, match=rf"no sweep s00 in .*; there are {SWEEP}"):
        sweep_folders(root, ["s00", SWEEP])
    (sweep / "parameter_sets.parquet").rename(sweep / "away")
    with pytest.raises(ValueError, match=rf"{SWEEP} has no tables yet \(status \w+\)"):
        sweep_folders(root, SWEEP)
    with pytest.raises(
        ValueError, match=r"run one first: python -m jobs\.sweep storage.root=/.*empty"
    ):
        sweep_folders(root / "empty", None)


def test_a_promotion_is_shown_before_and_after_with_its_reason(tmp_path):
    with pytest.raises(ValueError, match="nothing was promoted"):
        write_promotions(tmp_path, [])
    write_promotion(tmp_path)
    records = [record.shown() for record in read_records(tmp_path)]
    text = write_promotions(tmp_path, records).read_text(encoding="utf-8")
    words = " ".join(" ".join(Elements(text).words).split())
    assert "0 of 1 detectors run on promoted parameters" in words
    assert "Forced, because: because <b>I</b> say so" in words
    assert "Net R a day \N{MINUS SIGN}0.125 +0.250" in words
    assert "stop_atr 1 2 +100 %" in words
    assert "min_score 60 60 same" in words
    assert words.index("Taken back") < words.index("Promoted 2026-01-02")
    for event in records[0]["history"]:  # as after an edit by hand
        event.pop("holdout", None)
    text = write_promotions(tmp_path, records).read_text(encoding="utf-8")
    assert "No hold-out was looked at." in text


def test_several_objectives_show_their_front():
    table = pa.table(
        {
            "set_id": ["a", "b", "c", "d"],
            "expectancy_r": [0.3, 0.2, 0.1, 0.1],
            "max_drawdown_r": [9.0, 5.0, 2.0, 8.0],
            "pareto": [True, True, True, False],
        }
    )
    shown = pareto(table, ["expectancy_r", "-max_drawdown_r"], "b")
    assert "3 sets are beaten by none in all objectives at once." in shown
    assert shown.count("front-dot") == 3
    assert pareto(table, ["expectancy_r"], "b") is None


def test_markup_escapes_children_and_attributes():
    assert h("p", "<b>", 3, None, [h("i", "&")], title='"<') == (
        '<p title="&#34;&lt;">&lt;b&gt;3<i>&amp;</i></p>'
    )
    assert h("input", disabled=True, checked=False, data_x=None) == "<input disabled>"


def test_names_break_after_underscores_only():
    assert breakable("a_<b>") == "a_<wbr>&lt;b&gt;"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (-0.13, 0.41, [-0.1, 0, 0.1, 0.2, 0.3, 0.4]),
        (99, 101, [99, 99.5, 100, 100.5, 101]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def test_a_logarithmic_scale_places_the_geometric_mean_in_the_middle():
    assert Scale(1, 100, 0, 200, log=True)(10) == pytest.approx(100)


def test_numbers_are_told_with_a_real_minus_and_a_dash_for_unknown():
    assert signed(0.5) == "+0.500"
    assert signed(-0.0004) == signed(0.0004) == "0.000"
    assert signed(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert signed(None) == plain(float("nan")) == percent(None) == "\N{EN DASH}"
    assert percent(0.123) == "12.3\N{NO-BREAK SPACE}%"
    assert plain(float("inf")) == "\N{INFINITY}"


def test_a_comparison_names_the_sweeps_that_it_does_not_draw(tmp_path):
    names = [f"s{k:012x}" for k in range(5)]
    folders = [make_sweep(tmp_path, {"breakout_bullish": "holds"}, name=name) for name in names]
    text = write_comparison(folders).read_text(encoding="utf-8")
    (caption,) = re.findall("<figcaption>(.*?)</figcaption>", text)
    assert re.fullmatch(rf"Not drawn: {names[4]} [+\N{{MINUS SIGN}}][\d.]+ R\.", caption)
    assert "Not drawn" not in write_comparison(folders[:4]).read_text(encoding="utf-8")
