"""Every look at a hold-out, one file each in `<storage.root>/holdout_looks/`, kept for ever.

A hold-out is worth something once. A look is on record before anything is computed, so that a run
that is killed cannot have looked in secret; the same set on the same sessions is the same look.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sweep.store.atomic import replacing
from sweep.store.place import Place, matching

FOLDER = "holdout_looks"


@dataclasses.dataclass(frozen=True)
class Look:
    """One parameter set, evaluated on sessions that its sweep held out.

    Attributes
    ----------
    detector, sweep_id, set_id
        What was looked at.
    symbols, sessions
        Where: names, and ISO dates, rising.
    looked_at
        ISO instant of the first time.
    mean_r_new, mean_r_old
        Mean net R per day of the set, and of the one it was compared with; None while not known.
    """

    detector: str
    sweep_id: str
    set_id: str
    symbols: tuple[str, ...]
    sessions: tuple[str, ...]
    looked_at: str
    mean_r_new: float | None = None
    mean_r_old: float | None = None

    @property
    def look_id(self) -> str:
        """Return `l` and 12 hex digits of what was looked at, where."""
        seen = [self.detector, self.set_id, sorted(self.symbols), list(self.sessions)]
        return "l" + hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]


def record_look(storage_root: Place, look: Look) -> Look:
    """Write a look, unless it is there already; what is known of its result is kept.

    Returns
    -------
    Look
        As it stands on record, with the instant of the first time.
    """
    path = storage_root / FOLDER / f"{look.detector}-{look.look_id}.json"
    if path.exists():
        before = _read(path)
        known = before if look.mean_r_new is None else look
        look = dataclasses.replace(known, looked_at=before.looked_at, sweep_id=before.sweep_id)
    with replacing(path) as temporary:
        text = json.dumps(dataclasses.asdict(look), indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return look


def looks_of(storage_root: Place, detector: str | None = None) -> tuple[Look, ...]:
    """Return all looks, or those of one detector, oldest first."""
    pattern = "*.json" if detector is None else f"{detector}-l*.json"
    found = [_read(path) for path in matching(storage_root / FOLDER, pattern)]
    return tuple(sorted(found, key=lambda look: (look.looked_at, look.look_id)))


def sets_seen(
    storage_root: Place, detector: str, symbols: Sequence[str], sessions: Sequence[str]
) -> tuple[str, ...]:
    """Return the sets of a detector that were looked at on any of these symbol-sessions.

    Returns
    -------
    tuple of str
        Distinct, in the order in which they were seen first.
    """
    found = (
        look.set_id
        for look in looks_of(storage_root, detector)
        if not set(look.symbols).isdisjoint(symbols)
        and not set(look.sessions).isdisjoint(sessions)
    )
    return tuple(dict.fromkeys(found))


def _read(path: Place) -> Look:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    values = dict(content)
    values |= {name: tuple(values[name]) for name in ("symbols", "sessions")}
    return Look(**values)
