"""The command line is refused with all its faults at once, or handed on as Hydra shall read it."""

import re

import pytest

from jobs.overrides import Refused, checked
from jobs.tickers import quoted


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)


def faults(job, *arguments):
    with pytest.raises(Refused) as caught:
        checked(job, arguments)
    return list(caught.value.faults)


def only_fault(job, *arguments):
    (fault,) = faults(job, *arguments)
    return fault


def test_all_faults_come_at_once_each_on_its_line():
    found = faults(
        "sweep",
        "serch=grid",
        "search.budget=abc",
        "search.budgt=5",
        "folds=walk",
        "detector=[breakout_bulish]",
        "params.breakout_bullish.stop_atr=99",
        "space.breakout.volume_surge_min=[unifrom,1,2]",
        "days=3",
        "from=2015-02-30",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "folds=walk",
        "detector=[breakout_bulish]",
        "serch=grid",
        "search.budgt=5",
        "params.breakout_bullish.stop_atr=99",
        "search.budget=abc",
        "from=2015-02-30",
        "days=3, from=2015-02-30",
        "space.breakout.volume_surge_min",
    ]
    assert all("\n" not in fault for fault in found)


FAULTS = {
    "sweep": {
        "search.seed=1,2": "multirun; Ray Tune runs the trials",
        "search.seed=range(1,5)": "multirun; Ray Tune runs the trials",
        "hydra.mode=MULTIRUN": "Ray Tune runs the trials",
        "hydra/launcher=basic": "Ray Tune runs the trials",
        "~symbols": "a key cannot be removed",
        "+symbols=[SPY]": "write symbols=[SPY]",
        "+search.budget=5": "write search.budget=5",
        "+colour=red": "unknown key",
        "search.budget": "cannot be read as key=value",
        "folds.kind=split": "chosen by folds=split",
        "costs={slippage_bps:2}": "set its keys by costs.<key>=<value>",
        "costs.etf=3": "a section with the keys fee_bps, fee_min",
        "costs.etf={slipage_bps:2}": "did you mean costs.etf.slippage_bps?",
        "serch=grid": "unknown key; did you mean search?",
        "screening.factor=5": "a key of screening=halving, which is not chosen; give that too",
        "search.startup=5": "a key of search=tpe, which is not chosen; give that too",
        "folds=walk": "folds has no option 'walk'; there are combinatorial, none, split, walk_f",
        "holdout=[none]": "takes one option",
        "timeframes=[1m]": "(a key of jobs.backfill, jobs.coverage, jobs.watch)",
        "search.budget=2.5": "must be a whole number from 1 to 100000000 parameter sets",
        "sweep.block_size=true": "must be a whole number",
        "search.constraints=trades": "must be a list, such as",
        "search.objective=sharp": "no metric 'sharp'",
        "params.breakout_bullish.weight_mtf_alignment_ratio=11": "a number from 0.01 to 10",
        "params.breakout_bullish.weight_mtf_ratio=2": "did you mean weight_mtf_alignment_ratio?",
        "space.breakout.weight_mtf_alignment_ratio=[uniform,0,1]": "outside the legal 0.01 to 10",
        "sweep.max_failure_rate=nan": "must be a number from 0 to 1",
        "features.baseline_sessions=inf": "must be a whole number of 1 or more sessions",
        "results.trades=al": "did you mean all?",
        "asset_class_override=INDX": "did you mean INDEX?",
        "features.ema_bars=[9,21]": "a list of 4 whole numbers of 1 or more bars; the default",
        "features.rsi_period=1.5": "must be a whole number",
        "features.rsi_perod=3": "did you mean features.rsi_period?",
        "costs.notional_usd=0": "must be a number above 0 USD",
        "space.exit.stop_atr=[uniform,3,0.5]": "low 3 must be below high 0.5",
        "space.exit.target_atr=[uniform,0,3]": "0.1 to 20",
        "space.exit.stop=[uniform,1,3]": "did you mean stop_atr?",
        "space.exit=3": "space.<name>.<parameter>",
        "params.exit.stop_atr=2": "no detector is called exit",
        "params.breakout_bullish.stop_atr=99": "must be a number from 0.1 to 10 ATR",
        "params.breakout_bullish.max_hold_bars=2.5": "must be a whole number from 1 to 400 bars",
        "store=postgres": "DATABASE_URL is not set",
        "--multirun": "Ray Tune runs the trials",
        "--config-name=sweep": "experiment=<name>",
    },
    "backtest": {
        "search.budget=5": "(a key of jobs.sweep)",
        "space.exit.stop_atr=2": "this job has no space",
        "params.opening_drive_bullish.skip_minutes=60": "skip_minutes must be <= window_minutes",
        "params.breakout_bullish.breakeven_atr=2": "breakeven_atr must be < target_atr",
        "detector=[]": "at least one option",
        "detector=eod_pin_set": "did you mean eod_pin_setup?",
        "from=20150105": "must be a date of the calendar, written 2025-01-31, or null",
        "to=2015-02-30": "must be a date of the calendar",
        "storage.root=null": "must be a folder",
        "experiment=nope": "experiment has no option 'nope'",
        "bars.signal_timeframe=7m": "must be one of 1m, 5m, 15m, 30m, 1h, 60m, null",
    },
    "backfill": {
        "timeframes=[1m,7m]": "unknown timeframe '7m'",
        "source.root=null": "must be the folder that holds us_stocks_sip/",
        "source.keep_all_symbols=yes": "must be true or false",
        "days=0": "must be a whole number from 1 to 36500 calendar days",
    },
}


