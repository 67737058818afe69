"""Tables in groups give the bits of all tables at once, and no more than a group is held."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest

from sweep.engine.block import evaluate_block
from sweep.search.plan import make_plan
from sweep.search.searchers import make_searcher
from sweep.search.tables import Tables, grouped
from sweep.search.work import build_table


@pytest.mark.parametrize(
    ("sizes", "room", "trials", "expected"),
    [
        ((3, 3, 3), 9, 4, ("abc",)),
        ((3, 3, 3), 8, 1, ("a", "b", "c")),
        ((2, 2, 3, 1), 7.9, 1, ("a", "b", "c", "d")),
        ((2, 2, 3, 1, 1), 8, 1, ("ab", "cd", "e")),
        ((2, 2, 2, 2), 7, 8, ("a", "b", "c", "d")),
    ],
)
def test_groups_are_as_large_as_fits_and_keep_the_order(sizes, room, trials, expected):
    groups = grouped("abcde"[: len(sizes)], sizes, room, trials)
    assert tuple("".join(group) for group in groups) == expected


def test_a_pass_over_tables_in_groups_reads_each_once_and_gives_the_same_bits(make_spec):
    spec = make_spec(detectors=("breakout_bullish",))
    (one,) = make_plan(spec).judged
    twice = (*one.symbols, *one.symbols)  # enough for a group of several
    whole = [build_table(one, data, spec.fills, spec.costs[data.asset_class]) for data in twice]
    sets = make_searcher(one.space, spec.search).at(0, 40)
    read, alive = [], []

    def fetch(references):
        gc.collect()
        read.append(references)
        held = [dataclasses.replace(whole[k]) for k in references]
        # Beside what comes only the table is alive at which the last pass stands.
        assert sum(reference() is not None for reference in alive) <= 1
        alive.extend(weakref.ref(table) for table in held)
        return held

    tables = Tables(((0,), (1, 2), (3,)), fetch)
    expected, found = (evaluate_block(one.detector, given, sets) for given in (whole, tables))
    assert read == [[0], [1, 2], [3]]
    assert np.array_equal(found.daily, expected.daily)
    assert np.array_equal(found.daily_trades, expected.daily_trades)
    assert found.daily_trades.sum() > 100
    for name, values in expected.metrics.items():
        assert np.array_equal(found.metrics[name], values, equal_nan=True), name
