"""The data path of backtests and sweeps: stored minutes to features, or what is missing."""

import dataclasses
import datetime as dt
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from detectors.bars import MinuteBars, Sessions
from detectors.features.build import build_features
from detectors.features.flow import Flow
from detectors.features.settings import FeatureSettings
from sweep.engine.symbol_data import SymbolData
from sweep.ingest.flow import read_flow
from sweep.ingest.gamma.load import load_gamma
from sweep.ingest.holes import fill_holes, has_records, unrecorded
from sweep.ingest.suggest import backfill_command, nearest
from sweep.market.calendar import as_dates, new_york_date, session_index, session_table
from sweep.market.splits import Split, adjust, price_factors
from sweep.market.symbols import Symbol, lookup
from sweep.store.lake import Lake
from sweep.store.place import Place
from sweep.store.splits import SplitStore

if TYPE_CHECKING:
    from sweep.ingest.rest import RestSettings

WARM_UP_BARS = 600  # three spans of EMA 200, the longest warm-up of a feature
WARM_UP_SESSIONS = 30  # slot baseline of 20 sessions, and EMA 50 of 60-minute bars
SESSION_MINUTES = 390


@dataclasses.dataclass(frozen=True)
class Market:
    """Symbols over a range of sessions, ready for the engine.

    Attributes
    ----------
    sessions
        Sessions of the range, after those that only warm features up.
    first
        Index of the range's first session.
    data
        (symbol, signal bar minutes) -> data; every symbol on every asked timeframe.
    notes
        Sentences on sessions without bars.
    """

    sessions: Sessions
    first: int
    data: Mapping[tuple[str, int], SymbolData]
    notes: tuple[str, ...]


def warm_up_sessions(bar_minutes: int) -> int:
    """Return how many sessions before a range make every feature known in its first session."""
    return max(WARM_UP_SESSIONS, math.ceil(WARM_UP_BARS * bar_minutes / SESSION_MINUTES) + 1)


def load_market(
    storage_root: str | Place,
    symbols: Sequence[str],
    *,
    first: dt.date | None,
    last: dt.date | None,
    bar_minutes: Collection[int],
    settings: FeatureSettings | None = None,
    splits: Iterable[Split] | None = None,
    asked: tuple[dt.date | None, dt.date | None] | None = None,
    rest: "RestSettings | None" = None,
    flow_path: str | None = None,
    fill: bool = True,
) -> Market:
    """Load minutes from the bar store, fill what it lacks, and compute features.

    A hole is a session without bars of which no record says why. Holes come from day files at
    hand, then by REST (with a key in the environment); without a hole nobody is asked. Those left
    are an error between stored sessions, and at an end of the range that was asked for by date.

    Parameters
    ----------
    storage_root
        `storage.root`.
    symbols
        Names as stored.
    first, last
        New York dates of the range, both included; None = as far as the store goes.
    bar_minutes
        Signal timeframes wanted, minutes.
    settings
        Feature settings, the defaults without.
    splits
        Splits of all symbols; None: those of the store.
    asked
        The dates that the user gave, where `first` and `last` follow from the store.
    rest
        How REST is asked for holes, the defaults without.
    flow_path
        Parquet file of order flow, None for none.
    fill
        False: nothing is fetched or written; holes are named in the notes and are no error.

    Returns
    -------
    Market
        The same features for a range, however much older history is stored.

    Raises
    ------
    ValueError
        If bars of a symbol are missing; the text names them and the command that fills them.
    """
    lake = Lake(storage_root)
    known = [lookup(name) for name in symbols]
    asked = asked or (first, last)
    first, last = _range(lake, known, first, last)
    sessions, start = _with_warm_up(first, last, bar_minutes)
    wanted = as_dates(sessions)[start:]
    if splits is None:
        named = {symbol.name for symbol in known} | {symbol.proxy for symbol in known}
        splits = SplitStore(storage_root).read(name for name in named if name is not None)
    splits = tuple(splits)
    stored: dict[str, MinuteBars] = {}
    holes = _holes(lake, known, sessions, start, stored)
    tried: list[str] = []
    if holes and fill:
        tried = fill_holes(storage_root, holes, rest)
        stored.clear()
    elif holes:
        tried = [_unfilled(name, days) for name, days in holes.items()]
    data, absent, faults, notes = {}, [], [], list(tried)
    for symbol in known:
        minutes = _minutes(lake, symbol.name, sessions, stored)
        missing = _without_bars(minutes, sessions, start)
        if len(missing) == len(wanted):
            absent.append(symbol.name)
            continue
        left = unrecorded(storage_root, symbol.name, missing) if symbol.name in holes else ()
        gap = _gap(left, missing, wanted, asked) if fill else []
        if gap:
            faults.append(f"{symbol.name}: {len(gap)} sessions ({_listed(gap)})")
            continue
        if missing:
            notes.append(
                f"{symbol.name}: {len(missing)} sessions without bars ({_listed(missing)})"
            )
        flow = None if flow_path is None else read_flow(flow_path, symbol.name)
        proxy = None if symbol.proxy is None else _minutes(lake, symbol.proxy, sessions, stored)
        for length in bar_minutes:
            data[symbol.name, length] = _symbol_data(
                lake, symbol, minutes, proxy, sessions, length, settings, splits, flow
            )
    if absent:
        raise ValueError("; ".join([_absent(lake, absent, first, last), *tried]))
    if faults:
        names = [fault.partition(":")[0] for fault in faults]
        raise ValueError(
            f"bars are missing and were never looked for: {'; '.join([*faults, *tried])}. Fill "
            f"them with: {backfill_command(storage_root, names, first, last)}; or ask for the "
            "dates that are stored"
        )
    return Market(sessions, start, data, tuple(notes))


