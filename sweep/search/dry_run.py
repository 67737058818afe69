"""What a sweep would take, from a measured first block; nothing is started, nothing written.

Sets, trials, time and memory, and the best verdict that so many sessions can give.
"""

import dataclasses
import datetime as dt
import math
import os
import time
from collections.abc import Sequence

import numpy as np

from sweep.engine.candidates import CandidateTable
from sweep.evidence.criteria import Thresholds
from sweep.evidence.luck import expected_max_z
from sweep.search.blocks import FIRST_SETS, MOST_CELLS, SET_CELLS, TARGET_S
from sweep.search.evaluation import Task, evaluate_sets
from sweep.search.halving import Halving, narrowed
from sweep.search.plan import DetectorPlan, SweepPlan, make_plan
from sweep.search.rungs import kept_of
from sweep.search.screen import halvings_of
from sweep.search.searchers import make_searcher
from sweep.search.spec import ScreeningSettings, SweepSpec
from sweep.search.wanted import Wanted, wanted_of
from sweep.search.work import build_table
from sweep.store.results import Results

_TRIAL_S = 0.035  # what Ray Tune takes for a trial, beside the engine
_START_S = 5.0  # to start Ray and its workers (benchmarks.search)
_JUDGE_S = 1.2  # tables and evidence of a detector, and per set and session on top
_JUDGE_CELL_S = 1.5e-6
_SESSIONS_PER_YEAR = 252


@dataclasses.dataclass(frozen=True)
class Measured:
    """One detector of a sweep that was not run.

    Attributes
    ----------
    name
        Detector.
    total, done
        Distinct sets asked for (of adaptive searches at most), and those that are finished.
    seconds_per_set, build_s
        In the engine on one processor; to build the candidate tables.
    candidates, table_bytes
        Of the tables of all symbols.
    bytes_per_set
        In memory, of a finished set: its row, its folds and its daily series.
    searches
        Adaptive searches that are left.
    sessions, active_days, trades
        Sessions of its axis, and the most active days and trades of the measured sets.
    in_full, rungs
        Sets that are left to evaluate on all sessions, and before that on some: (sessions, sets).
    """

    name: str
    total: int
    done: int
    seconds_per_set: float
    build_s: float
    candidates: int
    table_bytes: int
    bytes_per_set: float
    searches: int
    sessions: int
    active_days: int
    trades: int
    in_full: int
    rungs: tuple[tuple[int, int], ...] = ()

    @property
    def evaluated(self) -> int:
        """Return the sets that have a result on all sessions in the end."""
        return self.done + self.in_full

    @property
    def seconds(self) -> float:
        """Return the engine time that is left; it follows the sessions."""
        on_rungs = sum(sessions * sets for sessions, sets in self.rungs) / self.sessions
        return self.seconds_per_set * (self.in_full + on_rungs)

    @property
    def trials(self) -> int:
        """Return the Tune trials that are left, about: a search is one."""
        return self.searches + math.ceil(self.seconds / TARGET_S)


def rehearse(spec: SweepSpec) -> str:
    """Measure a first block of every detector and say what the sweep would take.

    Parameters
    ----------
    spec
        What would be done.

    Returns
    -------
    str
        Sentences for the user, one a line.

    Raises
    ------
    ValueError
        If the settings, data or folds cannot work, as the sweep itself would.
    """
    from sweep.search.runner import task_of  # noqa: PLC0415 - the runner imports Ray's callers

    plan = make_plan(spec, fill=False)
    results = Results(spec.storage_root, plan.sweep_id)
    tasks = {one.detector.name: task_of(spec, plan, one) for one in plan.judged}
    wanted = {name: wanted_of(task, results) for name, task in tasks.items()}
    halvings = halvings_of(plan, tasks, wanted, results)
    measured = []
    for one in plan.judged:
        name = one.detector.name
        found = _measure(spec, one, tasks[name], wanted[name])
        measured.append(_screened(found, wanted[name], halvings.get(name), spec.screening))
    workers = spec.execution.workers or os.cpu_count() or 1
    lines = [
        f"dry run of {plan.sweep_id}: nothing is fetched or written",
        *plan.notes,
        *(_about(one) for one in measured),
        _effort(plan, measured, workers),
        *(_verdict(plan, spec.verdict, one) for one in measured),
    ]
    return "\n".join(lines)


def _measure(spec: SweepSpec, one: DetectorPlan, task: Task, wanted: Wanted) -> Measured:
    """Build a detector's tables and evaluate its first sets, here and on one processor."""
    begun = time.perf_counter()
    tables = [
        build_table(one, data, spec.fills, spec.costs[data.asset_class]) for data in one.symbols
    ]
    built = time.perf_counter() - begun
    pool = make_searcher(task.space, task.search)
    first = pool.at(0, min(FIRST_SETS, pool.total))
    evaluate_sets(task, tables, first.take(np.array([0])))  # compiles
    rows = evaluate_sets(task, tables, first)
    columns = rows.sets
    return Measured(
        name=one.detector.name,
        total=wanted.total,
        done=wanted.done,
        seconds_per_set=rows.seconds / len(first),
        build_s=built,
        candidates=sum(len(table) for table in tables),
        table_bytes=sum(_bytes(table) for table in tables),
        bytes_per_set=columns.nbytes / len(columns),
        searches=len(wanted.searches),
        sessions=len(one.columns),
        active_days=_most(columns["active_days"].to_pylist()),
        trades=_most(columns["trades"].to_pylist()),
        in_full=wanted.total - wanted.done,
    )


