import os
import signal
import subprocess
import sys
import threading

import pytest

from sweep.ingest.pool import run_tasks


def square(number):
    if number == 3:
        raise ValueError("three is refused")
    return number * number


def kill_at_seven(number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def kill_always(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_has_one_outcome_and_errors_are_texts(workers):
    outcomes = {o.task: (o.result, o.error) for o in run_tasks(square, range(20), workers)}
    assert outcomes.pop(3) == (None, "three is refused")
    assert outcomes == {n: (n * n, None) for n in range(20) if n != 3}
    # A pool that still ends when the interpreter does makes it print a traceback.
    assert not [t for t in threading.enumerate() if "ExecutorManager" in type(t).__name__]


def test_only_the_task_that_kills_its_worker_fails():
    outcomes = {o.task: o.error for o in run_tasks(kill_at_seven, list(range(16)), 2)}
    assert "was killed" in outcomes.pop(7)
    assert outcomes == dict.fromkeys(set(range(16)) - {7})


def test_when_workers_only_die_it_gives_up():
    outcomes = {o.task: o.error for o in run_tasks(kill_always, list(range(16)), 2)}
    assert len(outcomes) == 16
    assert sum("try workers=1" in error for error in outcomes.values()) == 13


def test_code_from_standard_input_runs_here():
    code = (
        "from sweep.ingest.pool import run_tasks; print(len(list(run_tasks(abs, range(16), 2))))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-"],
        input=code,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "16"
    assert done.stderr == ""
