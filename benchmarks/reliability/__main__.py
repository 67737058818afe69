"""Disturb sweeps on a cluster and compare with the undisturbed local one.

`python -m benchmarks.reliability [case ...]`, as root: nodes in network namespaces, `ray job
submit` with a token, a real S3 server and a real Postgres. Every case ends in one line.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.reliability import _disturbed, _jobs, _measured
from benchmarks.reliability._bench import Bench, local_sweep, write_bars
from benchmarks.reliability._lab import Lab, bridge
from tests.servers import PostgresServer, S3Server

# `secrets` comes last: it looks at what all others left.
CASES = {
    case.__name__: case
    for case in (
        *(_disturbed.job, _jobs.chain, _disturbed.resubmit, _disturbed.stop, _disturbed.node),
        *(_disturbed.cable, _disturbed.s3, _disturbed.postgres, _disturbed.disk),
        *(_disturbed.head, _measured.metrics, _measured.scaling, _jobs.secrets),
    )
}


def main(wanted):
    if os.geteuid():
        print("needs root, for network namespaces; nothing was done")
        return 0
    unknown = set(wanted) - set(CASES)
    if unknown:
        print(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left behind
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
            write_bars(local)
            local_sweep(local)
            with bridge(), Lab(s3, postgres.url) as lab:
                (lab.folder / "empty").mkdir()
                bench = Bench(lab, s3, postgres, local)
                for name in wanted or CASES:
                    began = time.monotonic()
                    try:
                        said = CASES[name](bench)
                    except Exception as error:  # noqa: BLE001 - the other cases go on
                        failed += 1
                        said = f"FAILED: {error!r}"
                    print(f"{name:9s} {time.monotonic() - began:5.0f} s  {said}", flush=True)
        finally:
            postgres.remove()
            s3.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
