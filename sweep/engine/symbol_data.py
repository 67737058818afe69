"""What the engine reads of one symbol: features on signal bars, and bars that fill orders."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions, SignalBars
from detectors.features.table import FeatureTable
from sweep.engine.eights import lines
from sweep.engine.jit import kernel

SUB_DOLLAR_TICKS = 10_000  # below 1 USD the tick is 0.0001


OPEN, HIGH, LOW, CLOSE, VOLUME, MINUTE, BAR, BUCKET = range(8)
"""Columns of `FillBars.rows`."""


@dataclasses.dataclass(frozen=True)
class FillBars:
    """Bars at which orders fill, raw prices, with their place in session and signal bars.

    Attributes
    ----------
    ts
        int64 [n], start, UTC ns.
    session
        int32 [n], index into `Sessions`.
    rows
        float64 [n, 8], one cache line a bar: open, high, low, close, volume (NaN for an index),
        minutes from the session's open to the bar's start, row of the signal bar whose bucket
        holds it, and number of that bucket in the session.
    """

    ts: Int
    session: NDArray[np.int32]
    rows: Float


@dataclasses.dataclass(frozen=True)
class SymbolData:
    """One symbol, ready to be evaluated.

    Attributes
    ----------
    symbol, asset_class
        Name without vendor prefix; INDEX, ETF or STOCK.
    sessions
        Calendar sessions that all arrays refer to.
    minutes
        Raw regular-session minutes.
    factor
        float64 [sessions], price factor of each session (adjusted = raw * factor), 1 without
        splits.
    features
        Feature table on the signal timeframe, from adjusted minutes.
    bar_minutes
        Length of a signal bar, minutes.
    ticks_per_unit
        Ticks in one price unit, 100 for a tick of 0.01.
    """

    symbol: str
    asset_class: str
    sessions: Sessions
    minutes: MinuteBars
    factor: Float
    features: FeatureTable
    bar_minutes: int
    ticks_per_unit: int = 100
    _fill_bars: dict[str, FillBars] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def volume_proxy(self) -> str | None:
        """Return the symbol whose volume stands in for its own, None for none."""
        source = self.features.source.get("rel_volume", "own")
        return source.removeprefix("proxy:") if source.startswith("proxy:") else None

    def fill_bars(self, timeframe: str) -> FillBars:
        """Return minutes (`1m`) or the signal bars (`signal`) as fill bars, made once."""
        if timeframe not in self._fill_bars:
            self._fill_bars[timeframe] = self._as_fill_bars(timeframe)
        return self._fill_bars[timeframe]

    def _as_fill_bars(self, timeframe: str) -> FillBars:
        bars = self.features.bars
        if timeframe == "signal":
            ts, session, scale = bars.ts, bars.session, self.factor[bars.session]
            source: SignalBars | MinuteBars = bars
            bar = np.arange(len(ts), dtype=np.int32)
        else:
            ts, scale = self.minutes.ts, np.ones(len(self.minutes))
            session = _latest(self.sessions.open_ns, ts)
            source, bar = self.minutes, _latest(bars.ts, ts)
        rows = lines(len(ts))
        _fill_rows(
            (
                read_only(source.open),
                read_only(source.high),
                read_only(source.low),
                read_only(source.close),
            ),
            read_only(source.volume),
            read_only(scale),
            (read_only(ts), read_only(self.sessions.open_ns)),
            (read_only(session), read_only(bar)),
            self.bar_minutes,
            rows,
        )
        return FillBars(ts, session.astype(np.int32), rows)

    def ticks(self, price: Float) -> Float:
        """Return ticks per price unit at each raw price (0.0001 below 1 USD, not for an index)."""
        if self.asset_class == "INDEX":
            return np.full(len(price), float(self.ticks_per_unit))
        return np.where(np.abs(price) < 1.0, float(SUB_DOLLAR_TICKS), float(self.ticks_per_unit))


def read_only(values: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written, as workers get their arrays: one kernel serves all."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@kernel
def _fill_rows(
    prices: tuple[Float, Float, Float, Float],
    volume: Float,
    scale: Float,
    instants: tuple[Int, Int],
    places: tuple[NDArray[np.int32], NDArray[np.int32]],
    bar_minutes: int,
    rows: Float,
) -> None:
    """Fill `FillBars.rows`; instants are of bars and sessions, places session and signal bar."""
    open_, high, low, close = prices
    (ts, open_ns), (session, bar) = instants, places
    for i in range(len(ts)):
        row, minute = rows[i], (ts[i] - open_ns[session[i]]) // MINUTE_NS
        row[OPEN], row[HIGH] = open_[i] / scale[i], high[i] / scale[i]
        row[LOW], row[CLOSE] = low[i] / scale[i], close[i] / scale[i]
        row[VOLUME] = volume[i] * scale[i]
        row[MINUTE], row[BAR], row[BUCKET] = minute, bar[i], minute // bar_minutes


def _latest(starts: Int, ts: Int) -> NDArray[np.int32]:
    """Return the last of the rising starts at or before each of the rising instants, -1 if none.

    As `searchsorted`, which looks up every instant: here the few starts are looked up (5 against
    17 ms for a year of minutes).
    """
    counts = np.diff(np.searchsorted(ts, starts), prepend=0, append=len(ts))
    return np.repeat(np.arange(-1, len(starts), dtype=np.int32), counts)


def volume_proxies(symbols: Iterable[SymbolData]) -> dict[str, str]:
    """Return symbol -> the symbol whose volume stands in for its own, of those that have one."""
    return {data.symbol: data.volume_proxy for data in symbols if data.volume_proxy is not None}
