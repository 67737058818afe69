import datetime as dt
import os
import subprocess
import sys

import pytest

from jobs.overrides import Refused, checked
from sweep.store.lake import Lake
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
        (["source=rest", "days=1", "source.root=x"], "unknown key"),
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
