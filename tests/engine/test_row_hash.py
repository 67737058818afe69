"""Hashes of rows are those of hashlib."""

import hashlib

import numpy as np
import pytest

from sweep.engine.row_hash import row_hashes


@pytest.mark.parametrize("width", [8, 104, 128, 136, 264])
@pytest.mark.parametrize("beginning", [0, 1, 24, 127, 128, 129, 256, 300])
def test_rows_hash_as_by_hashlib_wherever_blocks_end(beginning, width):
    bits = np.random.default_rng(beginning * 1000 + width)
    start = bits.integers(0, 256, beginning, np.uint8)
    rows = bits.integers(0, 256, (3, width), np.uint8)
    expected = [
        hashlib.blake2b(start.tobytes() + row.tobytes(), digest_size=8).digest() for row in rows
    ]
    with np.errstate(over="ignore"):
        found = row_hashes(start, rows)
    assert [hash_.tobytes() for hash_ in found.astype("<u8")] == expected
