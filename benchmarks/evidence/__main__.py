"""Measure the evidence: `python -m benchmarks.evidence [--most 1000000]`."""

import argparse

from benchmarks._figures import Figure, show
from benchmarks._processes import measure

TASKS = "benchmarks.evidence.tasks"
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
    show(figures)


if __name__ == "__main__":
    main()
