"""Run the rungs of a halving on Ray, one after the other, all detectors side by side."""

import dataclasses
from collections.abc import Callable, Mapping

from sweep.search.blocks import BlockQueue
from sweep.search.evaluation import Task
from sweep.search.folds import Positions
from sweep.search.halving import Halving, halving_of, narrowed, rung_task
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.rungs import axis_of, rungs_of
from sweep.search.trial import run_trial
from sweep.search.tuner import Tally, TuneOutcome, Watch, run_blocks
from sweep.search.wanted import Wanted
from sweep.search.work import hand_out, tables_ahead
from sweep.store.results import Results

Heard = Callable[[str, int, int], Callable[[Tally], str]]
"""Stage, sets done and wanted of a rung -> what hears of its blocks and may stop it."""


def halvings_of(
    plan: SweepPlan, tasks: Mapping[str, Task], wanted: Mapping[str, Wanted], results: Results
) -> dict[str, Halving]:
    """Return where the halving of every detector stands; none where nothing is screened.

    A detector all of whose sets are evaluated in full needs none, and may not have been screened.
    """
    if plan.spec.screening.kind == "none":
        return {}
    return {
        name: halving_of(
            tasks[name], _rungs(plan, one), plan.spec.screening, results, wanted[name]
        )
        for one in plan.judged
        if not wanted[name := one.detector.name].finished
    }


def narrow(wanted: Mapping[str, Wanted], halvings: Mapping[str, Halving]) -> dict[str, Wanted]:
    """Return what is wanted where finished halvings say which sets are evaluated in full."""
    return {
        name: narrowed(one, halvings[name])
        if name in halvings and halvings[name].finished
        else one
        for name, one in wanted.items()
    }


def screen(
    plan: SweepPlan,
    tasks: Mapping[str, Task],
    wanted: Mapping[str, Wanted],
    results: Results,
    workers: int,
    heard: Heard,
) -> tuple[TuneOutcome, dict[str, Wanted]]:
    """Run what is left of all rungs.

    Parameters
    ----------
    plan, tasks, wanted, results
        The sweep.
    workers
        Trials at a time.
    heard
        Told of every rung.

    Returns
    -------
    tuple
        How it ended, and what is wanted in full; unchanged where it did not end well.
    """
    seconds = 0.0
    while True:
        halvings = halvings_of(plan, tasks, wanted, results)
        left = {name: one for name, one in halvings.items() if not one.finished}
        if not left:
            tally = Tally(screening_seconds=seconds)
            return TuneOutcome("done", "", tally), narrow(wanted, halvings)
        outcome = _run_rung(plan, tasks, left, workers, heard)
        seconds += outcome.tally.seconds
        if outcome.status != "done":
            tally = Tally(screening_seconds=seconds)
            reason = outcome.reason
            if outcome.status == "interrupted":
                reason = _standing(halvings_of(plan, tasks, wanted, results))
            return TuneOutcome(outcome.status, reason, tally), dict(wanted)


def _standing(halvings: Mapping[str, Halving]) -> str:
    """Say how many sets have their score when a screening is cut off."""
    found = [
        f"{name}: {one.done:,} of {one.left[0][1]:,} sets on {one.left[0][0]} sessions"
        for name, one in halvings.items()
        if one.left
    ]
    return f"interrupted while screening, scores are kept: {'; '.join(found)}"


def _run_rung(
    plan: SweepPlan,
    tasks: Mapping[str, Task],
    left: Mapping[str, Halving],
    workers: int,
    heard: Heard,
) -> TuneOutcome:
    """Score what the next rung of each detector lacks."""
    spec = plan.spec
    on_rung, rungs = [], {}
    for one in plan.judged:
        name = one.detector.name
        if name in left:
            sessions = _rungs(plan, one)[len(left[name].rungs)]
            on_rung.append(dataclasses.replace(one, axis=axis_of(one.axis, sessions)))
            rungs[name] = rung_task(tasks[name], sessions)
    lengths = sorted({task.n_sessions for task in rungs.values()})
    queue = BlockQueue(
        {name: one.pending for name, one in left.items()},
        n_sessions=lengths[-1],
        workers=workers,
        block_size=spec.execution.block_size,
    )
    done = sum(one.done for one in left.values())
    total = sum(one.left[0][1] for one in left.values())
    shown = f"{lengths[0]}" if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
    stage = f"screening on {shown} of {len(plan.dates)} sessions"
    watch = Watch(spec.execution.max_failure_rate, heard(stage, done, total))
    with tables_ahead(plan, on_rung) as tables:
        work = hand_out(plan, on_rung, rungs, tables, workers, screens=True)
    return run_blocks(queue, run_trial, work, workers=workers, watch=watch)


def _rungs(plan: SweepPlan, one: DetectorPlan) -> tuple[Positions, ...]:
    return rungs_of(one.folds, len(one.columns), plan.spec.screening)
