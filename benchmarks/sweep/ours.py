"""The common work through the public engine: a detector of the benchmark and `evaluate_block`."""

import dataclasses
import functools
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.sweep.work import FEE, SIZES, Float, bars_of, sets_of
from detectors.bars import MINUTE_NS, MinuteBars, Sessions, SignalBars
from detectors.contract import Columns, Condition, Detector, Factor, bounded
from detectors.features.table import FeatureTable, Reason
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import CandidateTable, bounds_of, build_candidates, variants_of
from sweep.engine.metrics import metrics_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.sums import SUMS, TRADES
from sweep.engine.symbol_data import SymbolData

FILLS = FillSettings(
    timeframe="signal", levels_from="entry_fill", target_gap="open", min_risk_share=0.0
)
BLOCK = 4_000
"""Sets of a block: their daily series take 24 MB on L."""

FINE_TICKS = 2**40  # the peers round no level: ticks of 1e-12


@dataclasses.dataclass(frozen=True)
class _Params:
    dev_min: float = bounded(0.0, legal=(-1, 1), searched=(0, 0.004), unit="frac")
    rsi_max: float = bounded(50.0, legal=(0, 100), searched=(30, 50), unit="RSI points")
    rvol_min: float = bounded(0.8, legal=(0, 50), searched=(0.8, 1.6), unit="ratio")


def _columns(features: FeatureTable, _params: _Params, _side: int) -> Columns:
    names = ("dev", "rsi", "rvol")
    return Columns({name: features[name] for name in names} | {"one": np.ones(len(features))})


DETECTOR = Detector(
    name="common_work",
    family="common_work",
    side=1,
    revision=1,
    asset_classes=("ETF",),
    signal_minutes=1,
    parameter_class=_Params,
    windows=(),
    conditions=(
        Condition("dev", "dev", ">=", "dev_min", ("dev",)),
        Condition("rsi", "rsi", "<=", "rsi_max", ("rsi",)),
        Condition("rvol", "rvol", ">=", "rvol_min", ("rvol",)),
    ),
    factors=(Factor("always", 1.0, "one", ((0, 0), (1, 100))),),
    relations=(),
    columns=_columns,
)


def market_of(size: str) -> list[SymbolData]:
    """Return the symbols of a size as the engine takes them."""
    shape = SIZES[size]
    day = np.arange(shape.sessions, dtype=np.int64)
    open_ns = day * 86_400_000_000_000 + 14 * 3_600_000_000_000
    close_ns = open_ns + 390 * MINUTE_NS
    date = day.astype("datetime64[D]")
    sessions = Sessions(date, open_ns, close_ns, np.ones(len(day), np.bool_))
    start = np.arange(0, 390, shape.bar_minutes) * MINUTE_NS
    ts = (open_ns[:, np.newaxis] + start).ravel()
    session = np.repeat(day, len(start)).astype(np.int32)
    nothing = np.empty(0)
    minutes = MinuteBars(np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing)
    found = []
    for k, stored in enumerate(bars_of(size)):
        prices = [stored[name] for name in ("open", "high", "low", "close", "volume")]
        bars = SignalBars(
            ts, ts + shape.bar_minutes * MINUTE_NS, session, np.zeros_like(session), *prices
        )
        values = {name: stored[name] for name in ("close", "dev", "rsi", "rvol", "atr")}
        reasons = {
            name: np.where(np.isnan(x), Reason.WARMUP, Reason.KNOWN).astype(np.int8)
            for name, x in values.items()
        }
        found.append(
            SymbolData(
                symbol=f"W{k}",
                asset_class="ETF",
                sessions=sessions,
                minutes=minutes,
                factor=np.ones(len(day)),
                features=FeatureTable(bars, values, reasons, {}),
                bar_minutes=shape.bar_minutes,
                ticks_per_unit=FINE_TICKS,
            )
        )
    return found


def parameter_sets(kind: str, n: int, bar_minutes: int) -> ParameterSets:
    """Return the sets as ours: thresholds that themselves pass, where the work's do not."""
    given = sets_of(kind, n)
    columns = {
        "dev_min": np.nextafter(given["d"], np.inf),
        "rsi_max": np.nextafter(given["r"], -np.inf),
        "rvol_min": np.nextafter(given["v"], np.inf),
        "stop_atr": given["a"],
        "target_atr": given["b"],
        "max_hold_bars": given["h"],
        "min_score": 0.0,
        "cooldown_bars": 1.0,
        "flat_before_close_minutes": float(bar_minutes),
    }
    return ParameterSets.of(DETECTOR, columns, len(given["d"]))