def _with_warm_up(
    first: dt.date, last: dt.date, bar_minutes: Collection[int]
) -> tuple[Sessions, int]:
    """Return the sessions of a range after those that warm up, and the index of its first one."""
    wanted = session_table(first, last)
    if len(wanted) == 0:
        raise ValueError(f"no exchange session from {first} to {last}; choose a longer range")
    before = max(warm_up_sessions(minutes) for minutes in bar_minutes)
    early = session_table(first - dt.timedelta(days=2 * before + 10), last)
    begin = len(early) - len(wanted)
    keep = slice(max(begin - before, 0), None)
    sessions = Sessions(
        early.date[keep], early.open_ns[keep], early.close_ns[keep], early.full_length[keep]
    )
    return sessions, len(sessions) - len(wanted)


def _symbol_data(
    lake: Lake,
    symbol: Symbol,
    minutes: MinuteBars,
    proxy: MinuteBars | None,
    sessions: Sessions,
    bar_minutes: int,
    settings: FeatureSettings | None,
    splits: Sequence[Split],
    flow: Flow | None,
) -> SymbolData:
    settings = settings or FeatureSettings()
    own = [split for split in splits if split.symbol == symbol.name]
    factor = price_factors(own, sessions)
    days = np.array([split.execution_date for split in own], "datetime64[D]")
    if proxy is not None:
        of_proxy = [split for split in splits if split.symbol == symbol.proxy]
        proxy = adjust(proxy, sessions, price_factors(of_proxy, sessions))
    features = build_features(
        adjust(minutes, sessions, factor),
        sessions,
        bar_minutes=bar_minutes,
        asset_class=symbol.asset_class,
        proxy=proxy if proxy is not None and len(proxy) else None,
        proxy_symbol=symbol.proxy,
        split_sessions=np.isin(sessions.date, days),
        flow=flow,
        gamma=load_gamma(lake.root, symbol.name, sessions, settings.options, factor),
        settings=settings,
    )
    return SymbolData(
        symbol=symbol.name,
        asset_class=symbol.asset_class,
        sessions=sessions,
        minutes=minutes,
        factor=factor,
        features=features,
        bar_minutes=bar_minutes,
        ticks_per_unit=symbol.ticks_per_unit,
    )


def _minutes(
    lake: Lake, name: str, sessions: Sessions, stored: dict[str, MinuteBars]
) -> MinuteBars:
    if name not in stored:
        stored[name] = lake.minute_bars(name, sessions)
    return stored[name]


