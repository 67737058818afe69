import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.search.blocks import FIRST_SETS, LEAST_S, MOST_CELLS, SET_CELLS, TARGET_S, BlockQueue


def queue(positions, *, n_sessions=100, workers=2, block_size=None):
    return BlockQueue(positions, n_sessions=n_sessions, workers=workers, block_size=block_size)


def drain(blocks):
    return list(iter(blocks.take, None))


@given(
    st.dictionaries(
        st.sampled_from("ab"), st.lists(st.integers(0, 300), unique=True, max_size=200)
    ),
    st.integers(1, 40) | st.none(),
    st.floats(1e-6, 1.0),
)
def test_every_position_lands_in_exactly_one_block(wanted, size, seconds):
    pending = {name: np.array(sorted(p), np.int64) for name, p in wanted.items()}
    blocks = queue(pending, block_size=size)
    found = {name: [] for name in wanted}
    while (block := blocks.take()) is not None:
        blocks.measured(block.detector, len(block), seconds)
        found[block.detector] += [p for first, after in block.ranges for p in range(first, after)]
        assert size is None or len(block) <= size
    assert found == {name: sorted(p) for name, p in wanted.items()}


def test_positions_become_ranges():
    (block,) = drain(queue({"a": np.array([0, 1, 2, 5, 6, 9])}))
    assert block.ranges == ((0, 3), (5, 7), (9, 10))


def test_one_set_per_block_when_asked_for():
    assert [len(b) for b in drain(queue({"a": np.arange(3)}, block_size=1))] == [1, 1, 1]


def test_a_block_is_as_long_as_the_first_one_says():
    blocks = queue({"a": np.arange(1_000_000)})
    assert len(blocks.take()) == FIRST_SETS
    blocks.measured("a", FIRST_SETS, FIRST_SETS * 0.001)
    assert len(blocks.take()) == pytest.approx(TARGET_S / 0.001, abs=1)


def test_blocks_grow_with_the_workers_that_one_driver_has_to_serve():
    queue = BlockQueue({"d": np.arange(10**9)}, n_sessions=1, workers=1024, block_size=None)
    queue.measured("d", 100, 1.0)
    assert len(queue.take()) == pytest.approx(1024 * 0.02 * 100, abs=1)


def test_the_last_blocks_are_short_but_never_below_the_least():
    blocks = queue({"a": np.arange(1_000)})
    blocks.measured("a", 1, 0.001)
    sizes = [len(b) for b in drain(blocks)]
    assert max(sizes) == pytest.approx(LEAST_S / 0.001, abs=1)
    assert sum(sizes) == 1_000


def test_memory_of_a_block_is_bounded():
    blocks = queue({"a": np.arange(10_000_000)}, n_sessions=1_000)
    blocks.measured("a", 1, 1e-9)
    assert len(blocks.take()) == MOST_CELLS // (1_000 + SET_CELLS)


def test_nothing_to_do_is_no_block():
    assert drain(queue({"a": np.empty(0, np.int64)})) == []
    assert drain(queue({})) == []


def test_a_lost_block_comes_again_after_its_detectors_others_and_is_given_up_in_the_end():
    blocks = queue({"a": np.arange(4), "b": np.arange(2)}, block_size=2)
    lost = blocks.take()
    assert blocks.again(lost)
    assert [(b.detector, b.ranges[0][0]) for b in drain(blocks)] == [("a", 2), ("a", 0), ("b", 0)]
    assert blocks.again(lost)
    assert drain(blocks) == [lost]
    assert not blocks.again(lost)
    assert drain(blocks) == []


def test_a_lost_search_comes_again():
    blocks = BlockQueue({}, n_sessions=1, workers=1, block_size=1, searches={"a": [0, 1]})
    lost = blocks.take()
    assert blocks.again(lost)
    assert [b.search for b in drain(blocks)] == [1, 0]
