"""Arrange the inputs of one session as arrays for the kernels."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.bars import MINUTE_NS, Float, MinuteBars, Sessions
from detectors.features.option_settings import OptionSettings
from sweep.ingest.gamma.inputs import OptionBars, Snapshots, snapshot_minutes, within_horizon
from sweep.market.calendar import as_dates
from sweep.market.options.black76 import YEAR_MINUTES
from sweep.market.options.contracts import Contracts, contract_table
from sweep.market.options.day import (
    HORIZON_DAYS,
    NO_QUOTES,
    OptionDay,
    Quotes,
    Trades,
    spot_by_minute,
)
from sweep.market.options.open_interest import open_interest
from sweep.market.options.smile import sigma_of_chain


@dataclasses.dataclass(frozen=True)
class Known:
    """What a session's contracts are known by.

    Attributes
    ----------
    bars
        Today's option bars.
    interest
        Open interest of the daily file, None without.
    volumes
        Volume by ticker of earlier sessions, the latest first; empty where that of the session
        before is missing.
    snapshots
        Today's snapshots.
    """

    bars: OptionBars
    interest: Mapping[str, float] | None
    volumes: Sequence[Mapping[str, float]]
    snapshots: Snapshots | None


def option_day(
    underlying: str,
    session: Sessions,
    minutes: MinuteBars,
    known: Known,
    settings: OptionSettings,
) -> OptionDay:
    """Arrange the inputs of one session.

    Parameters
    ----------
    underlying
        Name of the underlying.
    session
        Table of one session.
    minutes
        Its minutes of the underlying, raw prices: strikes are raw too.
    known
        Option bars, open interest, earlier volumes, snapshots.
    settings
        Source of open interest.
    """
    day: dt.date = as_dates(session)[0]
    opened, closed = int(session.open_ns[0]), int(session.close_ns[0])
    before = {*(known.interest or {}), *(ticker for past in known.volumes for ticker in past)}
    snapshot = () if known.snapshots is None else known.snapshots.tickers
    tickers = within_horizon(sorted({*before, *known.bars.tickers, *snapshot}), day, HORIZON_DAYS)
    contracts = contract_table(underlying, tickers)
    place = {ticker: k for k, ticker in enumerate(contracts.tickers)}
    of_bars = np.array([place.get(ticker, -1) for ticker in known.bars.tickers], np.int64)
    contract = of_bars[known.bars.ticker] if len(of_bars) else known.bars.ticker
    inside = (contract >= 0) & (known.bars.ts >= opened) & (known.bars.ts < closed)
    spot = spot_by_minute(minutes.ts, minutes.close, opened, (closed - opened) // MINUTE_NS)
    return OptionDay(
        open_ns=opened,
        close_ns=closed,
        spot=spot,
        contracts=contracts,
        known_before=np.array([ticker in before for ticker in contracts.tickers], np.bool_),
        interest=open_interest(
            settings.oi_source,
            contracts.tickers,
            day_file=known.interest,
            volumes=known.volumes,
        ),
        trades=Trades(
            contract=contract[inside],
            minute=(known.bars.ts[inside] - opened) // MINUTE_NS,
            price=known.bars.close[inside],
            volume=known.bars.volume[inside],
        ),
        quotes=_quotes(known.snapshots, contracts, place, spot, opened, settings),
    )


def _quotes(
    snapshots: Snapshots | None,
    contracts: Contracts,
    place: Mapping[str, int],
    spot: Float,
    opened: int,
    settings: OptionSettings,
) -> Quotes:
    """Arrange snapshots; their open interest counts only where it is the chosen source."""
    if snapshots is None:
        return NO_QUOTES
    contract = np.array([place.get(ticker, -1) for ticker in snapshots.tickers], np.int64)
    rows = np.flatnonzero(contract >= 0)
    kept, contract = snapshots.take(rows), contract[rows]
    minute = snapshot_minutes(kept.recorded_ns, opened)
    at = spot[np.clip(minute, 0, len(spot) - 1)]
    left = (contracts.expiry_ns[contract] - kept.recorded_ns) / MINUTE_NS
    years = np.maximum(left, 1.0) / YEAR_MINUTES
    of_greeks = sigma_of_chain(kept.delta, kept.gamma, 1.0, years) / at
    counted = kept.open_interest if settings.oi_source == "chain" else np.nan * kept.open_interest
    return Quotes(
        contract=contract,
        minute=np.maximum(minute, 0),
        sigma=np.where(np.isnan(kept.sigma), of_greeks, kept.sigma),
        open_interest=counted,
    )
