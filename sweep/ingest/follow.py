"""Which published sessions a symbol that has bars still lacks: what a watcher enqueues."""

import collections
import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence

from sweep.ingest.backfill import open_source
from sweep.ingest.plan import make_plan, rest_holes
from sweep.ingest.products import product_of
from sweep.ingest.publication import due, newest_closed, utc_now
from sweep.ingest.spec import BackfillSpec
from sweep.market.calendar import as_dates, session_table
from sweep.market.symbols import Symbol, lookup
from sweep.store.coverage import PROVISIONAL, CoverageStore
from sweep.store.place import Place, place

#: How far behind its newest record a symbol is looked at: files come late and are replaced.
_BACK = dt.timedelta(days=10)


def sessions_due(spec: BackfillSpec, symbols: Sequence[str]) -> dict[dt.date, tuple[str, ...]]:
    """Return the sessions to fetch now: published after a symbol's newest one, or replaced.

    Parameters
    ----------
    spec
        Source and store; its symbols and range do not count.
    symbols
        Names. One without any record is left out: its backfill has yet to be done.

    Returns
    -------
    dict
        Session -> symbols, rising.

    Raises
    ------
    OSError
        If the source does not answer.
    """
    root = place(spec.storage_root)
    now = utc_now()
    since: dict[str, dt.date] = {}
    asked: set[tuple[str, dt.date]] = set()
    coverage = CoverageStore(root)
    for name in symbols:
        months = coverage.months(name)[-2:]
        if months:
            records = coverage.read([name], dt.date.fromisoformat(f"{months[0]}-01")).to_pylist()
            known = [record["session"] for record in records]
            since[name] = max(max(known) - _BACK, min(known) - dt.timedelta(days=1))
            # REST has given what it has until the day file comes.
            asked |= {
                (name, record["session"])
                for record in records
                if record["state"] == PROVISIONAL and now < due(record["session"])
            }
    found: dict[dt.date, list[str]] = collections.defaultdict(list)
    for group in _by_product([lookup(name) for name in since]):
        first = min(since[symbol.name] for symbol in group)
        for name, days in _holes(spec, root, group, first, now, asked).items():
            for day in days:
                if day > since[name]:
                    found[day].append(name)
    return {day: tuple(sorted(found[day])) for day in sorted(found)}


def _by_product(symbols: Sequence[Symbol]) -> list[list[Symbol]]:
    """Group symbols: the files of one product may be there while those of another are not."""
    groups: dict[str, list[Symbol]] = collections.defaultdict(list)
    for symbol in symbols:
        groups[product_of(symbol).name].append(symbol)
    return [groups[name] for name in sorted(groups)]


def _holes(
    spec: BackfillSpec,
    root: Place,
    group: Sequence[Symbol],
    first: dt.date,
    now: dt.datetime,
    asked: Collection[tuple[str, dt.date]],
) -> dict[str, list[dt.date]]:
    names = tuple(symbol.name for symbol in group)
    by_rest = spec.source_kind != "flatfiles"
    last = newest_closed(now) if by_rest else None
    holes: dict[str, list[dt.date]] = {name: [] for name in names}
    if spec.source_kind != "rest":
        source = open_source(spec, root)
        if last is None:
            published = source.days(product_of(group[0]))
            last = published[-1] if published else first
        if last >= first and len(session_table(first, last)):
            wanted = dataclasses.replace(spec, symbols=names, first=first, last=last, days=None)
            try:
                plan = make_plan(wanted, source, root)
            except ValueError:  # no file in the range: nothing is published
                return holes
            for name in names:
                holes[name] += plan.holes[name]
    if by_rest and last is not None and last >= first:
        days = as_dates(session_table(first, last))
        missing, _ = rest_holes(root, group, days)
        for name in names:
            new = (day for day in missing[name] if (name, day) not in asked)
            holes[name] = sorted({*holes[name], *new})
    return holes