def _holes(
    lake: Lake,
    symbols: Sequence[Symbol],
    sessions: Sessions,
    first: int,
    stored: dict[str, MinuteBars],
) -> dict[str, tuple[dt.date, ...]]:
    """Return symbol -> sessions that nobody looked for, of symbols and their proxies.

    Bars without any record (a store filled by other means) are taken as they are.
    """
    names = [symbol.name for symbol in symbols]
    names += [symbol.proxy for symbol in symbols if symbol.proxy is not None]
    holes: dict[str, tuple[dt.date, ...]] = {}
    for name in dict.fromkeys(names):
        minutes = _minutes(lake, name, sessions, stored)
        missing = _without_bars(minutes, sessions, first)
        if missing and (has_records(lake.root, name) or not lake.months(name, "1m")):
            days = unrecorded(lake.root, name, missing)
            holes |= {name: days} if days else {}
    return holes


def _gap(
    left: Sequence[dt.date],
    missing: Collection[dt.date],
    wanted: Sequence[dt.date],
    asked: tuple[dt.date | None, dt.date | None],
) -> list[dt.date]:
    """Return the holes left that are an error: between stored sessions, or at an asked end."""
    stored = [day for day in wanted if day not in missing]
    before, after = asked
    return [
        day
        for day in left
        if (before is not None or day > stored[0]) and (after is not None or day < stored[-1])
    ]


def _range(
    lake: Lake, symbols: Sequence[Symbol], first: dt.date | None, last: dt.date | None
) -> tuple[dt.date, dt.date]:
    """Complete open ends of a range from what is stored."""
    if first is not None and last is not None:
        return first, last
    ends = [end for symbol in symbols if (end := stored_range(lake, symbol.name)) is not None]
    if not ends:
        raise ValueError(_absent(lake, [symbol.name for symbol in symbols], first, last))
    first = first or min(begin for begin, _ in ends)
    last = last or max(end for _, end in ends)
    if first > last:
        raise ValueError(f"the store ends on {last}, before the first date asked for, {first}")
    return first, last


def stored_range(lake: Lake, symbol: str) -> tuple[dt.date, dt.date] | None:
    """Return the first and last New York date with a stored minute, None without any."""
    months = lake.months(symbol, "1m")
    if not months:
        return None
    ends = []
    for month in (months[0], months[-1]):
        begin = dt.date.fromisoformat(f"{month}-01")
        after = (begin + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        ends.append(
            lake.read(symbol, "1m", begin, after, ["ts"])["ts"].cast(pa.int64()).to_numpy()
        )
    return new_york_date(int(ends[0][0])), new_york_date(int(ends[1][-1]))


def _without_bars(minutes: MinuteBars, sessions: Sessions, first: int) -> list[dt.date]:
    present = np.unique(session_index(sessions, minutes.ts))
    days = as_dates(sessions)
    return [days[i] for i in range(first, len(sessions)) if i not in present]


def _unfilled(symbol: str, days: Sequence[dt.date]) -> str:
    from sweep.ingest.rest import API_KEY  # noqa: PLC0415 - slow

    asked = " and by REST" if os.environ.get(API_KEY) else ""
    return (
        f"{symbol}: {len(days)} sessions are missing ({_listed(days)}); the run itself looks for "
        f"them in day files at hand{asked} first, and what comes changes data and id"
    )


def _listed(days: Sequence[dt.date]) -> str:
    shown = ", ".join(str(day) for day in days[:4])
    return shown if len(days) <= 4 else f"{shown}, ... {days[-1]}"


def _absent(
    lake: Lake, symbols: Sequence[str], first: dt.date | None, last: dt.date | None
) -> str:
    stored = lake.symbols()
    near = [other for name in symbols if name not in stored for other in nearest(name, stored)[:1]]
    hint = f"; did you mean {' and '.join(dict.fromkeys(near))}?" if near else "."
    return (
        f"no bars of {','.join(symbols)} stored in the range; {lake.root} holds "
        f"{', '.join(stored) or 'nothing'}{hint} Fill it with: "
        f"{backfill_command(lake.root, symbols, first, last)}"
    )
