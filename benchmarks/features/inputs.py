"""Generated inputs of the feature benchmarks; made once per process, outside of what is timed."""

import functools
from pathlib import Path

import numpy as np

from detectors.bars import Float, MinuteBars, Sessions
from sweep.ingest.sample.clock import grid_of, last_sessions
from sweep.ingest.sample.generate import build
from sweep.ingest.sample.spec import LAST, SampleSpec
from sweep.market.calendar import session_table
from sweep.market.options.black76 import YEAR_MINUTES, greeks
from sweep.market.options.contracts import contract_table
from sweep.market.options.day import OptionDay, Trades
from sweep.market.options.open_interest import OpenInterest

YEAR_SESSIONS = 252


@functools.cache
def symbol_year(ticker: str) -> tuple[MinuteBars, Sessions]:
    """Return a year of minutes of a ticker of the sample market."""
    spec = SampleSpec(Path("never-written"), sessions=YEAR_SESSIONS, options=False)
    grid = grid_of(last_sessions(spec.sessions, spec.last))
    rows = next(rows for rows in build(spec, grid)[1] if rows.ticker.name == ticker)
    kept = grid.regular & rows.present
    prices = [column[kept] / 100 for column in (rows.open, rows.high, rows.low, rows.close)]
    volume = np.full(len(grid), np.nan) if rows.volume is None else np.rint(rows.volume)
    return MinuteBars(grid.ts[kept], *prices, volume[kept]), grid.sessions


@functools.cache
def options(count: int) -> tuple[Float, Float, Float, "np.typing.NDArray[np.bool_]", Float, Float]:
    """Return price, forward, strike, right, years and true volatility of options that trade.

    Out of the money, 5 minutes to 30 days, prices of half a cent and more.
    """
    rng = np.random.default_rng(1)
    years = np.exp(rng.uniform(np.log(5.0), np.log(30 * 1440.0), 3 * count)) / YEAR_MINUTES
    sigma = rng.uniform(0.08, 0.8, 3 * count)
    call = rng.random(3 * count) < 0.5
    away = np.abs(rng.standard_normal(3 * count)) * 1.5 * sigma * np.sqrt(years)
    forward = rng.uniform(100, 6000, 3 * count)
    strike = forward * np.exp(np.where(call, away, -away))
    price = greeks(forward, strike, years, sigma, call).price
    kept = np.flatnonzero(price >= 0.005)[:count]
    return tuple(column[kept] for column in (price, forward, strike, call, years, sigma))  # type: ignore[return-value]


@functools.cache
def index_day() -> OptionDay:
    """Return a session of 504 contracts of three expiries, each trading in 30 % of its minutes."""
    session = session_table(LAST, LAST)
    opened, closed = int(session.open_ns[0]), int(session.close_ns[0])
    minutes = (closed - opened) // 60_000_000_000
    rng = np.random.default_rng(3)
    spot = 6000 * np.exp(np.cumsum(rng.normal(0, 4e-4, minutes)))
    contracts = contract_table(
        "SPX",
        [
            f"O:SPXW{expiry}{right}{strike * 1000:08d}"
            for expiry in (f"{LAST:%y%m%d}", "250103", "250117")
            for strike in range(5790, 6210, 5)
            for right in "CP"
        ],
    )
    contract, minute = np.nonzero(rng.random((len(contracts), minutes)) < 0.3)
    years = ((contracts.expiry_ns[contract] - opened) / 60e9 - minute - 1) / YEAR_MINUTES
    years = np.maximum(years, 1 / YEAR_MINUTES)
    x = np.log(contracts.strike[contract] / spot[minute]) / np.sqrt(years)
    sigma = np.clip(0.2 - 0.05 * x + 0.1 * x * x, 0.05, 3.0)
    price = greeks(
        spot[minute], contracts.strike[contract], years, sigma, contracts.call[contract]
    ).price
    kept = price >= 0.05
    return OptionDay(
        open_ns=opened,
        close_ns=closed,
        spot=spot,
        contracts=contracts,
        known_before=np.ones(len(contracts), np.bool_),
        interest=OpenInterest(rng.integers(0, 4000, len(contracts)).astype(float), 0.0),
        trades=Trades(
            contract[kept], minute[kept], price[kept], np.ones(int(kept.sum()), np.float64)
        ),
    )
