"""Every job through a head with a token, all of it in S3 and Postgres, and what that leaves."""

import gzip
import json
import re
import time

from benchmarks.reliability._bench import results_of
from sweep.store.database import Database
from sweep.store.lake import Lake

SYMBOLS = "symbols=[SPY,SPX]"
DETECTORS = ("breakout_bullish", "gamma_flip_bullish")


def chain(bench):
    """Sample to promotion and back, each job submitted; Postgres holds every row once."""
    root, files = bench.empty(), bench.lab.folder / "files"
    source, sql = f"source.root={files}", "store=postgres"
    named = f"detector=[{','.join(DETECTORS)}]"
    seconds, logs = {}, {}

    def run(job, *words, called=None):
        began = time.monotonic()
        log = bench.done(bench.submit(root, job, *words))
        name = called or job
        seconds[name], logs[name] = time.monotonic() - began, log
        return log

    run("sample", source, "sample.sessions=45")
    run("database", sql)
    run("backfill", source, SYMBOLS, sql, "store.mirror_bars=true")
    run("coverage", SYMBOLS, "strict=true")
    interest = f"gamma.open_interest={files}/open_interest.parquet"
    run("gamma", source, "symbols=[SPX]", interest)
    assert "BACKTEST SUMMARY" in run("backtest", SYMBOLS)
    few = ("search.budget=20", "folds=none", 'search.constraints=["trades>=3"]')
    run("sweep", SYMBOLS, sql, named, *few, "log.json=true")
    sweep = results_of(root).name
    run("report", f"sweep={sweep}")
    chosen = f"detector={DETECTORS[0]}"
    forced = ("force=true", "reason='to see that it works'")
    log = run("promote", f"sweep={sweep}", sql, chosen, *forced)
    assert "PROMOTED" in log, log[-2000:]
    log = run("backtest", SYMBOLS, "parameters=promoted", called="backtest promoted")
    assert "promoted in s3://" in log, log[-2000:]
    run("promote", "undo=true", sql, chosen, called="undo")
    run("report", "promotions=true", called="report promotions")
    run("watch", source, sql, "add=[QQQ]", "once=true")
    assert Lake(root).symbols() == ["QQQ", "SPX", "SPY"]
    assert_json(logs["sweep"])
    rows = assert_rows(root, sweep)
    said = ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items())
    return f"{len(seconds)} jobs ended with 0 ({said}); {rows}"


def assert_json(log):
    """Assert that what the job wrote, not Ray about it, is one JSON object a line."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    others = [line for line in log.splitlines() if line and line not in lines]
    assert len(others) <= 2, others  # "Runtime env is setting up", "Running entrypoint for job"
    events = [json.loads(line) for line in lines]
    assert events[-1]["message"].startswith("SWEEP RESULT status=done"), events[-1]
    assert all({"time", "level", "logger", "message"} <= set(event) for event in events)
    assert any(event.get("event") == "progress" for event in events)


def assert_rows(root, sweep):
    """Assert that Postgres holds what the files hold, each row once; returns the counts."""
    with Database.open("postgres", "unused") as database:
        bars = database.read("historical_bars", columns=["symbol", "timeframe", "timestamp"])
        sets = database.read("parameter_sets", columns=["set_id"], where={"sweep_id": sweep})
        events = database.read("promotions", columns=["action"])["action"].to_pylist()
        queue = database.read("ingestion_queue", columns=["symbol", "state"]).to_pylist()
    lake = Lake(root)
    stored = sum(
        len(lake.read(symbol, timeframe))
        for symbol in ("SPX", "SPY")
        for timeframe in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
    )
    distinct = bars.group_by(bars.column_names).aggregate([]).num_rows
    assert len(bars) == distinct == stored, (len(bars), distinct, stored)
    assert len(sets) == 2 * 20, len(sets)
    assert sorted(events) == ["promote", "undo"], events
    assert queue, "nothing was queued"
    assert {(one["symbol"], one["state"]) for one in queue} == {("QQQ", "done")}, queue
    return f"{len(bars):,} bars, {len(sets)} sets, {len(events)} promotions in Postgres, each once"


def secrets(bench):
    """No byte that was written holds a credential, after all other cases."""
    held = {
        name: value
        for name, value in bench.lab.environment.items()
        if name.startswith(("AWS_", "MASSIVE_")) and "REGION" not in name
    }
    password = re.search(r":([^:@/]+)@", bench.lab.environment["DATABASE_URL"]).group(1)
    held |= {"DATABASE_URL": password, "RAY_AUTH_TOKEN": bench.lab.token}
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

    for file in bench.lab.folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            look(file.relative_to(bench.lab.folder), file.read_bytes())
    for root in bench.roots:
        for file in objects(root):
            look(file, file.read_bytes())
    listed = bench.lab.api("/api/jobs/")[1]
    look("the job interface", listed.encode())
    for job in json.loads(listed):
        _, log = bench.lab.api(f"/api/jobs/{job['submission_id']}/logs")
        look(f"the log of {job['submission_id']}", log.encode())
    look("the database", every_row())
    assert not found, found[:10]
    return f"{len(held)} markers, {looked:,} files and objects, {size / 1e6:.0f} MB: none found"


def every_row():
    """Return all rows of all tables as text."""
    from sweep.store.sql.models import METADATA  # noqa: PLC0415

    with Database.open("postgres", "unused") as database:
        return "".join(str(database.read(name).to_pylist()) for name in METADATA.tables).encode()


def objects(folder):
    """Yield every object below a folder of the bucket."""
    files, folders = folder.bucket.names(f"{folder.key}/")
    yield from (folder / name for name in files)
    for name in folders:
        yield from objects(folder / name)
