"""Measure a function in a fresh process: processor time, wall time, memory over the imports.

Processor time is what ratios are made of: it says the same on a busy machine. Peers (polars,
duckdb, ...) live in an environment of their own, `.venv-benchmarks`, or in the one that
`BENCHMARK_PYTHON` names.
"""

import dataclasses
import functools
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Measured:
    """Best of several runs of a function.

    Attributes
    ----------
    cpu_s, wall_s
        Seconds of the best run, over all threads of the process.
    over_floor_mb
        Peak resident memory less what was resident after the imports.
    result
        What the function returned.
    """

    cpu_s: float
    wall_s: float
    over_floor_mb: float
    result: object


def measure(
    function: str,
    *arguments: object,
    runs: int = 3,
    cores: int = 1,
    python: str = sys.executable,
) -> Measured:
    """Run `module:function` in a fresh process.

    Parameters
    ----------
    function
        Importable by `python` from the repository's root.
    arguments
        Handed on as text.
    runs
        Times it is run; the best one counts, the first warms caches.
    cores
        Processors the process may use.
    python
        Interpreter.
    """
    chosen = ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    done = subprocess.run(
        [python, "-m", "benchmarks._processes", function, str(runs), chosen, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": str(cores), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


@functools.cache
def python_with(module: str) -> str | None:
    """Return an interpreter that has a peer, None (and a line that says so) without one."""
    own = ROOT / ".venv-benchmarks" / "bin" / "python"
    for candidate in (os.environ.get("BENCHMARK_PYTHON"), own, sys.executable):
        if candidate and Path(candidate).exists():
            probe = [str(candidate), "-c", f"import {module}"]
            if not subprocess.run(probe, check=False, capture_output=True).returncode:
                return str(candidate)
    print(f"no {module}: install benchmarks/requirements.txt into .venv-benchmarks; left out")
    return None


def _main(function: str, runs: str, cores: str, *arguments: str) -> None:
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    floor = _resident_mb()
    best, result = (float("inf"), float("inf")), None
    for _ in range(int(runs)):
        before, started = time.process_time(), time.perf_counter()
        result = call(*arguments)
        best = min(best, (time.process_time() - before, time.perf_counter() - started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(dataclasses.asdict(Measured(*best, peak - floor, result))))


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


if __name__ == "__main__":
    _main(*sys.argv[1:])
