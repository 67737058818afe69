import os
import signal
import subprocess
import sys
import time

import pytest

from sweep.ingest.lease import lease

HOLDER = """
import sys, time, pathlib
from sweep.ingest.lease import lease
with lease(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lease_has_one_holder_and_is_freed_when_it_is_killed(tmp_path):
    path = tmp_path / "locks" / "month.lock"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], env=environment, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError, match=r"another process has held .*month.lock"):  # noqa: SIM117
            with lease(path, timeout_s=0.1):
                pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    started = time.monotonic()
    with lease(path, timeout_s=30):
        assert time.monotonic() - started < 30
