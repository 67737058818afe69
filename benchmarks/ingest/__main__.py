"""Measure the ingest: `python -m benchmarks.ingest`."""

import os
import time
from pathlib import Path

from benchmarks._figures import Figure, show
from benchmarks._processes import Measured, measure, python_with
from benchmarks.ingest.day_files import option_day, stock_day
from benchmarks.ingest.tasks import twenty
from sweep.ingest.pool import run_tasks

TASKS = "benchmarks.ingest.tasks"
PEERS = "benchmarks.ingest.peers"

#: Days per core.
_DAYS = 20


def main() -> None:
    """Measure and print every figure."""
    figures = []
    stocks = stock_day()
    floor = measure(f"{TASKS}:inflate", stocks, runs=5)
    for task, what, bound, faster in (
        ("twenty", "20 symbols of a stock day, 1m + 15m, one core", (3.0, 2.2), (2.7, 4.0)),
        ("everything", "all symbols of a stock day, 1m + 15m, one core", (7.5, 7.5), (1.0, 1.0)),
    ):
        ours = measure(f"{TASKS}:{task}", stocks, runs=5)
        figures.append(_to_floor(what, ours, floor, *bound))
        if task == "twenty":
            note = "resident peak less that after the imports"
            figures.append(Figure("  its memory", ours.over_floor_mb, "MB", 150, 100, note=note))
        for peer, reach in zip(("polars", "duckdb"), faster, strict=True):
            figures += _against(peer, f"{peer}_{task}", stocks, ours, reach)
    options = option_day()
    floor = measure(f"{TASKS}:inflate", options, runs=3)
    ours = measure(f"{TASKS}:one_underlying", options, runs=3)
    what = "options of one underlying (SPY), rows checked, one core"
    figures.append(_to_floor(what, ours, floor, 2.2, 2.2))
    figures += _against("polars", "polars_underlying", options, ours, None)
    figures += _two_cores(stocks)
    figures += _postgres()
    show(figures)


def _two_cores(stocks: Path) -> list[Figure]:
    """Measure days a second of the ingest's own processes, once they are warm."""
    what = "two cores against one, days a second"
    if len(os.sched_getaffinity(0)) < 2:
        return [Figure(what, None, "x", 1.8, 1.8, higher=True, note="only one core here")]
    rates = []
    for workers in (1, 2):
        ends = []
        for outcome in run_tasks(twenty, [str(stocks)] * (_DAYS * workers + workers), workers):
            if outcome.error:
                raise RuntimeError(outcome.error)
            ends.append(time.perf_counter())
        warm = ends[workers:]
        rates.append((len(warm) - 1) / (warm[-1] - warm[0]))
    note = f"{rates[1]:.1f} against {rates[0]:.1f} days a second, wall"
    return [Figure(what, rates[1] / rates[0], "x", 1.8, 1.8, higher=True, note=note)]


def _postgres() -> list[Figure]:
    from benchmarks.ingest.postgres import load  # noqa: PLC0415 - sets DATABASE_URL

    rows, first, again = load()
    note = f"{rows:,} bars by month into a keyed table, wall {first:.2f} s"
    other = f"every row there already and replaced, wall {again:.2f} s"
    return [
        Figure("bars into Postgres", rows / first, "rows/s", 3e5, 5e5, higher=True, note=note),
        Figure("  again", rows / again, "rows/s", higher=True, note=other),
    ]


def _to_floor(what: str, ours: Measured, floor: Measured, must: float, reach: float) -> Figure:
    note = f"{ours.cpu_s:.3f} CPU s against {floor.cpu_s:.3f} of bare isal"
    return Figure(what, ours.cpu_s / floor.cpu_s, "x", must, reach, note=note)


def _against(
    peer: str, function: str, path: object, ours: Measured, reach: float | None
) -> list[Figure]:
    python = python_with(peer)
    if python is None:
        return []
    other = measure(f"{PEERS}:{function}", path, python=python)
    if other.result != ours.result:
        raise RuntimeError(f"{peer} counts {other.result}, ours are {ours.result}")
    note = f"{other.cpu_s:.3f} CPU s of {peer}"
    value = other.cpu_s / ours.cpu_s
    return [Figure(f"  faster than {peer}", value, "x", reach, reach, higher=True, note=note)]


if __name__ == "__main__":
    main()
