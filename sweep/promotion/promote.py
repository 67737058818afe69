"""Promote, undo, pull: one detector at a time, each step repeatable."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from detectors.registry import DETECTORS, get
from sweep.promotion.configuration import refusal, write_configuration
from sweep.promotion.gate import holdout_refusals, verdict_refusals
from sweep.promotion.mirror import mirror
from sweep.promotion.records import Record, event_id, path_of, read_record, write_record
from sweep.promotion.regression import Regression, regress
from sweep.promotion.source import Candidate, candidate
from sweep.search.spec import SweepSpec
from sweep.store.lease import Lease, lease
from sweep.store.looks import Look, record_look, sets_seen
from sweep.store.place import Place

Status = Literal["promoted", "unchanged", "refused", "undone", "pulled"]
Clock = Callable[[], dt.datetime]


@dataclasses.dataclass(frozen=True)
class PromotionSpec:
    """How to promote.

    Attributes
    ----------
    storage_root, store
        Where records lie, and the SQL store that mirrors them.
    conf
        Folder of the configuration package.
    force, reason
        Promote against the gate, and why; kept for ever.
    clock
        Tells the time.
    """

    storage_root: Place
    conf: Path
    store: Literal["sqlite", "postgres"] = "sqlite"
    force: bool = False
    reason: str | None = None
    clock: Clock = lambda: dt.datetime.now(dt.UTC)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one detector.

    Attributes
    ----------
    detector, status
        Name; `refused` changed nothing.
    reasons
        Why it was refused, or what was overruled by force.
    old, new
        Parameters in use before and after (for `refused`: those that would have been).
    regression
        Both on the hold-out, None where it was not looked at.
    seen
        Sets of the detector that this hold-out has seen, None where there is none.
    forced, forced_ever
        Whether the gate was overruled now, and at any time.
    """

    detector: str
    status: Status
    reasons: tuple[str, ...] = ()
    old: Mapping[str, float] = dataclasses.field(default_factory=dict)
    new: Mapping[str, float] = dataclasses.field(default_factory=dict)
    regression: Regression | None = None
    seen: int | None = None
    forced: bool = False
    forced_ever: bool = False


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of a command: one outcome a detector, and sentences for the user."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]


def promote(
    spec: PromotionSpec, sweep: SweepSpec, about: Mapping[str, Any], detectors: Sequence[str]
) -> Report:
    """Promote the final sets of a sweep, those that pass the gate.

    Parameters
    ----------
    spec
        How.
    sweep, about
        Settings of the sweep, and its `sweep.json`.
    detectors
        Those to consider.

    Raises
    ------
    ValueError
        If a detector was no part of the sweep or has changed since, or a record is unreadable;
        nothing was done.
    """
    candidates = [candidate(sweep, about, name) for name in detectors]
    with _alone(spec):
        records = {
            one.detector: read_record(spec.storage_root, one.detector) for one in candidates
        }
        outcomes = [_promote(spec, sweep, one, records[one.detector]) for one in candidates]
    return _finish(spec, outcomes)


def undo(spec: PromotionSpec, detectors: Sequence[str]) -> Report:
    """Take the last promotion of every detector back.

    Raises
    ------
    ValueError
        If nothing is promoted of one of them; nothing was done.
    """
    at = spec.clock().isoformat(timespec="seconds")
    with _alone(spec):
        before = [read_record(spec.storage_root, name) for name in detectors]
        after = [record.undone(at) for record in before]
        for record in after:
            write_record(spec.storage_root, record)
    outcomes = [
        Outcome(
            old.detector,
            "undone",
            old=old.parameters or {},
            new=new.parameters or dict((old.current or {}).get("old") or {}),
            forced_ever=new.forced_ever,
        )
        for old, new in zip(before, after, strict=True)
    ]
    return _finish(spec, outcomes)


def pull(spec: PromotionSpec, detectors: Sequence[str]) -> Report:
    """Bring `conf/detector/promoted/` up to the records.

    Raises
    ------
    ValueError
        If it cannot be written here.
    """
    why = refusal(spec.conf)
    if why:
        raise ValueError(f"pull=true: {why}; run it in a writable checkout, outside a Ray job")
    known = [name for name in detectors if path_of(spec.storage_root, name).exists()]
    records = [read_record(spec.storage_root, name) for name in known]
    outcomes = [
        Outcome(r.detector, "pulled", new=r.parameters or {}, forced_ever=r.forced_ever)
        for r in records
    ]
    return _finish(spec, outcomes)


def promoted_by(storage_root: Place, sweep_id: str) -> tuple[str, ...]:
    """Return the detectors whose promotion in force came from a sweep."""
    found = []
    for name in DETECTORS:
        current = read_record(storage_root, name).current
        if current is not None and current["sweep_id"] == sweep_id:
            found.append(name)
    return tuple(found)


def _alone(spec: PromotionSpec) -> AbstractContextManager[Lease]:
    """Keep other commands out: a record is read, changed and written, and must lose no event."""
    return lease(spec.storage_root / "locks" / "promotions.lock")


