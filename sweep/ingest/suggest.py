"""What to do about bars that are not there: the nearest names, and the command that fills them."""

import datetime as dt
import difflib
import shlex
from collections.abc import Sequence

from sweep.ingest.inflate import lines
from sweep.ingest.sources import DaySource, SourceFile
from sweep.store.place import Place, place, words_of

DEFAULT_ROOT = "data"
"""`storage.root` of a command that does not name it (conf/)."""


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


def backfill_command(
    storage_root: str | Place,
    symbols: Sequence[str] = (),
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> str:
    """Return the command that fills a store, and what to fill in; it names only what it must."""
    parts = [f"'symbols=[{','.join(symbols)}]'"] if symbols else []
    parts += [f"{key}={day}" for key, day in (("from", first), ("to", last)) if day]
    root = place(storage_root)
    if str(root) != DEFAULT_ROOT:
        parts.append(shlex.join(words_of(root)))
    rest = "source=rest" if first else "source=rest days=90"
    return (
        f"{' '.join(['python -m jobs.backfill source.root=FOLDER', *parts])} (FOLDER has your day "
        f"files; without any, {rest} in its place)"
    )
