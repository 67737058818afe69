"""The commands as a user types them: exit codes, what is printed, what is written."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from made_up_sweep import make_sweep

from jobs.compose import JOBS
from jobs.credentials import VARIABLES

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "COLUMNS": "80"}


def run_job(name, *overrides, folder, script=False, **environment):
    command = [str(ROOT / "jobs" / f"{name}.py")] if script else ["-m", f"jobs.{name}"]
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, *command, *overrides],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


job = run_job


@pytest.mark.parametrize("name", ["sample", "sweep"])
def test_help_shows_examples_options_and_keys(name, tmp_path):
    done = job(name, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"python -m jobs.{name} " in done.stdout
    assert "Groups, chosen by group=option:" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_does_not_import_what_it_need_not(tmp_path):
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "import jobs.sweep\n"
        "try:\n    jobs.sweep.main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'ray', 'numba', 'pandas', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_configuration_can_be_shown_and_keeps_tickers_as_text(tmp_path):
    done = job("sweep", "--cfg", "job", "symbols=[TRUE,NAN]", "detector=breakout", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "symbols:\n- 'TRUE'\n- 'NAN'\n" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_faults_end_with_2_and_nothing_written(tmp_path):
    done = job("sweep", "serch=grid", "search.budget=x", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "jobs.sweep: 2 faults, nothing was done",
        "  serch=grid: unknown key; did you mean search?",
        "  search.budget=x: must be a whole number from 1 to 100000000 parameter sets",
    ]
    assert done.stdout.splitlines()[-1].startswith("SWEEP RESULT status=failed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", JOBS)
def test_a_job_run_as_a_script_says_how_to_run_it(name, tmp_path):
    done = job(name, folder=tmp_path, script=True)
    assert done.returncode == 2
    assert f"run: python -m jobs.{name}" in done.stderr


def test_a_root_that_cannot_be_written_is_named_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    done = job("sample", "source.root=file/below", "sample.sessions=1", folder=tmp_path)
    assert done.returncode == 1
    assert "file/below" in done.stdout
    assert "; check source.root and its permissions" in done.stdout
    assert "storage.root" not in done.stdout


def test_a_store_that_cannot_be_written_is_named_once_with_one_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "flat" / "us_stocks_sip").mkdir(parents=True)
    roots = ["source.root=flat", "storage.root=file/below"]
    done = job("backfill", *roots, "symbols=[SPY]", "days=3", "to=2024-01-05", folder=tmp_path)
    assert done.returncode == 1
    assert "cannot write storage.root file/below" in done.stdout
    assert done.stdout.count("storage.root") == done.stdout.count("permissions") == 1


def test_coverage_of_a_store_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "store" / "coverage" / "report.parquet").mkdir(parents=True)  # root may write all
    words = ["storage.root=store", "symbols=[SPY]", "from=2024-01-02", "to=2024-01-05"]
    for strict, code in (("false", 0), ("true", 1)):
        done = job("coverage", *words, f"strict={strict}", folder=tmp_path)
        assert done.returncode == code, done.stdout + done.stderr
        said = "".join(done.stdout.split())  # lines are as wide as a terminal
        assert re.search("notkept:.*cannotwrite.*coverage/report.parquet", said)
        assert "SPY:4of4sessionsneverfetched" in said


def test_an_empty_store_is_no_data_found_with_the_command_that_fills_it(tmp_path):
    done = job("backtest", folder=tmp_path)
    assert done.returncode == 2
    assert "No data found" in done.stderr
    assert "python -m jobs.backfill" in done.stderr


def test_the_database_is_made_once(tmp_path):
    first = job("database", "storage.root=store", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "before nothing" in first.stdout
    again = job("database", "storage.root=store", folder=tmp_path)
    assert "up to date" in again.stdout
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        "detector_sweep.sqlite"
    ]


def test_a_report_is_written_and_sweeps_are_compared(tmp_path):
    make_sweep(tmp_path / "store", {"breakout_bullish": "holds"})
    make_sweep(tmp_path / "store", {"breakout_bullish": "fails"}, name="sfedcba987654")
    one = job("report", "storage.root=store", "sweep=s0123456789ab", folder=tmp_path)
    assert one.returncode == 0, one.stderr
    assert one.stdout.splitlines()[0] == "store/results/s0123456789ab/report.html"
    both = job(
        "report", "storage.root=store", "sweep=[s0123456789ab,sfedcba987654]", folder=tmp_path
    )
    page = "store/results/comparison-s0123456789ab-sfedcba987654.html"
    assert both.stdout.splitlines()[0] == page
    assert "2 sweeps side by side" in (tmp_path / page).read_text(encoding="utf-8")
    wrong = job("report", "storage.root=store", "sweep=[s0123456789ab,x]", folder=tmp_path)
    assert wrong.returncode == 2
    assert "must be ids of sweeps" in wrong.stderr
    absent = job("report", "storage.root=store", "sweep=s000000000000", folder=tmp_path)
    assert absent.returncode == 2
    assert "there are s0123456789ab, sfedcba987654" in absent.stderr


MARKERS = {name: f"marker{k}{secrets.token_hex(8)}" for k, name in enumerate(VARIABLES)}
MARKERS["DATABASE_URL"] = f"postgresql://user:{MARKERS['DATABASE_URL']}@127.0.0.1:1/none"


def leaks(folder, *texts):
    """Name the files below a folder, and the texts, that hold a marker."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    looked = {str(path): path.read_bytes() for path in files}
    looked |= {f"text {k}": text.encode() for k, text in enumerate(texts)}
    markers = [re.search("marker[0-9a-f]+", value).group().encode() for value in MARKERS.values()]
    return sorted(place for place, content in looked.items() if any(m in content for m in markers))


