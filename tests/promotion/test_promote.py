"""From a verdict to parameters in use: gate, looks, kills between steps, repeats and undo."""

import dataclasses
import datetime as dt
import functools
import json
import shutil
from pathlib import Path

import pytest
import yaml
from walk_store import write_minutes

from benchmarks.calibration.sweeps import run_inline
from jobs.compose import Composer
from sweep.backtest.run import run_backtest
from sweep.backtest.spec import BacktestSpec
from sweep.promotion import promote as module
from sweep.promotion.configuration import refusal
from sweep.promotion.promote import PromotionSpec, promote, promoted_by, pull, undo
from sweep.promotion.records import path_of, promoted_parameters, read_record
from sweep.promotion.regression import Regression, Side, regress
from sweep.promotion.source import candidate, read_sweep
from sweep.search.spec import SearchSettings, SweepSpec
from sweep.store.database import Database
from sweep.store.lease import Held, lease
from sweep.store.looks import looks_of
from sweep.store.results import EVIDENCE, SWEEP, Results

NAME, OTHER = "breakout_bullish", "mean_reversion_long"
SPACE = {
    "breakout": {
        "volume_surge_min": ["uniform", 0.2, 1.2],
        "price_change_min_frac": ["loguniform", 0.0001, 0.004],
        "vwap_dist_min_frac": 0,
    },
    "mean_reversion": {"rsi_extreme_max": ["uniform", 30, 50]},
    "exit": {"min_score": ["uniform", 0, 40]},
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A finished sweep of two detectors, without Ray."""
    root = tmp_path_factory.mktemp("swept")
    write_minutes(root, "SPY", 1)
    spec = SweepSpec(
        storage_root=root,
        symbols=("SPY",),
        detectors=(NAME, OTHER),
        space=SPACE,
        search=SearchSettings(budget=40, constraints=("trades>=5",)),
    )
    return spec, run_inline(spec).sweep_id


class Here:
    """A copy of the sweep with a checkout beside it; every verdict reads `holds`."""

    def __init__(self, swept, tmp_path):
        spec, self.sweep_id = swept
        self.root = tmp_path / "store"
        shutil.copytree(spec.storage_root, self.root)
        self.sweep = dataclasses.replace(spec, storage_root=self.root)
        self.conf = tmp_path / "checkout" / "conf"
        (self.conf / "detector").mkdir(parents=True)
        (self.conf.parent / ".git").mkdir()
        (self.conf.parent / "pyproject.toml").touch()
        self.minute = 0
        self.spec = PromotionSpec(self.root, self.conf, clock=self.clock)
        self.say("holds", NAME)

    def clock(self):
        self.minute += 1
        return dt.datetime(2025, 1, 2, 12, self.minute, tzinfo=dt.UTC)

    def say(self, verdict, *names):
        results = Results(self.root, self.sweep_id)
        about = results.read_json()
        for name in names:
            about["detectors"][name]["evidence"]["verdict"] = verdict
        results.write_json(SWEEP, about)

    @property
    def about(self):
        return read_sweep(self.root, self.sweep_id)

    def promote(self, *names, **changes):
        spec = dataclasses.replace(self.spec, **changes)
        return promote(spec, self.sweep, self.about, names or (NAME,))

    def rows(self, table):
        with Database.open("sqlite", self.root) as db:
            return db.read(table).to_pylist()

    @property
    def file(self):
        return self.conf / "detector" / "promoted" / f"{NAME}.yaml"

    @property
    def untouched(self):
        return not path_of(self.root, NAME).exists() and not self.file.exists()


@pytest.fixture
def here(swept, tmp_path):
    return Here(swept, tmp_path)


def outcome_of(old, new):
    """Pretend results on the hold-out; the market of these tests is noise."""

    def regressed(spec, detector, symbols, days, before, after):
        metrics = {"trades": 9.0}
        return Regression(len(days), Side(before, old, metrics), Side(after, new, metrics))

    return regressed


@pytest.fixture
def passing(monkeypatch):
    monkeypatch.setattr(module, "regress", outcome_of(0.01, 0.2))


def test_a_promotion_is_a_record_a_row_a_file_and_what_jobs_use(here, passing):
    report = here.promote()
    (found,) = report.outcomes
    new = candidate(here.sweep, here.about, NAME)
    assert (found.status, found.reasons, found.seen) == ("promoted", (), 1)
    assert found.new == new.parameters != found.old == new.configured
    assert promoted_parameters(here.root) == {NAME: new.parameters}
    record = read_record(here.root, NAME)
    assert not record.forced_ever
    event = record.current
    assert (event["sweep_id"], event["set_id"]) == (here.sweep_id, new.set_id)
    assert event["data"]["symbols"] == ["SPY"]
    assert event["data"]["last"] < event["holdout"]["first"]
    assert event["holdout"]["mean_r_new"] == 0.2
    assert event["evidence"]["tries"] == 41
    (row,) = here.rows("promotions")
    assert (row["detector"], row["action"], row["forced"]) == (NAME, "promote", False)
    assert json.loads(row["new_parameters"]) == new.parameters
    (look,) = here.rows("holdout_looks")
    assert (look["set_id"], look["mean_r_new"], look["mean_r_old"]) == (new.set_id, 0.2, 0.01)
    values = yaml.safe_load(here.file.read_text())
    assert values == new.parameters
    assert here.file.read_text().startswith(f"# @package params.{NAME}\n")
    assert "# sweep " + here.sweep_id in here.file.read_text()


def test_a_promoted_file_is_an_option_of_the_group(here, passing):
    here.promote()
    with Composer("backtest", str(here.conf)) as composer:
        assert f"promoted/{NAME}" in composer.options("detector")
        params = composer.compose([f"detector=promoted/{NAME}"])["params"]
    assert params == {NAME: candidate(here.sweep, here.about, NAME).parameters}


def test_repeating_is_a_no_op_and_finishes_what_a_kill_left(here, passing, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    # Killed while it looks: the look is on record, nothing else is.
    monkeypatch.setattr(module, "regress", killed)
    with pytest.raises(KeyboardInterrupt):
        here.promote()
    (look,) = looks_of(here.root)
    assert (look.mean_r_new, here.untouched) == (None, True)
    # Killed after the record: it counts, rows and file follow.
    monkeypatch.setattr(module, "regress", outcome_of(0.01, 0.2))
    with monkeypatch.context() as patch:
        patch.setattr(module, "mirror", killed)
        with pytest.raises(KeyboardInterrupt):
            here.promote()
    assert list(promoted_parameters(here.root)) == [NAME]
    assert not here.file.exists()
    (found,) = here.promote().outcomes
    assert (found.status, len(here.rows("promotions"))) == ("unchanged", 1)
    assert here.file.exists()
    before = path_of(here.root, NAME).read_bytes()
    assert here.promote().outcomes[0].status == "unchanged"
    assert path_of(here.root, NAME).read_bytes() == before
    (again,) = looks_of(here.root)
    assert (again.looked_at, again.mean_r_new) == (look.looked_at, 0.2)


def test_a_record_is_replaced_whole(here, passing, monkeypatch):
    here.promote()
    before = path_of(here.root, NAME).read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sweep.promotion.records.yaml.safe_dump", full)
    with pytest.raises(OSError, match="No space left"):
        undo(here.spec, [NAME])
    assert path_of(here.root, NAME).read_bytes() == before


def test_two_commands_at_once_lose_no_event(here, passing, monkeypatch):
    here.promote()
    before = path_of(here.root, NAME).read_text()
    monkeypatch.setattr(module, "lease", functools.partial(lease, timeout_s=0.1))
    with lease(here.root / "locks" / "promotions.lock"):
        with pytest.raises(Held):
            undo(here.spec, [NAME])
        with pytest.raises(Held):
            here.promote(OTHER)
    assert path_of(here.root, NAME).read_text() == before
    assert undo(here.spec, [NAME]).outcomes[0].status == "undone"


def test_undo_restores_one_promotion_after_the_other(here, passing):
    here.promote()
    first = promoted_parameters(here.root)[NAME]
    # A second sweep's set: the same store under another final set.
    about = here.about
    others = about["detectors"][NAME]["chosen"]["folds"]
    other = next(s for s in others if s not in (None, about["detectors"][NAME]["chosen"]["final"]))
    about["detectors"][NAME]["chosen"]["final"] = other
    Results(here.root, here.sweep_id).write_json(SWEEP, about)
    (refused,) = here.promote().outcomes
    assert refused.status == "refused"
    assert "seen 2 times" in refused.reasons[0]
    (forced,) = here.promote(force=True, reason="two\nlooks").outcomes
    assert (forced.status, forced.forced, forced.old) == ("promoted", True, first)
    assert "# FORCED against the gate: two looks\n" in here.file.read_text()
    (undone,) = undo(here.spec, promoted_by(here.root, here.sweep_id)).outcomes
    assert (undone.status, undone.new, undone.forced_ever) == ("undone", first, True)
    assert yaml.safe_load(here.file.read_text()) == first
    undo(here.spec, [NAME])
    assert promoted_parameters(here.root) == {}
    assert not here.file.exists()
    with pytest.raises(ValueError, match="nothing is promoted"):
        undo(here.spec, [NAME])
    record = read_record(here.root, NAME)
    assert [event["action"] for event in record.history] == ["promote", "promote", "undo", "undo"]
    assert record.forced_ever
    assert len(here.rows("promotions")) == 4
    # The look is the same one, so the first set may come back.
    about["detectors"][NAME]["chosen"]["final"] = record.history[0]["set_id"]
    Results(here.root, here.sweep_id).write_json(SWEEP, about)
    assert here.promote().outcomes[0].status == "promoted"
    assert read_record(here.root, NAME).forced_ever


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (-0.5, -0.1, "must earn more than 0"),
        (0.3, 0.2, "what is in use earns"),
        (0.2, 0.2, "what is in use earns"),
    ],
)
def test_a_hold_out_that_does_not_confirm_refuses(here, monkeypatch, old, new, words):
    monkeypatch.setattr(module, "regress", outcome_of(old, new))
    (found,) = here.promote().outcomes
    assert (found.status, here.untouched) == ("refused", True)
    assert any(words in reason for reason in found.reasons)
    assert len(looks_of(here.root)) == 1


def test_a_hold_out_that_cannot_be_judged_stops_no_other_detector(here, monkeypatch):
    judged = outcome_of(0.01, 0.2)

    def regressed(spec, detector, *rest):
        if detector.name == OTHER:
            raise ValueError("bars of SPY are missing")
        return judged(spec, detector, *rest)

    monkeypatch.setattr(module, "regress", regressed)
    here.say("holds", OTHER)
    for force in ({}, {"force": True, "reason": "in haste"}):
        first, second = here.promote(OTHER, NAME, **force).outcomes
        assert first.status == "refused"
        assert first.reasons == ("the hold-out cannot be judged: bars of SPY are missing",)
        assert second.status in ("promoted", "unchanged")
    assert list(promoted_parameters(here.root)) == [NAME]
    assert here.file.exists()


def test_without_a_verdict_the_hold_out_is_not_looked_at(here, passing):
    here.say("not_proven", NAME)
    first, second = here.promote(NAME, OTHER).outcomes
    assert (first.status, second.status) == ("refused", "refused")
    assert "it must be holds" in first.reasons[0]
    assert (looks_of(here.root), here.untouched) == ((), True)
    (forced,) = here.promote(force=True, reason="paper trading").outcomes
    assert (forced.status, forced.forced) == ("promoted", True)
    (event,) = read_record(here.root, NAME).history
    assert (event["reason"], len(event["overruled"])) == ("paper trading", 1)
    assert here.rows("promotions")[0]["forced"]


def test_undo_restores_the_revision_that_its_values_were_promoted_for(here, passing):
    here.promote()
    first = read_record(here.root, NAME)
    event = {**first.current, "promotion_id": "u1", "replaces": first.promotion_id}
    later = first.promoted({**event, "revision": first.revision + 1}, first.revision + 1)
    assert later.revision == first.revision + 1
    assert later.undone("2025-01-02T13:00:00+00:00").revision == first.revision


def test_a_force_that_was_not_needed_marks_nothing(here, passing):
    (found,) = here.promote(force=True, reason="to be sure").outcomes
    assert (found.status, found.forced) == ("promoted", False)
    assert read_record(here.root, NAME).history[0]["reason"] is None


def test_the_hold_out_is_judged_as_a_backtest_of_its_days_judges(here):
    new = candidate(here.sweep, here.about, NAME)
    days = new.held_out
    assert len(days) == 20
    old = new.configured | {"min_score": 5.0, "breakout_lookback_bars": 5.0}
    found = regress(here.sweep, module.get(NAME), ["SPY"], days, old, new.parameters)
    for side in (found.old, found.new):
        report = run_backtest(
            BacktestSpec(
                storage_root=here.root,
                symbols=("SPY",),
                detectors=(NAME,),
                parameters={NAME: side.parameters},
                first=dt.date.fromisoformat(days[0]),
                last=dt.date.fromisoformat(days[-1]),
            )
        )
        metrics = report.results[0].metrics
        assert side.metrics["trades"] == metrics["trades"] > 0
        assert side.mean_r == pytest.approx(metrics["total_r"] / report.results[0].sessions)
    assert found.sessions == report.results[0].sessions


def test_the_hold_out_is_judged_with_the_order_flow_of_the_sweep(here, tmp_path):
    new = candidate(here.sweep, here.about, NAME)
    spec = dataclasses.replace(here.sweep, flow_path=str(tmp_path / "gone.parquet"))
    with pytest.raises(ValueError, match=r"features.flow_path must be .*gone.parquet"):
        regress(spec, module.get(NAME), ["SPY"], new.held_out, new.configured, new.parameters)


def test_what_is_not_ours_is_refused(here, passing):
    with pytest.raises(ValueError, match=r"no such sweep in .* there are: s"):
        read_sweep(here.root, "../elsewhere")
    with pytest.raises(ValueError, match="was no part of"):
        here.promote("breakout_bearish")
    dearer = dataclasses.replace(
        here.sweep.costs["ETF"], slippage_bps=here.sweep.costs["ETF"].slippage_bps + 1
    )
    here.sweep = dataclasses.replace(here.sweep, costs={**here.sweep.costs, "ETF": dearer})
    with pytest.raises(ValueError, match="features, fills or costs"):
        here.promote()
    assert here.untouched


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parameters": {"stop_atr": 99}}, "stop_atr must lie in 0.1 to 10"),
        ({"parameters": {"_target_": "os.system"}}, "has no parameter _target_"),
        ({"parameters": ["stop_atr"]}, "must be a mapping"),
        ({"detector": OTHER}, "must be about breakout_bullish"),
        ({"extra": 1}, "must hold exactly"),
        ({"revision": 99}, "promoted at revision 99"),
    ],
)
def test_a_record_is_data_and_is_checked(here, passing, changes, words):
    here.promote()
    path = path_of(here.root, NAME)
    content = yaml.safe_load(path.read_text()) | changes
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=words):
        promoted_parameters(here.root)


def test_a_record_cannot_run_code(here):
    path = path_of(here.root, NAME)
    path.parent.mkdir()
    path.write_text("detector: !!python/object/apply:os.system ['touch /tmp/never']\n")
    with pytest.raises(ValueError, match="is no YAML"):
        read_record(here.root, NAME)


def test_outside_a_checkout_the_configuration_is_left_and_pulled_later(here, passing, monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    report = here.promote()
    assert report.outcomes[0].status == "promoted"
    assert not here.file.exists()
    assert "this is a Ray job" in report.notes[0]
    with pytest.raises(ValueError, match="outside a Ray job"):
        pull(here.spec, [NAME])
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR")
    assert [one.status for one in pull(here.spec, [NAME, OTHER]).outcomes] == ["pulled"]
    assert here.file.exists()
    (here.conf.parent / ".git").rmdir()
    assert "lies in no checkout" in refusal(here.conf)


@pytest.mark.s3
@pytest.mark.postgres
def test_a_promotion_in_a_bucket_is_mirrored_into_postgres(here, passing, s3_root, postgres_store):
    for file in filter(Path.is_file, here.root.rglob("*")):
        bucket_file = s3_root / str(file.relative_to(here.root))
        bucket_file.bucket.put(bucket_file.key, file)
    sweep = dataclasses.replace(here.sweep, storage_root=s3_root, store="postgres")
    spec = dataclasses.replace(here.spec, storage_root=s3_root, store="postgres")
    report = promote(spec, sweep, read_sweep(s3_root, here.sweep_id), [NAME])
    (found,) = report.outcomes
    assert (found.status, found.seen) == ("promoted", 1)
    assert report.notes == (f"written: {here.file}",)
    assert promoted_parameters(s3_root) == {NAME: found.new}
    assert promoted_by(s3_root, here.sweep_id) == (NAME,)
    (look,) = looks_of(s3_root)
    assert (look.set_id, look.mean_r_new) == (read_record(s3_root, NAME).current["set_id"], 0.2)
    again = promote(spec, sweep, read_sweep(s3_root, here.sweep_id), [NAME])
    assert again.outcomes[0].status == "unchanged"
    assert undo(spec, [NAME]).outcomes[0].status == "undone"
    assert promoted_parameters(s3_root) == {}
    assert not here.file.exists()
    rows = postgres_store.read("promotions", order_by=["promoted_at"]).to_pylist()
    assert [row["action"] for row in rows] == ["promote", "undo"]
    assert len(postgres_store.read("holdout_looks")) == 1
    assert not path_of(here.root, NAME).exists()


def test_nothing_holds_while_tries_cannot_be_read(swept, tmp_path):
    spec, sweep_id = swept
    shutil.copytree(spec.storage_root, tmp_path / "store")
    again = dataclasses.replace(spec, storage_root=tmp_path / "store")
    (file,) = (tmp_path / "store" / "ledger").glob(f"{NAME}-*.parquet")
    (file.parent / f"{NAME}-{24 * 'a'}.parquet").write_bytes(file.read_bytes()[:200])
    shutil.rmtree(tmp_path / "store" / "results")
    assert run_inline(again).sweep_id == sweep_id
    evidence = json.loads((Results(again.storage_root, sweep_id).path / EVIDENCE).read_text())
    told = {
        name: [one["sentence"] for one in found["criteria"] if one["name"] == "reservation"]
        for name, found in evidence["detectors"].items()
    }
    assert told[OTHER] == []
    assert "Nobody knows how many tries there were" in told[NAME][0]