@functools.cache
def _market(size: str) -> list[SymbolData]:
    return market_of(size)


def _tables(size: str, sets: ParameterSets) -> list[CandidateTable]:
    market, bounds, variants = _market(size), bounds_of(sets), variants_of(DETECTOR, sets)
    return [
        build_candidates(
            DETECTOR,
            data,
            bounds=bounds,
            variants=variants,
            axis=np.arange(len(data.sessions), dtype=np.int32),
            fills=FILLS,
            costs=Costs(fee_bps=FEE * 1e4),
        )
        for data in market
    ]


def sweep(size: str, kind: str, n: str) -> Float:
    """Build candidate tables and evaluate the sets, block by block; return trades of each."""
    sets = parameter_sets(kind, int(n), SIZES[size].bar_minutes)
    tables = _tables(size, sets)
    parts = np.array_split(np.arange(len(sets)), -(-len(sets) // BLOCK))
    found = [evaluate_block(DETECTOR, tables, sets.take(part)).metrics for part in parts]
    return np.concatenate([metrics["trades"] for metrics in found])


def rate(size: str, kind: str, n: str) -> dict[str, float]:
    """Sweep; return trades a set and the peak memory of the process in MiB."""
    trades = sweep(size, kind, n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"trades": float(trades.mean()), "peak_mib": peak}


def side_by_side(size: str, kind: str, n: str) -> dict[str, float]:
    """Evaluate sets on tables that are there: one thread, two, two Ray actors; best seconds."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 Ray reads it so; as threads have it
    import ray  # noqa: PLC0415 a second, which other figures do without

    sets = parameter_sets(kind, int(n), SIZES[size].bar_minutes)
    tables = _tables(size, sets)
    halves = [sets.take(half) for half in np.array_split(np.arange(len(sets)), 2)]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    actors = [ray.remote(num_cpus=1)(_Worker).remote(tables) for _ in halves]
    ray.get([actor.evaluate.remote(sets.take(np.arange(10))) for actor in actors])
    with ThreadPoolExecutor(2) as pool:
        ways = {
            "one_thread": lambda: [evaluate_block(DETECTOR, tables, half) for half in halves],
            "two_threads": lambda: list(
                pool.map(lambda half: evaluate_block(DETECTOR, tables, half), halves)
            ),
            "two_actors": lambda: ray.get(
                [a.evaluate.remote(half) for a, half in zip(actors, halves, strict=True)]
            ),
        }
        found = {name: min(_seconds(way) for _ in range(5)) for name, way in ways.items()}
    ray.shutdown()
    return found


def _seconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


class _Worker:
    """An actor that holds the tables and, as a trial does, hands the metrics back."""

    def __init__(self, tables: list[CandidateTable]) -> None:
        self.tables = tables

    def evaluate(self, sets: ParameterSets) -> dict[str, NDArray[Any]]:
        return dict(evaluate_block(DETECTOR, self.tables, sets).metrics)


def metrics_alone(size: str, n: str) -> None:
    """Make the metrics of n sets from sums and series as long as those of `sweep`."""
    sums = np.ones((int(n), SUMS))
    series = np.full((int(n), SIZES[size].sessions), 0.1)
    counts = np.ones(series.shape, np.int32)
    sums[:, TRADES] = np.arange(int(n)) % 5_000
    metrics_of(sums, series, counts, 390 * SIZES[size].sessions)


def trades_and_returns(size: str, kind: str, n: str, count: str) -> dict[str, list[float]]:
    """Return what `peers.vectorbt_sweep` does: of each symbol, then set, trades and return."""
    every = parameter_sets(kind, int(n), SIZES[size].bar_minutes)
    sets = every.take(np.arange(int(count)))
    trades: list[float] = []
    returns: list[float] = []
    block = evaluate_block(DETECTOR, _tables(size, sets), sets, trades=True)
    for recorded in block.trades:
        columns = recorded.columns
        which = columns["set"].astype(np.int64)
        grown = columns["exit_price"] * (1 - FEE) / (columns["entry_price"] * (1 + FEE))
        trades += np.bincount(which, minlength=int(count)).tolist()
        returns += np.expm1(np.bincount(which, np.log(grown), int(count))).tolist()
    return {"trades": trades, "returns": returns}
