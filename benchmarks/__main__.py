"""Run every suite in turn, each in its own process: `python -m benchmarks [suite ...]`."""

import pkgutil
import subprocess
import sys
import time
from collections.abc import Sequence

import benchmarks

EXPERIMENTS = ("calibration",)
"""Hours long and no figure of speed: run when named only."""


def suites() -> list[str]:
    """Return the names of the suites: sub-packages and modules without a leading underscore."""
    names = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in names if not name.startswith("_"))


def run(names: Sequence[str]) -> int:
    """Run suites in turn; one that fails does not stop the others."""
    failed = []
    for name in names:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
        print(f"-- {name}: {time.monotonic() - started:.0f} s\n", flush=True)
    print(f"{len(names) - len(failed)} of {len(names)} suites ran")
    if failed:
        print(f"ended in an error: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    known = suites()
    wanted = sys.argv[1:] or [name for name in known if name not in EXPERIMENTS]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no suite {', '.join(unknown)}; there are {', '.join(known)}")
        sys.exit(2)
    sys.exit(run(wanted))