@pytest.mark.parametrize("job", FAULTS)
def test_every_fault_is_named_with_its_remedy(job):
    found = faults(job, *FAULTS[job])
    for argument, text in FAULTS[job].items():
        key = argument.partition("=")[0].lstrip("+~")
        assert [fault for fault in found if key in fault and text in fault], (argument, found)
    assert len(found) == len(FAULTS[job])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "sweep=null: name the sweep to promote from"),
        (
            ["sweep=s0123456789ab", "detector=breakout_bullish", "force=true"],
            "kept for ever; add 'reason=",
        ),
        (["sweep=s0123456789ab", "reason=why"], "is recorded with force=true only"),
        (["sweep=s0123456789ab", "force=true", "reason=why"], "force=true: name the detectors"),
        (["undo=true"], "name the detectors or the sweep"),
        (["undo=true", "pull=true", "sweep=s0123456789ab"], "two different things"),
        (
            ["sweep=s0123456789ab", "undo=true", "detector=breakout", "force=true", "reason=w"],
            "no gate",
        ),
    ],
)
def test_a_promotion_that_says_too_little_is_refused(arguments, words):
    assert words in only_fault("promote", *arguments)


def test_promoted_values_leave_no_room_for_others():
    given = "params.breakout_bullish.stop_atr=2"
    assert "parameters=promoted takes every value" in only_fault(
        "backtest", "parameters=promoted", given
    )


def test_features_that_nothing_could_be_computed_with_are_refused_at_once():
    legal, gaps = (f"must be a whole number of {least} or more" for least in (1, 0))
    spans = "must be a list of 4 whole numbers of 1 or more bars"
    assert faults(
        "backtest",
        "features.rsi_period=0",
        "features.ema_bars=[1,2]",
        "features.atr_period=-3",
        "features.baseline_sessions=0",
        "features.max_gap_sessions=-1",
        "features.rel_volume_baseline=daily",
        "features.gap_suspect_frac=-1",
    ) == [
        "features.rel_volume_baseline=daily: must be one of slot, trailing; the default is slot",
        f"features.baseline_sessions=0: {legal} sessions; the default is 20",
        f"features.rsi_period=0: {legal} bars; the default is 14",
        f"features.atr_period=-3: {legal} bars; the default is 14",
        f"features.ema_bars=[1,2]: {spans}; the default is [9,21,50,200]",
        f"features.max_gap_sessions=-1: {gaps} sessions; the default is 3",
        "features.gap_suspect_frac=-1: must be a number of 0 or more; the default is 0.35",
    ]
    fault = only_fault("sweep", "features.baseline_sessions=4")
    assert fault.startswith("features.baseline_min_sessions=5, features.baseline_sessions=4: ")
    assert checked("sweep", ["features.max_gap_sessions=0"]) == ["features.max_gap_sessions=0"]


