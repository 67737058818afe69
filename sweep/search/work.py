"""What the trials of a detector share: its candidate tables, built in threads of the driver."""

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sweep.engine.candidates import CandidateTable, build_candidates
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.symbol_data import SymbolData
from sweep.search.evaluation import Task
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.trial import Work
from sweep.search.tuner import in_groups, put
from sweep.store.place import place

_AHEAD = 4  # tables a thread that nobody has taken yet


def build_table(
    plan: DetectorPlan, data: SymbolData, fills: FillSettings, costs: Costs
) -> CandidateTable:
    """Build the candidates of one detector on one symbol for the whole space."""
    return build_candidates(
        plan.detector,
        data,
        bounds=plan.space.bounds(),
        variants=plan.variants,
        axis=plan.axis,
        fills=fills,
        costs=costs,
    )


@contextlib.contextmanager
def tables_ahead(
    plan: SweepPlan, detectors: Sequence[DetectorPlan]
) -> Iterator[Iterator[CandidateTable]]:
    """Build the tables of detectors in threads, a few ahead of who takes them.

    Features lie in this process, and a table takes less time (30 ms for a year of minutes) than
    features to a worker and the table back. Back it must: the store of the driver's node is the
    one that lives as long as the sweep.

    Yields
    ------
    iterator
        Tables of the first detector in symbol order, then of the others.
    """
    spec = plan.spec
    processors = len(os.sched_getaffinity(0))
    threads = min(spec.execution.workers or processors, processors)

    def build(one: DetectorPlan, data: SymbolData) -> CandidateTable:
        return build_table(one, data, spec.fills, spec.costs[data.asset_class])

    jobs = ((one, data) for one in detectors for data in one.symbols)
    with ThreadPoolExecutor(threads, "tables") as pool:
        first = itertools.islice(jobs, _AHEAD * threads)
        ahead = deque(pool.submit(build, *job) for job in first)

        def taken() -> Iterator[CandidateTable]:
            while ahead:
                table = ahead.popleft().result()
                ahead.extend(pool.submit(build, *job) for job in itertools.islice(jobs, 1))
                yield table

        try:
            yield taken()
        finally:
            pool.shutdown(cancel_futures=True)


def hand_out(
    plan: SweepPlan,
    detectors: Sequence[DetectorPlan],
    tasks: Mapping[str, Task],
    tables: Iterator[CandidateTable],
    workers: int,
    *,
    screens: bool = False,
) -> dict[str, Any]:
    """Put the tables of detectors into the object store and return a reference to each work.

    Parameters
    ----------
    plan, detectors, tasks
        The sweep, and which of its detectors on which sessions.
    tables
        Of `tables_ahead`.
    workers
        Trials at a time.
    screens
        The tasks are those of a rung.

    Raises
    ------
    ValueError
        If the table of a symbol alone does not fit the object store of a node.
    """
    stored = {one.detector.name: [put(next(tables)) for _ in one.symbols] for one in detectors}
    root = place(plan.spec.storage_root).absolute()
    return {
        name: put(Work(tasks[name], groups, root, plan.sweep_id, screens))
        for name, groups in in_groups(stored, workers).items()
    }
