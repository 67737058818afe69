"""A running sweep looks at its bars again, but not for most of its time."""

import types

import pytest

from sweep.search import runner


@pytest.fixture
def bars(monkeypatch):
    """Bars in a store where a look takes `slow` seconds."""
    state = types.SimpleNamespace(now=0.0, slow=0.1, looks=0, stamp="a", prints="p")

    def look(*_):
        state.looks += 1
        state.now += state.slow
        return state.stamp

    monkeypatch.setattr(runner, "lake_stamp", look)
    monkeypatch.setattr(runner, "read_fingerprint", lambda *_: state.prints)
    monkeypatch.setattr(runner.time, "monotonic", lambda: state.now)
    plan = types.SimpleNamespace(spec=None, market=None, fingerprint="p")
    state.check = runner._data_check(plan)
    return state


@pytest.mark.parametrize(("slow", "most"), [(0.1, 100), (2.0, 25)])
def test_looking_takes_a_twentieth_of_the_time_at_most(bars, slow, most):
    bars.slow, bars.looks = slow, 0
    while bars.now < 1_000:
        assert bars.check(10.0) == ""
        bars.now += 0.5
    assert most * 0.8 <= bars.looks <= most


def test_changed_bars_are_noticed_other_files_of_the_same_bars_are_not(bars):
    bars.now += 11
    bars.stamp = "b"
    assert bars.check(10.0) == ""
    bars.now += 11
    bars.stamp, bars.prints = "c", "q"
    assert bars.check(10.0).startswith("data changed")


def test_the_last_look_is_never_left_out(bars):
    bars.slow = 60.0
    bars.check(0.0)
    before = bars.looks
    bars.check(0.0)
    assert bars.looks == before + 1
