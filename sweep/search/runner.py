"""Run a sweep from settings to tables; the same command again does what is missing."""

import contextlib
import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sweep.report.readings import screening_reading
from sweep.search.blocks import BlockQueue
from sweep.search.breakdowns import write_breakdowns
from sweep.search.choose import MOST_SETS
from sweep.search.chosen_sets import (
    FullSets,
    configured_values,
    evaluate_full,
    set_id_of,
    write_funnel,
    write_trades,
)
from sweep.search.document import document, finished, leaderboard, pareto_csv, relatives
from sweep.search.evaluation import Task
from sweep.search.evidence_file import tried_keys, write_evidence
from sweep.search.halving import scored_keys
from sweep.search.identity import digest_of, keys_of
from sweep.search.in_sample import with_status
from sweep.search.merge import (
    Merged,
    merge_detector,
    unjudged_row,
    write_daily,
    write_fold_scores,
    write_sets,
)
from sweep.search.mirror import mirror, mirror_notes, shared_tries
from sweep.search.objective import read_objective
from sweep.search.plan import DetectorPlan, SweepPlan, lake_stamp, make_plan, read_fingerprint
from sweep.search.pulse import Pulse
from sweep.search.screen import halvings_of, narrow, screen
from sweep.search.screened import engine_seconds, screenings, time_notes
from sweep.search.spec import Progress, SweepOutcome, SweepSpec
from sweep.search.trial import run_trial
from sweep.search.tuner import (
    Tally,
    TuneOutcome,
    Watch,
    connected,
    run_blocks,
)
from sweep.search.wanted import Wanted, done_and_total, wanted_of
from sweep.search.work import hand_out, tables_ahead
from sweep.store.bounds import DamagedFile
from sweep.store.lease import Held, Lease, lease
from sweep.store.ledger import Ledger
from sweep.store.results import (
    EVIDENCE,
    LEADERBOARD,
    LOCK,
    PARETO,
    STALE,
    SWEEP,
    Results,
)

OnProgress = Callable[[Progress], None]

_log = logging.getLogger(__name__)

_DATA_CHECK_S = 10.0
_DATA_CHECK_PART = 20  # of its own length: in a bucket it is a request a symbol, by the driver


def run_sweep(spec: SweepSpec, *, on_progress: OnProgress | None = None) -> SweepOutcome:
    """Run a sweep, or what is left of it.

    Parameters
    ----------
    spec
        What to do.
    on_progress
        Hears of every finished block and stage, in this process.

    Returns
    -------
    SweepOutcome
        Where the results lie; a finished sweep returns without any work, at one that runs already
        nothing is done.

    Raises
    ------
    ValueError
        If the settings, data or folds cannot work; nothing was started.
    Held
        If another process runs this sweep.
    OSError
        If results cannot be written.
    """
    tell = on_progress or (lambda _: None)
    tell(Progress("loading bars and features"))
    plan = make_plan(spec)
    with _alone(Results(spec.storage_root, plan.sweep_id)) as held:
        # Its stages take minutes where there are many sets: whoever lost it writes no file.
        results = Results(spec.storage_root, plan.sweep_id, guard=held.check)
        try:
            return _run(spec, plan, results, held, tell)
        except DamagedFile as error:  # a page behind a good footer: found where it was needed
            names = [one.detector.name for one in plan.judged]
            aside = [f for name in names for f in results.set_aside_damaged(name, pages=True)]
            if not aside:
                raise
            _log.warning("%s; set aside, its sets are done again", error)
        return _run(spec, plan, results, held, tell, aside)


@contextlib.contextmanager
def _alone(results: Results) -> Iterator[Lease]:
    """Keep a second submission of the same sweep from doing the same work."""
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(lease(results.path / LOCK, timeout_s=0))
        except Held as error:
            name, folder = results.path.name, results.path
            raise Held(
                error.holder,
                f"the sweep {name} is running already: {error.holder}; nothing was done. Wait "
                f"for it, or stop it and run this command again; its results come to {folder}",
                folder,
            ) from None
        yield held


