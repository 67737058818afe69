"""When the sample market has scripted events; drawn ahead, without looking at prices."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np

from sweep.ingest.sample.clock import Grid
from sweep.ingest.sample.walk import PROCESSES

Kind = Literal["shock", "open", "close", "sway", "breakout"]

#: Sessions before the first event: baselines and indicators are known from then on.
QUIET_SESSIONS = 9

#: Episodes of an index per fifteen sessions; a stock has the shocks alone.
PERIOD_SESSIONS = 15
SHOCKS = 2

#: Share of the sessions without an episode that try for a planted breakout.
BREAKOUT_RATE = 0.95

BAR_MINUTES = 15

#: Minutes before the close of a half day at which the price of an index sways, one a bar of 5.
SWAYS = (38, 33, 28, 23, 18, 13)


@dataclasses.dataclass(frozen=True)
class Event:
    """A scripted event of one process.

    Attributes
    ----------
    session
        Index into the sessions.
    kind
        `shock`: a jump of several ATR. `open`: a jump in the first minutes. `close`: a jump in the
        last hour. `sway`: a small jump near the close of a half day. `breakout`: a jump to just
        beyond one end of the recent range.
    sign
        +1 or -1, a fair coin; 0 for a breakout, which decides when it knows its distances.
    minutes
        Minutes since the open at which it may happen, rising; the first that suits is taken.
    surge
        Factor on the volume.
    uniform
        Three numbers in [0, 1) for what the price decides later.
    """

    session: int
    kind: Kind
    sign: int
    minutes: tuple[int, ...]
    surge: float
    uniform: tuple[float, float, float]


def episodes_of(
    grid: Grid, process: int, rng: np.random.Generator, coins: np.random.Generator
) -> list[Event]:
    """Draw the episodes of a process, one a session, on half days one at each end of the session.

    Every sign is a fair coin, but they come in opposite pairs (the shocks of a period; opens
    and closes between the two indices), so that both sides of a detector get as many.

    Parameters
    ----------
    grid
        Minutes.
    process
        Index into `PROCESSES`.
    rng
        Source of random numbers of this process; advanced.
    coins
        Source of the signs, in the same state for all processes; advanced.

    Returns
    -------
    list of Event
        By session.
    """
    flips = _signs(coins, 1 if process % 2 == 0 else -1)
    index = PROCESSES[process].name != "AAPL"
    events = []
    for start in range(QUIET_SESSIONS, len(grid.sessions), PERIOD_SESSIONS):
        coin = {"open": next(flips), "close": next(flips), "shock": next(flips)}
        kinds: list[Kind] = ["shock"] * SHOCKS
        if index:
            kinds += ["open", "close"]
        places = start + rng.permutation(PERIOD_SESSIONS)[: len(kinds)]
        for place, kind in zip(places.tolist(), kinds, strict=True):
            sign = coin[kind]
            coin[kind] = -sign
            if place < len(grid.sessions) and grid.sessions.full_length[place]:
                events.append(_event(grid, place, kind, sign, rng))
    for place in np.flatnonzero(~grid.sessions.full_length).tolist():
        at_open, at_close = next(flips), next(flips)
        if index and place >= QUIET_SESSIONS:
            events.append(_event(grid, place, "open", at_open, rng))
            events.append(_event(grid, place, "close", at_close, rng))
            events += [_event(grid, place, "sway", next(flips), rng, before=m) for m in SWAYS]
    return sorted(events, key=lambda event: event.session)


def breakouts_of(grid: Grid, taken: set[int], rng: np.random.Generator) -> list[Event]:
    """Draw the planted breakouts of a process, on full sessions that hold no episode.

    Parameters
    ----------
    grid
        Minutes.
    taken
        Sessions with an episode.
    rng
        Source of random numbers; advanced.

    Returns
    -------
    list of Event
        By session.
    """
    tries = rng.random(len(grid.sessions)) < BREAKOUT_RATE
    tries &= grid.sessions.full_length
    tries[:QUIET_SESSIONS] = False
    places = [place for place in np.flatnonzero(tries).tolist() if place not in taken]
    return [_event(grid, place, "breakout", 0, rng) for place in places]


def _event(
    grid: Grid, session: int, kind: Kind, sign: int, rng: np.random.Generator, *, before: int = 0
) -> Event:
    """Draw an event; `before` is the last minute of a sway, counted from the close."""
    length = int(grid.length[session])
    within = int(rng.integers(2, 9))
    if kind == "shock":
        minutes = [BAR_MINUTES * int(rng.integers(4, (length - 90) // BAR_MINUTES)) + within]
        surge = rng.uniform(2.5, 4.5)
    elif kind == "open":
        minutes = [int(rng.integers(5, 9))]
        surge = rng.uniform(2.0, 3.0)
    elif kind == "close":
        minutes = [length - int(rng.integers(41, 54))]
        surge = rng.uniform(2.0, 3.0)
    elif kind == "sway":
        minutes = [length - before + int(rng.integers(0, 3))]
        surge = 1.0
    else:
        bars = np.sort(rng.choice(np.arange(6, 15), size=9, replace=False))
        minutes = (BAR_MINUTES * bars + 6 + within % 6).tolist()
        surge = rng.uniform(3.5, 6.0)
    first, second, third = rng.random(3).tolist()
    return Event(session, kind, sign, tuple(minutes), float(surge), (first, second, third))


def _signs(rng: np.random.Generator, parity: int) -> Iterator[int]:
    """Yield fair signs; `parity` -1 gives the opposite ones."""
    for _ in itertools.count():
        yield parity * (1 if rng.random() < 0.5 else -1)