def test_what_is_not_close_is_not_suggested():
    (fault,) = (text for text in faults("backfill", "timeframes=[7m]") if "7m" in text)
    assert fault == (
        "timeframes=[7m]: unknown timeframe '7m', known: 1m, 5m, 15m, 30m, 1h, 4h, 1d (60m = 1h)"
    )
    fault = only_fault("backtest", "bars.signal_timeframe=10m")
    assert fault.endswith("must be one of 1m, 5m, 15m, 30m, 1h, 60m, null")
    assert only_fault("database", "action=downgrade") == "action=downgrade: must be upgrade"


def test_a_folder_of_options_must_exist():
    assert only_fault("backtest", "--config-dir=nowhere") == "--config-dir nowhere: no such folder"


def test_a_parameter_of_a_detector_that_is_not_chosen_is_refused():
    fault = only_fault("sweep", "detector=breakout", "space.mean_reversion.rsi_extreme_max=30")
    assert "mean_reversion is not among the chosen detectors (breakout_bullish, " in fault
    fault = only_fault("sweep", "detector=breakout", "params.opening_drive_bullish.stop_atr=2")
    assert "opening_drive_bullish is not among the chosen detectors" in fault


def test_inverted_dates_are_named_with_both_values():
    fault = only_fault("backtest", "from=2015-05-01", "to=2015-04-01")
    assert fault.startswith("from=2015-05-01, to=2015-04-01: the first date lies after the last")


TICKERS = ("TRUE", "NAN", "ON", "NULL", "NA", "INF", "ALL", "BACpL", "BRK.B", "I:SPX")


def test_a_ticker_is_text_whatever_it_looks_like():
    given = f"symbols=[{','.join(TICKERS)}]"
    assert checked("backtest", [given]) == [f"symbols={list(TICKERS)}".replace(" ", "")]


@pytest.mark.parametrize("name", TICKERS)
def test_one_ticker_is_a_list_of_one(name):
    assert quoted(f"symbols={name}") == f"symbols=['{name}']"


