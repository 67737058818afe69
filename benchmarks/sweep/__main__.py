"""Measure the sweep engine: `python -m benchmarks.sweep`."""

from typing import Any, cast

import numpy as np

from benchmarks._figures import Figure, show
from benchmarks._processes import Measured, measure, python_with
from benchmarks.sweep.work import GRIDS, SIZES, bars_of

OURS = "benchmarks.sweep.ours"
SAMPLE = {"S": 200, "M": 10, "L": 20}
"""Sets that vectorbt evaluates: its cost is one of bars, whatever the sets."""

FEW = {"S": 20, "M": 1, "L": 2}
"""Sets that backtesting.py evaluates."""

BOUNDS = {"random": (300.0, 500.0), "grid": (1_000.0, 3_000.0)}


def main() -> None:
    """Measure and print every figure."""
    for size in SIZES:
        bars_of(size)
    figures: list[Figure] = []
    for size, count in SAMPLE.items():
        peer = _peer("vectorbt", "peers:vectorbt_sweep", size, count)
        for kind, n in (("random", 1_000), *(("grid", n) for n in GRIDS)):
            ours = measure(f"{OURS}:rate", size, kind, n, runs=3)
            figures += _rates(f"{size} {kind}, {n:,} sets", ours, n, kind, peer)
        slow = _peer("backtesting", "by_the_bar:backtesting_sweep", size, FEW[size])
        note = "for the record" if peer is None else f"vectorbt {peer:,.3g} sets/s"
        figures.append(Figure(f"{size}, backtesting.py", slow, "sets/s", higher=True, note=note))
    figures += _shares()
    show(figures)


def _peer(name: str, function: str, size: str, count: int) -> float | None:
    """Return sets per CPU second of a peer; an error where its trades are not ours."""
    python = python_with(name)
    if python is None:
        return None
    task = f"benchmarks.sweep.{function}"
    done = measure(task, size, "random", 1_000, count, runs=2, python=python)
    ours = measure(f"{OURS}:trades_and_returns", size, "random", 1_000, count, runs=1)
    theirs, mine = (cast("dict[str, Any]", one.result) for one in (done, ours))
    if theirs["trades"] != mine["trades"]:
        raise RuntimeError(f"{size}: {name} counts {theirs['trades']}, ours {mine['trades']}")
    apart = float(np.abs(np.subtract(theirs["returns"], mine["returns"])).max())
    print(
        f"{size}: {sum(mine['trades']):,} trades of {count} sets, as many as {name}'s in every "
        f"set and symbol; returns at most {apart:.1e} apart",
        flush=True,
    )
    if apart > 1e-9:
        raise RuntimeError(f"{size}: returns are {apart:.1e} apart from {name}'s, more than 1e-9")
    return count / done.cpu_s


def _rates(what: str, ours: Measured, n: int, kind: str, peer: float | None) -> list[Figure]:
    result = cast("dict[str, float]", ours.result)
    rate = n / ours.cpu_s
    note = f"{ours.cpu_s / n * 1e6:.0f} CPU us a set, {result['trades']:,.0f} trades"
    figures = [Figure(what, rate, "sets/s", higher=True, note=note)]
    if peer is not None:
        must, reach = BOUNDS[kind] if not what.startswith("S") else (None, None)
        note = f"vectorbt {peer:,.3g} sets/s"
        figures.append(
            Figure("  faster than vectorbt", rate / peer, "x", must, reach, higher=True, note=note)
        )
    if what.startswith("L grid, 10"):
        figures.append(Figure("  peak memory", result["peak_mib"], "MiB", 250, 250))
    return figures


def _shares() -> list[Figure]:
    """Measure what all metrics cost, what bars without candidates do, and a second thread."""
    plain = measure(f"{OURS}:rate", "L", "random", 1_000)
    idle = measure(f"{OURS}:rate", "LL", "random", 1_000)
    grid = measure(f"{OURS}:rate", "L", "grid", 10_000)
    metrics = measure(f"{OURS}:metrics_alone", "L", 10_000)
    several = measure(f"{OURS}:side_by_side", "L", "grid", 10_000, runs=1, cores=2)
    took = cast("dict[str, float]", several.result)
    note = "wall time of evaluation alone, means something on a quiet machine"
    return [
        Figure(
            "L grid, two threads against one",
            took["one_thread"] / took["two_threads"],
            "x",
            higher=True,
            note=note,
        ),
        Figure(
            "L grid, two Ray actors of two threads",
            100 * took["two_threads"] / took["two_actors"],
            "%",
            60,
            80,
            higher=True,
            note=note,
        ),
        Figure("L, twice the bars, equal candidates", idle.cpu_s / plain.cpu_s, "x", 1.2, 1.2),
        Figure(
            "L grid, share of all metrics and daily moments",
            100 * metrics.cpu_s / grid.cpu_s,
            "%",
            note=f"{metrics.cpu_s / 10_000 * 1e6:.1f} CPU us a set",
        ),
    ]


if __name__ == "__main__":
    main()