def _promote(spec: PromotionSpec, sweep: SweepSpec, new: Candidate, record: Record) -> Outcome:
    current = record.current
    old = dict(record.parameters or new.configured)
    if current is not None and (current["sweep_id"], current["set_id"]) == (
        new.sweep_id,
        new.set_id,
    ):
        before = dict(current["old"] or {})
        return Outcome(
            new.detector, "unchanged", old=before, new=old, forced_ever=record.forced_ever
        )
    reasons = verdict_refusals(new.verdict, new.summary, has_holdout=bool(new.held_out))
    refused = functools.partial(
        Outcome,
        new.detector,
        "refused",
        old=old,
        new=new.parameters,
        forced_ever=record.forced_ever,
    )
    if new.set_id is None or (reasons and not spec.force):
        return refused(reasons=reasons)
    regression, seen = None, None
    if new.held_out:
        try:
            regression, seen = _look(spec, sweep, new, old)
        except ValueError as error:  # the other detectors of the command go on
            return refused(reasons=(*reasons, f"the hold-out cannot be judged: {error}"))
        reasons += holdout_refusals(regression, new.set_id, seen)
    forced = bool(reasons)
    if forced and not spec.force:
        count = None if seen is None else len(seen)
        return refused(reasons=reasons, regression=regression, seen=count)
    event = _event(spec, new, record, old, regression, reasons, seen)
    after = record.promoted(event, get(new.detector).revision)
    write_record(spec.storage_root, after)
    return Outcome(
        new.detector,
        "promoted",
        reasons,
        old,
        new.parameters,
        regression,
        None if seen is None else len(seen),
        forced=forced,
        forced_ever=after.forced_ever,
    )


def _look(
    spec: PromotionSpec, sweep: SweepSpec, new: Candidate, old: Mapping[str, float]
) -> tuple[Regression, tuple[str, ...]]:
    """Look at the hold-out: on record first, then computed, then its result on record."""
    look = Look(
        detector=new.detector,
        sweep_id=new.sweep_id,
        set_id=str(new.set_id),
        symbols=new.symbols,
        sessions=new.held_out,
        # To the microsecond: which of two sets was seen first decides whose look is a pass.
        looked_at=spec.clock().isoformat(),
    )
    look = record_look(spec.storage_root, look)
    found = regress(sweep, get(new.detector), new.symbols, new.held_out, old, new.parameters)
    record_look(
        spec.storage_root,
        dataclasses.replace(look, mean_r_new=found.new.mean_r, mean_r_old=found.old.mean_r),
    )
    return found, sets_seen(spec.storage_root, new.detector, new.symbols, new.held_out)


def _event(
    spec: PromotionSpec,
    new: Candidate,
    record: Record,
    old: Mapping[str, float],
    regression: Regression | None,
    reasons: Sequence[str],
    seen: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the event of a promotion, plain values only."""
    at = spec.clock().isoformat(timespec="seconds")
    held = new.held_out
    holdout = None
    if regression is not None:
        holdout = {
            "first": held[0],
            "last": held[-1],
            "sessions": regression.sessions,
            "mean_r_new": regression.new.mean_r,
            "mean_r_old": regression.old.mean_r,
            "trades_new": regression.new.metrics["trades"],
            "trades_old": regression.old.metrics["trades"],
            "sets_seen": len(seen or ()),
        }
    return {
        "action": "promote",
        "promotion_id": event_id(new.detector, new.sweep_id, new.set_id, at),
        "at": at,
        "sweep_id": new.sweep_id,
        "set_id": new.set_id,
        "revision": get(new.detector).revision,
        "forced": bool(reasons),
        "reason": spec.reason if reasons else None,
        "overruled": list(reasons),
        "old": dict(old),
        "new": dict(new.parameters),
        "replaces": record.promotion_id,
        "data": {
            "symbols": list(new.symbols),
            "first": new.sessions[0],
            "last": new.sessions[-1],
            "digest": new.data,
        },
        "evidence": dict(new.evidence),
        "holdout": holdout,
    }


def _finish(spec: PromotionSpec, outcomes: Sequence[Outcome]) -> Report:
    """Make everything that follows from the records: SQL rows, configuration files."""
    names = [one.detector for one in outcomes]
    kept = [name for name in names if path_of(spec.storage_root, name).exists()]
    records = [read_record(spec.storage_root, name) for name in kept]
    notes = mirror(spec.storage_root, spec.store, records)
    why = refusal(spec.conf)
    changed = any(record.history for record in records)
    if why and changed:
        notes.append(f"conf/detector/promoted/ was left as it is: {why}; pull=true brings it")
    elif not why:
        changes = [write_configuration(spec.conf, record) for record in records]
        notes += [
            f"{'written' if path.exists() else 'removed'}: {path}"
            for path in changes
            if path is not None
        ]
    return Report(tuple(outcomes), tuple(notes))
