"""Markets of the conformance suite: a seeded walk on the real calendar, and a tiny one."""

import dataclasses
import functools

import numpy as np

from detectors.bars import MINUTE_NS, MinuteBars, Sessions
from detectors.features.build import build_features
from detectors.features.settings import FeatureSettings
from sweep.engine.symbol_data import SymbolData
from tests.detectors.features.gamma_walk import gamma_walk
from tests.detectors.features.walks import (
    SMALL,
    all_minutes,
    calendar_sessions,
    frozen,
    take,
    toy_sessions,
    walk,
)

PROXY = "SPY"
TINY_LENGTHS = [35, 35, 65, 35, 20, 65, 35, 65]


@dataclasses.dataclass(frozen=True)
class Market:
    """Prices of one symbol; as an index it has the volume of its proxy, and options."""

    sessions: Sessions
    minutes: MinuteBars
    settings: FeatureSettings = dataclasses.field(default_factory=FeatureSettings)

    def features(self, asset_class, bar_minutes, *, with_proxy=True, with_options=True):
        minutes, options = self.minutes, {}
        if asset_class == "INDEX":
            minutes = dataclasses.replace(minutes, volume=np.full(len(minutes), np.nan))
            if with_proxy:
                thinner = minutes.ts // MINUTE_NS % 17 != 3  # some proxy minutes are missing
                options = {"proxy": take(self.minutes, thinner), "proxy_symbol": PROXY}
            if with_options:
                assumed = self.settings.options
                options["gamma"] = gamma_walk(self.minutes, self.sessions, assumed)
        return build_features(
            minutes,
            self.sessions,
            bar_minutes=bar_minutes,
            asset_class=asset_class,
            settings=self.settings,
            **options,
        )

    def of(self, detector, **options):
        """Feature table of the detector's own class and timeframe."""
        return self.features(detector.asset_classes[0], detector.signal_minutes, **options)

    def symbol(self, detector, **options):
        """What the engine reads."""
        return SymbolData(
            symbol="WALK",
            asset_class=detector.asset_classes[0],
            sessions=self.sessions,
            minutes=self.minutes,
            factor=np.ones(len(self.sessions)),
            features=self.of(detector, **options),
            bar_minutes=detector.signal_minutes,
        )


def u_shaped_walk(sessions, seed, *, price=100.0, minute_frac=0.0005):
    """Martingale minutes, prices in cents, volume high at both ends of a session and lumpy."""
    rng = np.random.default_rng(seed)
    ts = all_minutes(sessions)
    n = len(ts)
    session = np.searchsorted(sessions.open_ns, ts, side="right") - 1
    minute = (ts - sessions.open_ns[session]) // MINUTE_NS
    left = (sessions.close_ns[session] - ts) // MINUTE_NS
    first = minute == 0
    steps = minute_frac * rng.standard_normal(n)
    gaps = np.where(first, 10 * minute_frac, 0.2 * minute_frac) * rng.standard_normal(n)
    close = price * np.exp(np.cumsum(steps + gaps))
    open_ = close * np.exp(-steps)
    # Extremes of a Brownian bridge: a level is touched as often as on a continuous path, so that
    # a stop or a target has no edge of its own.
    luck = np.log(1 - rng.random((2, n)))
    reach = (np.sqrt(steps**2 - 2 * minute_frac**2 * luck) - np.abs(steps)) / 2
    high = np.maximum(open_, close) * np.exp(reach[0])
    low = np.minimum(open_, close) * np.exp(-reach[1])
    opened, high, low, closed = (np.round(x * 100) / 100 for x in (open_, high, low, close))
    shape = 1 + 2 * np.exp(-minute / 25) + 2 * np.exp(-left / 25)
    lumps = np.exp(0.6 * rng.standard_normal(n // 15 + 1)).repeat(15)[:n]
    volume = np.round(1000 * shape * lumps * np.exp(0.3 * rng.standard_normal(n)))
    return MinuteBars(ts, opened, high, low, closed, volume)


@functools.cache
def year(seed=1):
    """250 sessions."""
    sessions = calendar_sessions("2024-01-02", "2024-12-27")
    return Market(frozen(sessions), frozen(u_shaped_walk(sessions, seed)))


@functools.cache
def quarter():
    """60 sessions with two half days and the end of daylight saving time."""
    sessions = calendar_sessions("2024-10-07", "2024-12-31")
    return Market(frozen(sessions), frozen(u_shaped_walk(sessions, 7)))


@functools.cache
def tiny(seed=11):
    """A walk of -1, 0 and +1 ticks on short sessions, with small periods."""
    sessions = toy_sessions(TINY_LENGTHS)
    return Market(sessions, walk(sessions, seed, missing=0.05), SMALL)


def shared(build):
    """Build once for all detectors of one class and timeframe: features are the costly part."""
    built = {}

    def get(detector, *args):
        key = (detector.asset_classes[0], detector.signal_minutes, *args)
        if key not in built:
            built[key] = build(detector, *args)
        return built[key]

    return get


@shared
def year_symbol(detector, seed=1):
    return year(seed).symbol(detector)


def year_table(detector):
    return year_symbol(detector, 1).features


@shared
def quarter_table(detector):
    return quarter().of(detector)
