"""BLAKE2b (RFC 7693) of many short rows that share a beginning, eight bytes each.

`hashlib` takes 2 us a row for its three calls, as much as a set's trades; this takes a sixth.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.jit import kernel

Word = np.uint64
Words = NDArray[Word]

_BLOCK = 128
_START = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
_NONE, _ALL = np.uint64(0), ~np.uint64(0)
_DIGEST_8 = np.uint64(0x01010008)  # parameters: no key, eight bytes
_ORDERS = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uintp,
)


@kernel
def _turned(x: Word, y: Word, by: int) -> Word:
    """Rotate x ^ y to the right."""
    z = x ^ y
    return (z >> np.uint64(by)) | (z << np.uint64(64 - by))


@kernel
def _mix(a: Word, b: Word, c: Word, d: Word, x: Word, y: Word) -> tuple[Word, Word, Word, Word]:
    a = a + b + x
    d = _turned(d, a, 32)
    c = c + d
    b = _turned(b, c, 24)
    a = a + b + y
    d = _turned(d, a, 16)
    c = c + d
    return a, _turned(b, c, 63), c, d


@kernel
def _compress(state: Words, m: Words, length: int, final: Word) -> None:
    """Take in a block of 16 words; `length` counts the bytes up to its end.

    `final` has all bits of the last block, none before.
    """
    a0, a1, a2, a3 = state[0], state[1], state[2], state[3]
    b0, b1, b2, b3 = state[4], state[5], state[6], state[7]
    c0, c1, c2, c3 = _START[0], _START[1], _START[2], _START[3]
    d0, d1, d2, d3 = _START[4] ^ np.uint64(length), _START[5], _START[6] ^ final, _START[7]
    for r in range(len(_ORDERS)):
        s = _ORDERS[r]
        a0, b0, c0, d0 = _mix(a0, b0, c0, d0, m[s[0]], m[s[1]])
        a1, b1, c1, d1 = _mix(a1, b1, c1, d1, m[s[2]], m[s[3]])
        a2, b2, c2, d2 = _mix(a2, b2, c2, d2, m[s[4]], m[s[5]])
        a3, b3, c3, d3 = _mix(a3, b3, c3, d3, m[s[6]], m[s[7]])
        a0, b1, c2, d3 = _mix(a0, b1, c2, d3, m[s[8]], m[s[9]])
        a1, b2, c3, d0 = _mix(a1, b2, c3, d0, m[s[10]], m[s[11]])
        a2, b3, c0, d1 = _mix(a2, b3, c0, d1, m[s[12]], m[s[13]])
        a3, b0, c1, d2 = _mix(a3, b0, c1, d2, m[s[14]], m[s[15]])
    state[0] ^= a0 ^ c0
    state[1] ^= a1 ^ c1
    state[2] ^= a2 ^ c2
    state[3] ^= a3 ^ c3
    state[4] ^= b0 ^ d0
    state[5] ^= b1 ^ d1
    state[6] ^= b2 ^ d2
    state[7] ^= b3 ^ d3


@kernel
def row_hashes(beginning: NDArray[np.uint8], rows: NDArray[np.uint8]) -> Words:
    """Return BLAKE2b-64 of each row after the beginning, its first byte lowest.

    Parameters
    ----------
    beginning, rows
        uint8 [bytes], and contiguous [rows, bytes], at least one byte a row.

    Returns
    -------
    numpy.ndarray
        uint64 [rows].
    """
    width = rows.shape[1]
    total = len(beginning) + width
    shared = len(beginning) // _BLOCK  # blocks that are equal for all rows
    left = len(beginning) - shared * _BLOCK
    blocks = (total - 1) // _BLOCK + 1 - shared
    text = np.zeros(blocks * _BLOCK, np.uint8)
    words = text.view(np.uint64)
    before, state = np.empty(8, np.uint64), np.empty(8, np.uint64)
    found = np.empty(len(rows), np.uint64)
    for k in range(8):
        before[k] = _START[k]
    before[0] ^= _DIGEST_8
    for k in range(len(beginning)):
        text[k % _BLOCK] = beginning[k]
        if k % _BLOCK == _BLOCK - 1:
            _compress(before, words, k + 1, _NONE)
    for k in range(left, len(text)):
        text[k] = 0
    for i in range(len(rows)):
        for k in range(width):
            text[left + k] = rows[i, k]
        for k in range(8):
            state[k] = before[k]
        for k in range(blocks - 1):
            _compress(state, words[16 * k :], (shared + k + 1) * _BLOCK, _NONE)
        _compress(state, words[16 * (blocks - 1) :], total, _ALL)
        found[i] = state[0]
    return found
