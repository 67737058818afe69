"""What a gamma build is asked to do, and what it did."""

import dataclasses
import datetime as dt
from pathlib import Path

from detectors.features.option_settings import OptionSettings
from sweep.store.place import Place


@dataclasses.dataclass(frozen=True)
class GammaSpec:
    """One gamma build.

    Attributes
    ----------
    source_root
        Flat files; option day files lie below `us_options_opra/`.
    storage_root
        Bar store with the underlyings' minutes; the gamma tables are written beside them.
    underlyings
        Names as stored, e.g. `SPX`.
    first, last
        New York dates, both included; None = as far as the option files go.
    open_interest
        File (.parquet, .csv, .csv.gz) with the columns contract (or ticker), date, open_interest:
        `date` is the session before whose open the number was known.
    chains
        File with recorded snapshots: contract (or ticker), recorded_at, open_interest and
        implied_volatility, or delta and gamma.
    settings
        Assumptions.
    workers
        Processes, None for as many as there are cores.
    """

    source_root: str | Path
    storage_root: str | Place
    underlyings: tuple[str, ...]
    first: dt.date | None = None
    last: dt.date | None = None
    open_interest: str | Path | None = None
    chains: str | Path | None = None
    settings: OptionSettings = dataclasses.field(default_factory=OptionSettings)
    workers: int | None = None


@dataclasses.dataclass(frozen=True)
class SessionQuality:
    """One underlying in one session.

    Attributes
    ----------
    underlying, day
        What it is of.
    contracts
        Contracts within the horizon.
    trades
        Option bars inside the session.
    minutes
        Minutes of the session.
    known
        Minutes with a gamma exposure.
    priced_frac
        Mean share of open interest with a gamma, NaN where it is unknown.
    """

    underlying: str
    day: dt.date
    contracts: int
    trades: int
    minutes: int
    known: int
    priced_frac: float


@dataclasses.dataclass(frozen=True)
class GammaReport:
    """What a gamma build did.

    Attributes
    ----------
    sessions
        Quality of every session written.
    failures
        Sentences on what failed.
    seconds
        Time taken.
    """

    sessions: tuple[SessionQuality, ...]
    failures: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed."""
        return not self.failures

    def lines(self) -> list[str]:
        """Return the report as text, one line per underlying, then the failures."""
        lines = []
        for name in dict.fromkeys(row.underlying for row in self.sessions):
            rows = [row for row in self.sessions if row.underlying == name]
            minutes, known = (sum(getattr(r, key) for r in rows) for key in ("minutes", "known"))
            contracts = sum(row.contracts for row in rows) / len(rows)
            trades = sum(row.trades for row in rows)
            lines.append(
                f"{name}: {len(rows)} sessions, {contracts:.0f} contracts a session, {trades} "
                f"option bars, gex known in {known} of {minutes} minutes "
                f"({100 * known / minutes:.1f} %)"
            )
        lines += [f"FAILED {text}" for text in self.failures]
        lines.append(f"{len(self.sessions)} sessions in {self.seconds:.1f} s")
        return lines
