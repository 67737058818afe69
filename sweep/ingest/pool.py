"""Run many small tasks over a few processes, or here; a failing task is a result, not an end."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Killed workers in a row, without a task done, after which no further one is started.
HOPELESS = 3


class Outcome(Generic[Task, Result]):
    """One finished task: its result, or the text of its error."""

    def __init__(self, task: Task, result: Result | None, error: str | None) -> None:
        self.task = task
        self.result = result
        self.error = error


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Outcome[Task, Result]]:
    """Yield the outcome of every task as it finishes.

    Parameters
    ----------
    function
        Importable by name; its task and result must be picklable.
    tasks
        One call each.
    workers
        Processes; with 1 the tasks run in this process and in order.
    """
    if min(workers, len(tasks)) <= 1 or not _can_spawn():
        for task in tasks:
            yield attempt(function, task)
        return
    pending = list(tasks)
    processes, killed = min(workers, len(tasks)), 0
    while pending:
        finished: set[int] = set()
        for place, outcome in _in_processes(function, pending, processes):
            finished.add(place)
            yield outcome
        pending = [task for place, task in enumerate(pending) if place not in finished]
        if not pending:
            return
        # A worker was killed. One process takes tasks in order: if it dies too, the first
        # unfinished task is the one that kills.
        if processes == 1:
            yield Outcome(pending.pop(0), None, "its worker process was killed (out of memory?)")
            killed = 1 if finished else killed + 1
        if killed == HOPELESS:
            for task in pending:
                yield Outcome(task, None, "not tried: worker processes die; try workers=1")
            return
        processes = 1


def _in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[tuple[int, Outcome[Task, Result]]]:
    """Yield (place, outcome) of the tasks finished before the pool broke, if it did."""
    with concurrent.futures.ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_die_with_parent,
    ) as pool:
        futures = {pool.submit(attempt, function, task): i for i, task in enumerate(tasks)}
        try:
            for future in concurrent.futures.as_completed(futures):
                with contextlib.suppress(BrokenProcessPool):
                    yield futures[future], future.result()
        except BaseException:  # Ctrl-C, or nobody asks for more: what runs is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _can_spawn() -> bool:
    """Tell whether a new process can import the main module: not from standard input."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    return main.__spec__ is not None or path is None or Path(path).exists()


def attempt(function: Callable[[Task], Result], task: Task) -> Outcome[Task, Result]:
    """Do one task; an error becomes text."""
    try:
        return Outcome(task, function(task), None)
    except Exception as error:  # noqa: BLE001 - one bad day must not stop the others
        return Outcome(task, None, f"{error}" or type(error).__name__)


def _die_with_parent() -> None:
    """End this worker when the driver is gone, also after `kill -9`."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
