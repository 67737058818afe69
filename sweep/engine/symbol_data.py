"""What the engine reads of one symbol: features on signal bars, and bars that fill orders."""

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions, SignalBars
from detectors.features.table import FeatureTable

SUB_DOLLAR_TICKS = 10_000  # below 1 USD the tick is 0.0001


OPEN, HIGH, LOW, CLOSE, VOLUME, MINUTE, BAR = range(7)
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
        holds it, and one column of padding. One array instead of seven: kernels pay for every
        array that is handed from call to call (measured: 1.0 us a trade with nine, see CHANGELOG).
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

    @property
    def volume_proxy(self) -> str | None:
        """Return the symbol whose volume stands in for its own, None for none."""
        source = self.features.source.get("rel_volume", "own")
        return source.removeprefix("proxy:") if source.startswith("proxy:") else None

    def fill_bars(self, timeframe: str) -> FillBars:
        """Return minutes (`1m`) or the signal bars (`signal`) as fill bars."""
        bars = self.features.bars
        if timeframe == "signal":
            ts, session, scale = bars.ts, bars.session, self.factor[bars.session]
            source: SignalBars | MinuteBars = bars
        else:
            ts, scale = self.minutes.ts, np.ones(len(self.minutes))
            session = np.searchsorted(self.sessions.open_ns, ts, "right").astype(np.int32) - 1
            source = self.minutes
        rows = np.zeros((len(ts), 8))
        for column, prices in ((OPEN, "open"), (HIGH, "high"), (LOW, "low"), (CLOSE, "close")):
            rows[:, column] = getattr(source, prices) / scale
        rows[:, VOLUME] = source.volume * scale
        rows[:, MINUTE] = (ts - self.sessions.open_ns[session]) // MINUTE_NS
        rows[:, BAR] = np.searchsorted(bars.ts, ts, "right") - 1
        return FillBars(ts, session.astype(np.int32), rows)

    def ticks(self, price: Float) -> Float:
        """Return ticks per price unit at each raw price (0.0001 below 1 USD, not for an index)."""
        if self.asset_class == "INDEX":
            return np.full(len(price), float(self.ticks_per_unit))
        return np.where(np.abs(price) < 1.0, float(SUB_DOLLAR_TICKS), float(self.ticks_per_unit))


def volume_proxies(symbols: Iterable[SymbolData]) -> dict[str, str]:
    """Return symbol -> the symbol whose volume stands in for its own, of those that have one."""
    return {data.symbol: data.volume_proxy for data in symbols if data.volume_proxy is not None}
