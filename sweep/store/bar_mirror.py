"""Mirror month files of the bar lake into the SQL table `historical_bars`.

A month's rows are deleted and copied in again in one transaction, with a note of the file's
version: repeatable, keyed, and rows that left the lake leave the table too. Straight binary COPY
into the keyed table is three times as fast as a staging table with ON CONFLICT.
"""

import concurrent.futures
import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
import sqlalchemy as sa

from sweep.market.timeframes import MINUTES
from sweep.store.database import Database
from sweep.store.lake import Lake, month_bounds
from sweep.store.sql.models import HISTORICAL_BARS, MIRRORED_MONTHS
from sweep.store.sql.write import insert_only

#: Month files of one transaction: a COPY wants some ten thousand rows.
_TOGETHER = 8

_INSTANT = pa.timestamp("us", tz="UTC")
_COLUMNS = {column.name: column.name for column in HISTORICAL_BARS.c} | {"timestamp": "ts"}

Key = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Mirrored:
    """What a mirroring did: month files copied, and their bars."""

    months: int
    bars: int


def mirror_bars(
    database: Database,
    lake: Lake,
    symbols: Iterable[str],
    first: dt.date,
    last: dt.date,
    *,
    say: Callable[[int, int], None] | None = None,
) -> Mirrored:
    """Copy the months of a range that the table lacks or has in another version.

    Parameters
    ----------
    database
        Upgraded.
    lake
        Where the bars are.
    symbols
        Names.
    first, last
        New York dates; their whole months are copied.
    say
        Called with months done and months in all.

    Raises
    ------
    StoreTransient, StoreTerminal
        If the database fails; months copied before stay.
    """
    names = sorted(set(symbols))
    known = database.read("mirrored_months", where={"symbol": names})
    have = {
        (row["symbol"], row["timeframe"], row["year_month"]): row["version"]
        for row in known.to_pylist()
    }
    wanted = [
        (key, version)
        for key, version in _months(lake, names, first, last)
        if have.get(key) != version
    ]
    parts = [wanted[start : start + _TOGETHER] for start in range(0, len(wanted), _TOGETHER)]
    bars = done = 0
    # Postgres has a process per connection; SQLite has one writer.
    with concurrent.futures.ThreadPoolExecutor(1 if database.is_file else 2, "mirror") as pool:
        copied = pool.map(functools.partial(_replace, database, lake), parts)
        for part, count in zip(parts, copied, strict=True):
            bars += count
            done += len(part)
            if say is not None:
                say(done, len(wanted))
    return Mirrored(len(wanted), bars)


def _months(
    lake: Lake, names: Sequence[str], first: dt.date, last: dt.date
) -> list[tuple[Key, str]]:
    low, high = f"{first:%Y-%m}", f"{last:%Y-%m}"
    return [
        ((name, timeframe, month), version)
        for name in names
        for timeframe in MINUTES
        for month, version in lake.versions(name, timeframe).items()
        if low <= month <= high
    ]


def _replace(database: Database, lake: Lake, months: Sequence[tuple[Key, str]]) -> int:
    tables, notes = [], []
    for (symbol, timeframe, month), version in months:
        first = dt.date.fromisoformat(f"{month}-01")
        last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        bars = lake.read(symbol, timeframe, first, last)
        columns = {name: bars[column] for name, column in _COLUMNS.items()}
        columns["timestamp"] = columns["timestamp"].cast(_INSTANT)
        tables.append(pa.table(columns))
        notes.append(
            {
                "symbol": symbol,
                "timeframe": timeframe,
                "year_month": month,
                "version": version,
                "bars": len(bars),
                "mirrored_at": dt.datetime.now(dt.UTC),
            }
        )
    table = HISTORICAL_BARS
    with database.transaction() as connection:
        for (symbol, timeframe, month), _ in months:
            begin, end = (
                dt.datetime.fromtimestamp(ns // 10**9, dt.UTC) for ns in month_bounds(month)
            )
            mine = (table.c.symbol == symbol, table.c.timeframe == timeframe)
            inside = (table.c.timestamp >= begin, table.c.timestamp < end)
            connection.execute(sa.delete(table).where(*mine, *inside))
        rows = pa.concat_tables(tables)
        insert_only(connection, table, rows)
        for note in notes:
            key = {name: note[name] for name in ("symbol", "timeframe", "year_month")}
            same = (MIRRORED_MONTHS.c[name] == value for name, value in key.items())
            connection.execute(sa.delete(MIRRORED_MONTHS).where(*same))
        connection.execute(sa.insert(MIRRORED_MONTHS), notes)
    return int(rows.num_rows)
