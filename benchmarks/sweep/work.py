"""The common work: bars, features and parameter sets, as plain arrays that every peer reads.

Long only, one position a symbol. At the close of bar t, flat: signal if dev > d, rsi < r and
rvol > v, and bar t + 1 lies before the session's last bar. Buy at the open of t + 1; stop = entry
- a ATR(t), target = entry + b ATR(t); exit bar X = the earlier of h bars after the entry's and the
session's last bar, sold at its open. Before X, from the entry bar on: open or low at or below the
stop sells at the worse of the two, else open or high at or beyond the target at the better. The
bar of an exit gives no signal. 2 bp fee on each leg, no slippage.
"""

import dataclasses
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_FORM = 2  # raised when what is generated changes
FEE = 2e-4
RANGES = {
    "d": (0.0005, 0.004),
    "r": (30.0, 48.0),
    "v": (0.9, 1.6),
    "a": (0.5, 3.0),
    "b": (0.5, 5.0),
    "h": (4, 40),
}
"""Parameter -> its range; the loosest entries leave a tenth to a sixth of the bars."""

GRIDS = {
    1_000: {"d": 5, "r": 5, "v": 2, "a": 5, "b": 2, "h": 2},
    10_000: {"d": 5, "r": 5, "v": 4, "a": 5, "b": 5, "h": 4},
}
"""Sets -> values of each parameter in the Cartesian grid, about as many entry as exit rules."""


@dataclasses.dataclass(frozen=True)
class Size:
    """Symbols, sessions, minutes of a bar, and how often idle sessions follow the others."""

    symbols: int
    sessions: int
    bar_minutes: int
    idle: bool = False


SIZES = {
    "S": Size(1, 62, 15),
    "M": Size(10, 252, 5),
    "L": Size(1, 504, 1),
    "LL": Size(1, 1008, 1, idle=True),
}
"""`LL` is L and as many sessions again without a candidate."""


def random_sets(n: int, seed: int = 7) -> dict[str, Float]:
    """Draw sets that share no value but whole numbers of bars."""
    rng = np.random.default_rng(seed)
    sets = {name: rng.uniform(low, high, n) for name, (low, high) in RANGES.items()}
    sets["h"] = rng.integers(RANGES["h"][0], RANGES["h"][1] + 1, n).astype(float)
    return sets


def grid_sets(n: int) -> dict[str, Float]:
    """Return a Cartesian grid, exits slowest."""
    axes = [np.linspace(*RANGES[name], count) for name, count in GRIDS[n].items()]
    order = (3, 4, 5, 0, 1, 2)
    product = np.meshgrid(*(axes[k] for k in order), indexing="ij")
    found = {list(GRIDS[n])[k]: grid.ravel() for k, grid in zip(order, product, strict=True)}
    return found | {"h": np.rint(found["h"])}


def sets_of(kind: str, n: int) -> dict[str, Float]:
    """Return `random` or `grid` sets."""
    return random_sets(n) if kind == "random" else grid_sets(n)


def bars_of(size: str) -> list[dict[str, Float]]:
    """Return the bars and features of every symbol of a size, made where missing."""
    shape = SIZES[size]
    folder = Path(tempfile.gettempdir()) / "detector-sweep-benchmarks"
    folder.mkdir(exist_ok=True)
    found = []
    for symbol in range(shape.symbols):
        path = folder / f"sweep-{_FORM}-{size}-{symbol}.npz"
        if not path.exists():
            temporary = path.with_name(f"{os.getpid()}-{path.name}")
            np.savez(temporary, **_symbol(shape, symbol))
            temporary.replace(path)
        with np.load(path) as stored:
            found.append({name: stored[name] for name in stored.files})
    return found


def _symbol(shape: Size, symbol: int) -> dict[str, Float]:
    """Make minutes by a geometric walk, aggregate them and compute the features."""
    if shape.idle:
        half = _symbol(Size(shape.symbols, shape.sessions // 2, shape.bar_minutes), symbol)
        bars = {name: np.concatenate([column, column]) for name, column in half.items()}
        bars["rvol"][len(half["rvol"]) :] = 0.0
        return bars
    rng = np.random.default_rng([_FORM, symbol])
    minutes = np.arange(390)
    busy = 0.6 + 1.2 * np.abs(minutes / 389 - 0.5) ** 2 * 4  # U-shaped within the day
    moves = rng.normal(0, 6e-4, (shape.sessions, 390)) * busy
    gaps = rng.normal(0, 5e-3, shape.sessions)
    moves[:, 0] += gaps
    close = 100 * np.exp(np.cumsum(moves.ravel())).reshape(moves.shape)
    before = np.concatenate([[100.0], close.ravel()[:-1]]).reshape(moves.shape)
    open_ = before.copy()
    open_[:, 0] *= np.exp(gaps)
    spread = np.abs(rng.normal(0, 3e-4, (2, *moves.shape))) * busy * close
    high = np.maximum(open_, close) + spread[0]
    low = np.minimum(open_, close) - spread[1]
    volume = np.round(rng.lognormal(8, 0.6, moves.shape) * busy)
    prices = [np.round(x, 2) for x in (open_, high, low, close)]
    open_, high, low, close, volume = (x.reshape(-1, shape.bar_minutes) for x in (*prices, volume))
    bars = {
        "open": open_[:, 0],
        "high": high.max(axis=1),
        "low": low.min(axis=1),
        "close": close[:, -1],
        "volume": volume.sum(axis=1),
    }
    return bars | _features(bars, shape.sessions)


def _wilder(x: Float, period: int) -> Float:
    """Wilder's average, seeded with the mean of the first values."""
    from scipy.signal import lfilter  # noqa: PLC0415 30 MB, and only where bars are made

    out = np.full(len(x), np.nan)
    seed = x[:period].mean()
    tail, _ = lfilter([1 / period], [1, 1 / period - 1], x[period:], zi=[seed * (1 - 1 / period)])
    out[period - 1] = seed
    out[period:] = tail
    return out


def _features(bars: dict[str, Float], sessions: int) -> dict[str, Float]:
    high, low, close, volume = (bars[k] for k in ("high", "low", "close", "volume"))
    daily = (sessions, -1)
    typical = ((high + low + close) / 3 * volume).reshape(daily).cumsum(axis=1).ravel()
    vwap = typical / volume.reshape(daily).cumsum(axis=1).ravel()
    change = np.diff(close, prepend=close[0])
    gain, loss = _wilder(np.maximum(change, 0), 14), _wilder(np.maximum(-change, 0), 14)
    before = np.concatenate([[close[0]], close[:-1]])
    mean = np.full(len(close), np.nan)
    mean[20:] = np.lib.stride_tricks.sliding_window_view(volume, 20)[:-1].mean(axis=1)
    return {
        "dev": 1 - close / vwap,
        "rsi": 100 * gain / (gain + loss),
        "rvol": volume / mean,
        "atr": _wilder(np.maximum(high, before) - np.minimum(low, before), 14),
    }
