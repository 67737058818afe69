"""Run blocks on Ray Tune: connect, hand out blocks, listen, stop. All of Ray Tune is in here.

Resume does not use `Tuner.restore`: what is finished is known from the parts, and a new run does
the rest.
"""

import contextlib
import dataclasses
import logging
import math
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from sweep.cluster import ray_module, ray_session
from sweep.search.blocks import Block, BlockQueue
from sweep.search.spec import ExecutionSettings

_log = logging.getLogger(__name__)

_RETRIES = 2  # of a block whose worker died
_LEAST_JUDGED = 20  # sets before a failure rate means anything


@dataclasses.dataclass
class Tally:
    """What the trials of this run reported so far.

    Attributes
    ----------
    sets, failed
        Evaluated, and failed of these.
    settled
        Proposals that have their answer; a search finds some of them evaluated.
    best
        detector -> best objective of a feasible set.
    lost_blocks
        Trials that ended without a report.
    """

    sets: int = 0
    failed: int = 0
    settled: int = 0
    best: dict[str, float] = dataclasses.field(default_factory=dict)
    lost_blocks: int = 0
    retried_blocks: int = 0


@dataclasses.dataclass(frozen=True)
class TuneOutcome:
    """How a run on Tune ended.

    Attributes
    ----------
    status
        `failed`: too many sets failed, blocks were lost, or the data changed.
    reason
        Sentence on it, empty for `done`.
    tally
        What was reported.
    """

    status: Literal["done", "failed", "interrupted"]
    reason: str
    tally: Tally


