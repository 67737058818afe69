"""The bar lake: `<root>/bars/timeframe=<tf>/symbol=<s>/<year-month>.parquet`.

A month file is replaced whole, never edited: readers see the old or the new one, also after a
`kill -9`.
"""

import datetime as dt
import re
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.bars import MinuteBars, Sessions
from sweep.market.calendar import as_dates, midnight_ns, session_index
from sweep.market.schema import BARS
from sweep.market.symbols import file_name
from sweep.market.timeframes import normalise
from sweep.store.folder import Folder
from sweep.store.place import Place, place, versions

_MONTH = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))\.parquet")
_ARRAYS = ["ts", "open", "high", "low", "close", "volume"]


class Lake:
    """Bars of all symbols and timeframes below a storage root.

    Parameters
    ----------
    root
        `storage.root`: local path, `file://` or `s3://` URL. Created by the first write.
    """

    def __init__(self, root: str | Place) -> None:
        self.root = place(root)
        self._folder = Folder(self.root)

    def symbols(self, timeframe: str = "1m") -> list[str]:
        """Return the stored symbols of a timeframe, sorted."""
        prefix = "symbol="
        names = self._folder.names("bars", f"timeframe={normalise(timeframe)}")
        found = [unquote(name.removeprefix(prefix)) for name in names if name.startswith(prefix)]
        return sorted(name for name in found if self.months(name, timeframe))

    def months(self, symbol: str, timeframe: str) -> list[str]:
        """Return the stored months of a symbol, `YYYY-MM`, rising."""
        names = self._folder.names(*_parts(symbol, timeframe))
        return [match.group(1) for name in names if (match := _MONTH.fullmatch(name))]

    def path_of(self, symbol: str, timeframe: str, month: str) -> Place:
        """Return the file of a month, `YYYY-MM`."""
        return self._folder.join(*_parts(symbol, timeframe), f"{month}.parquet")

    def versions(self, symbol: str, timeframe: str) -> dict[str, str]:
        """Return month -> a text that changes when its file does."""
        found = versions(self._folder.join(*_parts(symbol, timeframe)), ".parquet")
        return {
            match.group(1): version
            for name, version in sorted(found.items())
            if (match := _MONTH.fullmatch(name))
        }

    def read(
        self,
        symbol: str,
        timeframe: str,
        first: dt.date | None = None,
        last: dt.date | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read bars of a range of New York dates, all phases.

        Parameters
        ----------
        symbol, timeframe
            As stored; `60m` is `1h`.
        first, last
            Both included; None is open.
        columns
            Columns of `BARS` to read, all by default.

        Returns
        -------
        pyarrow.Table
            Rising by `ts`, no duplicates; no rows where nothing is stored.

        Raises
        ------
        ValueError
            If the dates are inverted or a month file is damaged (the text names it).
        """
        if first is not None and last is not None and first > last:
            raise ValueError(f"the first date must not be after the last, got {first} > {last}")
        wanted = list(columns) if columns is not None else BARS.names
        low = "" if first is None else f"{first:%Y-%m}"
        high = "9999" if last is None else f"{last:%Y-%m}"
        tables = [
            self._month(symbol, timeframe, month, sorted({"ts", "symbol", *wanted}))
            for month in self.months(symbol, timeframe)
            if low <= month <= high
        ]
        schema = pa.schema([BARS.field(name) for name in wanted])
        if not tables:
            return schema.empty_table()
        table = pa.concat_tables(tables)
        ts = table["ts"].cast(pa.int64()).to_numpy()
        begin = 0 if first is None else int(np.searchsorted(ts, midnight_ns(first)))
        end = len(ts)
        if last is not None:
            end = int(np.searchsorted(ts, midnight_ns(last + dt.timedelta(days=1))))
        return table.slice(begin, max(end - begin, 0)).select(wanted)

    def replace_month(self, symbol: str, timeframe: str, year_month: str, table: pa.Table) -> None:
        """Replace the month file of a symbol as a whole; a month has one writer at a time.

        Parameters
        ----------
        symbol, timeframe
            What the rows are of.
        year_month
            `YYYY-MM`, New York dates.
        table
            Columns of `BARS`, strictly rising by `ts`.

        Raises
        ------
        ValueError
            If a row is of another symbol, timeframe or month, or `ts` does not rise strictly.
        OSError
            If it cannot be written.
        """
        name = normalise(timeframe)
        parts = (*_parts(symbol, name), f"{year_month}.parquet")
        table = table.select(BARS.names).cast(BARS)
        for column, value in (("symbol", symbol), ("timeframe", name)):
            other = pc.unique(table[column]).to_pylist()
            if other not in ([value], []):
                raise ValueError(f"a month file holds one {column}, {value}; got {other[:5]}")
        ts = table["ts"].cast(pa.int64()).to_numpy()
        if np.any(np.diff(ts) <= 0):
            raise ValueError(f"bars of {symbol} {name} {year_month} must rise strictly by ts")
        begin, end = month_bounds(year_month)
        if len(ts) and not (begin <= ts[0] and ts[-1] < end):
            raise ValueError(f"bars of {symbol} {name} must lie inside {year_month} (New York)")
        self._folder.remove_leftovers(*parts)
        self._folder.replace(*parts, table=table)

    def minute_bars(self, symbol: str, sessions: Sessions) -> MinuteBars:
        """Read the regular-session minutes of a symbol that fall into the sessions.

        Returns
        -------
        MinuteBars
            Raw prices; volume NaN where unknown (an index); empty where nothing is stored.
        """
        if len(sessions) == 0:
            none = np.empty(0)
            return MinuteBars(none.astype(np.int64), none, none, none, none, none)
        days = as_dates(sessions)
        table = self.read(symbol, "1m", days[0], days[-1], _ARRAYS)
        ts = table["ts"].cast(pa.int64()).to_numpy()
        keep = session_index(sessions, ts) >= 0
        prices = [table[name].to_numpy()[keep] for name in _ARRAYS[1:]]
        return MinuteBars(ts[keep], *prices)

    def read_month(
        self, symbol: str, timeframe: str, month: str, columns: Sequence[str]
    ) -> pa.Table:
        """Read columns of a stored month, `YYYY-MM`, all phases; faults as `read`."""
        wanted = sorted({"symbol", *columns})
        return self._month(symbol, timeframe, month, wanted).select(list(columns))

    def _month(self, symbol: str, timeframe: str, month: str, columns: Sequence[str]) -> pa.Table:
        parts = (*_parts(symbol, timeframe), f"{month}.parquet")
        table = self._folder.read(*parts, schema=BARS, columns=columns)
        other = [name for name in pc.unique(table["symbol"]).to_pylist() if name != symbol]
        if other:
            raise ValueError(
                f"{self._folder.join(*parts)} holds bars of {other[0]}, not {symbol}: does the "
                "file system ignore case? Use a storage.root that tells BACpL from BACPL"
            )
        return table


def month_bounds(year_month: str) -> tuple[int, int]:
    """Return the first instant of a New York month and of the next one, UTC ns."""
    begin = dt.date.fromisoformat(f"{year_month}-01")
    after = (begin + dt.timedelta(days=31)).replace(day=1)
    return midnight_ns(begin), midnight_ns(after)


def _parts(symbol: str, timeframe: str) -> tuple[str, str, str]:
    return ("bars", f"timeframe={normalise(timeframe)}", f"symbol={file_name(symbol)}")
