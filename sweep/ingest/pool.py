"""Run many small tasks over a few processes, or here; a failing task is a result, not an end."""

import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Starting processes costs about a second: fewer tasks than this are done here.
FEW_TASKS = 16


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
        Processes; 1, or few tasks, run in this process and in order.
    """
    if workers == 1 or len(tasks) < FEW_TASKS:
        for task in tasks:
            yield _attempt(function, task)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=context, initializer=_die_with_parent
    ) as pool:
        futures = {pool.submit(_attempt, function, task): task for task in tasks}
        try:
            for future in concurrent.futures.as_completed(futures):
                try:
                    yield future.result()
                except concurrent.futures.process.BrokenProcessPool:
                    text = "its worker process was killed (out of memory?); try workers=1"
                    yield Outcome(futures[future], None, text)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _attempt(function: Callable[[Task], Result], task: Task) -> Outcome[Task, Result]:
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