@pytest.mark.ray
def test_every_job_and_no_byte_of_a_secret(tmp_path, monkeypatch):
    """Every job once, on few sessions; the second sweep has nothing to do, in JSON.

    Every credential holds a marker, and no byte that is written holds one: tables, database,
    output, logs of Ray.
    """
    ray_folder = Path(tempfile.mkdtemp(prefix="r"))  # short, for the sockets in it
    for name, value in {**MARKERS, "RAY_TMPDIR": str(ray_folder)}.items():
        monkeypatch.setenv(name, value)
    said = []

    def job(*words, **options):
        done = run_job(*words, **options, DATABASE_URL=MARKERS["DATABASE_URL"])
        said.extend((done.stdout, done.stderr))
        return done

    sample = job("sample", "source.root=flat", "sample.sessions=50", folder=tmp_path)
    assert "sample market written" in sample.stdout, sample.stderr
    filled = job(
        "backfill", "source.root=flat", "storage.root=store", "timeframes=[1m]", folder=tmp_path
    )
    assert filled.returncode == 0, filled.stdout + filled.stderr
    covered = job("coverage", "storage.root=store", "strict=true", folder=tmp_path)
    assert covered.returncode == 0, covered.stdout + covered.stderr
    tested = job("backtest", "storage.root=store", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "BACKTEST SUMMARY" in tested.stdout
    sweep = [
        "storage.root=store",
        "detector=[breakout_bullish,opening_drive_bullish]",
        "search.budget=6",
        "folds=none",
        "holdout=none",
        "symbols=[SPY,SPX]",
        "ray.workers=1",
    ]
    done = job("sweep", *sweep, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("SWEEP RESULT status=done sets=12 failed=0 results=store/results/s")
    report = Path(tmp_path, last.rpartition("results=")[2], "report.html")
    assert "Nothing holds: none of 2 detectors is proven" in report.read_text(encoding="utf-8")
    again = job("sweep", *sweep, "log.json=true", folder=tmp_path)
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert all(event.keys() >= {"time", "level", "logger", "message"} for event in events)
    assert events[-1]["message"] == last
    assert "starting Ray" not in {event.get("stage") for event in events}
    sweep_id = f"sweep={report.parent.name}"
    job("report", "storage.root=store", sweep_id, folder=tmp_path)
    forced = ("detector=breakout_bullish", "force=true", "reason='a look'")
    refused = job("promote", "storage.root=store", sweep_id, *forced, folder=tmp_path)
    assert (refused.returncode, "holdout=none" in refused.stdout) == (1, True), refused.stderr
    watched = job(
        "watch",
        "source.root=flat",
        "storage.root=store",
        "add=[QQQ]",
        "once=true",
        folder=tmp_path,
    )
    assert "1 done, 0 put off, 0 failed" in watched.stdout, watched.stdout + watched.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flat", "store"]
    refused = job("sweep", f"storage.root={MARKERS['AWS_SECRET_ACCESS_KEY']}", folder=tmp_path)
    assert refused.returncode == 2
    nothing = job("sweep", "storage.root=none", "log.json=true", folder=tmp_path)
    assert json.loads(nothing.stdout)["message"].startswith("SWEEP RESULT status=failed sets=0")
    away = job("database", "store=postgres", folder=tmp_path)
    assert (away.returncode, "127.0.0.1:1" in away.stdout) == (1, True)
    assert leaks(tmp_path, *said) == []
    assert list(ray_folder.rglob("*.log"))
    assert leaks(ray_folder) == []
    shutil.rmtree(ray_folder)
    (tmp_path / "planted").write_text(MARKERS["DATABASE_URL"])
    assert leaks(tmp_path) == [str(tmp_path / "planted")]