def _run(
    spec: SweepSpec,
    plan: SweepPlan,
    results: Results,
    held: Lease,
    tell: OnProgress,
    aside: Sequence[str] = (),
) -> SweepOutcome:
    """Do what is left of a sweep whose folder is ours, `aside` being set aside already."""
    results.remove(STALE)  # its bars are those that are stored now, or it had another id
    tasks = {one.detector.name: task_of(spec, plan, one) for one in plan.judged}
    damaged = [*aside, *(f for name in tasks for f in results.set_aside_damaged(name))]
    wanted = {name: wanted_of(task, results) for name, task in tasks.items()}
    halvings = halvings_of(plan, tasks, wanted, results)
    wanted = narrow(wanted, halvings)
    notes = (
        *plan.notes,
        *(f"damaged, set aside and done again: {file}" for file in damaged),
        *(one.note for one in wanted.values() if one.note),
        *relatives(plan),
    )
    before = results.read_json()
    screened = all(one.finished for one in halvings.values())
    complete = screened and all(one.finished for one in wanted.values())
    command = _command(spec, plan)
    judged = results.read_json(EVIDENCE) is not None
    if before is not None and complete and judged and finished(before, command):
        counts = before["counts"]
        when = before["timings"]["finished_at"]
        notes = (*notes, f"finished by {before['host']} at {when}; nothing was left to do")
        return SweepOutcome(
            plan.sweep_id, "done", results.path, counts["sets"], counts["failed"], 0, notes
        )
    started = dt.datetime.now(dt.UTC)
    results.write_json(SWEEP, document(plan, "running", command, started=started))
    outcome = TuneOutcome("done", "", Tally())
    if not complete:
        try:
            outcome, wanted = _evaluate(plan, results, tasks, wanted, held, tell)
        except (KeyboardInterrupt, SystemExit):  # before blocks run; then it ends by itself
            outcome = TuneOutcome("interrupted", "interrupted", Tally())
    held.check()
    try:
        return _conclude(
            plan, results, held, tasks, wanted, outcome, notes, command, started, tell
        )
    except (KeyboardInterrupt, SystemExit):  # tables may be of two runs: not those of `before`
        counts = before["counts"] if before else None
        stopped = document(plan, "interrupted", command, started=started, counts=counts)
        results.write_json(SWEEP, stopped)
        raise


def task_of(spec: SweepSpec, plan: SweepPlan, one: DetectorPlan) -> Task:
    """Return what a worker needs to know of a detector."""
    return Task(
        space=one.space,
        search=spec.search,
        columns=one.columns,
        n_sessions=len(plan.dates),
        folds=one.folds.folds,
        record_trades=spec.results.trades == "all",
    )


def _command(spec: SweepSpec, plan: SweepPlan) -> str:
    """Return a hash of what the tables follow from beyond the sweep's identity."""
    configured = {p.detector.name: configured_values(spec, p.detector) for p in plan.detectors}
    asked = [spec.search.budget, spec.results, spec.verdict, configured, spec.screening]
    return digest_of(asked)[:16]


def _evaluate(
    plan: SweepPlan,
    results: Results,
    tasks: dict[str, Task],
    wanted: dict[str, Wanted],
    held: Lease,
    tell: OnProgress,
) -> tuple[TuneOutcome, dict[str, Wanted]]:
    """Evaluate the pending sets on Ray; returns what was wanted too, which screening narrows."""
    spec = plan.spec
    check_data = _data_check(plan)

    def heard(stage: str, done: int, total: int, *, best: bool = False) -> Callable[[Tally], str]:
        pulse = Pulse(plan.sweep_id)
        tell(Progress(stage, done, total))

        def hear(tally: Tally) -> str:
            found = _best(spec, tally) if best else ""
            tell(Progress(stage, done + tally.settled, total, tally.failed, found))
            pulse.beat(tally)
            return held.lost or check_data(_DATA_CHECK_S)

        return hear

    done, total = done_and_total(wanted)
    left = [one for one in plan.judged if not wanted[one.detector.name].finished]
    with contextlib.ExitStack() as stack:
        tell(Progress("starting Ray", done, total))
        screens = spec.screening.kind != "none"  # else tables are built while Ray starts
        tables = stack.enter_context(tables_ahead(plan, () if screens else left))
        workers = stack.enter_context(connected(spec.execution))
        tell(Progress("building candidate tables", done, total))
        screened, wanted = screen(plan, tasks, wanted, results, workers, heard)
        if screened.status != "done":
            return screened, wanted
        left = [one for one in left if not wanted[one.detector.name].finished]
        if screens:
            tables = stack.enter_context(tables_ahead(plan, left))
        work = hand_out(plan, left, tasks, tables, workers)
        queue = BlockQueue(
            {name: wanted[name].pending for name in work},
            n_sessions=len(plan.dates),
            workers=workers,
            block_size=spec.execution.block_size,
            searches={name: wanted[name].searches for name in work},
        )
        hear = heard("evaluating", *done_and_total(wanted), best=True)
        watch = Watch(spec.execution.max_failure_rate, hear)
        outcome = run_blocks(queue, run_trial, work, workers=workers, watch=watch)
    outcome.tally.screening_seconds = screened.tally.screening_seconds
    changed = check_data(0.0)
    return (TuneOutcome("failed", changed, outcome.tally) if changed else outcome), wanted


