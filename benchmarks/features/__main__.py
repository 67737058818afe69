"""Measure features: `python -m benchmarks.features`."""

import os
import tempfile
from pathlib import Path

import numpy as np
from py_lets_be_rational import implied_volatility_from_a_transformed_rational_guess as exact

from benchmarks._figures import Figure, show
from benchmarks._processes import measure, python_with
from benchmarks.features.inputs import options
from sweep.market.options.implied_vol import implied_volatility

TASKS = "benchmarks.features.tasks"
PEERS = "benchmarks.features.peers"
CHECKED = 20_000


def main() -> None:
    """Measure and print every figure."""
    figures = [_compiled()]
    for minutes in (5, 15):
        found = measure(f"{TASKS}:bar_features", minutes, runs=4)
        what = f"all bar features of one symbol-year, {minutes}m bars from minutes, one core"
        note = f"{found.result} bars"
        figures.append(Figure(what, found.cpu_s, "CPU s", 1.0, 1.0, note=note))
    solved = measure(f"{TASKS}:volatilities", runs=3)
    note = f"largest error {solved.result:.0e}"
    figures.append(Figure("1e6 implied volatilities", solved.cpu_s, "CPU s", 2.0, 2.0, note=note))
    figures.append(_against_the_exact_solver())
    figures += _against_fast_vollib(solved.cpu_s)
    day = measure(f"{TASKS}:gamma_day", runs=3)
    what = "gamma features of an index day, 504 contracts x 390 minutes"
    note = f"exposure known in {day.result} minutes"
    figures.append(Figure(what, day.cpu_s, "CPU s", 2.0, 2.0, note=note))
    show(figures)


def _compiled() -> Figure:
    """Use every kernel on a machine without compiled ones, then again in a fresh process."""
    kept = os.environ.get("NUMBA_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        cold, warm = (measure(f"{TASKS}:every_kernel", runs=1).cpu_s for _ in range(2))
        os.environ.pop("NUMBA_CACHE_DIR")
        if kept is not None:
            os.environ["NUMBA_CACHE_DIR"] = kept
    note = f"{cold:.1f} CPU s cold, {warm:.1f} from the kernel cache, the work itself included"
    return Figure("compiling every kernel", cold - warm, "CPU s", 20.0, 20.0, note=note)


def _against_the_exact_solver() -> Figure:
    """Compare with py-lets-be-rational, exact to rounding, on some of the options."""
    price, forward, strike, call, years, _ = (column[:CHECKED] for column in options(CHECKED))
    ours = implied_volatility(price, forward, strike, call, years)
    theirs = np.array(
        [
            exact(p, f, k, t, 1.0 if c else -1.0)
            for p, f, k, c, t in zip(price, forward, strike, call, years, strict=True)
        ]
    )
    away = float(np.max(np.abs(ours - theirs)))
    what = "  furthest from py-lets-be-rational"
    return Figure(what, away, "of volatility", 1e-9, 1e-9, note=f"{CHECKED:,} options")


def _against_fast_vollib(cpu_s: float) -> list[Figure]:
    python = python_with("fast_vollib")
    if python is None:
        return []
    names = ("price", "forward", "strike", "call", "years", "sigma")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.npz"
        np.savez(path, **dict(zip(names, options(1_000_000), strict=True)))
        other = measure(f"{PEERS}:fast_vollib", path, python=python, runs=3)
    note = f"{other.cpu_s:.2f} CPU s of fast-vollib, largest error {other.result:.0e}"
    return [Figure("  faster than fast-vollib", other.cpu_s / cpu_s, "x", higher=True, note=note)]


if __name__ == "__main__":
    main()
