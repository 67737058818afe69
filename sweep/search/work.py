"""What the trials of a detector share: its candidate tables, one a symbol, built on Ray."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from sweep.search.evaluation import Task
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.trial import Work, build_table
from sweep.search.tuner import in_groups, kept_here, put, remote_call, wait_for
from sweep.store.place import place


def start_work(
    plan: SweepPlan,
    one: DetectorPlan,
    task: Task,
    stored: Mapping[int, Any],
    *,
    screens: bool = False,
) -> Work:
    """Start the building of a detector's candidate tables and describe its work.

    Parameters
    ----------
    plan, one, task
        Sweep and detector, on the sessions of the task.
    stored
        References to the data of the symbols by `id`: detectors share those of a symbol.
    screens
        The task is that of a rung.
    """
    spec = plan.spec
    light = put(dataclasses.replace(one, symbols=(), foreign=()))
    tables = tuple(
        remote_call(build_table, light, stored[id(data)], spec.fills, spec.costs[data.asset_class])
        for data in one.symbols
    )
    return Work(task, (tables,), place(spec.storage_root).absolute(), plan.sweep_id, screens)


def hand_out(shared: Mapping[str, Work], workers: int) -> dict[str, Any]:
    """Wait until all tables are built, keep them here, and return a reference to each work.

    Raises
    ------
    ValueError
        If the table of a symbol alone does not fit the object store of a node.
    """
    built = {name: one.tables[0] for name, one in shared.items()}
    wait_for([table for tables in built.values() for table in tables])
    groups = in_groups({name: kept_here(tables) for name, tables in built.items()}, workers)
    return {
        name: put(dataclasses.replace(one, tables=groups[name])) for name, one in shared.items()
    }
