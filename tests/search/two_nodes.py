"""A sweep by four workers on two nodes, and again with a node that is lost on the way.

Ray's cluster of several nodes in one process needs a process of its own: run as a script with a
folder for Ray's sockets, a pickled sweep, and a file for what came of each.
"""

import dataclasses
import json
import pickle
import shutil
import sys
import threading
from pathlib import Path

import ray
from ray._private import utils
from ray.cluster_utils import Cluster

from sweep.search.runner import run_sweep
from sweep.search.spec import ExecutionSettings
from sweep.store.results import digest


def lose(cluster, node, done):
    """Kill a node when a tenth of the sets is done, in mid-block."""
    lost = threading.Thread(
        target=cluster.remove_node, args=(node,), kwargs={"allow_graceful": False}
    )

    def heard(now):
        if now.stage == "evaluating" and now.done >= done and not lost.ident:
            lost.start()

    return lost, heard


def main(folder, pickled, told):
    # The file names a cluster to whoever asks for any; it is one for the whole machine.
    utils.write_ray_address = lambda *_, **__: None
    spec = pickle.loads(Path(pickled).read_bytes())  # noqa: S301 the test wrote it
    small = {"object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, **small, "temp_dir": folder}
    )
    nodes = [cluster.add_node(num_cpus=2, **small) for _ in "ab"]
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    spec = dataclasses.replace(spec, execution=ExecutionSettings(workers=4, block_size=3))
    whole = run_sweep(spec)
    found = [(whole.status, whole.sets, digest(whole.folder))]
    shutil.rmtree(spec.storage_root / "results")
    lost, heard = lose(cluster, nodes[1], whole.sets // 10)
    rest = run_sweep(spec, on_progress=heard)
    lost.join()
    found.append((rest.status, rest.sets, digest(rest.folder)))
    Path(told).write_text(json.dumps(found), "utf-8")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
