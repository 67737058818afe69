"""The gamma store: `<root>/gamma/symbol=<s>/<year-month>.parquet`, a month replaced whole.

Minutes of an underlying, never bars: the assumptions they were computed with stand in every row.
"""

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.features.gamma import COLUMNS
from sweep.market.calendar import midnight_ns
from sweep.market.schema import TIMESTAMP
from sweep.market.symbols import file_name
from sweep.store.folder import Folder
from sweep.store.place import Place, place

_MONTH = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))\.parquet")

#: Assumptions of a row.
ASSUMPTIONS = ("sign_model", "oi_source", "pin_source")

#: `ts` is the start of the minute; its values are known 60 s later. NaN = unknown.
GAMMA = pa.schema(
    [
        pa.field("ts", TIMESTAMP, nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in COLUMNS),
        *(pa.field(name, pa.string(), nullable=False) for name in ASSUMPTIONS),
    ]
)


class GammaStore:
    """Gamma tables of all underlyings below a storage root.

    Parameters
    ----------
    root
        `storage.root`, as that of the bar lake.
    """

    def __init__(self, root: str | Place) -> None:
        self.root = place(root)
        self._folder = Folder(self.root)

    def months(self, symbol: str) -> list[str]:
        """Return the stored months of an underlying, `YYYY-MM`, rising."""
        names = self._folder.names(*_parts(symbol))
        return [match.group(1) for name in names if (match := _MONTH.fullmatch(name))]

    def read(
        self, symbol: str, first: dt.date | None = None, last: dt.date | None = None
    ) -> pa.Table:
        """Read minutes of a range of New York dates.

        Parameters
        ----------
        symbol
            Name of the underlying.
        first, last
            Both included; None is open.

        Returns
        -------
        pyarrow.Table
            Columns of `GAMMA`, rising by `ts`; no rows where nothing is stored.
        """
        low = "" if first is None else f"{first:%Y-%m}"
        high = "9999" if last is None else f"{last:%Y-%m}"
        tables = [
            self._folder.read(*_parts(symbol), f"{month}.parquet", schema=GAMMA)
            for month in self.months(symbol)
            if low <= month <= high
        ]
        if not tables:
            return GAMMA.empty_table()
        table = pa.concat_tables(tables)
        ts = table["ts"].cast(pa.int64()).to_numpy()
        begin = 0 if first is None else int(np.searchsorted(ts, midnight_ns(first)))
        end = len(ts)
        if last is not None:
            end = int(np.searchsorted(ts, midnight_ns(last + dt.timedelta(days=1))))
        return table.slice(begin, max(end - begin, 0))

    def replace_month(self, symbol: str, year_month: str, table: pa.Table) -> None:
        """Replace the month file of an underlying as a whole.

        Raises
        ------
        ValueError
            If `ts` does not rise strictly, or the rows were computed with different assumptions.
        OSError
            If it cannot be written.
        """
        table = table.select(GAMMA.names).cast(GAMMA)
        if np.any(np.diff(table["ts"].cast(pa.int64()).to_numpy()) <= 0):
            raise ValueError(f"gamma minutes of {symbol} {year_month} must rise strictly by ts")
        for name in ASSUMPTIONS:
            found = pc.unique(table[name]).to_pylist()
            if len(found) > 1:
                raise ValueError(f"a gamma file holds one {name}, got {', '.join(found)}")
        parts = (*_parts(symbol), f"{year_month}.parquet")
        self._folder.remove_leftovers(*parts)
        self._folder.replace(*parts, table=table)


def _parts(symbol: str) -> tuple[str, str]:
    return "gamma", f"symbol={file_name(symbol)}"
