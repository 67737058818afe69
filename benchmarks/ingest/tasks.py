"""What is measured of ours: bare inflating, and a day file to 1m and higher bars."""

from pathlib import Path

from isal import igzip

from benchmarks.ingest.day import DAY, NAMES
from sweep.ingest.flatfiles import read_day
from sweep.ingest.products import OPTIONS, STOCKS
from sweep.ingest.stage import as_bars
from sweep.market.aggregation import aggregate
from sweep.market.calendar import session_table

session_table(DAY, DAY)  # the calendar is part of the import floor, not of a day


def inflate(path: str) -> int:
    """Inflate into a small reused buffer and throw the bytes away: the floor."""
    buffer = bytearray(1 << 20)
    total = 0
    with igzip.open(path, "rb") as file:
        while count := file.readinto(buffer):
            total += count
    return total


def twenty(path: str) -> list[int]:
    """Return the 1m and 15m bars of twenty symbols, counted."""
    return _bars(path, {name: name for name in NAMES})


def everything(path: str) -> list[int]:
    """Return the 1m and 15m bars of every symbol, counted."""
    return _bars(path, None)


def _bars(path: str, wanted: dict[str, str] | None) -> list[int]:
    with Path(path).open("rb") as stream:
        rows = read_day(stream, STOCKS, DAY, wanted, path)
    minutes = as_bars(rows, DAY, "flatfiles")
    return [len(minutes), len(aggregate(minutes, session_table(DAY, DAY), "15m"))]


def one_underlying(path: str) -> list[int]:
    """Return the 1m and 15m bars of every option of SPY, counted."""
    with Path(path).open("rb") as stream:
        rows = read_day(stream, OPTIONS, DAY, None, path, roots=("SPY",))
    return [len(rows.table), len(rows.counts)]
