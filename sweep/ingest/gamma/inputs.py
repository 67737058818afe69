"""Read what gamma is made of: option day files, daily open interest, chain snapshots."""

import dataclasses
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from detectors.bars import MINUTE_NS, Float, Int
from sweep.ingest.flatfiles import read_day
from sweep.ingest.products import OPTIONS
from sweep.ingest.sources import DaySource
from sweep.market.options.contracts import roots_of

Frame = Mapping[str, pa.ChunkedArray]


@dataclasses.dataclass(frozen=True)
class OptionBars:
    """Option bars of one underlying and day file, n rows over t tickers.

    Attributes
    ----------
    tickers
        t tickers, sorted.
    ticker
        int64 [n], index into `tickers`.
    ts
        int64 [n], start of the minute, UTC ns.
    close, volume
        float64 [n].
    """

    tickers: tuple[str, ...]
    ticker: Int
    ts: Int
    close: Float
    volume: Float

    def volume_by_ticker(self) -> dict[str, float]:
        """Return the day's volume of each ticker."""
        total = np.zeros(len(self.tickers))
        np.add.at(total, self.ticker, self.volume)
        return dict(zip(self.tickers, total.tolist(), strict=True))


@dataclasses.dataclass(frozen=True)
class Snapshots:
    """Rows of recorded chains, n rows.

    Attributes
    ----------
    tickers
        n tickers.
    recorded_ns
        int64 [n], UTC ns.
    open_interest, sigma, delta, gamma
        float64 [n], NaN where the file has none.
    """

    tickers: tuple[str, ...]
    recorded_ns: Int
    open_interest: Float
    sigma: Float
    delta: Float
    gamma: Float

    def take(self, rows: Int) -> "Snapshots":
        """Return some of the rows."""
        return Snapshots(
            tuple(self.tickers[k] for k in rows.tolist()),
            *(
                getattr(self, field.name)[rows]
                for field in dataclasses.fields(self)
                if field.name != "tickers"
            ),
        )


def option_bars(source: DaySource, day: dt.date, underlying: str) -> OptionBars | None:
    """Read all contracts of an underlying from a day's option file, None where there is none.

    Raises
    ------
    BarsError
        If the file is damaged.
    """
    file = source.find(OPTIONS, day)
    if file is None:
        return None
    with source.open(file) as stream:
        rows = read_day(
            stream, OPTIONS, day, None, source.describe(file.key), roots=roots_of(underlying)
        ).table
    coded = rows["symbol"].combine_chunks().dictionary_encode()
    return OptionBars(
        tickers=tuple(coded.dictionary.to_pylist()),
        ticker=coded.indices.to_numpy().astype(np.int64),
        ts=rows["ts"].cast(pa.int64()).to_numpy(),
        close=rows["close"].to_numpy(),
        volume=rows["volume"].to_numpy(),
    )


class DailyInterest:
    """Open interest by session and contract, from one file.

    Parameters
    ----------
    path
        File with the columns contract (or ticker), date, open_interest.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        table = _read(Path(path), {"date": pa.date32(), "open_interest": pa.float64()})
        self._tickers = _contracts(table, path)
        self._interest: Float = _column(table, "open_interest", path).to_numpy()
        days = _column(table, "date", path).cast(pa.date32())
        order = np.argsort(days.to_numpy(), kind="stable")
        self._days = days.to_numpy()[order]
        self._order = order

    def of(self, day: dt.date) -> dict[str, float] | None:
        """Return ticker -> open interest known before a session's open, None without a row."""
        when = np.datetime64(day, "D")
        begin, end = np.searchsorted(self._days, [when, when + np.timedelta64(1, "D")])
        rows = self._order[begin:end]
        if len(rows) == 0:
            return None
        tickers = self._tickers.take(pa.array(rows)).to_pylist()
        known = dict(zip(tickers, self._interest[rows].tolist(), strict=True))
        return {ticker: value for ticker, value in known.items() if value >= 0}


def read_snapshots(path: str | os.PathLike[str]) -> Snapshots:
    """Read recorded chains.

    Raises
    ------
    ValueError
        If a column is missing; the text says which are read.
    """
    table = _read(Path(path), {"recorded_at": pa.timestamp("ns", "UTC")})
    recorded = _column(table, "recorded_at", path).cast(pa.timestamp("ns", "UTC"))

    def optional(name: str) -> Float:
        if name not in table.column_names:
            return np.full(table.num_rows, np.nan)
        values: Float = table[name].cast(pa.float64()).to_numpy()
        return values

    return Snapshots(
        tickers=tuple(_contracts(table, path).to_pylist()),
        recorded_ns=recorded.cast(pa.int64()).to_numpy(),
        open_interest=optional("open_interest"),
        sigma=optional("implied_volatility"),
        delta=optional("delta"),
        gamma=optional("gamma"),
    )


def snapshot_minutes(recorded_ns: Int, open_ns: int) -> Int:
    """Return the first minute of a session that ends at or after each recording instant."""
    minutes: Int = -(-(recorded_ns - open_ns) // MINUTE_NS) - 1
    return minutes


def _read(path: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    if not path.is_file():
        raise ValueError(f"no file {path}; give a .parquet, .csv or .csv.gz")
    if path.name.endswith(".parquet"):
        return pq.read_table(path)
    options = csv.ConvertOptions(
        column_types={**types, "contract": pa.string(), "ticker": pa.string()}
    )
    return csv.read_csv(path, convert_options=options)


def _column(table: pa.Table, name: str, path: str | os.PathLike[str]) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ValueError(f"{path} needs the column {name}, it has {', '.join(table.column_names)}")
    return table[name].cast(pa.float64()) if name == "open_interest" else table[name]


def _contracts(table: pa.Table, path: str | os.PathLike[str]) -> pa.ChunkedArray:
    name = "contract" if "contract" in table.column_names else "ticker"
    tickers = _column(table, name, path).cast(pa.string())
    bare = pc.invert(pc.starts_with(tickers, "O:"))
    return pc.if_else(bare, pc.binary_join_element_wise("O:", tickers, ""), tickers)


def within_horizon(tickers: Sequence[str], day: dt.date, days: int) -> list[str]:
    """Return the tickers whose expiry date lies from a few days before the session to the horizon.

    A cheap first sieve on the text; contracts before 2015 expired on the Saturday after.
    """
    low = f"{day - dt.timedelta(days=1):%y%m%d}"
    high = f"{day + dt.timedelta(days=days + 1):%y%m%d}"
    return [ticker for ticker in tickers if low <= ticker[-15:-9] <= high]
