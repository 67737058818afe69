"""Small random markets for engine tests: minutes with holes, half days, given features."""

import dataclasses

import numpy as np
from numpy.random import Generator

from detectors.bars import MINUTE_NS, MinuteBars, Sessions, SignalBars
from detectors.features.table import FeatureTable
from sweep.engine.symbol_data import SymbolData

DAY_NS = 86_400 * 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a random market looks like."""

    sessions: int = 6
    bar_minutes: int = 15
    price: float = 100.0
    minute_move: float = 0.05
    missing: float = 0.05
    half_day: int = 2
    asset_class: str = "STOCK"
    split_at: int | None = None


def session_table(shape: Shape) -> Sessions:
    """Sessions of 390 minutes on consecutive days, one of 210."""
    open_ns = np.arange(shape.sessions, dtype=np.int64) * DAY_NS + 14 * 3_600_000_000_000
    minutes = np.full(shape.sessions, 390)
    if 0 <= shape.half_day < shape.sessions:
        minutes[shape.half_day] = 210
    date = np.arange(shape.sessions).astype("datetime64[D]")
    return Sessions(date, open_ns, open_ns + minutes * MINUTE_NS, minutes == 390)


def minute_bars(rng: Generator, shape: Shape, sessions: Sessions) -> MinuteBars:
    """A walk in ticks with gaps between minutes, some minutes missing, some without volume."""
    unit = 100.0 if shape.price >= 2 else 10_000.0
    length = (sessions.close_ns - sessions.open_ns) // MINUTE_NS
    ts = np.concatenate(
        [o + np.arange(n) * MINUTE_NS for o, n in zip(sessions.open_ns, length, strict=True)]
    )
    n = len(ts)
    move = shape.minute_move
    close = shape.price + np.cumsum(rng.normal(0, move, n))
    close = np.abs(close - 0.2 * shape.price) + 0.2 * shape.price
    open_ = np.r_[shape.price, close[:-1]] + rng.normal(0, move, n) * (rng.random(n) < 0.1) * 5
    high = np.maximum(open_, close) + np.abs(rng.normal(0, move, n))
    low = np.minimum(open_, close) - np.abs(rng.normal(0, move, n))
    prices = [np.round(x * unit) / unit for x in (open_, high, low, close)]
    volume = np.round(rng.lognormal(4, 1.5, n)) * (rng.random(n) < 0.95)
    keep = rng.random(n) >= shape.missing
    keep[rng.integers(n)] = True
    if shape.asset_class == "INDEX":
        volume = np.full(n, np.nan)
    return MinuteBars(ts[keep], *(x[keep] for x in prices), volume[keep])


def signal_bars(minutes: MinuteBars, sessions: Sessions, bar_minutes: int) -> SignalBars:
    """Buckets from the session's open, written as a loop."""
    rows: dict[tuple[int, int], list[int]] = {}
    for i, ts in enumerate(minutes.ts.tolist()):
        session = int(np.searchsorted(sessions.open_ns, ts, "right")) - 1
        bucket = (ts - int(sessions.open_ns[session])) // (bar_minutes * MINUTE_NS)
        rows.setdefault((session, bucket), []).append(i)
    session = np.array([key[0] for key in rows])
    start = (
        sessions.open_ns[session] + np.array([key[1] for key in rows]) * bar_minutes * MINUTE_NS
    )
    members = list(rows.values())
    return SignalBars(
        ts=start,
        end=np.minimum(start + bar_minutes * MINUTE_NS, sessions.close_ns[session]),
        session=session.astype(np.int32),
        segment=np.zeros(len(rows), np.int32),
        open=np.array([minutes.open[m[0]] for m in members]),
        high=np.array([minutes.high[m].max() for m in members]),
        low=np.array([minutes.low[m].min() for m in members]),
        close=np.array([minutes.close[m[-1]] for m in members]),
        volume=np.array([minutes.volume[m].sum() for m in members]),
    )


def breakout_market(rng: Generator, shape: Shape) -> SymbolData:
    """Make a symbol whose breakout features are random."""
    sessions = session_table(shape)
    minutes = minute_bars(rng, shape, sessions)
    factor = np.ones(len(sessions))
    if shape.split_at is not None:
        factor[: shape.split_at] = 0.25
    session = np.searchsorted(sessions.open_ns, minutes.ts, "right") - 1
    scale = factor[session]
    adjusted = MinuteBars(
        minutes.ts,
        *(getattr(minutes, name) * scale for name in ("open", "high", "low", "close")),
        minutes.volume / scale,
    )
    bars = signal_bars(adjusted, sessions, shape.bar_minutes)
    n = len(bars)
    spread = shape.minute_move * np.sqrt(shape.bar_minutes) * factor[bars.session]

    def holes(column: np.ndarray, share: float) -> np.ndarray:
        return np.where(rng.random(n) < share, np.nan, column)

    values = {
        "close": bars.close,
        "atr": holes(spread * rng.lognormal(0, 0.3, n), 0.02),
        "rel_volume": holes(rng.gamma(3, 0.6, n), 0.02),
        "vwap_dist_frac": holes(rng.normal(0, 0.004, n), 0.02),
        "day_change_frac": holes(rng.normal(0, 0.01, n), 0.02),
        "flow_signed": holes(rng.uniform(-100, 100, n), 0.5),
        "or_high_30": bars.close + rng.normal(0, 1, n),
        "or_low_30": bars.close + rng.normal(0, 1, n),
        "prior_high": holes(bars.close + rng.normal(0, 1, n), 0.1),
        "prior_low": bars.close + rng.normal(0, 1, n),
        "mtf_rsi_up_frac": rng.random(n),
        "mtf_rsi_down_frac": rng.random(n),
    }
    named = {"vwap": "vwap_dist_frac", "prior_close": "day_change_frac"}
    values |= {name: values[column] for name, column in named.items()}
    reasons = {name: np.where(np.isnan(x), 3, 0).astype(np.int8) for name, x in values.items()}
    return SymbolData(
        symbol="TEST",
        asset_class=shape.asset_class,
        sessions=sessions,
        minutes=minutes,
        factor=factor,
        features=FeatureTable(bars, values, reasons, {}),
        bar_minutes=shape.bar_minutes,
    )
