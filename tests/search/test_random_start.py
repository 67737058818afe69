"""Which sessions each chosen set is compared on with random entries, and how folds add up."""

import types

import numpy as np
import pytest

from sweep.search import random_start
from sweep.search.chosen_sets import FullSets
from sweep.search.random_start import among_random
from sweep.search.stitching import SetSeries, Stitched

PLAN = types.SimpleNamespace(detector=None, symbols=(), axis=None)
DAILY = {"a": np.array([9.0, 1.0, 0.0, 3.0]), "b": np.array([0.0, 5.0, -2.0, 0.0])}
TRADES = {"a": np.array([3, 1, 0, 1]), "b": np.array([0, 2, 2, 0])}


def result(name):
    block = types.SimpleNamespace(
        daily=DAILY[name][None], daily_trades=TRADES[name][None], trades=name
    )
    return types.SimpleNamespace(block=block)


def stitched(owners):
    sessions = np.arange(4 - len(owners), 4)
    nothing = np.zeros(len(owners))
    return Stitched(SetSeries(*[nothing] * 4), sessions, np.array(owners), 0, 0, None)


@pytest.fixture
def seen(monkeypatch):
    """Draws of -1 and 1 R a trade for `a`, of 0 and 2 for `b`; remembers what was asked."""
    asked = []

    def draws(_detector, _symbols, _values, trades, *, axis, sessions, seed):
        asked.append((trades, None if sessions is None else sessions.tolist(), seed))
        return np.array([-1.0, 1.0]) + (trades == "b")

    monkeypatch.setattr(random_start, "random_entries", draws)
    return asked


FULL = FullSets({"a": {}, "b": {}}, {"a": result("a"), "b": result("b")})


def test_each_fold_is_judged_on_the_sessions_that_are_its_own(seen):
    found = among_random(PLAN, FULL, "b", ["a", "b", None], stitched([0, 1, 0]))
    assert seen == [("b", None, 0), ("a", [1, 3], 1), ("b", [2], 2)]
    assert found.final.actual == 3 / 4
    first, second, third = found.folds
    assert (first.actual, second.actual, third) == (4 / 2, -2 / 2, None)
    # Two trades of `a` and two of `b`: draw by draw -2 + 0 and 2 + 4 R over four trades.
    assert found.out_of_sample.actual == (4 - 2) / 4
    assert found.out_of_sample.random_mean == pytest.approx((-2 / 4 + 6 / 4) / 2)
    assert found.out_of_sample.p_value == pytest.approx(2 / 3)


def test_without_folds_or_trades_there_is_nothing_to_compare(seen):
    assert among_random(PLAN, FULL, None, [], None) == random_start.NO_STARTS
    idle = among_random(PLAN, FULL, "a", ["b"], stitched([0]))
    assert (idle.folds, idle.out_of_sample) == ((None,), None)
    assert idle.final.n_draws == 2
    assert [what[0] for what in seen] == ["a", "b"]