def _best(spec: SweepSpec, tally: Tally) -> str:
    """Say which objective is the best of this run so far, empty before there is one."""
    if not tally.best:
        return ""
    name, value = max(tally.best.items(), key=lambda item: item[1])
    if not math.isfinite(value):
        return ""
    objective = read_objective(spec.search.objectives[0])
    of = f" ({name})" if len(spec.detectors) > 1 else ""
    return f"best {objective.sign * value:.4g} {objective.metric}{of}"


def _data_check(plan: SweepPlan) -> Callable[[float], str]:
    """Return a function that says whether bars changed since they were read."""
    names, took = tuple(plan.fingerprint), 0.0
    seen, looked = lake_stamp(plan.spec, names), time.monotonic()

    def check(every_s: float) -> str:
        nonlocal seen, looked, took
        began = time.monotonic()
        if every_s and began - looked < max(every_s, _DATA_CHECK_PART * took):
            return ""
        stamp, looked = lake_stamp(plan.spec, names), time.monotonic()
        took = looked - began
        if stamp == seen:
            return ""
        seen = stamp
        try:
            if read_fingerprint(plan.spec, plan.market) == plan.fingerprint:
                return ""
        except DamagedFile as error:
            return f"data changed while the sweep ran: {error}"
        return "data changed while the sweep ran: new sweep; run the same command again"

    return check


def _conclude(
    plan: SweepPlan,
    results: Results,
    held: Lease,
    tasks: dict[str, Task],
    wanted: dict[str, Wanted],
    outcome: TuneOutcome,
    notes: tuple[str, ...],
    command: str,
    started: dt.datetime,
    tell: OnProgress,
) -> SweepOutcome:
    """Write ledger, tables, evidence, SQL rows and `sweep.json` of what is finished."""
    spec = plan.spec
    done, total = done_and_total(wanted)
    done += outcome.tally.settled
    tell(Progress("ranking and choosing", done, total, outcome.tally.failed))
    merged = _merged(plan, results, tasks, wanted)
    full = [(one, evaluate_full(spec, one, merged.get(one.detector.name))) for one in plan.judged]
    _record_tries(plan, results, merged, full)
    away = shared_tries(spec, [one.detector.name for one in plan.judged])
    tables = _set_tables(spec, plan, merged)
    if not tables:
        return _nothing_landed(plan, results, outcome, notes, command, started)
    tell(Progress("writing tables", done, total, outcome.tally.failed))
    counts = _write_sets(plan, results, tables) | {"evaluated": outcome.tally.sets}
    del tables
    merged = {name: one.lean for name, one in merged.items()}
    _write_details(plan, results, merged, full)
    screening = screenings(plan, results, tasks, wanted, merged)
    outcome, judged = _judged(plan, results, merged, full, screening, outcome, tell)
    about = document(
        plan,
        outcome.status,
        command,
        started=started,
        finished=dt.datetime.now(dt.UTC),
        counts=counts,
        merged=merged,
        full={one.detector.name: found for one, found in full},
        judged=judged,
        screening=screening,
        reason=outcome.reason,
    )
    about["timings"] |= engine_seconds(outcome.tally, screening)
    held.check()
    tell(Progress("writing into SQL"))
    away += mirror(spec, results, about)
    about["mirrored"] = not away
    results.write_json(SWEEP, about)
    return SweepOutcome(
        plan.sweep_id,
        outcome.status,
        results.path,
        counts["sets"],
        counts["failed"],
        outcome.tally.sets,
        (*notes, *_closing_notes(about, screening, merged), *away),
        outcome.reason,
    )


