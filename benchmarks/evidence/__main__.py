"""Measure the evidence: `python -m benchmarks.evidence [--most 1000000]`."""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._figures import Figure, show
from benchmarks._processes import measure, python_with
from sweep.evidence.deflated import deflated_sharpe_ratio
from sweep.evidence.pbo import pbo_cscv
from sweep.evidence.sharpe import probabilistic_sharpe_ratio

TASKS = "benchmarks.evidence.tasks"
PEERS = "benchmarks.evidence.peers"
SETS, SESSIONS = 10_000, 500


def main() -> None:
    """Measure and print every figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="sets of the memory figure")
    most = parser.parse_args().most
    size = f"{SETS:,} sets x {SESSIONS} sessions"
    figures = []
    for what, task, runs, must, reach in (
        (f"whole evidence, {size}", "whole", 2, 20.0, 10.0),
        ("  PBO, 16 blocks", "overfitting", 3, None, 3.0),
        ("  SPA, 1,000 resamples", "superiority", 3, None, 3.0),
    ):
        found = measure(f"{TASKS}:{task}", SETS, SESSIONS, runs=runs, cores=2)
        note = f"{found.result}; {found.cpu_s:.1f} CPU s"
        figures.append(Figure(what, found.wall_s, "s", must, reach, note=note))
        if task == "whole":
            figures.append(Figure("  memory", found.over_floor_mb, "MB", 2048, 2048))
    found = measure(f"{TASKS}:whole", most, SESSIONS, runs=1, cores=2)
    note = f"{found.result}; {found.wall_s:.0f} s wall, {found.cpu_s:.0f} CPU s"
    what = f"whole evidence, {most:,} sets x {SESSIONS} sessions: memory"
    figures.append(Figure(what, found.over_floor_mb, "MB", 2048, 2048, note=note))
    show([*figures, *_against_purgedcv()])


def _against_purgedcv() -> list[Figure]:
    """Compare PSR, DSR and PBO with a second public implementation."""
    python = python_with("purgedcv")
    if python is None:
        return []
    rng = np.random.default_rng(3)
    returns = rng.standard_t(4, (20, 240)) + rng.uniform(-0.1, 0.3, (20, 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "returns.npy"
        np.save(path, returns)
        theirs = measure(f"{PEERS}:purgedcv", path, python=python, runs=1).result
    away = []
    for sharpe, skew, kurtosis, psr, dsr in np.reshape(theirs["terms"], (-1, 5)).tolist():
        shape = {"skew": skew, "kurtosis": kurtosis}
        own = probabilistic_sharpe_ratio(sharpe, 240, benchmark=0.05, **shape)
        deflated = deflated_sharpe_ratio(sharpe, 240, n_trials=500, sharpe_variance=0.004, **shape)
        away += [abs(own - psr), abs(deflated.dsr - dsr)]
    logits = np.sort(pbo_cscv(returns, n_blocks=8).logits) - theirs["logits"]
    return [
        Figure("furthest from purgedcv: PSR, DSR", max(away), "", 1e-12, 1e-12, note="20 sets"),
        Figure("  logits of PBO", float(np.abs(logits).max()), "", 1e-12, 1e-12, note="70 splits"),
    ]


if __name__ == "__main__":
    main()
