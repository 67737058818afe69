"""Scripted events: jumps that make detectors fire, and the drift that a planted edge takes.

Every jump is one gap between two minutes. Its sizes and odds are fixed by earlier prices and its
mean, what follows it included, is nil: before an event nothing can be known about its side. After
an episode the price is the same martingale again. After a planted breakout upward it drifts on for
a while in `DRIFT_ODDS` of the cases; one downward leads nowhere, and the odds make up for it.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from detectors.bars import Float
from sweep.ingest.sample.clock import PRE_MINUTES, Grid
from sweep.ingest.sample.schedule import BAR_MINUTES, Event, Kind
from sweep.ingest.sample.walk import Path, Steps, trace

#: Bars of 15 minutes behind the recent range and behind the ATR.
RANGE_BARS, ATR_BARS = 30, 26
PAST_BARS = max(RANGE_BARS, ATR_BARS)

#: Share of planted breakouts upward that price drifts on after, and minutes of drift.
DRIFT_ODDS = 0.9
DRIFT_MINUTES = (75, 135)

#: Price first comes back a little, as breakouts do, so that a stop too near is hit before the
#: drift: by the smaller of a share of the drift and a part of the ATR, in its first minutes.
DIP_SHARE = 0.2
DIP_ATR = 0.4
DIP_MINUTES = 15

#: After the drift a share of it is given back: a target too far, or holding on, costs.
RETURN_SHARE = 0.5
RETURN_MINUTES = 15

#: Least move since the prior close that a planted breakout upward reaches.
DAY_CHANGE_FRAC = 0.0045

#: Longest jump of a planted breakout upward; where more is needed it waits for a better minute.
REACH_ATR = 3.5

#: Jump of a sway, in ATR of 15 minutes.
SWAY_ATR = 0.7


@dataclasses.dataclass(frozen=True)
class Happening:
    """An event as it happened.

    Attributes
    ----------
    session, kind, minute
        Index of the session, kind, minutes since the open of the jump.
    jump_frac
        Jump as a share of the price before it.
    drift_frac
        What the drift that follows leaves, after a share of it is given back; 0 for none.
    """

    session: int
    kind: Kind
    minute: int
    jump_frac: float
    drift_frac: float


@dataclasses.dataclass(frozen=True)
class Market:
    """Prices of one process with its events.

    Attributes
    ----------
    path
        Logarithmic prices, float64 [n minutes].
    surge
        float64 [n minutes], factor on the volume.
    happenings
        In order of time.
    """

    path: Path
    surge: Float
    happenings: tuple[Happening, ...]


@dataclasses.dataclass(frozen=True)
class _Known:
    """What is known at the open of a minute: logarithms of prices, a mean range in logarithm."""

    price: float
    atr: float
    high: float
    low: float
    session_high: float
    session_low: float
    prior_close: float


@dataclasses.dataclass
class _Day:
    """One session while its events are written.

    Attributes
    ----------
    start
        Log price before the first minute.
    prior_close
        Log price at the close of the session before.
    steps
        Own copies of the session's steps; events add to them.
    opening, length
        Position of the first regular minute in `steps`, and number of regular minutes.
    past_high, past_low
        float64 [up to `PAST_BARS`], extremes of the last bars before the session, as logarithms.
    """

    start: float
    prior_close: float
    steps: Steps
    opening: int
    length: int
    past_high: Float
    past_low: Float

    def path(self) -> Path:
        """Return the prices of all minutes."""
        return trace(self.start, self.steps)

    def bars(self) -> tuple[Float, Float]:
        """Return high and low of the past bars and of all bars of the session."""
        path = self.path()
        regular = slice(self.opening, self.opening + self.length)
        high = path.high[regular].reshape(-1, BAR_MINUTES).max(axis=1)
        low = path.low[regular].reshape(-1, BAR_MINUTES).min(axis=1)
        return np.concatenate((self.past_high, high)), np.concatenate((self.past_low, low))

    def known(self, minute: int) -> _Known:
        """Return what is known at the open of `minute` (since the open, at least 1)."""
        path = self.path()
        past = slice(self.opening, self.opening + minute)
        closed = len(self.past_high) + minute // BAR_MINUTES
        high, low = (extremes[:closed] for extremes in self.bars())
        return _Known(
            price=float(path.close[past][-1]),
            atr=float(np.mean((high - low)[-ATR_BARS:])),
            high=float(high[-RANGE_BARS:].max()),
            low=float(low[-RANGE_BARS:].min()),
            session_high=float(path.high[past].max()),
            session_low=float(path.low[past].min()),
            prior_close=self.prior_close,
        )

    def jump(self, minute: int, jump: float) -> None:
        """Jump at the open of `minute`."""
        self.steps.gap[self.opening + minute] += jump

    def drift(self, minute: int, drift: float, minutes: int, dip: float) -> None:
        """Dip, drift over `minutes` from the end of the bar of `minute` on, give back a share."""
        begin = self.opening + (minute // BAR_MINUTES + 1) * BAR_MINUTES
        turn, end = begin + DIP_MINUTES, begin + minutes
        body = self.steps.body
        body[begin:turn] -= dip / DIP_MINUTES
        body[turn:end] += (drift + dip) / (minutes - DIP_MINUTES)
        body[end : end + RETURN_MINUTES] -= RETURN_SHARE * drift / RETURN_MINUTES


def script(grid: Grid, steps: Steps, events: Sequence[Event], drift_atr: float) -> Market:
    """Walk a process and let its events happen.

    Parameters
    ----------
    grid
        Minutes.
    steps
        Steps of the process.
    events
        Its events.
    drift_atr
        Drift after a planted breakout upward, in ATR of 15 minutes.

    Returns
    -------
    Market
        Prices, volume factors and what happened.
    """
    n = len(grid)
    whole = Path(open=np.empty(n), high=np.empty(n), low=np.empty(n), close=np.empty(n))
    surge = np.ones(n)
    happenings = []
    price = prior_close = steps.start
    high, low = np.empty(0), np.empty(0)
    for session, length in enumerate(grid.length.tolist()):
        part = slice(int(grid.first[session]), int(grid.first[session + 1]))
        day = _Day(price, prior_close, steps.of(part), PRE_MINUTES, length, high, low)
        for event in (event for event in events if event.session == session):
            happening = _happen(event, day, drift_atr)
            if happening is not None:
                happenings.append(happening)
                regular = part.start + PRE_MINUTES
                _write_surge(event, happening.minute, surge[regular : regular + length])
        path = day.path()
        for name in ("open", "high", "low", "close"):
            getattr(whole, name)[part] = getattr(path, name)
        price, prior_close = float(path.close[-1]), float(path.close[PRE_MINUTES + length - 1])
        high, low = (extremes[-PAST_BARS:] for extremes in day.bars())
    return Market(path=whole, surge=surge, happenings=tuple(happenings))


def _happen(event: Event, day: _Day, drift_atr: float) -> Happening | None:
    """Write an event into the day; None where no minute suits it."""
    if event.kind == "breakout":
        return _break_out(event, day, drift_atr)
    minute = event.minutes[0]
    known = day.known(minute)
    up, down = known.high - known.price, known.price - known.low
    if event.kind == "shock":
        size = min(max(4 * known.atr, up + known.atr / 2, down + known.atr / 2), 7 * known.atr)
    elif event.kind == "sway":
        size = SWAY_ATR * known.atr
    elif event.kind == "open":
        half_hour = day.steps.sigma[day.opening : day.opening + 30]
        size = max(0.006, 2.5 * float(np.sqrt(np.sum(half_hour**2))))
    else:
        up, down = known.session_high - known.price, known.price - known.session_low
        size = max(0.006, 2 * known.atr, up + 0.001, down + 0.001)
    jump = event.sign * size
    day.jump(minute, math.log1p(jump))
    return Happening(event.session, event.kind, minute, jump, 0.0)


def _break_out(event: Event, day: _Day, drift_atr: float) -> Happening | None:
    """Jump beyond either end of the recent range, with the odds of a fair game."""
    buffer, side, luck = event.uniform
    for minute in event.minutes:
        known = day.known(minute)
        beyond = known.high + (0.35 + 0.6 * buffer) * known.atr
        least = known.prior_close + math.log1p(DAY_CHANGE_FRAC)
        up = max(max(beyond, least) - known.price, 0.8 * known.atr)
        if up <= REACH_ATR * known.atr:
            break
    else:
        return None
    drift = drift_atr * known.atr
    kept = (1 - RETURN_SHARE) * drift
    down = max(known.price - known.low + 0.3 * known.atr, known.atr) + drift
    gain = math.exp(up) * (1 + DRIFT_ODDS * math.expm1(kept)) - 1
    loss = -math.expm1(-down)
    if side >= loss / (gain + loss):
        day.jump(minute, -down)
        return Happening(event.session, event.kind, minute, -loss, 0.0)
    low, high = DRIFT_MINUTES
    drifts = luck < DRIFT_ODDS
    minutes = low + int((high - low) * luck / DRIFT_ODDS)
    day.jump(minute, up)
    if drifts:
        dip = min(DIP_SHARE * drift_atr, DIP_ATR) * known.atr
        day.drift(minute, drift, minutes, dip)
    return Happening(
        event.session, event.kind, minute, math.expm1(up), math.expm1(kept) if drifts else 0.0
    )


def _write_surge(event: Event, minute: int, surge: Float) -> None:
    """Raise the volume around an event; `surge` holds the regular minutes of its session."""
    bar = minute // BAR_MINUTES * BAR_MINUTES
    if event.kind == "open":
        surge[minute:35] *= event.surge
    elif event.kind in ("close", "sway"):
        surge[minute // 5 * 5 :] *= event.surge
    else:
        surge[bar : bar + BAR_MINUTES] *= event.surge
        surge[bar + BAR_MINUTES : bar + 2 * BAR_MINUTES] *= 1 + (event.surge - 1) / 3
