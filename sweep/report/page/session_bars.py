"""Data of the trade browser: trades as columns, and 5-minute bars of the sessions around them.

Prices are whole ticks, told as differences, so that a year of sessions packs into a few hundred
kilobytes.
"""

import base64
import datetime as dt
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions
from sweep.market.calendar import NEW_YORK, as_dates, session_index, session_table
from sweep.report.page.source import SweepFolder, column
from sweep.store.lake import Lake
from sweep.store.place import Place

BAR_MINUTES = 5
MOST_TRADES = 20_000
MOST_SESSIONS = 1_500
"""Bounds of the browser: trades of all chosen sets, and symbol-sessions with bars."""

_EXTREMES = 10  # best and worst trades of a set that are always kept
_MICRO = 1_000


def browser_data(sweep: SweepFolder, storage_root: Place) -> dict[str, Any]:
    """Return everything the trade browser shows, ready for JSON.

    Parameters
    ----------
    sweep
        Results.
    storage_root
        Where the bars lie.
    """
    names = [n for n, about in sweep.detectors.items() if not about["reason"]]
    pieces = [sweep.trades(name) for name in names]
    total = sum(len(piece) for piece in pieces)
    kept = _kept(pieces)
    if not kept:
        return {"trades": {}, "total": total, "shown": 0}
    table = pa.concat_tables(kept)
    days = _new_york_days(table["entry_ts"])
    sessions = session_table(min(days), max(days))
    order = {day: place for place, day in enumerate(as_dates(sessions))}
    place = np.array([order[day] for day in days], np.int64)
    bars = _all_bars(storage_root, table, place, sessions)
    roles = {n: sweep.chosen(n) for n in names}
    return {
        "trades": _columns(table, place, sessions, roles),
        "days": [str(day) for day in as_dates(sessions)],
        "opens": _opens(sessions),
        "total": total,
        "shown": len(table),
        "minutes": BAR_MINUTES,
        "bars": bars,
    }


