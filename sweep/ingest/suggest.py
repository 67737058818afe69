"""Nearest names for a symbol that no file holds."""

import difflib
from collections.abc import Sequence

from sweep.ingest.inflate import lines
from sweep.ingest.sources import DaySource, SourceFile


def tickers_in(source: DaySource, file: SourceFile) -> list[str]:
    """Return the first fields of a day file's lines without the header, sorted, each once."""
    found: set[bytes] = set()
    with source.open(file) as stream:
        for block in lines(stream, source.describe(file.key)):
            found.update(line.split(b",", 1)[0] for line in bytes(block).splitlines())
    found.discard(b"ticker")
    return sorted(ticker.decode("utf-8", errors="replace") for ticker in found)


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return up to three names like this one; the same letters in another case come first."""
    same = [other for other in known if other.upper() == name.upper()]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return tuple(dict.fromkeys([*same, *close]))[:3]
