"""Successive halving of one detector, known from the parts alone, so that any kill can be resumed.

Every set of the pool is scored on the sessions of the first rung, the best of them on those of the
next; what is left is evaluated in full, and so is a fair sample of what was dropped.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sweep.search.evaluation import BlockRows, Task
from sweep.search.folds import Positions
from sweep.search.identity import Keys, block_name
from sweep.search.in_sample import floats, told_columns, with_status
from sweep.search.objective import ranking, total_violation
from sweep.search.rungs import kept_of
from sweep.search.spec import ScreeningSettings
from sweep.search.wanted import Wanted
from sweep.store.bounds import collected
from sweep.store.results import Results, dataset

SCREENING = "screening"
"""Kind of the parts with the scores of rungs."""

SCREENED = "screened"
"""Status of a set that was looked at on a part of the sessions only."""


SESSIONS = "sessions"
"""Column of those parts: on how many sessions a set was scored."""


@dataclasses.dataclass(frozen=True)
class Rung:
    """A finished rung.

    Attributes
    ----------
    sessions
        Number of its sessions.
    sets, scored, kept
        Sets that came to it, those of them that could be scored, and the best, which went on.
    """

    sessions: int
    sets: int
    scored: int
    kept: int


@dataclasses.dataclass(frozen=True)
class Halving:
    """Where the halving of a detector stands.

    Attributes
    ----------
    rungs
        Those that are finished.
    left
        Sets of the rung that comes next, then of those after it at most, with their sessions:
        (sessions, sets).
    pending
        int64, rising positions of the pool's proposals that the next rung lacks; none where all
        rungs are finished.
    done
        Sets of the next rung that have their score.
    kept, dropped
        uint64, rising: after the finished rungs.
    beside
        uint64, rising: invalid or failed on a rung; where that is put down is the full evaluation.
    sample
        Of the dropped ones so many, with the smallest keys, are evaluated in full.
    """

    rungs: tuple[Rung, ...]
    left: tuple[tuple[int, int], ...]
    pending: NDArray[np.int64]
    done: int
    kept: Keys
    dropped: Keys
    beside: Keys
    sample: int

    @property
    def finished(self) -> bool:
        """Return True where it is known which sets are evaluated in full."""
        return not self.left

    @property
    def sampled(self) -> Keys:
        """Return the dropped sets that are evaluated in full, a fair sample: keys are hashes."""
        return self.dropped[: self.sample]

    @property
    def in_full(self) -> Keys:
        """Return the sets that are evaluated in full, rising."""
        return np.sort(np.concatenate([self.kept, self.sampled, self.beside]))


def halving_of(
    task: Task,
    rungs: tuple[Positions, ...],
    settings: ScreeningSettings,
    results: Results,
    wanted: Wanted,
) -> Halving:
    """Compare the pool of a detector with the scores that parts hold.

    Parameters
    ----------
    task
        The detector, on its whole axis.
    rungs
        Sessions of each rung.
    settings, results
        How to halve, and where the parts are.
    wanted
        The pool.
    """
    alive = wanted.keys
    dropped, beside, finished = [alive[:0]], [alive[:0]], list[Rung]()
    left: list[tuple[int, int]] = []
    pending, done = np.empty(0, np.int64), 0
    for k, sessions in enumerate(rungs):
        table = _scores(task, results, sessions)
        there = np.isin(alive, table["key"].to_numpy())
        if not there.all():
            pending = np.sort(wanted.positions[np.isin(wanted.keys, alive[~there])])
            done, left = int(there.sum()), _left(rungs[k:], len(alive), settings)
            break
        ranked, others = _ranked(task, table, alive, len(sessions))
        kept = kept_of(len(ranked), settings)
        finished.append(Rung(len(sessions), len(alive), len(ranked), kept))
        beside.append(others)
        dropped.append(ranked[kept:])
        alive = np.sort(ranked[:kept])
    return Halving(
        rungs=tuple(finished),
        left=tuple(left),
        pending=pending,
        done=done,
        kept=alive,
        dropped=np.sort(np.concatenate(dropped)),
        beside=np.sort(np.concatenate(beside)),
        sample=settings.sample,
    )


def _scores(task: Task, results: Results, sessions: Positions) -> pa.Table:
    """Return the scores of a rung, one row a set, rising by key."""
    columns = told_columns(rung_task(task, sessions))
    name = rung_name(task.detector.name, len(sessions))
    found = results.read_parts(name, columns, kind=SCREENING)
    return pa.table({"key": pa.array([], pa.uint64())}) if found is None else found


def _left(
    rungs: tuple[Positions, ...], sets: int, settings: ScreeningSettings
) -> list[tuple[int, int]]:
    """Return sessions and sets, at most, of the rungs that come when `sets` are on the first."""
    found = []
    for sessions in rungs:
        found.append((len(sessions), sets))
        sets = kept_of(sets, settings)
    return found


def _ranked(task: Task, scores: pa.Table, alive: Keys, sessions: int) -> tuple[Keys, Keys]:
    """Return the sets of a rung best first, as a sweep ranks, and those that have no score."""
    rows = scores.take(pa.array(np.searchsorted(scores["key"].to_numpy(), alive)))
    ok = with_status(rows, "ok")
    found, keys = rows.filter(pa.array(ok)), alive[ok]
    metrics = [name for name in found.column_names if name not in ("key", "status")]
    measured = {name: floats(found, name) for name in metrics}
    violation = total_violation(task.constraints, measured, sessions / len(task.columns))
    return keys[ranking(task.objective.of(measured), violation, keys)], alive[~ok]


def narrowed(wanted: Wanted, halving: Halving) -> Wanted:
    """Return what is wanted of a pool of which some sets are evaluated in full only."""
    chosen = halving.in_full
    pending = np.intersect1d(wanted.pending, wanted.positions[np.isin(wanted.keys, chosen)])
    return dataclasses.replace(
        wanted, pending=pending, done=len(chosen) - len(pending), total=len(chosen)
    )


def rung_task(task: Task, sessions: Positions) -> Task:
    """Return the task of scoring sets on the sessions of a rung."""
    n = len(sessions)
    return dataclasses.replace(
        task, columns=np.arange(n), n_sessions=n, folds=(), record_trades=False
    )


def rung_name(detector: str, sessions: int) -> str:
    """Return how the names of the parts of a rung begin."""
    return f"{detector}-{sessions:05d}"


def write_scores(task: Task, results: Results, rows: BlockRows) -> None:
    """Write what a block scored on a rung, `task` being that of the rung.

    Parameters stay with it: a set that was looked at is a row of the tables whatever comes after.
    """
    values = [name for name in rows.sets.column_names if name.startswith("param.")]
    table = rows.sets.select([*told_columns(task), *values])
    length = pa.array(np.full(len(table), task.n_sessions, np.int32))
    table = table.append_column(SESSIONS, length)
    name = block_name(rung_name(task.detector.name, task.n_sessions), rows.keys)
    results.write_part(name, table, kind=SCREENING)


def scored_keys(results: Results, detector: str) -> Keys:
    """Return the sets of a detector that were looked at on a part of the sessions, rising."""
    table = results.read_parts(detector, ["key", "status"], kind=SCREENING)
    if table is None:
        return np.empty(0, np.uint64)
    return np.asarray(table.filter(pc.not_equal(table["status"], "invalid"))["key"].to_numpy())


def screened_rows(
    task: Task, results: Results, known: Keys, parameters: Sequence[str]
) -> pa.Table | None:
    """Return the sets that were looked at on a part of the sessions and are not `known` in full.

    Parameters
    ----------
    task, results
        The detector, and where the parts are.
    known
        uint64, sets with a row already.
    parameters
        Names of their columns.

    Returns
    -------
    pyarrow.Table or None
        `key`, `status`, `text` and parameters, one row a set, rising by key; None where there is
        none. They have no metric: what a part of the sessions gave is no result.
    """
    files = results.parts(task.detector.name, SCREENING)
    if not files:
        return None
    table = collected(dataset(files, fixed=True), ["key", "status", SESSIONS, *parameters])
    keys, sessions = table["key"].to_numpy(), table[SESSIONS].to_numpy()
    order = np.lexsort((-sessions, keys))
    order = order[~np.isin(keys[order], known)]
    rows = order[np.unique(keys[order], return_index=True)[1]]
    if len(rows) == 0:
        return None
    found = table.take(pa.array(rows))
    invalid = pc.equal(found["status"], "invalid").to_numpy(zero_copy_only=False)
    texts = {n: f"on {n} of {len(task.columns)} sessions" for n in np.unique(sessions).tolist()}
    columns = {
        "key": found["key"],
        "status": pa.array(np.where(invalid, "invalid", SCREENED), pa.string()),
        "text": pa.array([texts[n] for n in found[SESSIONS].to_pylist()], pa.string()),
    }
    return pa.table(columns | {name: found[name] for name in parameters})
