"""What is known of one underlying's options in one session, as arrays for the kernels."""

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from sweep.market.options.contracts import Contracts
from sweep.market.options.open_interest import OpenInterest

BEFORE_OPEN = -1

HORIZON_DAYS = 35


@dataclasses.dataclass(frozen=True)
class Trades:
    """Minute bars of contracts, n rows, any order.

    Attributes
    ----------
    contract
        int64 [n], index into `Contracts`.
    minute
        int64 [n], minutes from the session's open to the start of the bar.
    price, volume
        float64 [n], close and contracts traded.
    """

    contract: Int
    minute: Int
    price: Float
    volume: Float


@dataclasses.dataclass(frozen=True)
class Quotes:
    """Rows of recorded chain snapshots, n rows, any order.

    Attributes
    ----------
    contract
        int64 [n], index into `Contracts`.
    minute
        int64 [n], first minute that ends at or after the recording instant.
    sigma
        float64 [n], volatility a year, NaN where the snapshot has none.
    open_interest
        float64 [n], contracts, NaN where the snapshot has none.
    """

    contract: Int
    minute: Int
    sigma: Float
    open_interest: Float


NO_QUOTES = Quotes(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


class Chain(NamedTuple):
    """c contracts on l lines (expiry x strike) of g expiries over k distinct strikes.

    Attributes
    ----------
    line, call, listed
        int64, bool, int64 [c]: line of a contract, its right, the minute from which it is known.
    strike, group, place
        float64, int64, int64 [l]: strike, expiry and index into `strikes` of a line; lines are
        sorted by expiry, then strike.
    first
        int64 [g + 1], where the lines of each expiry begin.
    expiry
        float64 [g], minutes from the session's open to expiry.
    same_day, near
        bool [g]: expires in this session, expires within the horizon.
    strikes
        float64 [k], rising.
    """

    line: Int
    call: NDArray[np.bool_]
    listed: Int
    strike: Float
    group: Int
    place: Int
    first: Int
    expiry: Float
    same_day: NDArray[np.bool_]
    near: NDArray[np.bool_]
    strikes: Float


class Rows(NamedTuple):
    """Trades sorted by minute, then contract; `first[m]` is where minute m begins."""

    contract: Int
    price: Float
    volume: Float
    first: Int


class QuoteRows(NamedTuple):
    """Snapshot rows sorted by minute; `first[m]` is where minute m begins."""

    contract: Int
    sigma: Float
    open_interest: Float
    first: Int


@dataclasses.dataclass(frozen=True)
class OptionDay:
    """Inputs of one session.

    Attributes
    ----------
    open_ns, close_ns
        The session, UTC ns.
    spot
        float64 [minutes of the session], close of the underlying's last minute that ends with
        minute m or up to 5 minutes earlier, NaN without one.
    contracts
        Listed contracts: known before the open, or traded or quoted today.
    known_before
        bool [contracts], listed before the open; others count from their first row on.
    interest
        Open interest.
    trades, quotes
        Today's rows; those outside the session are left out.
    tick
        Smallest price of a trade that is solved.
    """

    open_ns: int
    close_ns: int
    spot: Float
    contracts: Contracts
    known_before: NDArray[np.bool_]
    interest: OpenInterest
    trades: Trades
    quotes: Quotes = NO_QUOTES
    tick: float = 0.01

    @property
    def minutes(self) -> int:
        """Return the length of the session."""
        return (self.close_ns - self.open_ns) // MINUTE_NS


def spot_by_minute(ts: Int, close: Float, open_ns: int, minutes: int) -> Float:
    """Return the spot at the end of every minute of a session.

    Parameters
    ----------
    ts, close
        int64, float64 [n], minute bars of the underlying in this session, rising.
    open_ns, minutes
        The session.

    Returns
    -------
    numpy.ndarray
        float64 [minutes], close of the last bar that started at most 5 minutes before, else NaN.
    """
    start = open_ns + np.arange(minutes) * MINUTE_NS
    last = np.searchsorted(ts, start, side="right") - 1
    seen = last >= 0
    spot = np.full(minutes, np.nan)
    fresh = np.flatnonzero(seen)
    fresh = fresh[start[fresh] - ts[last[fresh]] <= 5 * MINUTE_NS]
    spot[fresh] = close[last[fresh]]
    return spot


def chain_of(day: OptionDay) -> Chain:
    """Arrange contracts on lines, expiries and strikes."""
    contracts = day.contracts
    keys = np.stack([contracts.expiry_ns.astype(np.float64), contracts.strike])
    new = np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0))[: len(contracts)]
    line = np.cumsum(new) - 1
    strike, expiry_ns = contracts.strike[new], contracts.expiry_ns[new]
    groups, group = np.unique(expiry_ns, return_inverse=True)
    strikes, place = np.unique(strike, return_inverse=True)
    listed = np.where(day.known_before, BEFORE_OPEN, np.iinfo(np.int64).max)
    for rows in (day.trades, day.quotes):
        np.minimum.at(listed, rows.contract, rows.minute)
    return Chain(
        line=line.astype(np.int64),
        call=contracts.call,
        listed=listed,
        strike=strike,
        group=group.astype(np.int64),
        place=place.astype(np.int64),
        first=np.searchsorted(group, np.arange(len(groups) + 1)).astype(np.int64),
        expiry=(groups - day.open_ns) / MINUTE_NS,
        same_day=(groups > day.open_ns) & (groups <= day.close_ns),
        near=_dates(groups) - _dates(np.array([day.open_ns])) <= HORIZON_DAYS,
        strikes=strikes,
    )


def _dates(instants: Int) -> Int:
    """Return day numbers; daytime in New York is the same UTC day."""
    return instants // (24 * 60 * MINUTE_NS)


def trade_rows(day: OptionDay) -> Rows:
    """Sort the trades of the session."""
    trades = day.trades
    inside = np.flatnonzero((trades.minute >= 0) & (trades.minute < day.minutes))
    order = inside[np.lexsort((trades.contract[inside], trades.minute[inside]))]
    return Rows(
        contract=trades.contract[order],
        price=trades.price[order],
        volume=trades.volume[order],
        first=np.searchsorted(trades.minute[order], np.arange(day.minutes + 1)),
    )


def quote_rows(day: OptionDay) -> QuoteRows:
    """Sort the snapshot rows; those recorded before the open belong to its first minute."""
    quotes = day.quotes
    minute = np.maximum(quotes.minute, 0)
    inside = np.flatnonzero(minute < day.minutes)
    order = inside[np.argsort(minute[inside], kind="stable")]
    return QuoteRows(
        contract=quotes.contract[order],
        sigma=quotes.sigma[order],
        open_interest=quotes.open_interest[order],
        first=np.searchsorted(minute[order], np.arange(day.minutes + 1)),
    )
