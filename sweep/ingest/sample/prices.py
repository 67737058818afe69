"""From processes to the vendor's tickers: prices in cents, volumes, absent minutes."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.events import Market
from sweep.ingest.sample.volume import transactions_of, volume_of
from sweep.ingest.sample.walk import Steps

#: Standard deviation of a minute's step of an ETF against its index.
BASIS_STEP = 0.000015

#: Share of the overnight move that the first print of an index does not show: stale components.
STALE_SHARE = 0.6


@dataclasses.dataclass(frozen=True)
class Ticker:
    """A name in the vendor's files.

    Attributes
    ----------
    name
        As the vendor writes it.
    process
        Index into `PROCESSES`.
    units
        Points of the process for one unit of price.
    mean_shares
        Typical regular minute, None for an index.
    absent, absent_extended
        Share of the minutes without a row, in regular and in extended hours.
    """

    name: str
    process: int
    units: float
    mean_shares: float | None
    absent: float
    absent_extended: float


TICKERS = (
    Ticker("AAPL", 2, 1.0, 130_000.0, 0.002, 0.45),
    Ticker("QQQ", 1, 40.0, 100_000.0, 0.001, 0.35),
    Ticker("SPY", 0, 10.0, 140_000.0, 0.0005, 0.25),
    Ticker("I:NDX", 1, 1.0, None, 0.0005, 1.0),
    Ticker("I:SPX", 0, 1.0, None, 0.0005, 1.0),
)


@dataclasses.dataclass(frozen=True)
class Rows:
    """All minutes of a ticker; arrays [n minutes].

    Attributes
    ----------
    ticker
        What they belong to.
    open, high, low, close
        int64, price in cents.
    volume
        float64, shares with fractions; None for an index.
    transactions
        int64; None for an index.
    present
        bool, whether the minute has a row.
    """

    ticker: Ticker
    open: Int
    high: Int
    low: Int
    close: Int
    volume: Float | None
    transactions: Int | None
    present: NDArray[np.bool_]


def rows_of(
    grid: Grid, ticker: Ticker, steps: Steps, market: Market, rng: np.random.Generator
) -> Rows:
    """Price a ticker.

    Parameters
    ----------
    grid
        Minutes.
    ticker
        Ticker of the process behind `steps` and `market`.
    steps, market
        The process before and after its events.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    Rows
        Of all minutes of the grid.
    """
    offset = np.full(len(grid) + 1, -np.log(ticker.units))
    if ticker.mean_shares is not None and ticker.units != 1:
        offset[1:] += np.cumsum(BASIS_STEP * rng.standard_normal(len(grid)))
    path = market.path
    opening, close = path.open + offset[:-1], path.close + offset[1:]
    high = np.maximum(opening, close) + path.high - np.maximum(path.open, path.close)
    low = np.minimum(opening, close) + path.low - np.minimum(path.open, path.close)
    if ticker.mean_shares is None:
        opening = _stale(grid, opening, close)
        high, low = np.maximum(high, opening), np.minimum(low, opening)
        volume = transactions = None
    else:
        volume = volume_of(grid, ticker.mean_shares, steps, market.surge, rng)
        transactions = transactions_of(volume, rng)
    absent = np.where(grid.regular, ticker.absent, ticker.absent_extended)
    return Rows(
        ticker=ticker,
        open=_cents(opening),
        high=_cents(high),
        low=_cents(low),
        close=_cents(close),
        volume=volume,
        transactions=transactions,
        present=rng.random(len(grid)) >= absent,
    )


def _stale(grid: Grid, opening: Float, close: Float) -> Float:
    """Pull the first regular open of an index toward the close of the session before."""
    opening = opening.copy()
    first = np.flatnonzero(grid.regular & (grid.minute == 0))[1:]
    last = np.flatnonzero(grid.regular & (grid.minute == grid.length[grid.session] - 1))[:-1]
    opening[first] += STALE_SHARE * (close[last] - opening[first])
    return opening


def _cents(price: Float) -> Int:
    """Return logarithms of prices as whole cents."""
    return np.asarray(np.maximum(np.rint(np.exp(price) * 100), 1), np.int64)
