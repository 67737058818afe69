"""Fill holes from the REST interface: one call per symbol and month, staged, then merged.

Calls run in threads of one process, so that they share one rate limit.
"""

import collections
import concurrent.futures
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from sweep.ingest.merge import MonthPlan, merge_month
from sweep.ingest.rest import RestClient, minutes_path
from sweep.ingest.rest_rows import REST, RestMinutes, stage_minutes
from sweep.ingest.spec import Failure, Progress
from sweep.ingest.tally import Tally
from sweep.market.symbols import INDEX, Symbol, lookup
from sweep.store.database import Database
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.lake import Lake
from sweep.store.place import Place
from sweep.store.splits import SplitStore
from sweep.store.sql.connect import Kind

#: Answers in memory at once: a month of minutes is about 10 MB while it is read.
_AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class Call:
    """Sessions of one symbol and month to ask for."""

    symbol: Symbol
    year_month: str
    days: tuple[dt.date, ...]


def calls_for(holes: Mapping[str, Sequence[dt.date]]) -> list[Call]:
    """Return the calls that fill holes, by symbol and month."""
    calls = []
    for name, days in sorted(holes.items()):
        by_month: dict[str, list[dt.date]] = collections.defaultdict(list)
        for day in days:
            by_month[f"{day:%Y-%m}"].append(day)
        calls += [Call(lookup(name), month, tuple(own)) for month, own in sorted(by_month.items())]
    return calls


def fill_by_rest(
    root: Place,
    client: RestClient,
    holes: Mapping[str, Sequence[dt.date]],
    *,
    provisional: Callable[[Symbol, dt.date], bool],
    timeframes: Sequence[str],
    seen: frozenset[str],
    tally: Tally,
    say: Progress,
) -> tuple[str, ...]:
    """Fill holes, month by month; one failing call does not stop the others.

    Parameters
    ----------
    root
        `storage.root`.
    client
        Whom to ask.
    holes
        Symbol -> sessions.
    provisional
        Tells whether a flat file will replace a session's bars; without bars it stays a hole.
    timeframes
        To build.
    seen
        Symbols known to the vendor; of others nothing is recorded before a bar came.
    tally, say
        What is done is counted there and told.

    Returns
    -------
    tuple of str
        Symbols of which no bar came at all.
    """
    calls = calls_for(holes)
    before, done = client.requests, 0
    failed: set[str] = set()
    found, held = set(seen), collections.defaultdict[str, list[MonthPlan]](list)
    with concurrent.futures.ThreadPoolExecutor(client.settings.workers, "rest") as pool:
        for start in range(0, len(calls), _AT_ONCE):
            part = calls[start : start + _AT_ONCE]
            futures = [pool.submit(_fetch, client, call) for call in part]
            for call, future in zip(part, futures, strict=True):
                done += 1
                try:
                    plan = _staged(root, call, future.result(), provisional, timeframes, tally)
                    if any(file is not None and file.size for _, file in plan.days):
                        found.add(call.symbol.name)
                    held[call.symbol.name].append(plan)
                    if call.symbol.name in found:
                        for waiting in held.pop(call.symbol.name):
                            tally.add_month(merge_month(root, waiting))
                except (OSError, ValueError) as error:
                    failed.add(call.symbol.name)
                    what = f"{call.symbol.name} {call.year_month} by REST"
                    tally.failures.append(Failure(what, str(error)))
                say("REST months", done, len(calls), len(tally.failures), 0)
    tally.requests += client.requests - before
    return tuple(sorted(set(held) - failed))


def fetch_splits(
    root: Place, client: RestClient, symbols: Sequence[Symbol], store: Kind, tally: Tally
) -> None:
    """Fetch the splits of stocks and ETFs into Parquet and the SQL table `splits`.

    Parquet is the truth: a database that is away is a note.
    """
    splits, before = SplitStore(root), client.requests
    tables = {}
    for symbol in symbols:
        if symbol.asset_class == INDEX:
            continue
        try:
            tables[symbol.name] = splits.replace(symbol.name, client.splits(symbol), REST)
            tally.splits += len(tables[symbol.name])
        except (OSError, ValueError) as error:
            tally.failures.append(Failure(f"splits of {symbol.name}", str(error)))
    tally.requests += client.requests - before
    if not any(len(table) for table in tables.values()):
        return
    try:
        with Database.open(store, root) as database:
            database.upgrade()
            for name, table in tables.items():
                database.replace("splits", table, {"symbol": name})
    except (StoreTransient, StoreTerminal) as error:
        tally.notes.append(f"splits are not in SQL ({error}); the Parquet files have them")


def unbuilt_months(
    root: Place, symbols: Sequence[Symbol], days: Sequence[dt.date], timeframes: Sequence[str]
) -> list[MonthPlan]:
    """Return stored months of the range that lack a timeframe; nothing is fetched for them."""
    lake = Lake(root)
    in_range = {f"{day:%Y-%m}" for day in days}
    plans = []
    for symbol in symbols:
        stored = set(lake.months(symbol.name, "1m")) & in_range
        built = [set(lake.months(symbol.name, timeframe)) for timeframe in timeframes]
        lacking = sorted(month for month in stored if not all(month in own for own in built))
        plans += [
            MonthPlan(symbol.name, month, REST, REST, (), tuple(timeframes)) for month in lacking
        ]
    return plans


def _fetch(client: RestClient, call: Call) -> RestMinutes:
    return RestMinutes.of(client.minutes(call.symbol, call.days[0], call.days[-1]))


def _staged(
    root: Place,
    call: Call,
    minutes: RestMinutes,
    provisional: Callable[[Symbol, dt.date], bool],
    timeframes: Sequence[str],
    tally: Tally,
) -> MonthPlan:
    """Stage an answer; the size of a day's file in the plan is its number of rows."""
    key = minutes_path(call.symbol, call.days[0], call.days[-1])
    passing = frozenset(day for day in call.days if provisional(call.symbol, day))
    days = []
    for day, file, counts in stage_minutes(root, call.symbol, minutes, call.days, key):
        if counts is None and day in passing:
            continue
        if counts is not None:
            tally.rows += counts.rows
            tally.duplicates += counts.duplicates
            tally.bad_rows.update(counts.bad)
            tally.sessions_provisional += day in passing
        days.append((day, dataclasses.replace(file, size=0 if counts is None else counts.rows)))
    return MonthPlan(
        call.symbol.name, call.year_month, REST, REST, tuple(days), tuple(timeframes), passing
    )
