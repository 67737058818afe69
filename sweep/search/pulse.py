"""What a running sweep says of its cluster: metrics of Ray, and a line of log where there is news.

Ray exports the metrics for Prometheus under `ray_` and the names below, counters with `_total`.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from sweep.cluster import ray_module
from sweep.report import json_lines
from sweep.search.tuner import Tally

_log = logging.getLogger(__name__)

EVERY_S = 30.0
FIRST_S = 5.0
COUNTERS = {
    "detector_sweep_sets": "Parameter sets evaluated",
    "detector_sweep_failed_sets": "Parameter sets that failed",
    "detector_sweep_lost_blocks": "Blocks whose worker died too often",
    "detector_sweep_retried_blocks": "Blocks started again after their worker died",
}
GAUGES = {
    "detector_sweep_sets_per_second": "Parameter sets a second, over the last interval",
    "detector_sweep_nodes": "Nodes that are alive",
    "detector_sweep_processors": "Processors of those nodes",
}


class Pulse:
    """Hears of every finished block, and speaks after `FIRST_S`, then every `every_s` seconds.

    Parameters
    ----------
    sweep_id
        Tag of the metrics.
    every_s
        Least seconds between two lines.
    clock
        Seconds.
    """

    def __init__(
        self,
        sweep_id: str,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        metrics, self._tags = ray_module("ray.util.metrics"), {"sweep": sweep_id}
        self._counters = [metrics.Counter(n, t, tag_keys=("sweep",)) for n, t in COUNTERS.items()]
        self._gauges = [metrics.Gauge(n, t, tag_keys=("sweep",)) for n, t in GAUGES.items()]
        self._every_s, self._clock = every_s, clock
        self._counted = (0, 0, 0, 0)
        self._spoken, self._sets = clock(), 0
        self._due = self._spoken + min(FIRST_S, every_s)

    def beat(self, tally: Tally) -> None:
        """Count what came, and say how it goes once in a while."""
        now = (tally.sets, tally.failed, tally.lost_blocks, tally.retried_blocks)
        for counter, before, after in zip(self._counters, self._counted, now, strict=True):
            if after > before:
                counter.inc(after - before, tags=self._tags)
        self._counted = now
        instant = self._clock()
        if instant < self._due:
            return
        rate = (tally.sets - self._sets) / (instant - self._spoken)
        self._spoken, self._sets = instant, tally.sets
        self._due = instant + self._every_s
        nodes, processors = _size()
        for gauge, value in zip(self._gauges, (rate, nodes, processors), strict=True):
            gauge.set(value, tags=self._tags)
        event: dict[str, Any] = {
            "event": "pulse",
            **self._tags,
            "sets": tally.sets,
            "failed_sets": tally.failed,
            "lost_blocks": tally.lost_blocks,
            "retried_blocks": tally.retried_blocks,
            "sets_per_second": round(rate, 1),
            "nodes": nodes,
            "processors": processors,
            "spilled_mb": _spilled_mb(),
        }
        if nodes > 1 or event["spilled_mb"] or tally.retried_blocks or json_lines.active():
            _log.info(_sentence(event, tally.retried_blocks), extra={"event": event})


def _sentence(event: Mapping[str, Any], retried: int) -> str:
    """Return what the progress does not say: it has the rate, and one node is no news."""
    spilled = event["spilled_mb"]
    return (
        f"{_many(event['nodes'], 'node')} with {_many(event['processors'], 'processor')}; "
        f"{'?' if spilled is None else f'{spilled:,.0f}'} MB spilled, "
        f"{_many(retried, 'block')} started again"
    )


def _many(n: int, name: str) -> str:
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def _size() -> tuple[int, int]:
    ray = ray_module()
    alive = sum(bool(node["Alive"]) for node in ray.nodes())
    return alive, int(ray.cluster_resources().get("CPU", 0))


def _spilled_mb() -> float | None:
    """Return what the object stores of all nodes put on disk so far; Ray has no public call."""
    with contextlib.suppress(Exception):  # a figure for the log must not end a sweep
        internal = ray_module("ray._private.internal_api")
        address = ray_module().get_runtime_context().gcs_address
        state = internal.get_state_from_address(address)
        reply = internal.get_memory_info_reply(state)
        return float(reply.store_stats.spilled_bytes_total) / 1e6
    return None
