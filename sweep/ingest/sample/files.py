"""Day files of the sample market, in the vendor's layout and with its habits.

Columns are not in the order of OHLC, indices have neither volume nor transactions and padded
decimals, volumes are whole or fractional, and nothing promises an order of rows: a name may come
in two runs.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from isal import igzip
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.prices import Rows

STOCK_HEADER = b"ticker,volume,open,close,high,low,window_start,transactions\n"
INDEX_HEADER = b"ticker,open,close,high,low,window_start\n"

#: Of eight files one has a ticker in two runs and one no order at all; the others are sorted.
ORDER_PERIOD, TWO_RUNS, SHUFFLED = 8, 2, 5

#: Every fifth session the volume of the first ticker has fractions.
FRACTION_PERIOD, FRACTIONAL = 5, 3

COMPRESSION = 1
PRICES = ("open", "close", "high", "low")
PARTIAL = ".partial"


def write_day(
    path: Path, grid: Grid, session: int, tickers: Sequence[Rows], rng: np.random.Generator
) -> tuple[int, int]:
    """Write the day file of one session, whole or not at all.

    Parameters
    ----------
    path
        Of the file; its folder is made.
    grid
        Minutes.
    session
        Index of the session.
    tickers
        Rows of the product's tickers in order of name.
    rng
        Source of the row order where there is none; advanced.

    Returns
    -------
    tuple of int
        Rows, and bytes as stored.
    """
    part = np.arange(grid.first[session], grid.first[session + 1])
    places = [part[rows.present[part]] for rows in tickers]
    return write_rows(path, _columns(grid, session, tickers, places), session, rng)


def write_rows(
    path: Path, columns: Mapping[str, NDArray[Any]], session: int, rng: np.random.Generator
) -> tuple[int, int]:
    """Write rows that are sorted by ticker, then time, in the order that the session's file has.

    Parameters
    ----------
    path
        Of the file; its folder is made.
    columns
        Column by name of the header, prices in cents; without a volume they are of indices.
    session
        Index of the session.
    rng
        Source of the row order where there is none; advanced.

    Returns
    -------
    tuple of int
        Rows, and bytes as stored.
    """
    ticker = columns["ticker"]
    owner = np.cumsum(np.append(0, ticker[1:] != ticker[:-1])) if len(ticker) else np.arange(0)
    order = _order(session, owner, rng)
    ordered = {name: values[order] for name, values in columns.items()}
    text = _stock_text(ordered) if "volume" in ordered else _index_text(ordered)
    return len(owner), _store(path, igzip.compress(text, COMPRESSION, mtime=0))


def write_table(path: Path, table: pa.Table) -> tuple[int, int]:
    """Write a table as Parquet, whole or not at all; return rows and bytes as stored."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return table.num_rows, _store(path, sink.getvalue())


def _store(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(PARTIAL)
    partial.write_bytes(content)
    partial.replace(path)
    return len(content)


def _columns(
    grid: Grid, session: int, tickers: Sequence[Rows], places: Sequence[Int]
) -> dict[str, NDArray[Any]]:
    """Collect the columns of a file, ticker after ticker; prices in cents."""
    own = list(zip(tickers, places, strict=True))
    names = [np.full(len(at), rows.ticker.name) for rows, at in own]
    columns = {"ticker": np.concatenate(names), "window_start": grid.ts[np.concatenate(places)]}
    for name in PRICES:
        columns[name] = np.concatenate([getattr(rows, name)[at] for rows, at in own])
    volumes = [
        _printed(rows.volume[at], fractional=i == 0 and session % FRACTION_PERIOD == FRACTIONAL)
        for i, (rows, at) in enumerate(own)
        if rows.volume is not None
    ]
    counts = [rows.transactions[at] for rows, at in own if rows.transactions is not None]
    if volumes:
        columns |= {"volume": np.concatenate(volumes), "transactions": np.concatenate(counts)}
    return columns


def _order(session: int, owner: Int, rng: np.random.Generator) -> Int:
    """Return the order of the rows of a file, int64 [rows]; `owner` is the ticker of each row."""
    order = np.arange(len(owner))
    habit = session % ORDER_PERIOD
    if habit == SHUFFLED:
        return rng.permutation(order)
    if habit == TWO_RUNS and len(owner):
        run = np.flatnonzero(owner == owner[-1])
        early = run[len(run) // 3 : len(run) // 2]
        return np.concatenate((early, np.setdiff1d(order, early)))
    return order


def _printed(shares: Float, *, fractional: bool) -> Float:
    """Round shares to what the file shows."""
    return np.round(shares, 6) if fractional else np.rint(shares)


def _stock_text(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Write whole numbers and shortest decimals."""
    table = pa.table(
        {
            name: columns[name] / 100 if name in PRICES else columns[name]
            for name in STOCK_HEADER.decode().strip().split(",")
        }
    )
    sink = io.BytesIO()
    sink.write(STOCK_HEADER)
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    pa.csv.write_csv(table, sink, options)
    return sink.getvalue()


def _index_text(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Write decimals padded to twelve places."""
    prices = [
        [f"{cents // 100}.{cents % 100:02d}0000000000" for cents in columns[name].tolist()]
        for name in PRICES
    ]
    rows = zip(columns["ticker"].tolist(), *prices, columns["window_start"].tolist(), strict=True)
    body = "".join(f"{a},{b},{c},{d},{e},{f}\n" for a, b, c, d, e, f in rows)
    return INDEX_HEADER + body.encode()
