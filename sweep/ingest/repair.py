"""Set month files aside that cannot be read, so that a backfill builds them again.

Of a damaged 1m file the coverage records of its month go too: all of its sessions are holes then,
also those outside the range of this backfill. Built timeframes come from the minutes again.
"""

import concurrent.futures
import datetime as dt
import logging
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.market.symbols import file_name
from sweep.market.timeframes import MINUTES
from sweep.store.lake import Lake
from sweep.store.lease import lease
from sweep.store.place import Place, end_of, rename

_log = logging.getLogger(__name__)

_ASIDE = ".damaged"
#: Bytes at the end of a month file that hold its footer: one of a million rows has 12,000.
_FOOTER = 64 << 10
_AT_ONCE = 16  # files whose ends are read at a time


def set_aside_damaged(root: Place, symbols: Sequence[str], days: Sequence[dt.date]) -> list[str]:
    """Rename the unreadable month files of symbols in the months of some days.

    Parameters
    ----------
    root
        `storage.root`.
    symbols, days
        What a backfill is about to look at.

    Returns
    -------
    list of str
        Paths of the files, as they were called.
    """
    lake, wanted = Lake(root), {f"{day:%Y-%m}" for day in days}

    def stored(symbol: str) -> list[tuple[str, str, str]]:
        return [
            (symbol, timeframe, month)
            for timeframe in MINUTES
            for month in sorted(wanted & {*lake.months(symbol, timeframe)})
        ]

    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE, "footer") as pool:
        months = [month for own in pool.map(stored, symbols) for month in own]
        files = [lake.path_of(*month) for month in months]
        broken = [
            month for month, bad in zip(months, pool.map(_damaged, files), strict=True) if bad
        ]
    found = (_set_aside(root, lake.path_of(*month), *month) for month in broken)
    return [str(path) for path in found if path is not None]


def set_aside(lake: Lake, symbol: str) -> set[str]:
    """Return the months of a symbol whose minutes were set aside, whether built again or not."""
    folder = lake.path_of(symbol, "1m", "").parent
    if not folder.is_dir():
        return set()
    ending = f".parquet{_ASIDE}"
    names = (path.name for path in folder.iterdir())
    return {name.removesuffix(ending) for name in names if name.endswith(ending)}


def _set_aside(root: Place, file: Place, symbol: str, timeframe: str, month: str) -> Place | None:
    name = file_name(symbol)
    with lease(root / "locks" / name / f"{month}.lock"):
        if not _damaged(file):  # rebuilt by another backfill meanwhile
            return None
        rename(file, f"{file.name}{_ASIDE}")
        if timeframe == "1m":
            records = root / "coverage" / f"symbol={name}" / f"{month}.parquet"
            records.unlink(missing_ok=True)
    _log.warning("%s cannot be read: set aside, and built again", file)
    return file


def _damaged(file: Place) -> bool:
    """Tell whether a file is there and is no whole Parquet file: its end is written last."""
    try:
        end = end_of(file, _FOOTER)
        size = int.from_bytes(end[-8:-4], "little") + 8
        if size > len(end):
            end = file.read_bytes()
    except FileNotFoundError:
        return False
    try:
        pq.read_metadata(pa.BufferReader(b"PAR1" + end[-size:]))
    except (pa.ArrowException, OSError):
        return True
    return False
