"""What one trial costs the head, and what that means for 64 nodes of 16 processors.

`python -m benchmarks.head`: empty trials through the sweep's own scheduler on a private Ray,
processor seconds of the driver and of Ray's own processes: what a head does whatever the trial is.
"""

import os
import resource
import time
from pathlib import Path

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}

import numpy as np
import ray

from sweep.search.blocks import BlockQueue
from sweep.search.tuner import Watch, run_blocks

TRIALS = (100, 400)
NODES, PROCESSORS = 64, 16
REPORT = {"sets": 1, "settled": 1, "failed": 0, "seconds": 0.01, "best": 0.0}


def trial(config, work):  # noqa: ARG001
    from ray import tune  # noqa: PLC0415

    tune.report(REPORT)


def ray_seconds():
    """Return processor seconds of the processes that a head has beside the driver."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes().split(b"\0")[0]
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        mine = os.getsid(int(folder.name)) if folder.exists() else 0
        if name.endswith((b"gcs_server", b"raylet")) and mine == os.getsid(0):
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def seconds(trials):
    """Return processor seconds of driver and Ray, and wall seconds, for so many trials."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    began, system = time.monotonic(), ray_seconds()
    queue = BlockQueue({"d": np.arange(trials)}, n_sessions=10, workers=2, block_size=1)
    outcome = run_blocks(queue, trial, {}, workers=2, watch=Watch(1.0, lambda _: ""))
    assert outcome.tally.sets == trials, outcome
    after = resource.getrusage(resource.RUSAGE_SELF)
    mine = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return mine, ray_seconds() - system, time.monotonic() - began


def main():
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="ERROR")
    few, many = (seconds(count) for count in TRIALS)
    driver, system, wall = (
        (b - a) / (TRIALS[1] - TRIALS[0]) for a, b in zip(few, many, strict=True)
    )
    ray.shutdown()
    cores = NODES * PROCESSORS
    print(f"driver      {1e3 * driver:7.1f} ms of processor a trial")
    print(f"gcs, raylet {1e3 * system:7.1f} ms of processor a trial")
    print(f"wall        {1e3 * wall:7.1f} ms a trial here, two at a time")
    print(
        f"one driver hands out at most {1 / driver:,.0f} trials a second, so {cores:,} processors"
    )
    print(f"stay busy from {cores * driver:.0f} s a trial on")


if __name__ == "__main__":
    main()
