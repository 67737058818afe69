"""How a job ends when it is told to."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from jobs.launch import FAILED, finish, launch
from jobs.stopping import listen
from sweep.store.lease import Held


@pytest.fixture
def _handlers():
    """Begin as in a terminal, where SIGINT is not ignored, and put back what a job installs."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    dropped = sys.unraisablehook
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.unraisablehook = dropped


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_acknowledged_before_the_job_winds_down(number, caplog):
    heard = []

    def work(_config):
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            heard.append(caplog.text)  # what takes seconds: Ray goes, tables are written
        return 0

    listen()
    with pytest.raises(SystemExit) as left:
        finish("report", work, OmegaConf.create({"log": {"json": False}}))
    assert left.value.code == FAILED
    assert "stopping" in heard[0]
    assert "to go on" not in heard[0]
    assert "interrupted; to go on: " in caplog.text


@pytest.mark.usefixtures("_handlers")
def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def work(_config):
        os.kill(os.getpid(), signal.SIGINT)
        return 7

    listen()
    with pytest.raises(SystemExit) as left:
        finish("report", work, OmegaConf.create({"log": {"json": False}}))
    assert left.value.code == 7


@pytest.mark.usefixtures("_handlers")
def test_a_stop_that_python_drops_comes_again():
    class Told:
        def __del__(self):  # where what a handler raises is ignored
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait([], 0.01)

    def work(_config):
        told = Told()
        del told
        time.sleep(10)
        return 0

    listen()
    with pytest.raises(SystemExit) as left:
        finish("report", work, OmegaConf.create({"log": {"json": False}}))
    assert left.value.code == FAILED


@pytest.mark.usefixtures("_handlers")
def test_a_stop_before_the_job_begins_is_a_sentence_too(monkeypatch, capsys, caplog):
    monkeypatch.setattr("sys.argv", ["jobs/sweep.py"])

    def application():
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()

    with pytest.raises(SystemExit) as left:
        launch("sweep", application)
    assert left.value.code == FAILED
    assert "interrupted; to go on: " in caplog.text
    last = "SWEEP RESULT status=interrupted sets=0 failed=0 results=none"
    assert last in capsys.readouterr().out + caplog.text


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize(
    ("error", "said", "results"),
    [
        (OSError(30, "cannot write x (read-only)"), "cannot write x (read-only)", "none"),
        (
            Held("process 1", "it runs already", Path("data/results/s1")),
            "it runs already",
            "data/results/s1",
        ),
    ],
)
def test_a_failure_is_a_sentence_and_work_that_goes_on_is_named(error, said, results, caplog):
    caplog.set_level("INFO")

    def work(_config):
        raise error

    with pytest.raises(SystemExit) as left:
        finish("sweep", work, OmegaConf.create({"log": {"json": False}}))
    assert left.value.code == FAILED
    last = f"SWEEP RESULT status=failed sets=0 failed=0 results={results}"
    assert [record.getMessage() for record in caplog.records] == [said, last]


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("the sweep cannot run:\n  a: is wrong\n  b: too", ["  a: is wrong", "  b: too"]),
        ("one\ntwo", ["  one", "  two"]),
    ],
)
def test_a_refusal_counts_faults_not_lines(error, said, capsys):
    def work(_config):
        raise ValueError(error)

    with pytest.raises(SystemExit) as left:
        finish("report", work, OmegaConf.create({"log": {"json": False}}))
    assert left.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["jobs.report: 2 faults, nothing was done", *said]
