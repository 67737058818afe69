import datetime as dt
import os
import subprocess
import sys

import pytest

from jobs.overrides import Refused, checked
from sweep.store.lake import Lake
from tests.ingest.day_files import STOCK_HEADER, minute_lines, put
from tests.rest_server import KEY, RestServer

DAY = dt.date(2015, 3, 26)


@pytest.mark.parametrize(
    "arguments",
    [
        ["source=s3"],
        ["source=flatfiles", "source.root=s3://own", "source.endpoint=http://127.0.0.1:8333"],
        ["source=rest", "days=3", "source.requests_per_s=0.5"],
        ["source=hybrid", "source.root=flat", "source.downloads=2", "store=sqlite"],
    ],
)
def test_every_source_is_a_usable_command(arguments):
    assert checked("backfill", arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["source=rest"], "source=rest: needs to know how far back"),
        (["source=hybrid", "source.root=null"], "must be the folder"),
        (["source=s3", "source.downloads=0"], "must be a whole number from 1 to 64"),
        (["source=rest", "days=1", "source.requests_per_s=0"], "above 0 to 100"),
        (["source=rest", "days=1", "source.root=x"], "a key of source="),
        (["source=tape", "source.root=x"], "hybrid"),
    ],
)
def test_faults_are_named_before_anything_is_done(arguments, text):
    with pytest.raises(Refused) as refusal:
        checked("backfill", arguments)
    assert any(text in fault for fault in refusal.value.faults)


def test_the_job_fills_the_store_by_rest_and_shows_no_key(tmp_path):
    with RestServer() as server:
        server.put("SPY", DAY, 30)
        command = [
            *(
                sys.executable,
                "-m",
                "jobs.backfill",
                "source=rest",
                f"source.base_url={server.url}",
            ),
            *("symbols=[SPY]", f"from={DAY}", f"to={DAY}", "timeframes=[1m]"),
            f"storage.root={tmp_path}",
        ]
        environment = {**os.environ, "MASSIVE_API_KEY": KEY}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False
        )
        without = {name: text for name, text in os.environ.items() if name != "MASSIVE_API_KEY"}
        refused = subprocess.run(command, capture_output=True, text=True, env=without, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(Lake(tmp_path).read("SPY", "1m")) == 30
    assert KEY not in done.stdout + done.stderr
    assert "2 REST requests" in done.stdout
    assert refused.returncode == 2
    assert "MASSIVE_API_KEY" in refused.stderr


def test_the_watch_job_edits_shows_and_works_off_the_queue(tmp_path):
    put(tmp_path / "flat", DAY, [STOCK_HEADER, *minute_lines("TRUE", DAY, 30)])
    store = f"storage.root={tmp_path / 'data'}"
    environment = {**os.environ, "COLUMNS": "100"}

    def watch(*overrides):
        command = [sys.executable, "-m", "jobs.watch", store, *overrides]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False
        )

    listed = watch("add=[TRUE,NVDA]", "list=true")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "WATCHLIST NVDA, TRUE" in listed.stdout
    assert listed.stdout.count("queued") == 2
    done = watch(f"source.root={tmp_path / 'flat'}", "once=true", "days=9")
    assert done.returncode == 1
    assert "TRUE, backfill: done" in done.stdout
    assert "NVDA, backfill: no bars came" in done.stdout
    assert "1 done, 0 put off, 1 failed" in done.stdout
    assert len(Lake(tmp_path / "data").read("TRUE", "1m")) == 30
    refused = watch("remove=[AMD]", "list=true")
    assert refused.returncode == 2
    assert "AMD: not on the watchlist, which holds NVDA, TRUE" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["once=true"], "source.root=null: must be the folder"),
        (["add=[true]", "list=true"], "true reads as a boolean"),
        (["add=all", "list=true"], "must be a list of symbols, such as [NVDA]"),
        (["add=[../x]", "list=true"], "a symbol starts with a letter"),
        (["list=true", "interval_s=0"], "above 0 to 86400 seconds"),
    ],
)
def test_faults_of_the_watch_job_are_named(arguments, text):
    with pytest.raises(Refused) as refusal:
        checked("watch", arguments)
    assert any(text in fault for fault in refusal.value.faults)


def test_tickers_that_look_like_something_else_go_on_the_watchlist():
    given = ["list=true", "add=[TRUE,NAN]", "retry=all", "remove=[]"]
    assert checked("watch", given) == ["list=true", "add=['TRUE','NAN']", "retry=all", "remove=[]"]
