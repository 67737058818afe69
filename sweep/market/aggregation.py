"""Bars above one minute from minutes of one symbol or of many.

Buckets are anchored at the session's open, the last one is cut by the actual close, `1d` is one
session. Only regular-session minutes count; a bucket without a minute has no row.
"""

import dataclasses

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
    regular = minutes.filter(pc.equal(minutes["phase"], "regular"))
    ts = regular["ts"].cast(pa.int64()).to_numpy()
    coded = regular["symbol"].combine_chunks().dictionary_encode()
    series: NDArray[np.int32] = coded.indices.to_numpy()
    changes = np.diff(series) != 0
    if len(ts) and (
        np.any(~changes & (np.diff(ts) <= 0)) or changes.sum() >= len(coded.dictionary)
    ):
        raise ValueError(
            "minutes must come symbol by symbol and rise strictly by ts; sort and dedupe first"
        )
    buckets = bucket_minutes(ts, sessions, MINUTES[name], series)
    if len(buckets.ts) == 0:
        return BARS.empty_table()
    kept = regular.take(pa.array(buckets.rows))
    return _assemble(kept, buckets, name)


def _assemble(kept: pa.Table, buckets: Buckets, timeframe: str) -> pa.Table:
    first = buckets.first
    last = np.append(first[1:], len(buckets.rows)) - 1
    count = len(first)
    high, low, close = (kept[name].to_numpy() for name in ("high", "low", "close"))
    volume = kept["volume"].to_numpy()
    known = ~np.isnan(volume)
    total = np.add.reduceat(np.where(known, volume, 0.0), first)
    has_volume = np.logical_or.reduceat(known, first)
    vwap, basis = _vwap(kept, (high + low + close) / 3.0, np.where(known, volume, 0.0), first)
    trades = kept["trades"]
    trades_known = np.logical_and.reduceat(pc.is_valid(trades).to_numpy(), first)
    trades_sum = np.add.reduceat(pc.fill_null(trades, 0).to_numpy(), first)
    columns = {
        "symbol": kept["symbol"].take(pa.array(first)),
        "timeframe": pa.array([timeframe]).take(pa.array(np.zeros(count, np.int64))),
        "ts": pa.array(buckets.ts).cast(TIMESTAMP),
        "open": kept["open"].take(pa.array(first)),
        "high": pa.array(np.maximum.reduceat(high, first)),
        "low": pa.array(np.minimum.reduceat(low, first)),
        "close": pa.array(close[last]),
        "volume": pa.array(total, mask=~has_volume),
        "vwap": vwap,
        "vwap_basis": basis,
        "trades": pa.array(trades_sum, mask=~trades_known),
        "phase": kept["phase"].take(pa.array(first)),
        "source": _source(kept["source"], first, last),
    }
    return pa.table(columns, schema=BARS)


def _vwap(kept: pa.Table, typical: Float, volume: Float, first: Int) -> tuple[pa.Array, pa.Array]:
    own = kept["vwap"].to_numpy()
    from_vwap = ~np.isnan(own)
    traded = volume > 0.0
    total = np.add.reduceat(volume, first)
    money = np.add.reduceat(np.where(from_vwap, own, typical) * volume, first)
    unknown = total <= 0.0
    vwap = np.divide(money, total, out=np.zeros_like(money), where=~unknown)
    any_vwap = np.logical_or.reduceat(from_vwap & traded, first)
    any_typical = np.logical_or.reduceat(~from_vwap & traded, first)
    basis: NDArray[np.str_] = np.where(
        any_vwap & any_typical, MIXED, np.where(any_vwap, MINUTE_VWAP, TYPICAL_PRICE)
    )
    return pa.array(vwap, mask=unknown), pa.array(basis.astype(object), pa.string(), mask=unknown)


def _source(source: pa.ChunkedArray, first: Int, last: Int) -> pa.Array:
    """Name the minutes' source; buckets whose first and last minute differ name both."""
    head = source.take(pa.array(first))
    tail = source.take(pa.array(last))
    joined = pc.binary_join_element_wise(head, tail, "+")
    return pc.if_else(pc.equal(head, tail), head, joined)