def test_all_in_small_letters_is_a_word():
    assert quoted("symbols=all") == "symbols=all"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[true]", "true reads as a boolean; the ticker is written TRUE"),
        ("[null]", "null reads as nothing; the ticker is written NULL"),
        ("[1.5]", "1.5 is a number"),
        ("[1e3]", "1e3 is a number"),
        ("[../x]", "'../x'"),
        ("['../x']", "'../x'"),
        ("[SP Y]", "'SP Y'"),
        ("[SPY,,QQQ]", "an element is empty"),
        ("[all,SPY]", "all stands alone"),
        ("[]", "must be all or a list"),
        ("[SPY", "must be all or a list"),
        ("SPY,QQQ", "symbols=[SPY,QQQ]"),
        ("", "must be all or a list"),
    ],
)
def test_what_is_no_symbol_list_is_refused(value, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        quoted(f"symbols={value}")


def test_symbols_of_a_file_must_be_quoted(tmp_path):
    (tmp_path / "universe").mkdir()
    (tmp_path / "universe" / "mine.yaml").write_text(
        "# @package _global_\nsymbols: [true, 1.5, SPY]\n"
    )
    fault = only_fault("backtest", "universe=mine", f"--config-dir={tmp_path}")
    assert "True is no text: quote the symbol in the file" in fault
    assert "1.5 is no text" in fault


def test_an_overlay_of_ones_own_is_checked_like_the_command_line(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nsearch: {budget: 0}\ncolour: red\n"
    )
    found = faults("sweep", "experiment=mine", f"--config-dir={tmp_path}")
    assert "search.budget=0: must be a whole number from 1 to 100000000 parameter sets" in found
    assert "colour=red: unknown key" in found


def test_credentials_are_refused_without_their_values():
    found = faults(
        "backtest",
        "db.password=hunter2",
        "api_key=hunter2",
        "+store.token=hunter2",
        "MASSIVE_S3_SECRET_ACCESS_KEY=hunter2",
        "store.url=postgresql://me:hunter2@host/db",
        "postgresql://me:hunter2@host/db",
        "storage.root=s3://me:hunter2@bucket/x",
    )
    assert len(found) == 7
    assert all("looks like a credential" in fault and "hunter2" not in fault for fault in found)


def test_a_secret_of_the_environment_is_never_repeated(monkeypatch):
    monkeypatch.setenv("MASSIVE_API_KEY", "k9Lq2")
    found = faults("backtest", "storage.root=k9Lq2", "k9Lq2=1", "symbols=[k9Lq2]")
    assert len(found) == 3
    assert "k9Lq2" not in " ".join(found)


def test_a_relative_root_in_a_ray_job_is_refused_with_an_absolute_one(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    monkeypatch.setenv("HOME", "/home/me")
    found = faults("backfill", "source.root=flat")
    assert [fault.partition(":")[0] for fault in found] == [
        "storage.root=data",
        "source.root=flat",
    ]
    assert "such as storage.root=/home/me/data" in found[0]
    arguments = ["source.root=s3://flatfiles", "storage.root=/mnt/data"]
    assert checked("backfill", arguments) == arguments


def test_a_usable_command_line_is_handed_on():
    arguments = [
        "detector=[breakout_bullish,mean_reversion]",
        "experiment=quick",
        "costs.slippage_bps=2",
        "costs.etf={fee_bps:1}",
        'search.constraints=["trades>=100"]',
        "folds=walk_forward",
        "params.breakout_bullish.min_score=65",
        "bars.signal_timeframe=60m",
        "from=2014-12-01",
        "to=2015-05-29",
        "hydra.verbose=true",
        "--cfg",
        "job",
    ]
    assert checked("sweep", arguments) == arguments


def test_code_that_a_configuration_names_is_not_run(tmp_path):
    evil = "+hydra.callbacks.evil._target_=os.getcwd"
    assert "hydra.callbacks: names code to be run" in only_fault("coverage", evil)
    handler = "hydra.job_logging.handlers.console.class=os.getcwd"
    assert "hydra.job_logging: names code" in only_fault("coverage", f"++{handler}")
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  callbacks:\n    evil:\n      _target_: os.getcwd\n"
    )
    folder = ["--config-dir", str(tmp_path)]
    assert "hydra.callbacks: names" in only_fault("coverage", *folder, "experiment=mine")
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nstorage:\n  _target_: os.getcwd\n"
    )
    assert "storage._target_" in only_fault("coverage", *folder, "experiment=mine")


def test_the_place_of_everything_is_a_folder_or_a_bucket():
    bucket = "storage.root=s3://bucket/prefix"
    assert checked("coverage", [bucket]) == [bucket]
    assert "a SQLite file belongs to one machine" in only_fault("sweep", bucket)
    both = faults("sweep", bucket, "store=postgres")
    assert len(both) == 1  # DATABASE_URL is not set
    assert "storage.root: must be a folder or s3://" in only_fault("sweep", "storage.root=gs://b")
    hidden = only_fault("coverage", "storage.root=s3://key:hunter2@bucket")
    assert "hunter2" not in hidden
    lonely = only_fault("coverage", "storage.endpoint=http://server")
    assert "only a bucket has one" in lonely


def test_one_overlay_serves_jobs_that_read_other_keys_of_it():
    assert checked("sample", ["experiment=sample"]) == ["experiment=sample"]


def test_a_range_for_one_detector_is_opened_beside_its_family():
    given = "space.breakout_bullish.volume_surge_min=[uniform,1.2,3.0]"
    assert checked("sweep", [given]) == [f"++{given}"]


def test_a_weight_ratio_needs_no_line_in_a_file():
    given = "params.breakout_bullish.weight_mtf_alignment_ratio=2"
    assert checked("backtest", ["detector=breakout_bullish", given])[1] == f"++{given}"


@pytest.mark.parametrize("flag", ["--help", "--hydra-help", "--info"])
def test_help_is_left_to_hydra(flag):
    assert checked("sweep", [flag]) == [flag]


def test_a_file_is_no_root(tmp_path):
    (tmp_path / "file").touch()
    assert "is a file; name a folder" in only_fault(
        "backtest", f"storage.root={tmp_path / 'file'}"
    )
