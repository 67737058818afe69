"""Which options the sample market lists, and the open interest that each session begins with.

Contracts that settle at the close expire every session but Thursdays; one a month settles on the
opening prints. Open interest follows closes of earlier sessions and coins drawn ahead, never a
later price: what it implies is no forecast. With episodes about half of the expiries are *walled*:
calls and puts crowd in turn at strikes a fixed distance apart. Price then crosses levels at which
dealers' gamma changes sign, runs toward strikes where they are short gamma, and ends near strikes
that pin it: every gamma detector fires, on either side.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence

import numpy as np

from detectors.bars import Float
from sweep.market.calendar import as_dates, session_table

THURSDAY, FRIDAY = 3, 4

#: Days before its expiry from which a monthly contract is listed.
MONTHLY_DAYS = 28

#: Strikes reach this far from the close before; those between the coarse ones a shorter way.
REACH_FRAC, FINE_REACH_FRAC = 0.06, 0.018

#: Share of the expiries that are walled, and how much more one right has there than the other.
WALLED_SHARE, WALL_CALLS, WALL_PUTS = 0.55, 8.0, 10.0

#: Interest of a wall and of a fine strike beside it, and of strikes without walls; how it falls
#: with distance.
WALL, BESIDE = 1.0, 0.015
COARSE, FINE = 0.45, 0.15
WIDTH_FRAC = 0.02

#: Change from puts below to calls above, as a share of price; spread of the logarithm by contract.
TURN_FRAC, SPREAD = 0.006, 0.25

#: Sessions by which interest grows e-fold towards expiry.
GROWTH_SESSIONS = 4.0

NOISE_STRIKES = 4096


@dataclasses.dataclass(frozen=True)
class Underlying:
    """An index with options.

    Attributes
    ----------
    name
        As the vendor writes it.
    process
        Index into `PROCESSES`.
    pm_root, am_root
        Roots that settle at the close and on the opening prints.
    fine, coarse
        Distances of strikes, points.
    contracts
        Interest of a wall at the money on its last day.
    """

    name: str
    process: int
    pm_root: str
    am_root: str
    fine: float
    coarse: float
    contracts: float


UNDERLYINGS = (
    Underlying("I:NDX", 1, "NDXP", "NDX", 20.0, 100.0, 400.0),
    Underlying("I:SPX", 0, "SPXW", "SPX", 5.0, 25.0, 2400.0),
)


@dataclasses.dataclass(frozen=True)
class Expiry:
    """One expiry of one underlying as a session sees it.

    Attributes
    ----------
    root, date
        Of its tickers.
    sessions
        Sessions after this one until it expires; 0 on its last day.
    morning
        True where it settles on the opening prints of its date.
    near
        True where fine strikes are listed.
    """

    root: str
    date: dt.date
    sessions: int
    morning: bool
    near: bool


@dataclasses.dataclass(frozen=True)
class Interest:
    """Open interest of one expiry before a session's open.

    Attributes
    ----------
    expiry
        Whose.
    strike
        float64 [k], rising.
    call, put
        float64 [k], contracts, whole.
    """

    expiry: Expiry
    strike: Float
    call: Float
    put: Float


def calendar_after(days: Sequence[dt.date]) -> list[dt.date]:
    """Return the sessions of a sample and those in which its last contracts expire."""
    return as_dates(session_table(days[0], days[-1] + dt.timedelta(days=MONTHLY_DAYS + 7)))


def expiries_of(underlying: Underlying, calendar: Sequence[dt.date], session: int) -> list[Expiry]:
    """Return what is listed in a session: the next two closes, a week's end, a month's opening."""
    today = calendar[session]
    closes = [k for k in range(session, session + 15) if calendar[k].weekday() != THURSDAY]
    fridays = [k for k in closes[2:] if calendar[k].weekday() == FRIDAY]
    chosen = list(dict.fromkeys([*closes[:2], *fridays[:1]]))
    listed = [
        Expiry(underlying.pm_root, calendar[k], k - session, morning=False, near=n < 2)
        for n, k in enumerate(chosen)
    ]
    for k in range(session + 1, len(calendar)):
        day = calendar[k]
        monthly = day.weekday() == FRIDAY and 15 <= day.day <= 21
        if monthly and (day - today).days <= MONTHLY_DAYS:
            expiry = Expiry(underlying.am_root, day, k - session, morning=True, near=False)
            return [*listed, expiry]
    return listed


@dataclasses.dataclass(frozen=True)
class Character:
    """What coins decide about an expiry ahead of everything.

    Attributes
    ----------
    walled
        True where calls and puts crowd in turn.
    phase
        0 or 1: which coarse strikes are those of the calls.
    noise
        float64 [`NOISE_STRIKES`, 2], factor by strike and right.
    """

    walled: bool
    phase: int
    noise: Float


def character_of(seed: Sequence[int], *, episodes: bool, short_day: bool) -> Character:
    """Draw the character of an expiry; on a half day it is always walled."""
    rng = np.random.default_rng(seed)
    walled = bool(rng.random() < WALLED_SHARE) or short_day
    phase = int(rng.integers(2))
    noise = np.exp(SPREAD * rng.standard_normal((NOISE_STRIKES, 2)))
    return Character(episodes and walled, phase, noise)


def interest_of(
    underlying: Underlying, expiry: Expiry, character: Character, reference: float
) -> Interest:
    """Return the open interest of an expiry; `reference` is an earlier close, price units."""
    strike = _strikes(underlying, expiry, reference)
    place = np.rint(strike / underlying.fine).astype(np.int64)
    coarse = np.isclose(strike % underlying.coarse, 0.0)
    away = (strike - reference) / reference
    size = underlying.contracts * np.exp(-np.abs(away) / WIDTH_FRAC)
    size *= np.exp(-expiry.sessions / GROWTH_SESSIONS)
    above = 1.0 / (1.0 + np.exp(-away / TURN_FRAC))
    call, put = (np.where(coarse, COARSE, FINE) * share for share in (above, 1.0 - above))
    if character.walled:
        turn = np.rint(strike / underlying.coarse).astype(np.int64) + character.phase
        calls, puts = coarse & (turn % 2 == 0), coarse & (turn % 2 == 1)
        call = np.where(calls, WALL, np.where(puts, WALL / WALL_PUTS, BESIDE))
        put = np.where(puts, WALL, np.where(calls, WALL / WALL_CALLS, BESIDE))
    noise = character.noise[place % NOISE_STRIKES]
    return Interest(
        expiry, strike, np.rint(size * call * noise[:, 0]), np.rint(size * put * noise[:, 1])
    )


def _strikes(underlying: Underlying, expiry: Expiry, reference: float) -> Float:
    def around(step: float, reach: float) -> Float:
        low, high = (reference * (1 + side * reach) / step for side in (-1, 1))
        return np.arange(np.ceil(low), np.floor(high) + 1) * step

    strikes = around(underlying.coarse, REACH_FRAC)
    if expiry.near:
        strikes = np.union1d(strikes, around(underlying.fine, FINE_REACH_FRAC))
    return strikes


def tickers_of(interest: Interest) -> Iterator[tuple[str, float]]:
    """Yield ticker and open interest of the contracts that have any."""
    head = f"O:{interest.expiry.root}{interest.expiry.date:%y%m%d}"
    for right, counts in (("C", interest.call), ("P", interest.put)):
        for strike, count in zip(interest.strike.tolist(), counts.tolist(), strict=True):
            if count > 0:
                yield f"{head}{right}{round(strike * 1000):08d}", count
