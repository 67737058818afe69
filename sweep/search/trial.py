"""The Ray Tune trial: evaluate one block of one detector and write its part."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sweep.engine.block import evaluate_block
from sweep.engine.candidates import CandidateTable
from sweep.search.adaptive_trial import run_search
from sweep.search.evaluation import Task, evaluate_ranges
from sweep.search.halving import write_scores
from sweep.search.identity import block_name
from sweep.search.tables import Groups, Tables
from sweep.store.place import Place
from sweep.store.results import Results

_PATIENCE_S = 600.0  # 10 GB by a tenth of a 10 Gbit line take 80 s


@dataclasses.dataclass(frozen=True)
class Work:
    """What the trials of one detector share, by reference.

    Attributes
    ----------
    task
        What to evaluate and how it is cut into folds.
    tables
        References to the candidate tables, one per symbol, in groups that are held together.
    storage_root, sweep_id
        Where parts go.
    screens
        True: the task is that of a rung of a halving.
    """

    task: Task
    tables: Groups
    storage_root: Place
    sweep_id: str
    screens: bool = False


_ready: dict[tuple[str, str, int], Tables] = {}
"""Tables this worker process has at hand; actors are reused from trial to trial."""


def run_trial(config: Mapping[str, Any], work: Mapping[str, Any]) -> None:
    """Evaluate the block of a trial, or run its search; write parts, then report.

    Parameters
    ----------
    config
        `detector`, `ranges` and `search` of a `Block`.
    work
        detector -> reference to its `Work`.
    """
    # Runs in workers, where Ray is there already; importing this module must not need it.
    import ray  # noqa: PLC0415
    from ray import tune  # noqa: PLC0415

    def fetch(references: Any) -> Any:  # noqa: ANN401
        try:
            return ray.get(references, timeout=_PATIENCE_S)
        except ray.exceptions.GetTimeoutError as error:
            raise TimeoutError(
                f"the tables of {name} did not reach this node within {_PATIENCE_S:g} s"
            ) from error

    name: str = config["detector"]
    shared: Work = fetch(work[name])
    ready = (shared.sweep_id, name, shared.task.n_sessions if shared.screens else 0)
    if ready not in _ready:
        _ready.clear()
        tables = Tables(shared.tables, fetch)
        _compile(shared.task, tables[:1])
        _ready[ready] = tables
    if config["search"] is None:
        tune.report(write_block(shared, _ready[ready], config["ranges"]))
        return
    results = Results(shared.storage_root, shared.sweep_id)
    for heard in run_search(shared.task, _ready[ready], results, config["search"]):
        tune.report(heard)


def _compile(task: Task, tables: Sequence[CandidateTable]) -> None:
    """Run the engine once, so that compiling is no part of what a block is measured by."""
    lowest = {d.name: np.full(1, d.low) for d in task.space.searched}
    evaluate_block(task.detector, tables, task.space.sets(lowest, 1))


def write_block(shared: Work, tables: Tables, ranges: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Evaluate ranges and write the part; returns what the driver hears.

    Trades come first: once the part is there, the block counts as finished.
    """
    before = tables.seconds
    rows = evaluate_ranges(shared.task, tables, ranges)
    reading = tables.seconds - before
    results = Results(shared.storage_root, shared.sweep_id)
    name = block_name(shared.task.detector.name, rows.keys)
    if shared.screens:
        write_scores(shared.task, results, rows)
    else:
        if rows.trades is not None:
            results.write_part(name, rows.trades, kind="trades")
        results.write_part(name, rows.sets)
    pa.default_memory_pool().release_unused()  # 20 MB that only writing needs
    return {
        "sets": len(rows.keys),
        "settled": len(rows.keys),
        "failed": rows.failed,
        "seconds": rows.seconds - reading,
        "reading": reading,
        "best": rows.best,
    }
