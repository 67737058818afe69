"""Read one day file of the vendor: all wanted symbols in one pass, whatever the row order.

Rows are `ticker,volume,open,close,high,low,window_start,transactions` (indices without volume and
transactions), read by header name. Facts: massive.com/docs/flat-files.
"""

import collections
import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sweep.ingest.csv_rows import Header, ParsedRows, join, read_header
from sweep.ingest.inflate import SLACK, BarsError, lines
from sweep.ingest.line_scan import TickerScan
from sweep.ingest.products import Product
from sweep.ingest.row_checks import (
    BAD_TICKER,
    MISSHAPEN,
    REASONS,
    Columns,
    fault_of_rows,
    settle_duplicates,
)
from sweep.market.schema import TIMESTAMP
from sweep.market.symbols import from_vendor

#: Wanted lines are parsed in portions of this size: one call a file for twenty names of a day.
_PORTION = 4 << 20


@dataclasses.dataclass(frozen=True)
class SymbolCounts:
    """What a file held of one symbol.

    Attributes
    ----------
    rows
        Rows kept.
    duplicates
        Rows dropped for another one of the same minute.
    bad
        Reason -> rows refused.
    """

    rows: int
    duplicates: int = 0
    bad: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DayRows:
    """Bars of one day file.

    Attributes
    ----------
    table
        `symbol` string, `ts` timestamp[ns, UTC], `open high low close` float64, `volume` float64
        (null for indices), `trades` int64 (null where unknown); strictly rising by (symbol, ts).
    counts
        Symbol -> counts, for every symbol with a row, kept or not.
    text_bytes
        Inflated size.
    """

    table: pa.Table
    counts: Mapping[str, SymbolCounts]
    text_bytes: int


def read_day(
    stream: BinaryIO,
    product: Product,
    day: dt.date,
    wanted: Mapping[str, str] | None,
    label: str,
    *,
    roots: Collection[str] = (),
) -> DayRows:
    """Read the bars of a day file.

    Parameters
    ----------
    stream
        Compressed bytes.
    product
        Decides the columns.
    day
        New York date of the file: rows of another date are refused.
    wanted
        Vendor ticker -> symbol; None for all tickers.
    label
        Names the file in errors.
    roots
        Option roots: in place of `wanted`, all contracts of these under their own tickers.

    Returns
    -------
    DayRows
        A symbol whose transactions are all 0 has null trades: its vendor did not count them.

    Raises
    ------
    BarsError
        If the file is truncated, damaged, not a bar file, or holds a header and nothing else.
    """
    everything = wanted is None and not roots
    parsed = ParsedRows([], collections.Counter(), compiled=everything)
    scan = None if wanted is None else TickerScan(wanted)
    if roots:
        scan = TickerScan((), [f"O:{root}" for root in roots])
    header, text_bytes = _collect(stream, product, scan, label, parsed)
    if roots:
        wanted = _contracts_of(parsed, roots)
    if wanted is not None:
        parsed.keep(wanted)
    return _checked(parsed, header, product, day, wanted, text_bytes)


def _collect(
    stream: BinaryIO,
    product: Product,
    scan: TickerScan | None,
    label: str,
    parsed: ParsedRows,
) -> tuple[Header, int]:
    """Inflate the file once and parse its wanted lines."""
    header: Header | None = None
    portion = bytearray()
    text_bytes = 0
    for block in lines(stream, label):
        text_bytes += len(block)
        rest = block
        if header is None:
            end = bytes(block).index(b"\n") + 1
            header = read_header(bytes(block[:end]), product, label)
            scan = scan if header.ticker_first else None
            text_bytes -= end
            if end == len(block):
                continue
            rest = memoryview(bytes(block[end:]) + bytes(SLACK))[:-SLACK]
        stretches = [rest] if scan is None else scan.select(rest)
        for stretch in stretches:
            portion += stretch
        if len(portion) >= _PORTION:
            parsed.add(portion, header, label)
            portion = bytearray()
    if header is None:
        raise BarsError(f"{label}: empty file, not even a header; fetch it again")
    if text_bytes == 0:
        raise BarsError(
            f"{label}: a header and no rows; the vendor replaces such files, try later"
        )
    if portion:
        parsed.add(portion, header, label)
    return header, text_bytes


def _contracts_of(parsed: ParsedRows, roots: Collection[str]) -> dict[str, str]:
    """Return the tickers of some option roots, by themselves."""
    found = {*parsed.misshapen}
    for table in parsed.tables:
        found.update(table["ticker"].combine_chunks().dictionary.to_pylist())
    return {ticker: ticker for ticker in found if ticker[2:-15] in roots}


