"""Whoever joins a cluster asks for its token first; whoever is alone starts a Ray of his own."""

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
