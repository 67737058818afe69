"""A node is lost in mid-run, and with it a trial and its copy of a table: run as a script.

Ray's cluster of several nodes in one process needs a process of its own.
"""

import sys
import threading

import numpy as np
import ray
from ray._private import utils
from ray.cluster_utils import Cluster

from sweep.search import tuner
from sweep.search.blocks import BlockQueue


def trial(config, work):
    from ray import tune  # noqa: PLC0415

    (values,) = ray.get(list(ray.get(work["d"])), timeout=30)
    n = sum(after - first for first, after in config["ranges"])
    tune.report({"sets": n, "settled": n, "failed": 0, "seconds": 0.01, "best": float(values[-1])})


def main(folder):
    # The file names a cluster to whoever asks for any; it is one for the whole machine.
    utils.write_ray_address = lambda *_, **__: None
    small = {"object_store_memory": 80_000_000, "include_dashboard": False}
    head = {"num_cpus": 0, **small, "temp_dir": folder}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    doomed = cluster.add_node(num_cpus=1, **small)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    work = {"d": tuner.put((tuner.put(np.full(1_000_000, 6.0)),))}
    kill = threading.Thread(target=lambda: cluster.remove_node(doomed, allow_graceful=False))

    def heard(tally):
        if tally.sets == 5:
            cluster.add_node(num_cpus=1, **small)
            kill.start()
        return ""

    queue = BlockQueue({"d": np.arange(200)}, n_sessions=1, workers=1, block_size=5)
    outcome = tuner.run_blocks(queue, trial, work, workers=1, watch=tuner.Watch(0.1, heard))
    kill.join()
    tally = outcome.tally
    found = (outcome.status, tally.sets, tally.retried_blocks, tally.best["d"])
    assert found == ("done", 200, 1, 6.0), outcome
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
