"""Bars above one minute from minutes of one symbol or of many.

Buckets are anchored at the session's open, the last one is cut by the actual close, `1d` is one
session. Only regular-session minutes count; a bucket without a minute has no row.
"""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, Sessions
from sweep.market.calendar import session_index
from sweep.market.schema import BARS, MINUTE_VWAP, MIXED, TIMESTAMP, TYPICAL_PRICE
from sweep.market.timeframes import MINUTES, normalise


@dataclasses.dataclass(frozen=True)
class Buckets:
    """Groups of neighbouring minutes.

    Attributes
    ----------
    rows
        int64 [m], positions of the minutes that fall inside a session, rising by time.
    first
        int64 [b], where each bucket begins in `rows`.
    ts
        int64 [b], start of the bucket, UTC ns.
    """

    rows: Int
    first: Int
    ts: Int


def bucket_minutes(
    ts: Int, sessions: Sessions, minutes: int, series: NDArray[np.int32] | None = None
) -> Buckets:
    """Group minutes into buckets anchored at the session's open.

    Parameters
    ----------
    ts
        int64 [n], minute starts, UTC ns, strictly rising within a series.
    sessions
        Sessions that cover the minutes; others are left out.
    minutes
        Width of a bucket.
    series
        int32 [n], which symbol each minute is of; no bucket holds two. None: all of one.
    """
    session = session_index(sessions, ts)
    rows = np.flatnonzero(session >= 0)
    opened = sessions.open_ns[session[rows]]
    width = minutes * MINUTE_NS
    start = opened + (ts[rows] - opened) // width * width
    begins = np.append(True, start[1:] != start[:-1])[: len(start)]
    if series is not None:
        begins[1:] |= np.diff(series[rows]) != 0
    first = np.flatnonzero(begins)
    return Buckets(rows=rows, first=first, ts=start[first])


def aggregate(minutes: pa.Table, sessions: Sessions, timeframe: str) -> pa.Table:
    """Build bars of a timeframe from minutes.

    Parameters
    ----------
    minutes
        Columns of `BARS`, timeframe 1m, symbol by symbol, within each `ts` strictly rising;
        extended hours are left out.
    sessions
        Sessions that cover the minutes; minutes outside them are left out.
    timeframe
        One of `MINUTES` above `1m`.

    Returns
    -------
    pyarrow.Table
        Columns of `BARS`, symbols in the order given. Volume is null where no minute has one;
        trades are null unless all minutes have them; vwap is volume-weighted from the minutes'
        vwap, else from their typical price (`vwap_basis` says which), and null when the volume is
        0 or unknown.

    Raises
    ------
    ValueError
        If the timeframe is unknown or `1m`, or the minutes are not in this order.
    """
    name = normalise(timeframe)
    if name == "1m":
        raise ValueError("1m bars are stored as they came, aggregate needs a timeframe above 1m")
    regular = pc.equal(minutes["phase"], "regular").to_numpy()
    everything = bool(regular.all())
    ts = minutes["ts"].cast(pa.int64()).to_numpy()
    coded = minutes["symbol"].combine_chunks().dictionary_encode()
    series: NDArray[np.int32] = coded.indices.to_numpy()
    if not everything:
        ts, series = ts[regular], series[regular]
    other = series[1:] != series[:-1]
    if np.any(~other & (ts[1:] <= ts[:-1])) or other.sum() >= max(len(coded.dictionary), 1):
        raise ValueError(
            "minutes must come symbol by symbol and rise strictly by ts; sort and dedupe first"
        )
    buckets = bucket_minutes(ts, sessions, MINUTES[name], series)
    if len(buckets.ts) == 0:
        return BARS.empty_table()
    places = buckets.rows if everything else np.flatnonzero(regular)[buckets.rows]
    return _assemble(minutes, places, buckets, name)


