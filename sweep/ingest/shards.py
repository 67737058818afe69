"""The two steps of an ingest from day files: stage by day, then merge by symbol and month.

Each step is many small tasks that write one file and can be repeated; they run in processes of
this machine or by Ray Data.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from sweep.cluster import cluster_named, ray_session
from sweep.ingest.downloads import Downloads
from sweep.ingest.merge import MonthPlan, merge_month
from sweep.ingest.plan import Plan
from sweep.ingest.pool import Outcome, Result, Task, run_tasks
from sweep.ingest.ray_data import run_on_ray
from sweep.ingest.s3_files import S3FlatFiles
from sweep.ingest.sources import DaySource, SourceFile, apart_from
from sweep.ingest.spec import BackfillSpec, Failure, Progress
from sweep.ingest.stage import Staged, stage_day
from sweep.ingest.tally import Tally
from sweep.store.place import Place

# Seconds of one core, measured: a small file, a compressed byte, a month of one symbol with six
# timeframes. A process takes about 1.5 s to start: less work than this is done in the driver.
_FILE_S, _BYTE_S, _MONTH_S, _WORTH_S = 0.01, 1e-8, 0.08, 4.0

#: From here on the start of Ray (about 5 s) is lost in the work.
_WORTH_RAY_S = 60.0

#: Processors of a Ray task that downloads its file: others parse meanwhile.
_DOWNLOADING = 0.25

StageTask = tuple[SourceFile, tuple[str, ...] | None]


class Runner:
    """Runs tasks in processes of this machine, or by Ray Data.

    Parameters
    ----------
    workers
        Processes; of Ray the most tasks under way, None: as many as there are processors.
    by_ray
        True: by Ray Data.
    """

    def __init__(self, workers: int | None, *, by_ray: bool) -> None:
        self.by_ray = by_ray
        self._workers = workers

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        work_s: float,
        processors: float = 1.0,
    ) -> Iterator[Outcome[Task, Result]]:
        """Yield the outcome of every task as it finishes.

        Parameters
        ----------
        function, tasks
            Importable and picklable.
        work_s
            Seconds of one core that all of it takes: a little is done in this process.
        processors
            Of one task by Ray.
        """
        if self.by_ray:
            return run_on_ray(function, tasks, at_once=self._workers, processors=processors)
        workers = self._workers or os.cpu_count() or 1
        return run_tasks(function, tasks, workers if work_s > _WORTH_S else 1)


@contextlib.contextmanager
def runner(spec: BackfillSpec, tasks: Sequence[StageTask]) -> Iterator[Runner]:
    """Give what runs the tasks: `source.pipeline`, and with `auto` what suits them.

    `auto` is Ray Data on a cluster (`ray.address`, a job of one) and for a minute of work or more,
    else processes of this machine.
    """
    named = cluster_named(spec.ray_address)
    by_ray = spec.pipeline == "ray" or (
        spec.pipeline == "auto" and (named or _work_s(tasks) >= _WORTH_RAY_S)
    )
    if not by_ray:
        yield Runner(spec.workers, by_ray=False)
        return
    with ray_session(spec.ray_address, spec.workers, insecure=spec.ray_insecure):
        yield Runner(spec.workers, by_ray=True)


def _work_s(tasks: Sequence[StageTask]) -> float:
    return sum(_FILE_S + file.size * _BYTE_S for file, _ in tasks)


def stage_days(
    spec: BackfillSpec,
    source: DaySource,
    root: Place,
    plan: Plan,
    tasks: Sequence[StageTask],
    run: Runner,
    tally: Tally,
    say: Progress,
) -> None:
    """Stage day files; on this machine those of a bucket while others are on their way."""
    stage = functools.partial(_stage_one, source, root)
    names = [symbol.name for symbol in plan.symbols]
    done = 0

    def count(outcomes: Iterable[Outcome[StageTask, Staged]], arrived: int | None) -> None:
        nonlocal done
        for day in outcomes:
            done += 1
            if day.result is None:
                named = source.describe(day.task[0].key)
                tally.failures.append(Failure(named, apart_from(named, day.error or "")))
            elif day.result.fresh:
                tally.add_file(day.result, names)
            size = tally.bytes_read if arrived is None else arrived
            say("day files", done, len(tasks), len(tally.failures), size)

    if run.by_ray or not isinstance(source, S3FlatFiles):
        waits = isinstance(source, S3FlatFiles)
        count(run.run(stage, tasks, _work_s(tasks), _DOWNLOADING if waits else 1.0), None)
        return
    with Downloads(source, tasks, spec.downloads) as downloads:
        for batch in downloads.batches():
            failed = [Outcome[StageTask, Staged](task, None, text) for task, text in batch if text]
            count(failed, downloads.arrived)
            ready = [task for task, text in batch if text is None]
            count(run.run(stage, ready, _work_s(ready)), downloads.arrived)
            if not batch:
                say("day files", done, len(tasks), len(tally.failures), downloads.arrived)


def _stage_one(source: DaySource, root: Place, task: StageTask) -> Staged:
    file, symbols = task
    return stage_day(source, file, symbols, root)


def merge_months(
    root: Place, months: Sequence[MonthPlan], run: Runner, tally: Tally, say: Progress
) -> None:
    """Merge staged days into months; each has one writer, by its lease."""
    merge = functools.partial(merge_month, root)
    outcomes = run.run(merge, months, len(months) * _MONTH_S)
    for done, month in enumerate(outcomes, 1):
        if month.result is None:
            what = f"{month.task.symbol} {month.task.year_month}"
            tally.failures.append(Failure(what, month.error or ""))
        else:
            tally.add_month(month.result)
        say("symbol months", done, len(months), len(tally.failures), 0)
