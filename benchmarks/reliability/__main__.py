"""Disturb sweeps on a cluster and compare with the undisturbed local one.

`python -m benchmarks.reliability [case ...]`, as root: nodes in network namespaces, `ray job
submit` with a token, a real S3 server and a real Postgres. Every case ends in one line.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from walk_store import write_minutes  # noqa: E402

from benchmarks.reliability._lab import Lab, bridge  # noqa: E402
from sweep.store.database import Database  # noqa: E402
from sweep.store.place import matching, place  # noqa: E402
from sweep.store.results import Results, digest, sweep_names  # noqa: E402
from tests.servers import PostgresServer, S3Server  # noqa: E402

SETS = 300
WORDS = (
    "detector=[breakout_bullish,mean_reversion_long]",
    "symbols=[SPY,AAPL]",
    f"search.budget={SETS}",
    "sweep.block_size=5",
    "features.baseline_min_sessions=5",
)


class Bench:
    """The cases; each returns what is to be said of it."""

    def __init__(self, lab, s3, local):
        self.lab, self.s3, self.local = lab, s3, local
        self.expected = digest(self._results(local))
        self.roots = []

    @staticmethod
    def _results(root):
        return Results(root, sweep_names(root)[0]).path

    def fresh(self):
        """Return a new root in the bucket, with bars."""
        url = f"s3://{self.s3.BUCKET}/{uuid.uuid4().hex[:8]}"
        there = place(url, endpoint=self.s3.endpoint)
        for symbol, seed in (("SPY", 1), ("AAPL", 2)):
            write_minutes(there, symbol, seed)
        self.roots.append(there)
        return there

    def command(self, root, job="sweep", *more):
        """Return the command line of a job."""
        words = WORDS if job == "sweep" else ()
        return (
            *("python", "-m", f"jobs.{job}", f"storage.root={root}"),
            *(() if job == "backtest" else ("store=postgres",)),
            *(f"storage.endpoint={self.lab.endpoint}", *words, *more),
        )

    def start(self, root, *more):
        """Submit a sweep and return the id of its job."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        self.lab.submit(name, *self.command(root, "sweep", *more), wait=False)
        return name

    def wait(self, name):
        """Wait for a job; return its status and log."""
        while True:
            status = json.loads(self.lab.api(f"/api/jobs/{name}")[1])["status"]
            if status in {"SUCCEEDED", "FAILED", "STOPPED"}:
                return status, json.loads(self.lab.api(f"/api/jobs/{name}/logs")[1])["logs"]
            time.sleep(1)

    def until(self, root, blocks):
        """Wait for a number of finished blocks."""
        deadline = time.monotonic() + 300
        while len(matching(root, "results/s*/parts/sets/*.parquet")) < blocks:
            assert time.monotonic() < deadline, "no blocks came"
            time.sleep(0.3)

    def same(self, root):
        """Assert that the results are those of the local run, every set once."""
        folder = self._results(root)
        assert digest(folder) == self.expected, "another digest"
        counts = Results(root, folder.name).read_json()["counts"]
        assert (counts["sets"], counts["failed"]) == (2 * SETS, 0), counts
        return counts["evaluated"]

    def disturbed(self, act, undo=None):
        """Run a sweep, do something to it after 10 blocks, and compare; again if it failed."""
        root = self.fresh()
        name = self.start(root)
        self.until(root, 10)
        act()
        if undo is not None:
            undo()
        status, log = self.wait(name)
        again = 0
        while status != "SUCCEEDED" and again < 3:
            again += 1
            status, log = self.wait(self.start(root))
        assert status == "SUCCEEDED", log[-3000:]
        self.same(root)
        return f"same digest, {2 * SETS} sets once; commands needed: {1 + again}"

    def case_job(self):
        """`ray job submit` with a token: undisturbed."""
        assert self.lab.api("/api/jobs/", token=False)[0] == 401
        root = self.fresh()
        began = time.monotonic()
        requests, sent = self.lab.s3.connections, self.lab.s3.bytes
        status, log = self.wait(self.start(root))
        assert status == "SUCCEEDED", log[-3000:]
        assert "SWEEP RESULT status=done" in log
        self.same(root)
        sent = (self.lab.s3.bytes - sent) / 1e6
        return (
            f"same digest in {time.monotonic() - began:.0f} s, {sent:.1f} MB to and from S3 over "
            f"{self.lab.s3.connections - requests} connections"
        )

    def case_resubmit(self):
        """Submit a second time while the first runs, and after it."""
        root = self.fresh()
        first = self.start(root, "sweep.block_size=1")
        self.until(root, 5)
        status, log = self.wait(self.start(root))
        assert (status, "is running already: process" in log) == ("FAILED", True), log[-2000:]
        status, log = self.wait(first)
        assert status == "SUCCEEDED", log[-3000:]
        status, log = self.wait(self.start(root))
        assert (status, "nothing was left to do" in log) == ("SUCCEEDED", True), log[-2000:]
        self.same(root)
        return "refused with host, process and time; later told that it is finished"

    def case_stop(self):
        """`ray job stop`, then the same command."""
        root = self.fresh()
        name = self.start(root, "sweep.block_size=1")
        self.until(root, 10)
        self.lab.run("ray", "job", "stop", "--address", "http://127.0.0.1:8265", name)
        self.wait(name)
        status, log = self.wait(self.start(root))
        assert status == "SUCCEEDED", log[-3000:]
        return (
            f"same digest; {self.same(root)} of {2 * SETS} sets were left for the second command"
        )

    def case_node(self):
        """Kill a node; another one comes."""
        return self.disturbed(
            lambda: self.lab.kill_node("w1"), lambda: self.lab.start_worker("w1")
        )

    def case_cable(self):
        """Cut a node's network for 30 s."""
        return self.disturbed(
            lambda: self.lab.cable("w2", "down"),
            lambda: (time.sleep(30), self.lab.cable("w2", "up")),
        )

    def case_s3(self):
        """S3 is away for 20 s."""
        return self.disturbed(self.lab.s3.cut, lambda: (time.sleep(20), self.lab.s3.mend()))

    def case_postgres(self):
        """Postgres is away until the sweep has ended; the same command then mirrors it."""
        root = self.fresh()
        name = self.start(root)
        self.until(root, 10)
        self.lab.sql.cut()
        status, log = self.wait(name)
        self.lab.sql.mend()
        assert (status, "not mirrored into SQL" in log) == ("SUCCEEDED", True), log[-3000:]
        self.same(root)
        status, log = self.wait(self.start(root))
        assert status == "SUCCEEDED", log[-3000:]
        with Database.open("postgres", root) as database:
            rows = database.read(
                "parameter_sets", columns=["set_id"], where={"sweep_id": self._results(root).name}
            )
        assert len(rows) == 2 * SETS, len(rows)
        return f"the sweep went on; {len(rows)} rows in Postgres after the second command"

    def case_jobs(self):
        """Backfill, coverage, backtest on the cluster from day files."""
        root = place(f"s3://{self.s3.BUCKET}/{uuid.uuid4().hex[:8]}", endpoint=self.s3.endpoint)
        files = self.lab.folder / "files"
        subprocess.run(
            [sys.executable, "-m", "jobs.sample", f"source.root={files}", "sample.sessions=45"],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
        self.roots.append(root)
        for job, *words in (
            ("backfill", f"source.root={files}", "symbols=[SPY,QQQ]"),
            ("backtest", "detector=breakout", "symbols=[SPY,QQQ]"),
        ):
            log = self.lab.submit(
                f"{job}-{uuid.uuid4().hex[:8]}", *self.command(root, job, *words)
            )
            assert "succeeded" in log, log[-3000:]
        assert matching(root, "results/backtest-*/backtest.csv")
        return "backfill from day files and backtest ended with 0"

    def case_secrets(self):
        """No byte that was written holds a credential, after all other cases."""
        held = {
            name: value
            for name, value in self.lab.environment.items()
            if name.startswith(("AWS_", "MASSIVE_")) and "REGION" not in name
        }
        password = re.search(r":([^:@/]+)@", self.lab.environment["DATABASE_URL"]).group(1)
        held |= {"DATABASE_URL": password, "RAY_AUTH_TOKEN": self.lab.token}
        looked = size = 0
        found = []

        def look(where, content):
            nonlocal looked, size
            looked, size = looked + 1, size + len(content)
            contents = [content]
            if content[:2] == b"\x1f\x8b":
                contents.append(gzip.decompress(content))
            found.extend(
                f"{name} in {where}"
                for name, value in held.items()
                if any(value.encode() in one for one in contents)
            )

        for file in self.lab.folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                look(file.relative_to(self.lab.folder), file.read_bytes())
        for root in self.roots:
            for file in objects(root):
                look(file, file.read_bytes())
        look("the job interface", self.lab.api("/api/jobs/")[1].encode())
        dump = self.sql_dump()
        look("the database", dump)
        assert not found, found[:10]
        return (
            f"{len(held)} markers, {looked:,} files and objects, {size / 1e6:.0f} MB: none found"
        )

    def sql_dump(self):
        """Return all rows of all tables as text."""
        from sweep.store.sql.models import METADATA  # noqa: PLC0415

        with Database.open("postgres", "unused") as database:
            return "".join(
                str(database.read(name).to_pylist()) for name in METADATA.tables
            ).encode()


def objects(folder):
    files, folders = folder.bucket.names(f"{folder.key}/")
    yield from (folder / name for name in files)
    for name in folders:
        yield from objects(folder / name)


def full_disk(folder, expected):
    """Return what a full disk costs: an error that names it, and the same digest afterwards."""
    root = folder / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3300k", "none", root], check=True)
    try:
        for symbol, seed in (("SPY", 1), ("AAPL", 2)):
            write_minutes(root, symbol, seed)
        text = local_sweep(root, check=False)
        assert "status=done" not in text, "the disk was large enough"
        assert "No space left on device" in text, text[-3000:]
        subprocess.run(["mount", "-o", "remount,size=200m", root], check=True)
        local_sweep(root)
        assert digest(Bench._results(root)) == expected  # noqa: SLF001
    finally:
        subprocess.run(["umount", root], check=False)
    return "the error names the file and the free space; same digest once there is space"


def local_sweep(root, *, check=True):
    done = subprocess.run(
        [sys.executable, "-m", "jobs.sweep", f"storage.root={root}", "ray.workers=2", *WORDS],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def main(wanted):
    if os.geteuid():
        print("needs root, for network namespaces; nothing was done")
        return 0
    cases = [name.removeprefix("case_") for name in vars(Bench) if name.startswith("case_")]
    cases = [*(name for name in cases if name != "secrets"), "disk", "secrets"]
    wanted = wanted or cases
    s3, postgres = S3Server(), PostgresServer()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        try:
            s3.start()
            postgres.start()
            os.environ |= {
                "AWS_ACCESS_KEY_ID": s3.key,
                "AWS_SECRET_ACCESS_KEY": s3.secret,
                "DATABASE_URL": postgres.url,
            }
            local = Path(folder) / "local"
            for symbol, seed in (("SPY", 1), ("AAPL", 2)):
                write_minutes(local, symbol, seed)
            local_sweep(local)
            with bridge(), Lab(s3, postgres.url, workers=2) as lab:
                (lab.folder / "empty").mkdir()
                bench = Bench(lab, s3, local)
                for name in (case for case in cases if case in wanted):
                    began = time.monotonic()
                    try:
                        if name == "disk":
                            said = full_disk(Path(folder), bench.expected)
                        else:
                            said = getattr(bench, f"case_{name}")()
                    except AssertionError as error:
                        failed += 1
                        said = f"FAILED: {error}"
                    print(f"{name:9s} {time.monotonic() - began:5.0f} s  {said}", flush=True)
        finally:
            postgres.remove()
            s3.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
