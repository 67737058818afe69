"""Minute bars of the REST interface -> checked bars by session, staged like those of day files."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.ingest.flatfiles import SymbolCounts
from sweep.ingest.products import Product
from sweep.ingest.row_checks import REASONS, Columns, fault_of_rows
from sweep.ingest.sources import SourceFile
from sweep.ingest.stage import phases, stage_symbol
from sweep.market.calendar import midnight_ns
from sweep.market.schema import BARS, MINUTE_VWAP, TIMESTAMP
from sweep.market.symbols import INDEX, Symbol
from sweep.store.place import Place

#: Value of the column `source`, name of the stage folder, version of what is staged there.
REST = "rest"
_PRODUCT = Product(REST, (), has_volume=True)


@dataclasses.dataclass(frozen=True)
class RestMinutes:
    """Bars of one answer as arrays, n rows, rising by time.

    Attributes
    ----------
    rows
        Checked by nobody yet; volume is NaN and trades -1 where unknown.
    vwap
        float64 [n], NaN where unknown.
    """

    rows: Columns
    vwap: Float

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]]) -> "RestMinutes":
        """Build from the results of all pages."""

        def floats(name: str) -> Float:
            values = [row.get(name) for row in results]
            return np.array([np.nan if value is None else value for value in values], np.float64)

        trades = [row.get("n") for row in results]
        rows = Columns(
            symbol=np.zeros(len(results), np.int32),
            ts=np.array([int(row["t"]) * 1_000_000 for row in results], np.int64),
            open=floats("o"),
            high=floats("h"),
            low=floats("l"),
            close=floats("c"),
            volume=floats("v"),
            trades=np.array([-1 if count is None else int(count) for count in trades], np.int64),
        )
        ranks = (rows.open, rows.low, rows.high, rows.close, rows.trades)
        order = np.lexsort((*ranks, np.nan_to_num(rows.volume), rows.ts))
        return cls(rows.take(order), floats("vw")[order])

    def of_day(self, symbol: Symbol, day: dt.date) -> tuple[pa.Table, SymbolCounts | None]:
        """Return the good bars of a New York date, and counts; None without any row.

        Of rows of the same minute the one with the larger volume stays, as in day files.
        """
        begin, end = (midnight_ns(date) for date in (day, day + dt.timedelta(days=1)))
        low, high = np.searchsorted(self.rows.ts, [begin, end])
        if low == high:
            return BARS.empty_table(), None
        part = self.rows.take(np.arange(low, high))
        faults = fault_of_rows(part, day, has_volume=symbol.asset_class != INDEX)
        good = faults < 0
        names, counts = np.unique(faults[~good], return_counts=True)
        bad = {REASONS[name]: int(count) for name, count in zip(names, counts, strict=True)}
        kept = part.take(good)
        last = np.append(np.diff(kept.ts) != 0, True) if len(kept) else np.zeros(0, bool)
        table = _bars(kept.take(last), self.vwap[low:high][good][last], symbol, day)
        return table, SymbolCounts(len(table), int(np.sum(~last)), bad)


def _bars(rows: Columns, vwap: Float, symbol: Symbol, day: dt.date) -> pa.Table:
    count = len(rows)
    unknown: NDArray[np.bool_] = np.isnan(vwap)
    volume = pa.array(rows.volume, mask=np.isnan(rows.volume))
    if symbol.asset_class == INDEX:
        volume = pa.nulls(count, pa.float64())
    columns: dict[str, Any] = {
        "symbol": pa.repeat(symbol.name, count),
        "timeframe": pa.repeat("1m", count),
        "ts": pa.array(rows.ts).cast(TIMESTAMP),
        **{name: getattr(rows, name) for name in ("open", "high", "low", "close")},
        "volume": volume,
        "vwap": pa.array(vwap, mask=unknown),
        "vwap_basis": pa.array(np.full(count, MINUTE_VWAP, object), pa.string(), mask=unknown),
        "trades": pa.array(rows.trades, mask=rows.trades < 0),
        "phase": phases(rows.ts, day),
        "source": pa.repeat(REST, count),
    }
    return pa.table({name: columns[name] for name in BARS.names}, schema=BARS)


def stage_minutes(
    root: Place, symbol: Symbol, minutes: RestMinutes, days: Sequence[dt.date], key: str
) -> list[tuple[dt.date, SourceFile, SymbolCounts | None]]:
    """Stage the bars of sessions below `date=D/source=rest`.

    Returns
    -------
    list
        Session, what to merge it from, counts (None: no row came).
    """
    staged = []
    for day in days:
        table, counts = minutes.of_day(symbol, day)
        stage_symbol(root, day, REST, symbol.name, table, counts, key)
        staged.append((day, SourceFile(_PRODUCT, day, key, REST, 0), counts))
    return staged
