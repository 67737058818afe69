import json
import os
import signal
import subprocess
import sys
import time

import pytest

from sweep.store import lease as module
from sweep.store.lease import Held, lease
from sweep.store.place import place

HOLDER = """
import sys
import time
from sweep.store import lease as module
from sweep.store.lease import lease
from sweep.store.place import place
module.EXPIRES_S, module.REFRESH_S = 2.0, 0.5
with lease(place(sys.argv[1], endpoint=sys.argv[2] or None)):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def path(request, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EXPIRES_S", 2.0)
    monkeypatch.setattr(module, "REFRESH_S", 0.5)
    root = tmp_path if request.param == "local" else request.getfixturevalue("s3_root")
    return root / "locks" / "month.lock"


def held_by_another_process(path):
    endpoint = "" if not hasattr(path, "bucket") else path.bucket.endpoint
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), endpoint],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_lease_has_one_holder_and_is_freed_when_it_is_killed(path):
    with held_by_another_process(path) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Held, match=rf"has held .*month.lock .*\(process {holder.pid} on "):  # noqa: SIM117
            with lease(path, timeout_s=0.1):
                pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    started = time.monotonic()
    with lease(path, timeout_s=30) as taken:
        taken.check()
        assert time.monotonic() - started < 30


def test_a_lease_is_free_after_its_end_and_can_be_taken_again(path):
    for _ in range(2):
        with lease(path, timeout_s=0):
            pass


@pytest.mark.s3
def test_a_refreshed_lease_does_not_expire_and_a_lost_one_says_so(s3_root, monkeypatch):
    monkeypatch.setattr(module, "EXPIRES_S", 2.0)
    monkeypatch.setattr(module, "REFRESH_S", 0.3)
    path = s3_root / "lock"
    with lease(path) as held:
        time.sleep(3.2)
        with pytest.raises(Held, match=f"process {os.getpid()} on "), lease(path, timeout_s=0):
            pass
        held.check()
        path.write_text(json.dumps({"token": "another"}))
        time.sleep(1)
        with pytest.raises(OSError, match="taken over by another process"):
            held.check()
    assert json.loads(path.read_text()) == {"token": "another"}


@pytest.mark.s3
def test_a_write_whose_answer_was_lost_is_not_a_conflict(s3_root, s3_proxy, monkeypatch):
    there = place(str(s3_root), endpoint=s3_proxy.endpoint) / "lock"
    put = type(there.bucket).put

    def twice(bucket, key, content, **condition):
        put(bucket, key, content, **condition)
        return put(bucket, key, content, **condition)

    monkeypatch.setattr(type(there.bucket), "put", twice)
    with lease(there, timeout_s=0) as held:
        held.check()
