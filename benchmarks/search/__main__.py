"""Measure the sweep around its kernels: `python -m benchmarks.search [seconds [sets]]`.

`seconds` of kernel time a core (60), `sets` of the finished sweep that is asked for again
(100,000). Wall time throughout: wants a quiet machine with two processors, and 6 minutes.
"""

import contextlib
import datetime as dt
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}

from benchmarks._figures import Figure, show
from sweep.search import runner
from sweep.search.blocks import BlockQueue
from sweep.search.spec import ExecutionSettings, SearchSettings, SweepSpec
from sweep.search.tuner import Watch, connected, run_blocks

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

SYMBOLS = ("SPY", "QQQ", "IWM", "AAPL")
DAYS = (dt.date(2023, 7, 3), dt.date(2024, 6, 28))
DETECTOR = "mean_reversion_long"
WORDS = (f"detector={DETECTOR}", "search=random", "symbols=[SPY,QQQ,IWM,AAPL]")
FIRST = 5_000  # sets that tell what a set costs


class _Counted(BlockQueue):
    """A queue that adds up what blocks took in the engine."""

    engine_s = 0.0

    def measured(self, detector: str, sets: int, seconds: float, reading: float = 0.0) -> None:
        """Hear of a block."""
        type(self).engine_s += seconds
        super().measured(detector, sets, seconds, reading)


class _Memory(threading.Thread):
    """Watches the memory that trial processes have to themselves, MB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.ended = 0.0, threading.Event()

    def run(self) -> None:
        """Look twice a second."""
        while not self.ended.wait(0.5):
            for name in Path("/proc").glob("[0-9]*/comm"):
                with contextlib.suppress(OSError):
                    if name.read_text().startswith("ray::ImplicitFu"):
                        self.most = max(self.most, _own_mb(name.parent))


def _own_mb(process: Path) -> float:
    """Return what no other process shares; 0 for a process of another session."""
    if os.getsid(int(process.name)) != os.getsid(0):
        return 0.0
    lines = (process / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


def _market(root: Path) -> None:
    from walk_store import write_minutes  # noqa: PLC0415 - found by the path set above

    for seed, symbol in enumerate(SYMBOLS):
        write_minutes(root, symbol, seed, *DAYS)


@contextlib.contextmanager
def _store(bars: Path) -> Iterator[Path]:
    """Yield a fresh storage root over the bars."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bars").symlink_to(bars / "bars")
        yield Path(folder)


def _evaluate(bars: Path, workers: int, budget: int) -> tuple[float, float, float, float]:
    """Return seconds of evaluation with Ray's start, of the rest, in the engine; and MB."""
    _Counted.engine_s, stages = 0.0, {}
    memory = _Memory()
    with _store(bars) as root:
        spec = SweepSpec(
            storage_root=root,
            symbols=SYMBOLS,
            detectors=(DETECTOR,),
            search=SearchSettings(budget=budget),
            signal_minutes=1,  # sets that take a while
            execution=ExecutionSettings(workers=workers),
        )
        memory.start()
        began = time.monotonic()
        outcome = runner.run_sweep(
            spec, on_progress=lambda now: stages.setdefault(now.stage, time.monotonic())
        )
        ended = time.monotonic()
        memory.ended.set()
        memory.join()
    if outcome.status != "done":
        raise RuntimeError(outcome.reason)
    evaluation = stages["ranking and choosing"] - stages["starting Ray"]
    return evaluation, ended - began - evaluation, _Counted.engine_s, memory.most


def _start(workers: int) -> tuple[float, float]:
    """Return the seconds that Ray takes from its start to the end of a trial that does nothing."""

    def nothing(_config: dict[str, Any], **_: object) -> None:
        from ray import tune  # noqa: PLC0415

        time.sleep(1.0)  # so that its memory is seen
        tune.report({"sets": 1, "settled": 1, "failed": 0, "seconds": 0.0, "best": 0.0})

    memory = _Memory()
    memory.start()
    began = time.monotonic()
    with connected(ExecutionSettings(workers=workers)):
        queue = BlockQueue(
            {"none": np.arange(workers)}, n_sessions=1, workers=workers, block_size=1
        )
        watch = Watch(1.0, lambda _: "")
        run_blocks(queue, nothing, {}, workers=workers, watch=watch)
    took = time.monotonic() - began - 1.0
    memory.ended.set()
    memory.join()
    return took, memory.most


def _resume(bars: Path, sets: int) -> tuple[float, float]:
    """Return the seconds of a sweep's command, and of the same command again."""
    with _store(bars) as root:
        command = [sys.executable, "-m", "jobs.sweep", f"storage.root={root}", *WORDS]
        command.append(f"search.budget={sets}")
        times = []
        for _ in range(2):
            began = time.monotonic()
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            times.append(time.monotonic() - began)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
        if "nothing was left to do" not in done.stdout:
            raise RuntimeError(done.stdout)
    return times[0], times[1]


def main(seconds: float = 60.0, sets: int = 100_000) -> None:
    """Measure and print every figure."""
    runner.BlockQueue = _Counted
    with tempfile.TemporaryDirectory() as folder:
        bars = Path(folder)
        _market(bars)
        first, again = _resume(bars, sets)
        print(f"{sets:,} sets: {first:.0f} s, again {again:.1f} s", flush=True)
        _, _, engine, _ = _evaluate(bars, 1, FIRST)
        budget = max(FIRST, round(2 * seconds / engine * FIRST))
        alone, _, one_s, _ = _evaluate(bars, 1, budget)
        both, rest, two_s, own = _evaluate(bars, 2, budget)
        start, empty = _start(2)
    about = f"{budget:,} sets, {two_s / budget * 1e6:,.0f} us each in the engine"
    show(
        [
            Figure(
                f"finished sweep of {sets:,} sets, again",
                again,
                "s",
                5,
                5,
                note=f"first {first:.0f} s",
            ),
            Figure(
                "outside kernels, one worker", 100 * (1 - one_s / alone), "%", 20, 10, note=about
            ),
            Figure("outside kernels, two workers", 100 * (1 - two_s / 2 / both), "%", 20, 10),
            Figure(
                "two workers against one",
                alone / both,
                "x",
                1.7,
                1.85,
                higher=True,
                note=f"{alone:.0f} s and {both:.0f} s with Ray's start",
            ),
            Figure("  of it Ray's start and an empty trial", start, "s"),
            Figure("a trial process's own memory", own, "MB", 150, 150),
            Figure("  of it an empty trial", empty, "MB"),
            Figure("loading, tables and evidence", rest, "s", note=f"of {budget:,} sets"),
        ]
    )


if __name__ == "__main__":
    main(*(float(word) for word in sys.argv[1:2]), *(int(word) for word in sys.argv[2:3]))
