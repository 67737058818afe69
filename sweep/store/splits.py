"""Splits beside the bars: `<root>/splits/symbol=<s>.parquet`, replaced whole; SQL mirrors them."""

import datetime as dt
from collections.abc import Iterable, Sequence

import pyarrow as pa

from sweep.market.splits import Split
from sweep.market.symbols import file_name
from sweep.store.folder import Folder
from sweep.store.place import Place

#: Columns of the SQL table `splits`.
SPLITS = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("execution_date", pa.date32(), nullable=False),
        pa.field("split_from", pa.float64(), nullable=False),
        pa.field("split_to", pa.float64(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("fetched_at", pa.timestamp("us", tz="UTC")),
    ]
)


class SplitStore:
    """Splits below a storage root; a symbol without any has an empty file once it was asked for.

    Parameters
    ----------
    root
        `storage.root`.
    """

    def __init__(self, root: str | Place) -> None:
        self._folder = Folder(root)

    def knows(self, symbol: str) -> bool:
        """Tell whether the splits of a symbol were ever fetched."""
        return self._folder.exists(*_parts(symbol))

    def read(self, symbols: Iterable[str]) -> list[Split]:
        """Return the splits of symbols, by symbol and date; none where none are known."""
        found = []
        for symbol in sorted(set(symbols)):
            if self.knows(symbol):
                for row in self._folder.read(*_parts(symbol), schema=SPLITS).to_pylist():
                    ratio = row["split_from"], row["split_to"]
                    found.append(Split(symbol, row["execution_date"], *ratio))
        return found

    def replace(self, symbol: str, splits: Sequence[Split], source: str) -> pa.Table:
        """Put the splits of a symbol in the place of those known; return them as rows."""
        now = dt.datetime.now(dt.UTC)
        rows = [
            {
                "symbol": symbol,
                "execution_date": split.execution_date,
                "split_from": split.split_from,
                "split_to": split.split_to,
                "source": source,
                "fetched_at": now,
            }
            for split in sorted(splits, key=lambda one: one.execution_date)
        ]
        table = pa.Table.from_pylist(rows, schema=SPLITS)
        self._folder.replace(*_parts(symbol), table=table)
        return table


def _parts(symbol: str) -> tuple[str, str]:
    return ("splits", f"symbol={file_name(symbol)}.parquet")
