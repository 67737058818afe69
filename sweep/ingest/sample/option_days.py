"""The sample market's options session by session: rows of a day file, and open interest."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float
from sweep.ingest.sample.clock import PRE_MINUTES, Grid
from sweep.ingest.sample.events import Market
from sweep.ingest.sample.option_chain import (
    UNDERLYINGS,
    Expiry,
    Interest,
    Underlying,
    calendar_after,
    character_of,
    expiries_of,
    interest_of,
    tickers_of,
)
from sweep.ingest.sample.option_trades import Bars, bars_of, day_variances
from sweep.ingest.sample.spec import SampleSpec
from sweep.ingest.sample.walk import PROCESSES, u_shape
from sweep.market.calendar import as_dates, session_table

#: Contracts behind one transaction.
CONTRACTS_PER_TRANSACTION = 4.0


class OptionDays:
    """Options of all underlyings.

    Parameters
    ----------
    spec
        The sample.
    grid
        Minutes of its sessions.
    markets
        One per entry of `PROCESSES`.
    streams
        Numbers of the streams of random numbers of open interest and of trades.
    """

    def __init__(
        self, spec: SampleSpec, grid: Grid, markets: Sequence[Market], streams: tuple[int, int]
    ) -> None:
        self._spec, self._grid, self._markets = spec, grid, markets
        self._interest, self._trades = streams
        self._calendar = calendar_after(as_dates(grid.sessions))
        whole = session_table(self._calendar[0], self._calendar[-1])
        self._full = dict(zip(self._calendar, whole.full_length.tolist(), strict=True))
        self._variance = {
            underlying: day_variances(
                grid, markets[underlying.process].path, PROCESSES[underlying.process].day_frac
            )
            for underlying in UNDERLYINGS
        }

    def listed(self, session: int) -> list[tuple[Underlying, Interest]]:
        """Return what is listed in a session, with the open interest known before its open."""
        return [
            (underlying, self._interest_of(underlying, expiry, session))
            for underlying in UNDERLYINGS
            for expiry in expiries_of(underlying, self._calendar, session)
        ]

    def _interest_of(self, underlying: Underlying, expiry: Expiry, session: int) -> Interest:
        seed = (self._spec.seed, self._interest, underlying.process, expiry.date.toordinal())
        character = character_of(
            seed, episodes=self._spec.episodes, short_day=not self._full[expiry.date]
        )
        return interest_of(underlying, expiry, character, self._close_before(underlying, session))

    def _close_before(self, underlying: Underlying, session: int) -> float:
        if session == 0:
            return PROCESSES[underlying.process].start
        grid = self._grid
        last = grid.first[session - 1] + PRE_MINUTES + grid.length[session - 1] - 1
        return float(np.exp(self._markets[underlying.process].path.close[last]))

    def columns(self, session: int) -> dict[str, NDArray[Any]]:
        """Return the rows of a session's day file by name of the column; prices in cents."""
        grid, length = self._grid, int(self._grid.length[session])
        begin = int(grid.first[session]) + PRE_MINUTES
        part = slice(begin, begin + length)
        shape = u_shape(np.arange(float(length)), np.full(length, float(length)))
        found: list[tuple[str, Bars]] = []
        for underlying in UNDERLYINGS:
            market = self._markets[underlying.process]
            spot: Float = np.exp(market.path.close[part])
            seed = (self._spec.seed, self._trades, underlying.process, session)
            rng = np.random.default_rng(seed)
            expiries = expiries_of(underlying, self._calendar, session)
            for place, expiry in enumerate(expiries):
                bars = bars_of(
                    underlying,
                    expiry,
                    place,
                    spot,
                    float(self._variance[underlying][session]),
                    market.surge[part] * shape,
                    rng,
                )
                found.append((f"O:{expiry.root}{expiry.date:%y%m%d}", bars))
        return _by_ticker(found, int(grid.ts[begin]))

    def open_interest(self) -> pa.Table:
        """Return the daily file: contract, date (known before its open), open_interest."""
        contracts: list[str] = []
        counts: list[float] = []
        dates: list[dt.date] = []
        for session, day in enumerate(as_dates(self._grid.sessions)):
            before = len(contracts)
            for _, interest in self.listed(session):
                for ticker, count in tickers_of(interest):
                    contracts.append(ticker)
                    counts.append(count)
            dates += [day] * (len(contracts) - before)
        return pa.table(
            {
                "contract": pa.array(contracts, pa.string()),
                "date": pa.array(dates, pa.date32()),
                "open_interest": pa.array(counts, pa.float64()),
            }
        )


def _by_ticker(found: Sequence[tuple[str, Bars]], open_ns: int) -> dict[str, NDArray[Any]]:
    """Join the bars of all expiries, sorted by ticker, then time."""
    names, owner, base = [], [], 0
    for head, bars in found:
        code = np.rint(bars.strike * 1000).astype(np.int64) * 2 + ~bars.call
        codes, place = np.unique(code, return_inverse=True)
        names += [f"{head}{'CP'[c % 2]}{c // 2:08d}" for c in codes.tolist()]
        owner.append(base + place)
        base = len(names)
    tickers, rank = np.unique(np.array(names), return_inverse=True)
    which = rank[np.concatenate(owner)]
    minute = np.concatenate([bars.minute for _, bars in found])
    order = np.lexsort((minute, which))

    def joined(name: str) -> NDArray[Any]:
        return np.asarray(np.concatenate([getattr(bars, name) for _, bars in found])[order])

    volume = joined("volume")
    return {
        "ticker": tickers[which[order]],
        "volume": volume,
        **{name: joined(name) for name in ("open", "close", "high", "low")},
        "window_start": open_ns + minute[order] * MINUTE_NS,
        "transactions": np.maximum(np.rint(volume / CONTRACTS_PER_TRANSACTION), 1).astype(int),
    }
