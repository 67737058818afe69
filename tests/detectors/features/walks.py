"""Markets for the feature tests: toy calendars, real ones, and seeded minute bars."""

import dataclasses
import functools

import exchange_calendars
import numpy as np

from detectors.bars import MINUTE_NS, MinuteBars, Sessions
from detectors.features.settings import FeatureSettings

DAY_NS = 86_400_000_000_000
FIRST_OPEN_NS = int(np.datetime64("2024-01-01T14:30", "ns").astype(np.int64))

SMALL = FeatureSettings(
    baseline_sessions=3,
    baseline_min_sessions=2,
    trailing_bars=4,
    rsi_period=1,
    atr_period=1,
    adx_period=1,
    ema_bars=(1, 2, 3, 4),
    atr_ratio_bars=3,
    divergence_bars=3,
    divergence_recent_bars=1,
    swing_side_bars=1,
    swing_memory_bars=6,
)


def toy_sessions(lengths):
    """Daily sessions of the given lengths in minutes; the longest count as full-length."""
    lengths = np.asarray(lengths, np.int64)
    opens = FIRST_OPEN_NS + DAY_NS * np.arange(len(lengths))
    return Sessions(
        date=opens.astype("datetime64[ns]").astype("datetime64[D]"),
        open_ns=opens,
        close_ns=opens + lengths * MINUTE_NS,
        full_length=lengths == lengths.max(initial=0),
    )


@functools.cache  # the library keeps the calendar of one range, and takes 0.2 s for another
def calendar_sessions(first, last):
    """Sessions of the New York calendar between two dates, both included."""
    schedule = exchange_calendars.get_calendar("XNYS", start=first, end=last).schedule

    def instants(column):
        return (
            schedule[column]
            .dt.tz_localize(None)
            .to_numpy()
            .astype("datetime64[ns]")
            .view(np.int64)
        )

    opens, closes = instants("open"), instants("close")
    return Sessions(
        date=schedule.index.to_numpy().astype("datetime64[D]"),
        open_ns=opens,
        close_ns=closes,
        full_length=(closes - opens) == 390 * MINUTE_NS,
    )


def all_minutes(sessions):
    """Every minute of every session, int64 UTC ns."""
    spans = zip(sessions.open_ns, sessions.close_ns, strict=True)
    return np.concatenate(
        [np.arange(a, b, MINUTE_NS) for a, b in spans] or [np.empty(0, np.int64)]
    )


def walk(sessions, seed, *, missing=0.0, tick=1.0, start=1000.0):
    """Minute bars of a seeded walk of -1, 0 and +1 ticks; a share of minutes is missing."""
    rng = np.random.default_rng(seed)
    ts = all_minutes(sessions)
    n = len(ts)
    close = start + tick * np.cumsum(rng.integers(-1, 2, n))
    open_ = close + tick * rng.integers(-1, 2, n)
    high = np.maximum(open_, close) + tick * rng.integers(0, 3, n)
    low = np.minimum(open_, close) - tick * rng.integers(0, 3, n)
    volume = rng.integers(0, 6, n).astype(np.float64)
    bars = MinuteBars(ts, open_, high, low, close, volume)
    return take(bars, rng.random(n) >= missing)


def flat(ts, close, volume=1.0):
    """Minute bars whose four prices are one; closes and volumes are broadcast."""
    close = np.broadcast_to(np.asarray(close, np.float64), len(ts)).copy()
    volume = np.broadcast_to(np.asarray(volume, np.float64), len(ts)).copy()
    return MinuteBars(np.asarray(ts), close, close, close, close, volume)


def take(minutes, chosen):
    """Minute bars at the chosen rows."""
    return MinuteBars(
        **{f.name: getattr(minutes, f.name)[chosen] for f in dataclasses.fields(minutes)}
    )


def priced(minutes, change, *, swap=False):
    """Minute bars with every price changed; `swap` exchanges highs and lows, for the mirror."""
    high, low = (minutes.low, minutes.high) if swap else (minutes.high, minutes.low)
    return MinuteBars(
        minutes.ts,
        change(minutes.open),
        change(high),
        change(low),
        change(minutes.close),
        minutes.volume,
    )


def frozen(bars):
    """Return the same arrays, read-only, as a worker gets them from the object store."""
    for field in dataclasses.fields(bars):
        getattr(bars, field.name).setflags(write=False)
    return bars