@dataclasses.dataclass(frozen=True)
class _Groups:
    """Rows of a table in groups, over which columns are reduced.

    Attributes
    ----------
    rows
        The rows, or all of them where no group has a gap: nothing is copied then.
    bounds
        int64, where groups begin in `rows`, with `step` 2 where they end too.
    """

    rows: Int | slice
    bounds: Int
    step: int

    @classmethod
    def of(cls, places: Int, first: Int, last: Int, count: int) -> "_Groups":
        """Group the rows `places` of a table of `count`; each group is first to last of them."""
        if np.any(places[last] - places[first] != last - first):
            return cls(places, first, 1)
        ends = np.column_stack((places[first], places[last] + 1)).ravel()
        return cls(slice(None), ends[:-1] if ends[-1] == count else ends, 2)

    def reduce(self, function: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Reduce the values of each group's rows."""
        found: NDArray[Any] = function.reduceat(values, self.bounds)[:: self.step]
        return found


def _assemble(minutes: pa.Table, places: Int, buckets: Buckets, timeframe: str) -> pa.Table:
    """Build the bars of buckets, whose minutes are the rows `places` of a table."""
    first = buckets.first
    last = np.append(first[1:], len(places)) - 1
    groups = _Groups.of(places, first, last, len(minutes))
    at_first, at_last = pa.array(places[first]), pa.array(places[last])
    count = len(first)

    def column(name: str) -> Float:
        values: Float = minutes[name].to_numpy()[groups.rows]
        return values

    high, low, close, volume = (column(name) for name in ("high", "low", "close", "volume"))
    known = ~np.isnan(volume)
    traded = volume if known.all() else np.where(known, volume, 0.0)
    vwap, basis = _vwap(column("vwap"), (high + low + close) / 3.0, traded, groups)
    trades = minutes["trades"]
    unknown = np.zeros(count, bool)
    if trades.null_count:
        unknown = groups.reduce(np.logical_or, pc.is_null(trades).to_numpy()[groups.rows])
        trades = pc.fill_null(trades, 0)
    columns = {
        "symbol": minutes["symbol"].take(at_first),
        "timeframe": pa.repeat(timeframe, count),
        "ts": pa.array(buckets.ts).cast(TIMESTAMP),
        "open": minutes["open"].take(at_first),
        "high": pa.array(groups.reduce(np.maximum, high)),
        "low": pa.array(groups.reduce(np.minimum, low)),
        "close": minutes["close"].take(at_last),
        "volume": pa.array(
            groups.reduce(np.add, traded), mask=~groups.reduce(np.logical_or, known)
        ),
        "vwap": vwap,
        "vwap_basis": basis,
        "trades": pa.array(groups.reduce(np.add, trades.to_numpy()[groups.rows]), mask=unknown),
        "phase": minutes["phase"].take(at_first),
        "source": _source(minutes["source"].take(at_first), minutes["source"].take(at_last)),
    }
    return pa.table(columns, schema=BARS)


def _vwap(own: Float, typical: Float, volume: Float, groups: _Groups) -> tuple[pa.Array, pa.Array]:
    from_vwap = ~np.isnan(own)
    traded = volume > 0.0
    total = groups.reduce(np.add, volume)
    money = groups.reduce(np.add, np.where(from_vwap, own, typical) * volume)
    unknown = total <= 0.0
    vwap = np.divide(money, total, out=np.zeros_like(money), where=~unknown)
    any_vwap = groups.reduce(np.logical_or, from_vwap & traded)
    any_typical = groups.reduce(np.logical_or, ~from_vwap & traded)
    kind = np.where(any_vwap, np.where(any_typical, 2, 0), 1)
    basis = pa.array([MINUTE_VWAP, TYPICAL_PRICE, MIXED]).take(pa.array(kind, mask=unknown))
    return pa.array(vwap, mask=unknown), basis


def _source(head: pa.ChunkedArray, tail: pa.ChunkedArray) -> pa.Array:
    """Name the minutes' source; buckets whose first and last minute differ name both."""
    same = pc.equal(head, tail)
    if pc.all(same).as_py():
        return head
    return pc.if_else(same, head, pc.binary_join_element_wise(head, tail, "+"))
