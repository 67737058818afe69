"""Promotions and looks at hold-outs in SQL, made from the files; writing again is harmless."""

import contextlib
import datetime as dt
from typing import Any, Literal

from sweep.promotion.records import Record
from sweep.store.database import Database
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.looks import looks_of
from sweep.store.place import Place


def mirror(
    storage_root: Place, store: Literal["sqlite", "postgres"], records: list[Record]
) -> list[str]:
    """Write all events of some records, and all looks; returns notes on a store that is away."""
    events = [_promotion_row(record, event) for record in records for event in record.history]
    try:
        with contextlib.closing(Database.open(store, storage_root)) as db:
            db.upgrade()
            if events:
                db.upsert("promotions", events)
            looks = [_look_row(look) for look in looks_of(storage_root)]
            if looks:
                db.upsert("holdout_looks", looks)
    except (StoreTransient, StoreTerminal) as error:
        return [f"not mirrored into SQL, run the same command again: {error}"]
    return []


def _promotion_row(record: Record, event: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    return {
        "promotion_id": event["promotion_id"],
        "detector": record.detector,
        "action": event["action"],
        "sweep_id": event["sweep_id"],
        "set_id": event["set_id"],
        "forced": event["forced"],
        "reason": event["reason"],
        "old_parameters": event["old"],
        "new_parameters": event["new"] or {},
        "evidence": event.get("evidence"),
        "promoted_at": dt.datetime.fromisoformat(event["at"]),
    }


def _look_row(look: Any) -> dict[str, Any]:  # noqa: ANN401 - a Look
    return {
        "look_id": look.look_id,
        "detector": look.detector,
        "sweep_id": look.sweep_id,
        "set_id": look.set_id,
        "first_session": dt.date.fromisoformat(look.sessions[0]),
        "last_session": dt.date.fromisoformat(look.sessions[-1]),
        "mean_r_new": look.mean_r_new,
        "mean_r_old": look.mean_r_old,
        "looked_at": dt.datetime.fromisoformat(look.looked_at),
    }
