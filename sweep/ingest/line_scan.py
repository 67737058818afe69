"""Pick the lines of wanted tickers out of blocks of CSV text, without parsing the others.

Every line is looked at: row order is promised nowhere, and a reader that bisects loses rows
silently.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

_WORD = 8
_QUOTE = np.uint64(ord('"'))
_NEWLINE = ord("\n")
_FEW = 4

Words = NDArray[np.uint64]


class TickerScan:
    """A prepared set of tickers that begin a line.

    Parameters
    ----------
    tickers
        Wanted tickers. Up to 7 bytes decide exactly; of longer ones the first 8 bytes decide, so
        the selected lines may hold a few others and the parsed ticker has the last word.
    prefixes
        Wanted beginnings of tickers (`O:SPXW`), of which the first 8 bytes decide.
    """

    def __init__(self, tickers: Collection[str], prefixes: Collection[str] = ()) -> None:
        by_length: dict[int, set[int]] = {}
        for text in (*(f"{ticker}," for ticker in tickers), *prefixes):
            head = text.encode()[:_WORD]
            by_length.setdefault(len(head), set()).add(int.from_bytes(head, "little"))
        self._groups: list[tuple[np.uint64, Words]] = [
            (np.uint64((1 << 8 * length) - 1), np.array(sorted(values), np.uint64))
            for length, values in sorted(by_length.items())
        ]

    def select(self, block: memoryview) -> list[memoryview]:
        """Return the wanted stretches of a block of whole lines, in order.

        Parameters
        ----------
        block
            Whole lines from the start of its buffer, the last byte a newline, 8 bytes behind it.

        Returns
        -------
        list of memoryview
            Views into the block: neighbouring wanted lines are one stretch.
        """
        text = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(text == _NEWLINE) + 1
        starts = np.empty_like(ends)
        starts[0] = 0
        starts[1:] = ends[:-1]
        wanted = np.flatnonzero(self._matches(_words(block)[starts]))
        if len(wanted) == 0:
            return []
        breaks = np.flatnonzero(np.diff(wanted) != 1)
        first = starts[wanted[np.concatenate(([0], breaks + 1))]]
        last = ends[wanted[np.concatenate((breaks, [len(wanted) - 1]))]]
        return [block[i:j] for i, j in zip(first.tolist(), last.tolist(), strict=True)]

    def _matches(self, words: Words) -> NDArray[np.bool_]:
        # A quoted ticker is rare and cheap to pass on: the parser unquotes it.
        found: NDArray[np.bool_] = (words & np.uint64(0xFF)) == _QUOTE
        for mask, values in self._groups:
            head = words & mask
            if len(values) <= _FEW:
                for value in values:
                    found |= head == value
            else:
                place = np.minimum(np.searchsorted(values, head), len(values) - 1)
                found |= values[place] == head
        return found


def _words(block: memoryview) -> Words:
    """Return the 8 bytes at every offset as a number, low byte first, without copying."""
    whole: bytearray = block.obj  # type: ignore[assignment]
    return np.ndarray((len(block),), np.dtype("<u8"), buffer=whole, strides=(1,))
