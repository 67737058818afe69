import ast
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sweep.search import tuner
from sweep.search.blocks import BlockQueue
from sweep.search.spec import ExecutionSettings
from sweep.search.tuner import Watch, _workers, connected, run_blocks
from tests.search.own_cluster import run_script

pytestmark = pytest.mark.ray


def queue(n, block_size=5):
    return BlockQueue({"d": np.arange(n)}, n_sessions=10, workers=2, block_size=block_size)


def silent(_):
    return ""


def reporting(failed=0):
    """Return a trial that reports; made here, so that workers need not import this file."""

    def trial(config, work):
        from ray import tune  # noqa: PLC0415

        n = sum(after - first for first, after in config["ranges"])
        tune.report(
            {"sets": n, "failed": min(n, failed), "seconds": 0.01, "settled": n, "best": 0.5}
        )

    return trial


def test_every_block_is_reported_once(ray_local):
    heard = []
    watch = Watch(0.1, lambda tally: heard.append(tally.sets) or "")
    outcome = run_blocks(queue(23), reporting(), {}, workers=2, watch=watch)
    assert (outcome.status, outcome.tally.sets, outcome.tally.failed) == ("done", 23, 0)
    assert len(heard) == 5


def test_the_benchmark_of_the_head_reports_what_trials_report():
    tree = ast.parse((Path(__file__).parents[2] / "benchmarks" / "head.py").read_text())
    (report,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REPORT"
    ]
    watch = Watch(0.1, silent)
    watch.reported("d", report)
    assert (watch.tally.sets, watch.tally.settled) == (1, 1)


def test_a_search_that_starts_again_settles_its_proposals_once():
    watch = Watch(0.1, silent)
    searcher = tuner._block_searcher(
        BlockQueue({}, n_sessions=1, workers=1, block_size=1, searches={"d": [0]}), watch
    )
    searcher.suggest("trial")
    for iteration, settled in ((1, 30), (2, 50), (1, 30), (2, 70)):  # its worker died after 50
        report = {"sets": 1, "failed": 0, "seconds": 0.1, "settled": settled, "best": 0.0}
        searcher.on_trial_result("trial", report | {"training_iteration": iteration})
    assert watch.tally.settled == 70


def test_tables_are_read_in_groups_that_a_node_can_hold_and_refused_where_one_cannot(
    ray_local, monkeypatch
):
    tables = {
        "small": [tuner.put(np.zeros(50_000))],
        "large": [tuner.put(np.zeros(1_000_000)) for _ in "abc"],
    }
    assert [len(groups) for groups in tuner.in_groups(tables, 2).values()] == [1, 1]
    monkeypatch.setattr(tuner, "_smallest_node", lambda: (20e6, 4))
    found = tuner.in_groups(tables, workers=1)
    # 24 MB in all; a trial may hold half of what there is, and each has 8 MB.
    assert found == {
        "small": (tuple(tables["small"]),),
        "large": tuple((t,) for t in tables["large"]),
    }
    monkeypatch.setattr(tuner, "_smallest_node", lambda: (7e6, 4))
    with pytest.raises(ValueError, match=r"^large: .* one symbol takes 8 MB, .* 7 MB") as told:
        tuner.in_groups(tables, 2)
    assert "small" not in str(told.value)


def test_too_many_failures_stop_it_and_few_do_not(ray_local):
    outcome = run_blocks(queue(100), reporting(failed=1), {}, workers=2, watch=Watch(0.1, silent))
    assert outcome.status == "failed"
    assert "sets failed, more than sweep.max_failure_rate=0.1" in outcome.reason
    assert outcome.tally.sets < 100
    tolerant = run_blocks(queue(30), reporting(failed=1), {}, workers=2, watch=Watch(0.2, silent))
    assert (tolerant.status, tolerant.tally.failed) == ("done", 6)


def test_a_check_can_stop_it(ray_local):
    watch = Watch(0.1, lambda tally: "data changed" if tally.sets >= 10 else "")
    outcome = run_blocks(queue(200), reporting(), {}, workers=2, watch=watch)
    assert (outcome.status, outcome.reason) == ("failed", "data changed")
    assert outcome.tally.sets < 60


def test_more_trials_than_processors_make_a_cluster_grow():
    assert _workers(64, 2, grows=False) == 2
    assert (_workers(64, 2, grows=True), _workers(None, 2, grows=True)) == (64, 2)
    with pytest.raises(ValueError, match=r"no processor yet .* ray.workers=256"):
        _workers(None, 0, grows=True)


def test_trials_that_raise_are_noticed(ray_local):
    def raises(config, work):
        raise RuntimeError("no such table")

    outcome = run_blocks(queue(5), raises, {}, workers=2, watch=Watch(0.1, silent))
    assert outcome.status == "failed"
    assert "1 blocks were lost with their workers" in outcome.reason
    assert "run the same command again" in outcome.reason


def test_a_lost_node_takes_neither_the_tables_nor_the_tries_of_its_block():
    run_script("lost_node.py", timeout=240)


def test_a_run_without_news_says_what_it_waits_for_once_in_a_while(ray_local, monkeypatch, caplog):
    watch = Watch(0.1, silent)
    listener = tuner._listener(queue(5), watch)
    trials = [SimpleNamespace(status=status) for status in ("TERMINATED", "RUNNING", "PENDING")]
    listener.on_step_end(trials=trials)
    listener.on_step_end(trials=trials)
    assert not caplog.text
    monkeypatch.setattr(tuner, "_SILENT_S", 0.0)
    watch.tally.settled += 1
    listener.on_step_end(trials=trials)
    assert not caplog.text
    listener.on_step_end(trials=trials)
    assert "1 run, 1 wait for a worker; 1 nodes with 2 processors" in caplog.text


def test_sigterm_ends_it_cleanly_and_is_acknowledged_at_once(ray_local, caplog):
    def slow(config, work):
        import time  # noqa: PLC0415

        from ray import tune  # noqa: PLC0415

        time.sleep(0.1)
        tune.report({"sets": 5, "failed": 0, "seconds": 0.1, "settled": 5, "best": 0.5})

    def terminate_once(tally):
        if tally.sets == 5:
            os.kill(os.getpid(), signal.SIGTERM)
            assert "stopping: running blocks finish first" in caplog.text
        return ""

    before = signal.getsignal(signal.SIGTERM)
    watch = Watch(0.1, terminate_once)
    outcome = run_blocks(queue(2_000), slow, {}, workers=2, watch=watch)
    assert outcome.status == "interrupted"
    assert outcome.tally.lost_blocks == 0
    assert 5 <= outcome.tally.sets < 100
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_instance_of_the_process_is_used_and_left_alone(ray_local):
    with connected(ExecutionSettings(workers=64)) as workers:
        assert workers == 2
    assert ray_local.is_initialized()


def test_tune_hands_no_s3_keys_to_the_logs_of_ray():
    tuner._quiet_tune()
    from ray.tune.execution import class_cache  # noqa: PLC0415

    assert class_cache.ENV_VARS_TO_PROPAGATE
    assert not any(name.startswith("AWS_") for name in class_cache.ENV_VARS_TO_PROPAGATE)
