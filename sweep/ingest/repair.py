"""Set month files aside that cannot be read, so that a backfill builds them again.

Of a damaged 1m file the coverage records of its month go too: all of its sessions are holes then,
also those outside the range of this backfill. Built timeframes come from the minutes again.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.market.symbols import file_name
from sweep.market.timeframes import MINUTES
from sweep.store.lease import lease
from sweep.store.place import Place, rename

_log = logging.getLogger(__name__)


def set_aside_damaged(root: Place, symbol: str, days: Sequence[dt.date]) -> list[str]:
    """Rename the unreadable month files of a symbol in the months of some days.

    Parameters
    ----------
    root
        `storage.root`; of a bucket nothing is looked at: an object is written whole or not.
    symbol, days
        What a backfill is about to look at.

    Returns
    -------
    list of str
        Paths of the files, as they were called.
    """
    if not isinstance(root, Path):
        return []
    name, found = file_name(symbol), []
    for month in sorted({f"{day:%Y-%m}" for day in days}):
        paths = {
            timeframe: root / "bars" / f"timeframe={timeframe}" / f"symbol={name}"
            for timeframe in MINUTES
        }
        files = {timeframe: path / f"{month}.parquet" for timeframe, path in paths.items()}
        if not any(_damaged(file) for file in files.values()):
            continue
        with lease(root / "locks" / name / f"{month}.lock"):
            for timeframe, file in files.items():
                if not _damaged(file):  # or rebuilt by another backfill meanwhile
                    continue
                rename(file, f"{file.name}.damaged")
                records = root / "coverage" / f"symbol={name}" / f"{month}.parquet"
                if timeframe == "1m":
                    records.unlink(missing_ok=True)
                _log.warning("%s cannot be read: set aside, and built again", file)
                found.append(str(file))
    return found


def _damaged(file: Path) -> bool:
    """Tell whether a file is there and is no whole Parquet file: its end is written last."""
    try:
        pq.read_metadata(file)
    except FileNotFoundError:
        return False
    except (pa.ArrowException, OSError):
        return True
    return False
