"""Sweeps that are disturbed; each case returns what is to be said of it."""

import subprocess
import time

from benchmarks.reliability._bench import (
    MARK,
    SETS,
    local_sweep,
    results_of,
    small_disk,
    write_bars,
)
from sweep.store.results import digest


def job(bench):
    """`ray job submit` with a token: undisturbed."""
    assert bench.lab.api("/api/jobs/", token=False)[0] == 401
    root = bench.fresh()
    began = time.monotonic()
    log = bench.done(bench.start(root))
    assert "SWEEP RESULT status=done" in log
    bench.same(root)
    return f"same digest, every row once; {time.monotonic() - began:.0f} s"


def resubmit(bench):
    """Submit a second time while the first runs, and after it."""
    root = bench.fresh()
    first = bench.start(root, block=2)
    bench.until(root, MARK)
    status, log = bench.wait(bench.start(root))
    assert (status, "is running already: process" in log) == ("FAILED", True), log[-2000:]
    bench.done(first)
    log = bench.done(bench.start(root))
    assert "nothing was left to do" in log, log[-2000:]
    bench.same(root)
    return "refused with host, process and time; later told that it is finished"


def stop(bench):
    """`ray job stop`, then the same command."""
    root = bench.fresh()
    name = bench.start(root, block=2)
    bench.until(root, MARK)
    bench.lab.run("ray", "job", "stop", "--address", "http://127.0.0.1:8265", name)
    status, _ = bench.wait(name)
    assert status == "STOPPED", status
    bench.done(bench.start(root))
    left = bench.same(root)
    assert 0 < left < 2 * SETS, left
    return f"same digest, every row once; {left} of {2 * SETS} sets left for the second command"


def node(bench):
    """Kill a node; another one comes."""
    return bench.disturbed(lambda: bench.lab.kill_node("w1"), lambda: bench.lab.start_worker("w1"))


def cable(bench):
    """Cut a node's network for 30 s."""
    return bench.disturbed(
        lambda: bench.lab.cable("w2", "down"),
        lambda: (time.sleep(30), bench.lab.cable("w2", "up")),
    )


def head(bench):
    """Lose the head in mid-sweep; a new one has another disk, and the command comes from there."""
    root = bench.fresh()
    bench.start(root)
    bench.until(root)
    at = bench.blocks(root)
    for name in list(bench.lab.nodes):
        bench.lab.kill_node(name)  # workers end without their head, some time later
    bench.lab.start_head()
    bench.lab.have_workers(2)
    bench.done(bench.start(root))
    left = bench.same(root)
    assert 0 < left < 2 * SETS, left
    return (
        f"after {at} of 40 blocks; {left} of {2 * SETS} sets left for the new cluster; "
        "same digest, every row once"
    )


def s3(bench):
    """S3 is away for 20 s."""
    return bench.disturbed(bench.lab.s3.cut, lambda: (time.sleep(20), bench.lab.s3.mend()))


def postgres(bench):
    """Postgres is stopped until the sweep has ended; the same command then mirrors it."""
    root = bench.fresh()
    name = bench.start(root)
    bench.until(root)
    bench.postgres.stop()
    try:
        log = bench.done(name)
        assert "not mirrored into SQL" in log, log[-3000:]
    finally:
        bench.postgres.start()
    bench.same(root, rows=False)
    early = bench.rows("parameter_sets", results_of(root).name)
    assert early == [], f"{len(early)} rows were in SQL"
    bench.done(bench.start(root))
    bench.same(root)
    return f"the sweep went on; the same command then wrote {2 * SETS} rows, each once"


def disk(bench):
    """Fill the disk in mid-sweep (locally), then make room."""
    root = bench.local.parent / f"small-{time.monotonic_ns()}"
    with small_disk(root, "200m") as grow:
        write_bars(root)
        used = int(subprocess.check_output(["du", "-sk", root]).split()[0])
        grow(f"{used + 300}k")
        text = local_sweep(root, "sweep.block_size=5", check=False)
        assert "status=done" not in text, "the disk was large enough"
        assert "No space left on device" in text, text[-3000:]
        before = len(list(root.glob("results/s*/parts/sets/*.parquet")))
        grow("200m")
        local_sweep(root)
        assert digest(results_of(root)) == bench.expected
    return (
        f"after {before} blocks; the error names the file and the free space; same digest once "
        "there is space"
    )