def _kept(pieces: Sequence[pa.Table]) -> list[pa.Table]:
    """Return trades within the bounds: of each set the extremes, and the others evenly."""
    sets = [
        piece.filter(np.array(piece["set_id"].to_pylist()) == one)
        for piece in pieces
        for one in sorted(set(piece["set_id"].to_pylist()))
    ]
    if sum(len(one) for one in sets) <= MOST_TRADES:
        return [one for one in sets if len(one)]
    share = max(2 * _EXTREMES, MOST_TRADES // len(sets))
    kept = []
    for one in sets:
        if len(one) > share:
            order = np.argsort(column(one, "r_net"))
            even = np.linspace(0, len(one) - 1, share - 2 * _EXTREMES).astype(np.int64)
            rows = np.unique(np.concatenate([order[:_EXTREMES], order[-_EXTREMES:], even]))
            kept.append(one.take(pa.array(rows)))
        elif len(one):
            kept.append(one)
    return kept


def _new_york_days(stamps: pa.ChunkedArray) -> list[dt.date]:
    local = stamps.cast(pa.timestamp("us", "America/New_York")).to_pylist()
    return [stamp.date() for stamp in local]


def _columns(
    table: pa.Table, place: Int, sessions: Sessions, roles: dict[str, dict[str, str]]
) -> dict[str, Any]:
    opened = sessions.open_ns[place]

    def minute(name: str) -> list[int]:
        stamps = table[name].cast(pa.int64()).to_numpy()
        found: list[int] = ((stamps - opened) // MINUTE_NS).tolist()
        return found

    detectors, ids = table["detector"].to_pylist(), table["set_id"].to_pylist()
    texts = {name: table[name].to_pylist() for name in ("symbol", "exit_reason")}
    numbers = {
        name: [round(v, 4) for v in column(table, name).tolist()]
        for name in ("entry_price", "stop", "target", "exit_price", "r_gross", "r_net", "score")
    }
    return {
        "detector": _coded(detectors),
        "role": _coded([roles[d].get(s, s) for d, s in zip(detectors, ids, strict=True)]),
        "symbol": _coded(texts["symbol"]),
        "reason": _coded([reason.replace("_", " ") for reason in texts["exit_reason"]]),
        "day": place.tolist(),
        "side": table["side"].to_pylist(),
        "signal": minute("signal_ts"),
        "entry": minute("entry_ts"),
        "exit": minute("exit_ts"),
        "ambiguous": [int(v) for v in table["ambiguous"].to_pylist()],
        **numbers,
    }


def _coded(values: Sequence[str]) -> dict[str, Any]:
    """Return a text column as its distinct values and a number a row."""
    names = sorted(set(values))
    order = {name: place for place, name in enumerate(names)}
    return {"names": names, "codes": [order[value] for value in values]}


def _opens(sessions: Sessions) -> list[list[int]]:
    """Return when each session opens, minutes of the New York and UTC day, and its length."""
    found = []
    for begin, end in zip(sessions.open_ns.tolist(), sessions.close_ns.tolist(), strict=True):
        utc = dt.datetime.fromtimestamp(begin // 1_000_000_000, tz=dt.UTC)
        local = utc.astimezone(NEW_YORK)
        length = (end - begin) // MINUTE_NS
        found.append([local.hour * 60 + local.minute, utc.hour * 60 + utc.minute, length])
    return found


def _all_bars(
    storage_root: Place, table: pa.Table, place: Int, sessions: Sessions
) -> dict[str, dict[int, list[list[int]]]]:
    """Return symbol -> session -> bars, for as many sessions as the bounds allow."""
    symbols = np.array(table["symbol"].to_pylist())
    pairs = sorted(set(zip(symbols.tolist(), place.tolist(), strict=True)))
    step = max(1, -(-len(pairs) // MOST_SESSIONS))
    wanted: dict[str, list[int]] = {}
    for symbol, day in pairs[::step]:
        wanted.setdefault(symbol, []).append(day)
    lake = Lake(storage_root)
    return {
        symbol: _bars(lake.minute_bars(symbol, sessions), sessions, days)
        for symbol, days in wanted.items()
    }


def _bars(
    minutes: MinuteBars, sessions: Sessions, days: Sequence[int]
) -> dict[int, list[list[int]]]:
    session = session_index(sessions, minutes.ts)
    found = {}
    for day in days:
        rows = np.flatnonzero(session == day)
        if len(rows):
            found[day] = _session(minutes, rows, int(sessions.open_ns[day]))
    return found


def _session(minutes: MinuteBars, rows: NDArray[np.int64], opened: int) -> list[list[int]]:
    """Return one session as rows of differences: place, open, body, upper, lower wick, VWAP."""
    bucket = (minutes.ts[rows] - opened) // (BAR_MINUTES * MINUTE_NS)
    first = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    last = np.append(first[1:], len(rows)) - 1
    scale = _MICRO
    begin = _whole(minutes.open[rows][first], scale)
    close = _whole(minutes.close[rows][last], scale)
    high = _whole(np.maximum.reduceat(minutes.high[rows], first), scale)
    low = _whole(np.minimum.reduceat(minutes.low[rows], first), scale)
    volume = minutes.volume[rows]
    columns = [
        np.diff(bucket[first], prepend=0),
        begin - np.append(0, close[:-1]),
        close - begin,
        high - np.maximum(begin, close),
        np.minimum(begin, close) - low,
    ]
    if np.isfinite(volume).all() and volume.sum() > 0:
        typical = (minutes.high[rows] + minutes.low[rows] + minutes.close[rows]) / 3
        money, shares = np.cumsum(typical * volume)[last], np.cumsum(volume)[last]
        price = np.divide(money, shares, out=close / scale, where=shares > 0)
        columns.append(_whole(price, scale) - close)
    return [one.astype(np.int64).tolist() for one in columns]


def _whole(prices: Float, scale: int) -> Int:
    return np.rint(prices * scale).astype(np.int64)


def packed(data: dict[str, Any]) -> str:
    """Return data as base64 of deflated JSON, which a browser inflates."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode("ascii")