def _checked(
    parsed: ParsedRows,
    header: Header,
    product: Product,
    day: dt.date,
    wanted: Mapping[str, str] | None,
    text_bytes: int,
) -> DayRows:
    """Refuse bad rows, settle duplicates, count both per symbol."""
    whole, tickers = join(parsed.tables) if parsed.tables else (None, [])
    names = _names([*tickers, *parsed.misshapen], wanted)
    order = sorted(set(names.values()))
    bad = np.zeros((len(order), len(REASONS)), np.int64)
    for ticker, count in parsed.misshapen.items():
        bad[order.index(names[ticker]), MISSHAPEN] += count
    places = {name: i for i, name in enumerate(order)}
    rows = _columns(whole, header, [places[names[ticker]] for ticker in tickers])
    if whole is not None and whole.num_rows:
        nulls = np.zeros(whole.num_rows, bool)
        for name in product.required:
            if whole[name].null_count:
                nulls |= pc.is_null(whole[name]).to_numpy()
        faults = fault_of_rows(rows, day, has_volume=product.has_volume)
        faults[nulls] = MISSHAPEN
        faults[rows.symbol == _place(order, "")] = BAD_TICKER
        wrong = faults >= 0
        np.add.at(bad, (rows.symbol[wrong], faults[wrong]), 1)
        rows = rows if not wrong.any() else rows.take(~wrong)
    rows, dropped = settle_duplicates(rows)
    duplicates = np.bincount(dropped, minlength=len(order))
    kept = np.bincount(rows.symbol, minlength=len(order))
    faulty = bad.sum(axis=1) > 0
    counts = {
        name: SymbolCounts(int(kept[i]), int(duplicates[i]), _reasons(bad[i]) if faulty[i] else {})
        for i, name in enumerate(order)
    }
    return DayRows(_table(rows, order, product), counts, text_bytes)


def _reasons(counts: NDArray[np.int64]) -> dict[str, int]:
    return {REASONS[j]: int(counts[j]) for j in np.flatnonzero(counts)}


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else -1


def _names(tickers: list[str], wanted: Mapping[str, str] | None) -> dict[str, str]:
    """Map tickers to symbols; a ticker that cannot be a symbol becomes the empty name."""
    if wanted is not None:
        return {ticker: wanted[ticker] for ticker in tickers}
    names = {}
    for ticker in tickers:
        try:
            names[ticker] = from_vendor(ticker)
        except ValueError:
            names[ticker] = ""
    return names


def _columns(whole: pa.Table | None, header: Header, symbols: Sequence[int]) -> Columns:
    """Return columns as arrays; `symbols` has the index of the name of each ticker's code."""
    count = 0 if whole is None else whole.num_rows

    def floats(name: str) -> NDArray[np.float64]:
        if whole is None or name not in header.used:
            return np.full(count, np.nan)
        values: NDArray[np.float64] = whole[name].to_numpy()
        return values

    def integers(name: str) -> NDArray[np.int64]:
        if whole is None or name not in header.used:
            return np.full(count, -1, np.int64)
        column = whole[name]
        known = pc.fill_null(column, -1) if column.null_count else column
        values: NDArray[np.int64] = known.to_numpy()
        return values

    symbol = np.empty(0, np.int32)
    if whole is not None:
        symbol = np.array(symbols, np.int32)[whole["ticker"].to_numpy()]
    return Columns(
        symbol=symbol,
        ts=integers("window_start"),
        open=floats("open"),
        high=floats("high"),
        low=floats("low"),
        close=floats("close"),
        volume=floats("volume"),
        trades=integers("transactions"),
    )


def _table(rows: Columns, order: list[str], product: Product) -> pa.Table:
    counted = np.bincount(rows.symbol[rows.trades > 0], minlength=len(order)) > 0
    unknown = rows.trades < 0
    if not counted.all():
        unknown |= ~counted[rows.symbol]
    symbol = pa.array(order, pa.string()).take(pa.array(rows.symbol))
    without = None if product.has_volume else np.ones(len(rows), bool)
    return pa.table(
        {
            "symbol": symbol,
            "ts": pa.array(rows.ts).cast(TIMESTAMP),
            **{name: pa.array(getattr(rows, name)) for name in ("open", "high", "low", "close")},
            "volume": pa.array(rows.volume, mask=without),
            "trades": pa.array(rows.trades, mask=unknown),
        }
    )
