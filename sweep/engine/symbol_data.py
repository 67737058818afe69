"""What the engine reads of one symbol: features on signal bars, and bars that fill orders."""

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions, SignalBars
from detectors.features.table import FeatureTable

SUB_DOLLAR_TICKS = 10_000  # below 1 USD the tick is 0.0001


class FillBars(NamedTuple):
    """Bars at which orders fill, raw prices, with their place in session and signal bars.

    Attributes
    ----------
    ts
        int64 [n], start, UTC ns.
    open, high, low, close, volume
        float64 [n], raw (unadjusted) prices; volume NaN for an index.
    session
        int32 [n], index into `Sessions`.
    minute
        int32 [n], minutes from the session's open to the bar's start.
    bar
        int32 [n], row of the signal bar whose bucket holds this bar.
    """

    ts: Int
    open: Float
    high: Float
    low: Float
    close: Float
    volume: Float
    session: NDArray[np.int32]
    minute: NDArray[np.int32]
    bar: NDArray[np.int32]


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
        minute = (ts - self.sessions.open_ns[session]) // MINUTE_NS
        return FillBars(
            ts=ts,
            open=source.open / scale,
            high=source.high / scale,
            low=source.low / scale,
            close=source.close / scale,
            volume=source.volume * scale,
            session=session.astype(np.int32),
            minute=minute.astype(np.int32),
            bar=(np.searchsorted(bars.ts, ts, "right") - 1).astype(np.int32),
        )

    def ticks(self, price: Float) -> Float:
        """Return ticks per price unit at each raw price (0.0001 below 1 USD, not for an index)."""
        if self.asset_class == "INDEX":
            return np.full(len(price), float(self.ticks_per_unit))
        return np.where(np.abs(price) < 1.0, float(SUB_DOLLAR_TICKS), float(self.ticks_per_unit))