class Watch:
    """Decides during a run whether to go on.

    Parameters
    ----------
    max_failure_rate
        Share of failed sets past which to stop.
    check
        Called after every block; a sentence to stop with, or empty.
    """

    def __init__(self, max_failure_rate: float, check: Callable[[Tally], str]) -> None:
        self.tally = Tally()
        self.interrupted = False
        self.reason = ""
        self._rate = max_failure_rate
        self._check = check

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what listens: Tune pickles its searcher, a terminal cannot be."""
        return {**vars(self), "_check": None}

    @property
    def stopped(self) -> bool:
        """Return True where no further block should start."""
        return self.interrupted or bool(self.reason)

    def ended(self, *, error: bool) -> None:
        """Count a trial that ended, lost where it failed for good."""
        self.tally.lost_blocks += error

    def reported(self, detector: str, result: Mapping[str, Any]) -> None:
        """Count what a trial reports."""
        self.tally.sets += int(result["sets"])
        self.tally.failed += int(result["failed"])
        self.tally.settled += int(result["settled"])
        best = max(self.tally.best.get(detector, -math.inf), float(result["best"]))
        self.tally.best[detector] = best
        done, failed = self.tally.sets, self.tally.failed
        if done >= _LEAST_JUDGED and failed > self._rate * done:
            self.reason = (
                f"{failed} of {done} sets failed, more than sweep.max_failure_rate="
                f"{self._rate:g}; see their text in parameter_sets.parquet"
            )
        else:
            self.reason = self.reason or self._check(self.tally)


@contextlib.contextmanager
def connected(execution: ExecutionSettings) -> Iterator[int]:
    """Have Ray while this lasts, and yield how many trials may run at a time.

    Raises
    ------
    ValueError
        If a cluster does not ask for a token and `ray.insecure` is not set.
    """
    with ray_session(execution.address, execution.workers, insecure=execution.insecure) as grows:
        processors = int(ray_module().cluster_resources().get("CPU", 0))
        yield _workers(execution.workers, processors, grows=grows)


def _workers(wanted: int | None, processors: int, *, grows: bool) -> int:
    """Return how many trials may run at a time.

    In a cluster that `grows`, trials that wait for a processor are what its autoscaler counts, so
    that more may be wanted than there are processors now.
    """
    if not grows:
        return min(wanted or processors, max(1, processors))
    if wanted is None and processors == 0:
        raise ValueError(
            "the cluster has no processor yet (they come with the work), so ray.workers must say "
            "how many trials may run at a time: ray.workers=256"
        )
    return wanted or processors


def remote_call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """Start a function as a Ray task and return the reference to its result."""
    ray = ray_module()

    return ray.remote(num_cpus=1, max_retries=_RETRIES)(function).remote(*arguments)


def put(value: Any) -> Any:  # noqa: ANN401
    """Put a value into the object store, once a node, and return its reference."""
    ray = ray_module()

    return ray.put(value)


def wait_for(references: Sequence[Any]) -> None:
    """Wait until tasks are done, wherever their results are.

    Trials reserve every processor, so a task that they wait for must not be waiting for one.
    """
    if references:
        ray_module().wait(list(references), num_returns=len(references), fetch_local=False)


def require_room(tables: Mapping[str, Sequence[Any]]) -> None:
    """Refuse detectors whose tables do not fit the object store of a node.

    A trial reads all tables of its detector at once.

    Parameters
    ----------
    tables
        detector -> references to its tables, all of them built.

    Raises
    ------
    ValueError
        With the sizes of all detectors concerned.
    """
    room = _room()
    faults = []
    for name, references in tables.items():
        found = ray_module("ray.experimental").get_object_locations(list(references))
        size = sum(about["object_size"] or 0 for about in found.values())
        if size > room:
            faults.append(
                f"{name}: the candidate tables of {len(references)} symbols take "
                f"{size / 1e6:,.0f} MB, the object store of a node holds {room / 1e6:,.0f} MB"
            )
    if faults:
        raise ValueError(
            "\n".join(faults)
            + "\ntake fewer symbols or days at a time, narrower ranges, or nodes "
            "with more memory (ray start --object-store-memory)"
        )


def _room() -> float:
    """Return the bytes of the smallest object store among nodes that run trials."""
    nodes = [node["Resources"] for node in ray_module().nodes() if node["Alive"]]
    stores = [about.get("object_store_memory", 0.0) for about in nodes if about.get("CPU")]
    return float(min(stores, default=math.inf))


def run_blocks(
    queue: BlockQueue,
    trial: Callable[..., None],
    work: Mapping[str, Any],
    *,
    workers: int,
    watch: Watch,
) -> TuneOutcome:
    """Run every block as a Tune trial.

    Parameters
    ----------
    queue
        Blocks to run.
    trial
        `trial(config, work)`; reports `sets`, `settled` (all so far), `failed`, `seconds` and
        `best`, a search more than once.
    work
        Handed to every trial by reference.
    workers
        Trials at a time.
    watch
        Hears of every block.

    Returns
    -------
    TuneOutcome
        Ctrl-C and SIGTERM let running blocks finish, then end it as `interrupted`.
    """
    tune = _quiet_tune()
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder, _signals(watch):
        grid = tune.Tuner(
            tune.with_resources(tune.with_parameters(trial, work=dict(work)), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=_block_searcher(queue, watch),
                num_samples=-1,
                max_concurrent_trials=workers,
                reuse_actors=True,
                metric="sets",
                mode="max",
            ),
            run_config=tune.RunConfig(
                name="blocks",
                storage_path=folder,
                verbose=0,
                # A search is asked to stop where it reports; what it found is written by then.
                stop=lambda _, __: watch.stopped,
                failure_config=tune.FailureConfig(max_failures=_RETRIES),
                callbacks=[_retries(watch)],
            ),
        ).fit()
    return _outcome(watch, grid)


def _quiet_tune() -> Any:  # noqa: ANN401
    """Return Ray Tune, without its tables, loggers and signal handler."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # else tables are printed at verbose=0 too
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # They report on result files that are switched off; what trials say, the searcher hears.
    for name in ("ray.tune.tune", "ray.tune.analysis.experiment_analysis"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It would hand S3 keys to trials through Ray's runtime environment, which writes them into its
    # logs; nodes have their own.
    cache = ray_module("ray.tune.execution.class_cache")
    cache.ENV_VARS_TO_PROPAGATE = {
        name for name in cache.ENV_VARS_TO_PROPAGATE if not name.startswith("AWS_")
    }
    return ray_module("ray.tune")


def _outcome(watch: Watch, grid: Any) -> TuneOutcome:  # noqa: ANN401
    """Say how a run ended; `fit()` returns normally even when every trial raised."""
    lost = max(watch.tally.lost_blocks, grid.num_errors)
    if watch.reason:
        return TuneOutcome("failed", watch.reason, watch.tally)
    if watch.interrupted:
        return TuneOutcome("interrupted", "interrupted", watch.tally)
    if lost:
        first = str(grid.errors[0]).strip().splitlines()[-1] if grid.errors else "no report"
        reason = (
            f"{lost} blocks were lost with their workers ({first}); run the same command again"
        )
        return TuneOutcome("failed", reason, watch.tally)
    return TuneOutcome("done", "", watch.tally)


def _retries(watch: Watch) -> Any:  # noqa: ANN401
    """Return what counts the blocks that Tune starts again."""
    callback = ray_module("ray.tune").Callback

    class Retries(callback):  # type: ignore[misc, valid-type] # see ray_module
        """Counts into the tally."""

        def on_trial_recover(self, **_: object) -> None:
            watch.tally.retried_blocks += 1

    return Retries()


def _block_searcher(queue: BlockQueue, watch: Watch) -> Any:  # noqa: ANN401
    """Return a Tune searcher that hands out blocks as trial configurations."""
    searcher = ray_module("ray.tune.search").Searcher

    class BlockSearcher(searcher):  # type: ignore[misc, valid-type] # see ray_module
        """Blocks as trials, in the order of the queue."""

        def __init__(self) -> None:
            super().__init__(metric="sets", mode="max")
            self._running: dict[str, Block] = {}
            self._heard: dict[str, int] = {}
            self._settled: dict[str, int] = {}

        def suggest(self, trial_id: str) -> dict[str, Any] | str:
            block = None if watch.stopped else queue.take()
            if block is None:
                return str(searcher.FINISHED)
            self._running[trial_id] = block
            return {
                "detector": block.detector,
                "ranges": [list(r) for r in block.ranges],
                "search": block.search,
            }

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            name = self._running[trial_id].detector
            self._heard[trial_id] = int(result["training_iteration"])
            queue.measured(name, int(result["sets"]), float(result["seconds"]))
            # A search whose worker died starts again and settles the same proposals once more.
            before = self._settled.get(trial_id, 0)
            self._settled[trial_id] = max(before, int(result["settled"]))
            watch.reported(name, {**result, "settled": self._settled[trial_id] - before})

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            # The report at which a trial is stopped comes with its end only.
            if result and int(result["training_iteration"]) > self._heard.get(trial_id, 0):
                self.on_trial_result(trial_id, result)
            del self._running[trial_id]
            watch.ended(error=error or trial_id not in self._heard)

        def save(self, checkpoint_path: str) -> None:
            """Keep nothing: a resumed sweep starts a new run."""

        def restore(self, checkpoint_path: str) -> None:
            """Read nothing."""

    return BlockSearcher()


@contextlib.contextmanager
def _signals(watch: Watch) -> Iterator[None]:
    """Let SIGINT and SIGTERM end a run cleanly, and say so; a second one ends it at once."""

    def stop(_number: int, _frame: object) -> None:
        if watch.interrupted:
            raise KeyboardInterrupt
        watch.interrupted = True
        with contextlib.suppress(RuntimeError):  # the stream was just being written to
            _log.warning("stopping: running blocks finish first; once more stops at once")

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not the main thread: nobody sends us signals
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
