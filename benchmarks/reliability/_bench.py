"""What the cases share: roots with bars, sweeps that are submitted, results that are compared."""

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from walk_store import write_minutes  # noqa: E402

from sweep.store.database import Database  # noqa: E402
from sweep.store.place import matching, place  # noqa: E402
from sweep.store.results import Results, digest, sweep_names  # noqa: E402

SETS = 100  # of each detector
WORDS = (
    "detector=[breakout_bullish,mean_reversion_long]",
    "symbols=[SPY,AAPL]",
    f"search.budget={SETS}",
    "features.baseline_min_sessions=5",
)
MARK = 8  # blocks after which a sweep is disturbed


class Bench:
    """The lab, the servers and the undisturbed local sweep.

    Parameters
    ----------
    lab, s3, postgres
        Where sweeps run and what they write to.
    local
        Root of an undisturbed local sweep.
    """

    def __init__(self, lab, s3, postgres, local):
        self.lab, self.s3, self.postgres, self.local = lab, s3, postgres, local
        self.expected = digest(results_of(local))
        self.roots = []
        with Database.open("postgres", "unused") as database:
            database.upgrade()

    def empty(self):
        """Return a new root in the bucket."""
        url = f"s3://{self.s3.BUCKET}/{uuid.uuid4().hex[:8]}"
        self.roots.append(place(url, endpoint=self.s3.endpoint))
        return self.roots[-1]

    def fresh(self):
        """Return a new root in the bucket, with bars; SQL forgets the sweeps of other roots."""
        there = self.empty()
        with psycopg.connect(self.postgres.url) as connection:
            connection.execute("TRUNCATE parameter_sets, fold_scores, trades, sweeps CASCADE")
        write_bars(there)
        return there

    def submit(self, root, job, *words):
        """Submit a job as a user does, and return its id."""
        name = f"{job}-{uuid.uuid4().hex[:8]}"
        storage = () if job == "sample" else (f"storage.root={root}", self.endpoint)
        self.lab.submit(name, "python", "-m", f"jobs.{job}", *storage, *words, wait=False)
        return name

    @property
    def endpoint(self):
        return f"storage.endpoint={self.lab.endpoint}"

    def start(self, root, *more, block=5):
        """Submit the sweep and return the id of its job."""
        return self.submit(
            root, "sweep", "store=postgres", f"sweep.block_size={block}", *WORDS, *more
        )

    def wait(self, name):
        """Wait for a job; return its status and log."""
        while True:
            status = json.loads(self.lab.api(f"/api/jobs/{name}")[1])["status"]
            if status in {"SUCCEEDED", "FAILED", "STOPPED"}:
                return status, json.loads(self.lab.api(f"/api/jobs/{name}/logs")[1])["logs"]
            time.sleep(1)

    def done(self, name):
        """Wait for a job that must succeed and return its log."""
        status, log = self.wait(name)
        assert status == "SUCCEEDED", log[-3000:]
        return log

    def blocks(self, root):
        """Return how many blocks are finished."""
        return len(matching(root, "results/s*/parts/sets/*.parquet"))

    def until(self, root, blocks=MARK):
        """Wait for a number of finished blocks."""
        deadline = time.monotonic() + 300
        while self.blocks(root) < blocks:
            assert time.monotonic() < deadline, "no blocks came"
            time.sleep(0.3)

    def same(self, root, *, rows=True):
        """Assert that the results are those of the local run, every set once, in SQL too."""
        folder = results_of(root)
        assert digest(folder) == self.expected, "another digest"
        counts = Results(root, folder.name).read_json()["counts"]
        assert (counts["sets"], counts["failed"]) == (2 * SETS, 0), counts
        if rows:
            found = self.rows("parameter_sets", folder.name)
            assert len(found) == len(set(found)) == 2 * SETS, len(found)
        return counts["evaluated"]

    @staticmethod
    def rows(table, sweep):
        """Return the set of every row of a sweep in Postgres."""
        with Database.open("postgres", "unused") as database:
            found = database.read(table, columns=["detector", "set_id"], where={"sweep_id": sweep})
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    def disturbed(self, act, undo=None):
        """Run a sweep, do something to it in its middle, and compare; again if it failed."""
        root = self.fresh()
        name = self.start(root)
        self.until(root)
        act()
        at = self.blocks(root)
        if undo is not None:
            undo()
        status, log = self.wait(name)
        again = 0
        while status != "SUCCEEDED" and again < 3:
            again += 1
            status, log = self.wait(self.start(root))
        assert status == "SUCCEEDED", log[-3000:]
        self.same(root)
        return f"after {at} of 40 blocks; same digest, every row once; commands: {1 + again}"


def results_of(root):
    """Return the folder of the only sweep of a root."""
    return Results(root, sweep_names(root)[0]).path


def write_bars(root):
    """Write the bars that all sweeps read."""
    for symbol, seed in (("SPY", 1), ("AAPL", 2)):
        write_minutes(root, symbol, seed)


def local_job(job, *words, check=True):
    """Run a job on this machine, outside of the lab, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", f"jobs.{job}", *words],
        cwd=ROOT,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def local_sweep(root, *more, check=True):
    """Run the sweep on this machine."""
    return local_job("sweep", f"storage.root={root}", "ray.workers=2", *WORDS, *more, check=check)


@contextlib.contextmanager
def small_disk(folder, size):
    """Yield a folder that is a file system of its own; its size can be set."""

    def grow(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield grow
    finally:
        subprocess.run(["umount", folder], check=False)
