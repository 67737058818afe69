"""Check bars row by row, count what is wrong by reason, and settle duplicates."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from sweep.market.calendar import midnight_ns

#: Why a row is refused; the first that applies is counted.
REASONS = (
    "unparsable",  # an empty field, no number, a wrong number of fields
    "bad_ticker",  # cannot be a symbol
    "non_finite",  # NaN or infinite price or volume
    "low_not_positive",  # low <= 0
    "range",  # high or low does not enclose open and close
    "negative_volume",
    "off_minute",  # not the start of a minute
    "foreign_date",  # outside the file's own New York date
)
MISSHAPEN, BAD_TICKER = 0, 1

#: Rows looked at together: their columns fit into the cache of a core.
_CACHED_ROWS = 16_384


@dataclasses.dataclass(frozen=True)
class Columns:
    """Rows of a day as arrays, n rows.

    Attributes
    ----------
    symbol
        int32, index into a sorted list of names.
    ts
        int64, UTC ns.
    open, high, low, close
        float64.
    volume
        float64, NaN throughout where the product has none.
    trades
        int64, -1 where unknown.
    """

    symbol: NDArray[np.int32]
    ts: Int
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float
    trades: Int

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Columns":
        """Return the chosen rows."""
        chosen: Mapping[str, NDArray[np.generic]] = {
            field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)
        }
        return Columns(**chosen)  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ts)


def fault_of_rows(rows: Columns, day: dt.date, *, has_volume: bool) -> NDArray[np.int8]:
    """Return why each row is refused.

    Parameters
    ----------
    rows
        Parsed rows without nulls.
    day
        New York date of the file.
    has_volume
        False for indices, whose volume is not looked at.

    Returns
    -------
    numpy.ndarray
        int8 [n], index into `REASONS`, -1 for a good row.
    """
    faults = np.full(len(rows), -1, np.int8)
    begin, end = midnight_ns(day), midnight_ns(day + dt.timedelta(days=1))
    for start in range(0, len(rows), _CACHED_ROWS):
        part = slice(start, start + _CACHED_ROWS)
        open_, high, low, close = (
            rows.open[part],
            rows.high[part],
            rows.low[part],
            rows.close[part],
        )
        ts = rows.ts[part]
        volume = rows.volume[part] if has_volume else np.zeros(len(ts))
        # The first reason of `REASONS` counts, so it comes last here.
        checks = (
            ("foreign_date", (ts < begin) | (ts >= end)),
            ("off_minute", ts % MINUTE_NS != 0),
            ("negative_volume", volume < 0),
            (
                "range",
                (high < np.maximum(open_, close)) | (low > np.minimum(open_, close)),
            ),
            ("low_not_positive", low <= 0),
            ("non_finite", ~np.isfinite(high + low + open_ + close) | ~np.isfinite(volume)),
        )
        for reason, wrong in checks:
            if wrong.any():
                faults[part][wrong] = REASONS.index(reason)
    return faults


def settle_duplicates(rows: Columns) -> tuple[Columns, NDArray[np.int32]]:
    """Sort by symbol and time and keep one row per minute.

    Of rows with the same symbol and minute the one with the larger volume wins. Equal volumes are
    settled by trades, then close, high, low and open, larger first: row order, which the vendor
    does not promise, never decides.

    Returns
    -------
    Columns
        Strictly rising by (symbol, ts).
    numpy.ndarray
        int32 [m], symbol of each row dropped.
    """
    if _strictly_rising(rows):
        return rows, np.empty(0, np.int32)
    rows = rows.take(np.lexsort((rows.ts, rows.symbol)))
    if _strictly_rising(rows):
        return rows, np.empty(0, np.int32)
    volume = np.nan_to_num(rows.volume, nan=0.0)
    ranks = (rows.open, rows.low, rows.high, rows.close, rows.trades, volume)
    rows = rows.take(np.lexsort((*ranks, rows.ts, rows.symbol)))
    best = np.append((np.diff(rows.symbol) != 0) | (np.diff(rows.ts) != 0), True)
    return rows.take(best), rows.symbol[~best]


def _strictly_rising(rows: Columns) -> bool:
    """Tell whether every row comes after the one before, by symbol and time."""
    before, after = rows.symbol[:-1], rows.symbol[1:]
    later = rows.ts[1:] > rows.ts[:-1]
    return bool(np.all((after > before) | ((after == before) & later)))