def _screened(
    one: Measured, wanted: Wanted, halving: Halving | None, settings: ScreeningSettings
) -> Measured:
    """Return what a screened sweep has left: rungs, and so many sets in full.

    Before the rungs are finished nobody knows which sets that will be; of those that are finished
    it has their share.
    """
    if halving is None:
        return one
    if halving.finished:
        full = narrowed(wanted, halving)
        return dataclasses.replace(one, in_full=full.total - full.done)
    rungs = [(n, sets - halving.done * (k == 0)) for k, (n, sets) in enumerate(halving.left)]
    kept = kept_of(halving.left[-1][1], settings)
    in_full = kept + min(settings.sample, one.total - kept)
    left = -(-in_full * (one.total - one.done) // one.total)
    return dataclasses.replace(one, in_full=left, rungs=tuple(rungs))


def _most(values: Sequence[int | None]) -> int:
    return max((value for value in values if value is not None), default=0)


def _bytes(table: CandidateTable) -> int:
    arrays = [*vars(table).values(), table.fills.rows]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def _about(one: Measured) -> str:
    left = f", {one.done:,} of them finished" if one.done else ""
    most = "at most " if one.searches else ""
    rungs = "".join(f"{sets:,} on {sessions} sessions, " for sessions, sets in one.rungs)
    fewer = rungs or (not one.searches and one.in_full < one.total - one.done)
    screened = f" (screening: {rungs}{one.in_full:,} on all {one.sessions})" if fewer else ""
    if rungs and one.in_full >= one.total - one.done:
        screened += ", which saves nothing: screening.sample takes all that would be dropped"
    return (
        f"{one.name}: {most}{one.total:,} distinct sets{left}{screened}, {one.candidates:,} "
        f"candidates; {one.seconds_per_set * 1e3:.3g} ms a set, about {one.trials:,} trials"
    )


def _effort(plan: SweepPlan, measured: Sequence[Measured], workers: int) -> str:
    """Say time and memory of all detectors together."""
    left = [one for one in measured if one.in_full or one.rungs]
    if not left:
        return "every set is finished: only the tables and the verdict would be made again"
    engine = sum(one.seconds for one in left)
    longest = sum(one.build_s for one in left) + _TRIAL_S * sum(one.trials for one in left)
    judging = sum(_JUDGE_S + _JUDGE_CELL_S * one.evaluated * one.sessions for one in measured)
    seconds = _START_S + longest + engine / workers + judging
    tables = sum(one.table_bytes for one in left)
    rows = sum(one.bytes_per_set * one.evaluated for one in measured)
    cells = (len(plan.dates) + SET_CELLS) * max(_block_sets(one) for one in left)
    block = 2 * 4 * min(MOST_CELLS, cells)  # its rows, and room for them to be compressed
    search = "" if not plan.spec.search.adaptive else ", and the time that proposals take"
    return (
        f"about {dt.timedelta(seconds=math.ceil(seconds))} on {workers} processors "
        f"({_START_S:.0f} s to start Ray, {engine:,.1f} s in the engine on one of them, "
        f"{judging:,.1f} s for tables and evidence){search}. Memory: "
        f"{tables / 1e6:,.0f} MB of candidate tables once a node, {block / 1e6:,.0f} MB a worker "
        f"for its block; {rows / 1e6:,.0f} MB of results before compression"
    )


def _block_sets(one: Measured) -> int:
    return math.ceil(TARGET_S / max(one.seconds_per_set, 1e-9))


def _verdict(plan: SweepPlan, limits: Thresholds, one: Measured) -> str:
    """Say which verdict is possible, and how many sessions it takes."""
    years = one.sessions / _SESSIONS_PER_YEAR
    luck = expected_max_z(max(one.total, 1)) / math.sqrt(years) if years > 0 else math.nan
    lucky = f"by luck alone the best of {one.total:,} sets reaches a Sharpe ratio of {luck:.1f}"
    needed = _needed(limits, one)
    if not plan.held_out or plan.spec.folds.kind == "none":
        missing = "holdout" if not plan.held_out else "folds"
        return f"{one.name}: at most not_proven with {missing}=none; {lucky}"
    if one.evaluated < one.total:
        return f"{one.name}: at most not_proven until screening=none has done the rest; {lucky}"
    if needed is None:
        return f"{one.name}: none of {FIRST_SETS} measured sets trades; open its ranges; {lucky}"
    if needed > one.sessions:
        return (
            f"{one.name}: {one.sessions} sessions: at most not_proven; about {needed:,} needed "
            f"for {limits.active_days_min} active days and {limits.trades_min} trades of the "
            f"busiest measured set; {lucky}"
        )
    return f"{one.name}: {one.sessions} sessions can give any verdict; {lucky}"


def _needed(limits: Thresholds, one: Measured) -> int | None:
    """Return the sessions at which the busiest measured set has enough days and trades."""
    if one.trades == 0 or one.active_days == 0:
        return None
    days = limits.active_days_min * one.sessions / one.active_days
    trades = limits.trades_min * one.sessions / one.trades
    return math.ceil(max(days, trades))
