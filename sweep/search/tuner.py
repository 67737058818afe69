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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sweep.cluster import ray_module, ray_session
from sweep.search.blocks import Block, BlockQueue
from sweep.search.spec import ExecutionSettings
from sweep.search.tables import Groups, grouped

_log = logging.getLogger(__name__)

_SILENT_S = 300.0  # without any block after which the driver says so
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
    seconds, screening_seconds
        In the engine: in full evaluations, and on the rungs before them.
    lost_blocks
        Blocks given up after their last try.
    retried_blocks
        Tries that ended without a report and were followed by another.
    """

    sets: int = 0
    failed: int = 0
    settled: int = 0
    best: dict[str, float] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    screening_seconds: float = 0.0
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

    def ended(self, *, lost: bool) -> None:
        """Count a block that ended, lost where it is given up."""
        self.tally.lost_blocks += lost

    def reported(self, detector: str, result: Mapping[str, Any]) -> None:
        """Count what a trial reports."""
        self.tally.sets += int(result["sets"])
        self.tally.failed += int(result["failed"])
        self.tally.settled += int(result["settled"])
        self.tally.seconds += float(result["seconds"])
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
        _quiet_tune()  # a second of imports, while tables are built
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


def put(value: Any) -> Any:  # noqa: ANN401
    """Put a value into the object store, once a node, and return its reference."""
    ray = ray_module()

    return ray.put(value)


def in_groups(tables: Mapping[str, Sequence[Any]], workers: int) -> dict[str, Groups]:
    """Cut the tables of every detector into groups that fit the object store of a node.

    Parameters
    ----------
    tables
        detector -> references to its tables in symbol order, all of them built.
    workers
        Trials at a time.

    Raises
    ------
    ValueError
        If a table alone does not fit, with the sizes of all detectors concerned.
    """
    room, processors = _smallest_node()
    groups, faults = {}, []
    for name, references in tables.items():
        found = ray_module("ray.experimental").get_object_locations(list(references))
        sizes = [found[one]["object_size"] or 0 for one in references]
        if max(sizes) > room:
            faults.append(
                f"{name}: the candidate table of one symbol takes {max(sizes) / 1e6:,.0f} MB, the "
                f"object store of a node holds {room / 1e6:,.0f} MB"
            )
        groups[name] = grouped(references, sizes, room, min(workers, processors))
        if len(groups[name]) > 1:
            _log.info(
                "%s: the candidate tables of %d symbols take %.0f MB, the object store of a node "
                "holds %.0f MB: trials read them in %d groups",
                *(name, len(references), sum(sizes) / 1e6, room / 1e6, len(groups[name])),
            )
    if faults:
        raise ValueError(
            "\n".join(faults) + "\ntake fewer days at a time, narrower ranges, or nodes with more "
            "memory (ray start --object-store-memory)"
        )
    return groups


def _smallest_node() -> tuple[float, int]:
    """Return the bytes of the smallest object store among nodes that run trials.

    Returns
    -------
    tuple
        These bytes, and the most processors of such a node.
    """
    nodes = [node["Resources"] for node in ray_module().nodes() if node["Alive"]]
    nodes = [about for about in nodes if about.get("CPU")]
    room = min((about.get("object_store_memory", 0.0) for about in nodes), default=math.inf)
    return float(room), int(max((about["CPU"] for about in nodes), default=1))


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
                # The queue hands a lost block out again: Tune would only where it ran already, at
                # once, and on the node that is about to be found dead.
                failure_config=tune.FailureConfig(max_failures=0),
                callbacks=[_listener(queue, watch)],
            ),
        ).fit()
    return _outcome(watch, grid)


def _quiet_tune() -> Any:  # noqa: ANN401
    """Return Ray Tune, without its tables, loggers and signal handler."""
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # else tables are printed at verbose=0 too
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # They report on result files that are switched off; what trials say, the searcher hears.
    # Of a lost trial the listener says what there is to know.
    for name in (
        *("ray.tune.tune", "ray.tune.analysis.experiment_analysis"),
        "ray.tune.execution.tune_controller",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It would hand S3 keys to trials through Ray's runtime environment, which writes them into its
    # logs; nodes have their own. And one for PyTorch, for which Ray would start other processes
    # than those it has: 2.5 s of imports each.
    cache = ray_module("ray.tune.execution.class_cache")
    cache.DEFAULT_ENV_VARS = {}
    cache.ENV_VARS_TO_PROPAGATE = {
        name for name in cache.ENV_VARS_TO_PROPAGATE if not name.startswith("AWS_")
    }
    return ray_module("ray.tune")


def _outcome(watch: Watch, grid: Any) -> TuneOutcome:  # noqa: ANN401
    """Say how a run ended; `fit()` returns normally even when every trial raised."""
    if watch.reason:
        return TuneOutcome("failed", watch.reason, watch.tally)
    if watch.interrupted:
        return TuneOutcome("interrupted", "interrupted", watch.tally)
    if watch.tally.lost_blocks:
        last = _last_line(str(grid.errors[-1])) if grid.errors else "no report"
        reason = (
            f"{watch.tally.lost_blocks} blocks were lost with their workers ({last}); run the "
            "same command again"
        )
        return TuneOutcome("failed", reason, watch.tally)
    return TuneOutcome("done", "", watch.tally)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _listener(queue: BlockQueue, watch: Watch) -> Any:  # noqa: ANN401
    """Return what hands lost blocks out again, and speaks where nothing else does."""
    callback = ray_module("ray.tune").Callback

    class Listener(callback):  # type: ignore[misc, valid-type] # see ray_module
        """Hears of lost trials, and of the time."""

        def __init__(self) -> None:
            self._seen, self._since = -1, time.monotonic()

        def on_trial_error(self, trial: Any, **_: object) -> None:  # noqa: ANN401
            block = Block.of(trial.config)
            again = queue.again(block)
            watch.tally.retried_blocks += again
            watch.ended(lost=not again)
            why = Path(trial.error_file).read_text()
            if again and not watch.stopped:
                _log.warning("%s: a block starts again: %s", block.detector, _last_line(why))
            elif not again:
                _log.error("%s: a block is given up: %s", block.detector, why)

        def on_step_end(self, trials: Any, **_: object) -> None:  # noqa: ANN401
            now, ended = time.monotonic(), watch.tally.settled + watch.tally.retried_blocks
            if ended != self._seen:
                self._seen, self._since = ended, now
            elif now - self._since > _SILENT_S:
                self._since = now
                _log.warning(_silence([trial.status for trial in trials]))

    return Listener()


def _silence(states: Sequence[str]) -> str:
    """Say what a run without news is waiting for."""
    ray = ray_module()
    running, waiting = states.count("RUNNING"), states.count("PENDING")
    alive = sum(bool(node["Alive"]) for node in ray.nodes())
    return (
        f"no block has ended for {_SILENT_S / 60:g} minutes: {running} run, {waiting} wait for a "
        f"worker; {alive} nodes with {int(ray.cluster_resources().get('CPU', 0))} processors"
    )


def _block_searcher(queue: BlockQueue, watch: Watch) -> Any:  # noqa: ANN401
    """Return a Tune searcher that hands out blocks as trial configurations."""
    searcher = ray_module("ray.tune.search").Searcher

    class BlockSearcher(searcher):  # type: ignore[misc, valid-type] # see ray_module
        """Blocks as trials, in the order of the queue."""

        def __init__(self) -> None:
            super().__init__(metric="sets", mode="max")
            self._running: dict[str, Block] = {}
            self._heard: dict[str, int] = {}
            self._settled: dict[Block, int] = {}

        def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
            block = None if watch.stopped else queue.take()
            if block is None:
                # One that runs may be lost and handed out again.
                return None if self._running and not watch.stopped else str(searcher.FINISHED)
            self._running[trial_id] = block
            return dataclasses.asdict(block)

        def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
            block = self._running[trial_id]
            self._heard[trial_id] = int(result["training_iteration"])
            times = (float(result["seconds"]), float(result.get("reading", 0.0)))
            queue.measured(block.detector, int(result["sets"]), *times)
            # A search whose worker died starts again and settles the same proposals once more.
            before = self._settled.get(block, 0)
            self._settled[block] = max(before, int(result["settled"]))
            watch.reported(block.detector, {**result, "settled": self._settled[block] - before})

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            # The report at which a trial is stopped comes with its end only.
            if result and int(result["training_iteration"]) > self._heard.get(trial_id, 0):
                self.on_trial_result(trial_id, result)
            del self._running[trial_id]
            if not error:  # of those the listener knows more
                watch.ended(lost=trial_id not in self._heard)

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