def _judged(
    plan: SweepPlan,
    results: Results,
    merged: dict[str, Merged],
    full: list[tuple[DetectorPlan, FullSets]],
    screening: dict[str, dict[str, Any]],
    outcome: TuneOutcome,
    tell: OnProgress,
) -> tuple[TuneOutcome, dict[str, dict[str, Any]]]:
    """Write the evidence of a sweep that is done, and return what there is to say of each.

    Ctrl-C ends it like an evaluation: all tables are there by now, and the same command goes on.
    """

    def heard(done: int, total: int, what: str) -> None:
        tell(Progress("weighing the evidence", done, total, note=what))

    if outcome.status == "done":
        try:
            return outcome, write_evidence(plan, results, merged, full, heard, screening)
        except (KeyboardInterrupt, SystemExit):  # Ray answers SIGTERM with sys.exit
            outcome = TuneOutcome("interrupted", "interrupted", outcome.tally)
    results.remove(EVIDENCE)
    return outcome, {}


def _merged(
    plan: SweepPlan, results: Results, tasks: dict[str, Task], wanted: dict[str, Wanted]
) -> dict[str, Merged]:
    """Rank and choose among the finished sets of every detector that has any."""
    merged = {}
    for one in plan.judged:
        name = one.detector.name
        found = merge_detector(one, tasks[name], results, wanted[name].keys)
        if found is not None:
            merged[name] = found
    return merged


def _nothing_landed(
    plan: SweepPlan,
    results: Results,
    outcome: TuneOutcome,
    notes: tuple[str, ...],
    command: str,
    started: dt.datetime,
) -> SweepOutcome:
    """End a sweep of which no set was finished: no tables, and `sweep.json` says why."""
    finished_at = dt.datetime.now(dt.UTC)
    counts = {"sets": 0, "failed": 0, "evaluated": 0}
    about = document(
        plan,
        outcome.status,
        command,
        started=started,
        finished=finished_at,
        counts=counts,
        reason=outcome.reason,
    )
    results.write_json(SWEEP, about)
    return SweepOutcome(
        plan.sweep_id, outcome.status, results.path, 0, 0, 0, notes, outcome.reason
    )


def _write_sets(plan: SweepPlan, results: Results, tables: list[Any]) -> dict[str, int]:
    """Write the sets, all and the best; returns how many there are, and how many failed."""
    results.write_text(LEADERBOARD, leaderboard(tables))
    front = pareto_csv(plan, tables)
    if front is not None:
        results.write_text(PARETO, front)
    failed = sum(int(with_status(t, "failed").sum()) for t in tables)
    return {"sets": write_sets(results, tables), "failed": failed}


def _write_details(
    plan: SweepPlan,
    results: Results,
    merged: dict[str, Merged],
    full: list[tuple[DetectorPlan, FullSets]],
) -> None:
    """Write what there is beside the rows of the sets."""
    write_fold_scores(results, plan.judged)
    write_daily(results, plan.judged, merged)
    write_trades(plan.spec, results, full)
    write_funnel(plan, results, full)
    write_breakdowns(plan.spec, results, full, merged)


def _closing_notes(
    about: dict[str, Any], screening: dict[str, dict[str, Any]], merged: dict[str, Merged]
) -> list[str]:
    """Return what is to be said of screening, samples and SQL."""
    counts = {name: len(one.sets) - one.sets["rank"].null_count for name, one in merged.items()}
    chosen = [
        f"{name}: sets are chosen among a fair sample of {MOST_SETS:,} of {n:,} evaluated"
        for name, n in counts.items()
        if n > MOST_SETS
    ]
    return [
        *(f"{name}: {screening_reading(found)}" for name, found in screening.items()),
        *time_notes(about["timings"]),
        *chosen,
        *mirror_notes(about["counts"]["sets"]),
    ]


def _set_tables(spec: SweepSpec, plan: SweepPlan, merged: dict[str, Merged]) -> list[Any]:
    """Return the rows of every detector, sorted by its name."""
    tables = {name: one.sets for name, one in merged.items()}
    for one in plan.detectors:
        if one.reason:
            values = configured_values(spec, one.detector)
            keys = keys_of([set_id_of(one.detector, values)])
            tables[one.detector.name] = unjudged_row(one, keys, values)
    return [tables[name] for name in sorted(tables)]


def _record_tries(
    plan: SweepPlan,
    results: Results,
    merged: dict[str, Merged],
    full: list[tuple[DetectorPlan, FullSets]],
) -> None:
    """Append every set that was looked at, the configured one too, to the trial ledger."""
    ledger = Ledger(plan.spec.storage_root)
    for one, sets in full:
        name = one.detector.name
        tried = tried_keys(merged.get(name), sets)
        ledger.append(
            detector=name,
            revision=one.detector.revision,
            settings=one.settings,
            keys=np.concatenate([tried, scored_keys(results, name)]),
            sessions=plan.sessions(one),
            sweep=plan.sweep_id,
        )
