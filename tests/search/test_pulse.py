import logging
import os
import signal
import types

import pytest

from sweep.search import pulse as module
from sweep.search.pulse import COUNTERS, GAUGES, Pulse
from sweep.search.tuner import Tally, Watch, run_blocks
from tests.search.test_tuner import queue, silent


class Metric:
    """Stands for a metric of Ray: what was written last, or in sum."""

    def __init__(self, name, text, tag_keys):
        assert text
        assert tag_keys == ("sweep",)
        self.name, self.value = name, 0.0

    def inc(self, amount, tags):
        assert tags == {"sweep": "s1"}
        self.value += amount

    def set(self, value, tags):
        assert tags == {"sweep": "s1"}
        self.value = value


@pytest.fixture
def metrics(monkeypatch):
    made = {}

    def make(name, text, tag_keys):
        made[name] = Metric(name, text, tag_keys)
        return made[name]

    ray = types.SimpleNamespace(
        nodes=lambda: [{"Alive": True}, {"Alive": False}, {"Alive": True}],
        cluster_resources=lambda: {"CPU": 32.0},
        Counter=make,
        Gauge=make,
    )
    monkeypatch.setattr(module, "ray_module", lambda *_: ray)
    return made


def test_counters_follow_the_tally_and_a_line_comes_once_in_a_while(metrics, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    pulse = Pulse("s1", every_s=30, clock=lambda: now[0])
    pulse.beat(Tally(sets=10))
    assert caplog.records == []
    now[0] = 40.0
    pulse.beat(Tally(sets=100, failed=2, lost_blocks=1, retried_blocks=3))
    assert {name: metrics[name].value for name in COUNTERS} == {
        "detector_sweep_sets": 100,
        "detector_sweep_failed_sets": 2,
        "detector_sweep_lost_blocks": 1,
        "detector_sweep_retried_blocks": 3,
    }
    assert [metrics[name].value for name in GAUGES] == [2.5, 2, 32]
    (record,) = caplog.records
    assert record.getMessage() == (
        "2 nodes with 32 processors; ? MB spilled, 3 blocks started again"
    )
    event = record.event
    assert (event["event"], event["sweep"], event["nodes"]) == ("pulse", "s1", 2)
    assert (event["sets_per_second"], event["spilled_mb"]) == (2.5, None)


def test_the_first_figures_come_early_then_once_in_a_while(metrics):
    now = [0.0]
    pulse = Pulse("s1", every_s=30, clock=lambda: now[0])
    rates = []
    for instant, sets in ((4.0, 8), (5.0, 10), (34.0, 100), (35.0, 130)):
        now[0] = instant
        pulse.beat(Tally(sets=sets))
        rates.append(metrics["detector_sweep_sets_per_second"].value)
    assert rates == [0.0, 2.0, 2.0, 4.0]


@pytest.mark.ray
def test_real_metrics_and_figures_of_a_real_ray_a_worker_that_dies_is_counted(
    ray_local, caplog, tmp_path
):
    caplog.set_level(logging.INFO)
    mark = tmp_path / "died"

    def trial(config, work):
        from ray import tune  # noqa: PLC0415

        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        tune.report({"sets": 5, "failed": 0, "seconds": 0.01, "settled": 5, "best": 0.5})

    pulse = Pulse("s1", every_s=0.0)
    watch = Watch(0.1, lambda tally: pulse.beat(tally) or silent(tally))
    outcome = run_blocks(queue(10), trial, {}, workers=1, watch=watch)
    assert (outcome.status, outcome.tally.sets) == ("done", 10)
    assert outcome.tally.retried_blocks == 1
    events = [record.event for record in caplog.records if hasattr(record, "event")]
    assert (events[-1]["nodes"], events[-1]["processors"]) == (1, 2)
    assert events[-1]["spilled_mb"] is not None
