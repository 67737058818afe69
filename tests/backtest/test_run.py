"""A backtest over a bar store: three states, files, refusals, nothing overwritten."""

import csv
import dataclasses
import datetime as dt
import json

import pyarrow.parquet as pq
import pytest
from walk_store import write_minutes

from detectors.registry import DETECTORS
from sweep.backtest.run import run_backtest
from sweep.backtest.spec import BacktestSpec

LOOSE = {
    "breakout_lookback_bars": 4,
    "volume_surge_min": 0.3,
    "vwap_dist_min_frac": 0.0,
    "price_change_min_frac": 0.0001,
    "min_score": 0.0,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    write_minutes(root, "SPY", 1)
    write_minutes(root, "SPX", 2)
    return root


@pytest.fixture(scope="module")
def spec(store):
    return BacktestSpec(
        storage_root=store,
        symbols=("SPY",),
        detectors=("breakout_bullish", "opening_drive_bullish", "eod_pin_setup"),
        parameters={"breakout_bullish": LOOSE},
        config={"symbols": ["SPY"]},
    )


@pytest.fixture(scope="module")
def report(spec):
    return run_backtest(spec)


def test_each_detector_has_one_of_the_states(report):
    states = {one.detector: one for one in report.results}
    assert states["breakout_bullish"].status == "traded"
    assert states["breakout_bullish"].metrics["trades"] > 10
    assert states["opening_drive_bullish"].status == "not_evaluable"
    assert states["opening_drive_bullish"].reason.startswith("asset_class (SPY is ETF")


def test_the_files_tell_the_same(report):
    folder = report.folder
    told = json.loads((folder / "backtest.json").read_text())
    rows = list(csv.DictReader((folder / "backtest.csv").read_text().splitlines()))
    trades = pq.read_table(folder / "trades.parquet").to_pandas()
    assert [row["detector"] for row in told["results"]] == [r["detector"] for r in rows]
    first = told["results"][0]
    assert first["trades"] == len(trades) == int(rows[0]["trades"])
    counts = ["trades", "active_days", *(name for name in first if name.startswith("exits_"))]
    assert len(counts) > 4
    for name in counts:
        assert type(first[name]) is int
        assert rows[0][name] == str(first[name])
    assert first["expectancy_r"] == pytest.approx(trades.r_net.mean())
    assert first["win_rate"] == pytest.approx((trades.r_net > 0).mean())
    assert (trades.signal_ts <= trades.entry_ts).all()
    assert (trades.entry_ts <= trades.exit_ts).all()
    assert told["config"] == {"symbols": ["SPY"]}


def test_every_line_of_the_funnel_is_the_one_before_less_a_named_loss(report):
    funnel = pq.read_table(report.folder / "funnel.parquet").to_pandas()
    funnel = funnel[funnel.detector == "breakout_bullish"]
    total = funnel.groupby("line").bars.sum().to_dict()
    lost = {"in_trade", "cooldown", "after_flat", "no_fill", "beyond_stop", "beyond_target"}
    lost |= {"risk_too_small"}
    assert total["in_window"] - total.get("not_evaluable", 0) == total["evaluable"]
    passed = funnel[funnel.line == "passed"].groupby("name").bars.sum()
    assert passed["day_change"] == passed.min()
    assert passed["day_change"] - total.get("below_score", 0) == total["signals"]
    assert total["signals"] - sum(total.get(name, 0) for name in lost) == total["trades"]
    assert total["trades"] == report.results[0].metrics["trades"]


def test_a_second_run_overwrites_nothing(spec, report):
    again = run_backtest(spec)
    assert again.folder != report.folder
    assert again.folder.name == f"{report.folder.name}-2"
    assert again.results[0].metrics == pytest.approx(report.results[0].metrics, nan_ok=True)


@pytest.mark.parametrize("named", ["ETF", "INDEX"])
def test_an_override_names_the_class_of_the_symbols_or_of_the_detector(spec, named):
    both = run_backtest(dataclasses.replace(spec, asset_class_override=named))
    status = {one.detector: one.status for one in both.results}
    assert status["opening_drive_bullish"] in {"traded", "no_signal"}
    assert status["breakout_bullish"] == "traded"


def test_an_override_of_a_third_class_lifts_nothing(spec):
    both = run_backtest(dataclasses.replace(spec, asset_class_override="STOCK"))
    status = {one.detector: one.status for one in both.results}
    assert status["opening_drive_bullish"] == "not_evaluable"


def test_a_symbol_of_another_class_is_named_and_counted(spec):
    both = run_backtest(dataclasses.replace(spec, symbols=("SPY", "SPX")))
    found = both.results[0]
    assert (found.status, found.symbols) == ("traded", ("SPY",))
    assert found.reason == "SPX: asset_class (INDEX; it runs on ETF, STOCK)"
    funnel = pq.read_table(both.folder / "funnel.parquet").to_pandas()
    lost = funnel[(funnel.symbol == "SPX") & (funnel.detector == "breakout_bullish")]
    total = lost.groupby(["line", "reason"]).bars.sum().to_dict()
    assert total["not_evaluable", "asset_class"] == total["in_window", ""] > 1000
    assert len(total) == 2


def test_without_warm_up_it_says_why(spec):
    first, last = dt.date(2024, 1, 2), dt.date(2024, 1, 4)
    short = run_backtest(dataclasses.replace(spec, first=first, last=last))
    assert short.results[0].status == "not_evaluable"
    assert "warmup" in short.results[0].reason


def test_a_detector_named_alone_on_foreign_symbols_is_refused(spec):
    alone = dataclasses.replace(spec, detectors=("opening_drive_bullish",))
    with pytest.raises(ValueError, match=r"cannot run on any of the symbols: asset_class"):
        run_backtest(alone)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"detectors": ("breakout_bulish",)}, "unknown detector 'breakout_bulish'"),
        (
            {"parameters": {"breakout_bullish": {"min_score": 101.0}}},
            r"params.breakout_bullish.min_score must lie in 0 to 100 score, got 101",
        ),
        (
            {"symbols": ("QQQ",)},
            r"no bars of QQQ .*jobs.backfill source.root=FOLDER 'symbols=\[QQQ\]'",
        ),
        ({"first": dt.date(2024, 6, 1), "last": dt.date(2024, 6, 2)}, "no exchange session"),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(spec, change, text):
    with pytest.raises(ValueError, match=text):
        run_backtest(dataclasses.replace(spec, **change))


def test_all_names_can_be_asked_for(spec):
    every = run_backtest(dataclasses.replace(spec, detectors=tuple(DETECTORS)))
    assert [one.detector for one in every.results] == list(DETECTORS)
