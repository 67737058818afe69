"""Whoever joins a cluster asks for its token first; whoever is alone starts a Ray of his own."""

import io
import logging
import types

import pytest

from sweep import cluster
from sweep.cluster import cluster_named, ray_session

MARKS = ("RAY_ADDRESS", "RAY_JOB_ID", "RAY_JOB_SUBMISSION_ID")


@pytest.fixture
def calls(monkeypatch):
    """What is asked of a Ray that is not there yet."""
    made = []
    ray = types.SimpleNamespace(
        is_initialized=lambda: False,
        init=lambda **how: made.append((how["address"], how.get("num_cpus"))),
        shutdown=lambda: made.append("shutdown"),
    )
    monkeypatch.setattr(cluster, "ray_module", lambda name="ray": ray)
    for name in (*MARKS, "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.mark.parametrize("mark", MARKS)
def test_a_job_of_a_cluster_knows_it(calls, monkeypatch, mark):
    assert not cluster_named(None)
    monkeypatch.setenv(mark, "02000000")
    assert cluster_named(None)


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", None])
def test_an_open_cluster_is_refused_before_it_is_joined(calls, monkeypatch, address):
    if address is None:
        monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    remedy = r"without token.*RAY_AUTH_MODE=token, or set ray\.insecure=true"
    for mode in (None, "disabled"):
        if mode:
            monkeypatch.setenv("RAY_AUTH_MODE", mode)
        with pytest.raises(ValueError, match=remedy), ray_session(address, 2, insecure=False):
            pass
    assert calls == []


def test_a_cluster_with_a_token_is_joined_and_may_grow(calls, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with ray_session(None, 2, insecure=False) as grows:
        assert grows
    with ray_session("10.0.0.2:6379", 2, insecure=False):
        pass
    assert calls == [("10.0.0.1:6379", None), "shutdown", ("10.0.0.2:6379", None), "shutdown"]


def test_a_private_ray_is_shut_down_whatever_happens(calls):
    def fail():
        with ray_session(None, 3, insecure=False) as grows:
            raise RuntimeError("a cluster" if grows else "private")

    with pytest.raises(RuntimeError, match="private"):
        fail()
    assert calls == [("local", 3), "shutdown"]


@pytest.mark.parametrize(("failures", "starts"), [(1, 2), (2, 2)])
def test_a_ray_that_starts_too_slowly_has_another_chance(calls, monkeypatch, failures, starts):
    ray, left = cluster.ray_module(), [Exception("The current node timed out during startup.")]
    left *= failures

    def init(**how):
        calls.append("start")
        if left:
            raise left.pop()

    monkeypatch.setattr(ray, "init", init)
    if failures == 1:
        with ray_session(None, 3, insecure=False):
            pass
    else:
        with pytest.raises(OSError, match="not start within 30 s, twice"):  # noqa: SIM117
            with ray_session(None, 3, insecure=False):
                pass
    assert calls.count("start") == starts


def test_what_else_keeps_ray_from_starting_is_told_as_it_is(calls, monkeypatch):
    def init(**how):
        raise PermissionError("the folder")

    monkeypatch.setattr(cluster.ray_module(), "init", init)
    with pytest.raises(PermissionError, match="the folder"), ray_session(None, 3, insecure=False):
        pass


def test_what_ray_says_looks_like_what_we_say(calls, monkeypatch):
    formatter = logging.Formatter("{%(message)s}")
    ours, theirs = logging.StreamHandler(), logging.StreamHandler(io.StringIO())
    ours.setFormatter(formatter)
    monkeypatch.setattr(logging.getLogger(), "handlers", [ours])
    logger = logging.getLogger("ray.tune.that_is_made_up")
    monkeypatch.setattr(logger, "handlers", [theirs])
    with ray_session(None, 3, insecure=False):
        logger.warning("slow")
    assert theirs.stream.getvalue() == "{slow}\n"
