"""Bits of signals, and eight numbers as one value, against the plain reading of each."""

import numpy as np
import pytest

from sweep.engine.eights import below, down, eight, put, reaching, spread, where_below
from sweep.engine.jit import kernel
from sweep.engine.signals import WORD, link_signals, mark_signals, next_signal


@pytest.mark.plain_python
@pytest.mark.parametrize("length", [1, 63, 64, 65, 127, 128, 200])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_signals_of_a_span(length, share):
    rng = np.random.default_rng(length)
    before, behind = 5, np.full(WORD, np.nan)
    columns = np.where(rng.random((2, before + length + 9)) < share**0.5, 1.0, -1.0)
    columns[0, rng.random(columns.shape[1]) < 0.1] = np.nan
    shared = np.concatenate([columns[0], behind])[np.newaxis]
    varied = np.stack([np.full((1, shared.shape[1]), -1.0), [[*columns[1], *behind]]])
    span = (before, before + length)
    words = np.full(length // WORD + 1, 77)
    tests = (shared, varied, np.array([1, 0]))
    mark_signals(tests, None, (0, 1), np.array([0.0, 1.0]), span, words)
    signals = (columns[0] >= 1.0) & (columns[1] >= 0.0)
    want = [int(i) - before for i in np.flatnonzero(signals) if span[0] <= i < span[1]]
    following = np.zeros(length + 1, np.int32)
    link_signals(words, length, following)
    for place in range(length + 1):
        found = next((i for i in want if i >= place), length)
        assert next_signal(words, place) == following[place] == found


@kernel
def _worked_out(values, place, out):
    one, other = eight(values, 0), eight(values, place)
    put(out, 0, one + other * spread(3.0))
    put(out, 8, one / other - one)
    put(out, 16, where_below(one, other, one, spread(-1.0)))
    return below(one, other), reaching(one, other)


@pytest.mark.plain_python
def test_eight_numbers_as_one():
    rng = np.random.default_rng(3)
    values = rng.normal(size=20)
    values[2] = values[13]  # neither is below the other
    values[5] = np.nan
    out = np.zeros(26)
    masks = _worked_out(values, 11, out[1:25])
    a, b = values[:8], values[11:19]
    np.testing.assert_array_equal(out[1:9], a + b * 3.0)
    np.testing.assert_array_equal(out[9:17], a / b - a)
    np.testing.assert_array_equal(out[17:25], np.where(a < b, a, -1.0))
    assert (out[0], out[25]) == (0.0, 0.0)
    for mask, holds in zip(masks, (a < b, a >= b), strict=True):
        assert mask == sum(1 << k for k in range(8) if holds[k])


@kernel
def _column(table, row, column, out):
    put(out, 0, down(table, row, column))


@pytest.mark.plain_python
def test_eight_numbers_of_a_column_of_any_table():
    table = np.random.default_rng(5).normal(size=(11, 6))
    for one in (table, table[:, 1:4], table[::-1], np.asfortranarray(table)):
        out = np.empty(8)
        _column(one, 2, 1, out)
        np.testing.assert_array_equal(out, one[2:10, 1])
