"""What a job says to do next is a command that can be typed."""

import shlex
import sys

import pytest

from jobs.hints import next_step
from jobs.overrides import checked


@pytest.mark.parametrize(
    ("job", "typed", "roots", "expected"),
    [
        ("sample", ["experiment=sample"], ("data", "x"), "backfill experiment=sample"),
        (
            "sample",
            ["experiment=sample", "storage.root=y", "source.root=y/flat"],
            ("y", "y/flat"),
            "backfill experiment=sample storage.root=y source.root=y/flat",
        ),
        (
            "sample",
            ["source.root=a market/files"],
            ("data", "a market/files"),
            "backfill 'source.root=a market/files' 'storage.root=a market'",
        ),
        ("backfill", [], ("data", "x"), "backtest"),
        ("backfill", [], ("y", "x"), "backtest storage.root=y"),
        ("backtest", [], ("y", "x"), "sweep storage.root=y experiment=quick"),
        ("gamma", [], ("y", "x"), "backtest storage.root=y"),
        ("coverage", [], ("data", "x"), "backtest"),
        ("promote", [], ("y", "x"), "backtest storage.root=y parameters=promoted"),
    ],
)
def test_the_next_command_goes_on_with_what_was_typed(job, typed, roots, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["job", *typed])
    line = next_step(job, {"storage": {"root": roots[0]}, "source": {"root": roots[1]}})
    assert line == f"next: python -m jobs.{expected}"
    name, *arguments = shlex.split(line)[3:]
    assert checked(name.removeprefix("jobs."), [*arguments, "--cfg", "job"])


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("backtest", "sweep store=postgres {} experiment=quick"),
        ("sweep", "promote store=postgres {} sweep=s0123456789ab"),
        ("promote", "backtest {} parameters=promoted"),
    ],
)
def test_a_bucket_and_a_server_are_carried_to_the_jobs_that_take_them(job, expected, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/sweeps")
    storage = {"root": "s3://b/p", "endpoint": "http://127.0.0.1:9000", "region": "eu-west-1"}
    config = {"storage": storage} | ({} if job == "backtest" else {"store": {"kind": "postgres"}})
    line = next_step(job, config, holding=("breakout_bullish",), sweep="s0123456789ab")
    carried = " ".join(f"storage.{key}={value}" for key, value in storage.items())
    assert line == f"next: python -m jobs.{expected.format(carried)}"
    name, *arguments = shlex.split(line)[3:]
    assert checked(name.removeprefix("jobs."), [*arguments, "--cfg", "job"])


def test_a_sweep_in_which_nothing_holds_points_at_the_report():
    assert "the report" in next_step("sweep", {"storage": {"root": "data"}})


def test_a_backtest_that_could_test_nothing_does_not_send_on_to_a_search():
    line = next_step("backtest", {"storage": {"root": "y"}}, tested=False)
    assert line == "next: python -m jobs.coverage storage.root=y"
