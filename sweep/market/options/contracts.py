"""Option contracts: OPRA tickers, roots, settlement and expiry instants.

A contract is keyed by its root: SPX settles on the opening prints, SPXW at the close, and both can
list the same date and strike.
"""

import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from sweep.market.calendar import NEW_YORK, session_table
from sweep.market.symbols import normalise

MULTIPLIER = 100.0

#: Index -> roots with the standard deliverable. Others trade under their own name without dots.
INDEX_ROOTS = {"SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "RUT": ("RUT", "RUTW")}

#: Roots that settle on the opening prints of their expiry date.
AM_ROOTS = frozenset({"SPX", "NDX", "RUT"})

_TICKER = re.compile(r"(?:O:)?([A-Z][A-Z0-9]{0,5})(\d{2})(\d{2})(\d{2})([CP])(\d{8})")


@dataclasses.dataclass(frozen=True)
class Contract:
    """One listed option.

    Attributes
    ----------
    root
        OPRA root, e.g. `SPXW`.
    expiry
        Expiry date of the ticker.
    call
        True for a call.
    strike
        Price units.
    """

    root: str
    expiry: dt.date
    call: bool
    strike: float

    @property
    def underlying(self) -> str:
        """Return the name of the underlying, `SPX` for `SPXW`."""
        return normalise(self.root)

    @property
    def settlement(self) -> str:
        """Return `AM` (opening prints) or `PM` (close)."""
        return "AM" if self.root in AM_ROOTS else "PM"

    @property
    def standard(self) -> bool:
        """Return False for an adjusted deliverable, whose root ends in a digit (`TSLA1`)."""
        return not self.root[-1].isdigit()

    @property
    def expiry_ns(self) -> int:
        """Return the instant from which it is worth its payout, UTC ns."""
        return expiry_instant(self.expiry, self.settlement)

    def minutes_to_expiry(self, as_of_ns: int) -> float:
        """Return the calendar minutes left at an instant; negative after expiry."""
        return (self.expiry_ns - as_of_ns) / MINUTE_NS


def parse_ticker(ticker: str) -> Contract:
    """Parse an OPRA ticker from the right: 8 digits of strike x 1000, C or P, YYMMDD, root.

    Raises
    ------
    ValueError
        If it is no option ticker.
    """
    found = _TICKER.fullmatch(ticker)
    try:
        if found is None:
            raise ValueError("no match")  # noqa: TRY301 - one message for both faults
        root, year, month, day, right, strike = found.groups()
        expiry = dt.date(2000 + int(year), int(month), int(day))
    except ValueError:
        raise ValueError(
            f"an option ticker is root, YYMMDD, C or P and 8 digits of strike x 1000, such as "
            f"O:SPXW251125C06700000; got {ticker!r}"
        ) from None
    return Contract(root, expiry, right == "C", int(strike) / 1000.0)


def roots_of(underlying: str) -> tuple[str, ...]:
    """Return the roots whose contracts deliver the standard underlying (`BRK.B`: `BRKB`)."""
    return INDEX_ROOTS.get(underlying) or (underlying.replace(".", ""),)


@functools.cache
def expiry_instant(expiry: dt.date, settlement: str) -> int:
    """Return when contracts of a date expire, UTC ns.

    PM: the close of that session, early closes included. AM: 09:30 New York time. A date without a
    session (the Saturdays of monthly contracts before 2015, a holiday) stands for the last session
    before it.

    Parameters
    ----------
    expiry
        Date of the ticker.
    settlement
        `AM` or `PM`.
    """
    sessions = session_table(expiry - dt.timedelta(days=10), expiry)
    if settlement == "PM":
        return int(sessions.close_ns[-1])
    day: dt.date = sessions.date[-1].astype("datetime64[D]").item()
    opened = dt.datetime.combine(day, dt.time(9, 30), NEW_YORK)
    return int(opened.timestamp()) * 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Contracts:
    """n contracts of one underlying, sorted by expiry instant, strike, put before call.

    Attributes
    ----------
    tickers
        n tickers.
    expiry_ns
        int64 [n], expiry instants, UTC ns.
    strike
        float64 [n], price units.
    call
        bool [n].
    """

    tickers: tuple[str, ...]
    expiry_ns: Int
    strike: Float
    call: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of contracts."""
        return len(self.tickers)


def contract_table(underlying: str, tickers: Iterable[str]) -> Contracts:
    """Sort the standard contracts of an underlying; others, and unreadable tickers, are left out.

    Parameters
    ----------
    underlying
        Name of the underlying.
    tickers
        Option tickers, any order; the same one twice counts once.
    """
    roots = roots_of(underlying)
    kept = []
    for ticker in dict.fromkeys(tickers):
        try:
            contract = parse_ticker(ticker)
        except ValueError:
            continue
        if contract.root in roots:
            kept.append((contract.expiry_ns, contract.strike, contract.call, ticker))
    kept.sort()
    return Contracts(
        tickers=tuple(row[3] for row in kept),
        expiry_ns=np.array([row[0] for row in kept], np.int64),
        strike=np.array([row[1] for row in kept], np.float64),
        call=np.array([row[2] for row in kept], np.bool_),
    )
