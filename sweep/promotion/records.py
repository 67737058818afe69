"""What is promoted: `<storage.root>/promotions/<detector>.yaml`, the truth, history included.

A file is data: read by a safe loader, its values checked against the legal ranges in code. It is
replaced whole, so that a reader, and a run that was killed, sees the old state or the new one.
"""

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from detectors.contract import Detector, faults_of
from detectors.registry import DETECTORS, get
from sweep.engine.sets import every_parameter
from sweep.store.atomic import replacing
from sweep.store.place import Place, matching

FOLDER = "promotions"
_HEAD = (
    "# Written by jobs.promote: what parameters=promoted reads. The history is never shortened.\n"
)
_KEYS = {"detector", "revision", "parameters", "promotion_id", "forced_ever", "history"}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and float(value) is not None
    except OverflowError:
        return False


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _are_numbers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and _is_number(one) for name, one in value.items()
    )


def _are_values(value: object) -> bool:
    return value is None or _are_numbers(value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_EVENT: Mapping[str, Callable[[object], bool]] = {
    "action": lambda value: value in ("promote", "undo"),
    "promotion_id": _is_text,
    "at": _is_moment,
    "sweep_id": _is_text,
    "set_id": _is_text,
    "forced": lambda value: isinstance(value, bool),
    "reason": _is_text_or_none,
    "old": _are_values,
    "new": _are_values,
    "replaces": _is_text_or_none,
}
_VERDICTS = ("holds", "not_proven", "fails", "not_evaluable", "unfinished")
# What reports show of a promotion; it is written with much more.
_PROMOTION: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "data": {"symbols": _are_texts, "first": _is_text, "last": _is_text},
    "evidence": {
        "verdict": lambda value: value in _VERDICTS,
        "summary": _is_text_or_none,
        **dict.fromkeys(
            (
                *("out_of_sample_expectancy_r", "out_of_sample_daily_lower_r", "pbo"),
                *("dsr_effective", "spa_p_adjusted", "tries_ever"),
            ),
            _is_number_or_none,
        ),
    },
    "holdout": {
        "first": _is_text,
        "last": _is_text,
        **dict.fromkeys(
            (
                *("sessions", "sets_seen", "trades_old", "trades_new"),
                *("mean_r_old", "mean_r_new"),
            ),
            _is_number_or_none,
        ),
    },
}
_MOST_TEXT = 16 * 1024**2  # a promotion takes 4 kB
_MOST_VALUES = 1_000_000  # by references a short text can hold any number


@dataclasses.dataclass(frozen=True)
class Record:
    """Promotions of one detector.

    Attributes
    ----------
    detector
        Name.
    revision
        Of the detector, when it was last promoted.
    parameters
        Values in use; None where every promotion was undone: the configured ones are.
    promotion_id
        Promotion in force, None where none is.
    history
        Events, oldest first: `action` promote or undo, `promotion_id`, `at`, `sweep_id`, `set_id`,
        `forced`, `reason`, `old`, `new` (parameters, None: the configured ones), `replaces`
        (promotion in force before), and for a promotion `revision`, `data`, `evidence`, `holdout`.
    """

    detector: str
    revision: int
    parameters: Mapping[str, float] | None = None
    promotion_id: str | None = None
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def forced_ever(self) -> bool:
        """Return whether the gate was ever overruled; no later event takes that back."""
        return any(event["forced"] for event in self.history)

    @property
    def current(self) -> Mapping[str, Any] | None:
        """Return the promotion in force."""
        promotions = [event for event in self.history if event["action"] == "promote"]
        return next((e for e in promotions if e["promotion_id"] == self.promotion_id), None)

    def shown(self) -> dict[str, Any]:
        """Return what the report of promotions shows."""
        return {**vars(self), "forced_ever": self.forced_ever}

    def promoted(self, event: Mapping[str, Any], revision: int) -> "Record":
        """Return the record after a promotion."""
        return Record(
            self.detector,
            revision,
            dict(event["new"]),
            event["promotion_id"],
            (*self.history, event),
        )

    def undone(self, at: str) -> "Record":
        """Return the record after the promotion in force was taken back.

        Raises
        ------
        ValueError
            If nothing is promoted.
        """
        current = self.current
        if current is None:
            raise ValueError(f"{self.detector}: nothing is promoted, so there is nothing to undo")
        event = {
            "action": "undo",
            "promotion_id": event_id(self.detector, "undo", self.promotion_id, at),
            "at": at,
            "sweep_id": current["sweep_id"],
            "set_id": current["set_id"],
            "forced": False,
            "reason": None,
            "old": current["new"],
            "new": current["old"] if current["replaces"] is not None else None,
            "replaces": self.promotion_id,
        }
        values = None if event["new"] is None else dict(event["new"])
        history = (*self.history, event)
        before = [e for e in self.history if e["promotion_id"] == current["replaces"]]
        revision = before[0].get("revision", self.revision) if before else self.revision
        return Record(self.detector, revision, values, current["replaces"], history)


def event_id(*parts: object) -> str:
    """Return `u` and 12 hex digits of what an event is."""
    text = "/".join(str(part) for part in parts)
    return "u" + hashlib.sha256(text.encode()).hexdigest()[:12]


def path_of(storage_root: Place, detector: str) -> Place:
    """Return the file of a detector."""
    return storage_root / FOLDER / f"{detector}.yaml"


def read_record(storage_root: Place, detector: str) -> Record:
    """Read what is promoted of a detector; an empty record where nothing ever was.

    Raises
    ------
    ValueError
        If the file is no record, or a value is not legal.
    """
    path = path_of(storage_root, detector)
    try:
        content = _content(path)
    except FileNotFoundError:
        return Record(detector, get(detector).revision)
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise ValueError(
            f"{path} must hold exactly {', '.join(sorted(_KEYS))}; restore it from a copy"
        )
    if content["detector"] != detector:
        raise ValueError(f"{path} is about {content['detector']!r}; it must be about {detector}")
    values = content["parameters"]
    faults = _history_faults(content["history"])
    if type(content["revision"]) is not int:
        faults.append("revision must be a whole number")
    if values is not None:
        faults += value_faults(get(detector), values)
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}; correct it or restore it from a copy")
    if values is not None:
        values = {name: float(value) for name, value in values.items()}
    history = tuple(content["history"])
    return Record(detector, content["revision"], values, content["promotion_id"], history)


def read_records(storage_root: Place) -> list[Record]:
    """Read what is promoted of every detector that ever was, by name.

    Raises
    ------
    ValueError
        If a file is no record of a detector.
    """
    names = [file.name.removesuffix(".yaml") for file in matching(storage_root / FOLDER, "*.yaml")]
    return [read_record(storage_root, get(name).name) for name in names]


def _content(path: Place) -> object:
    """Return what stands in a file, which is small."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text) if len(text) <= _MOST_TEXT else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # no date, no UTF-8, too deep
        raise ValueError(f"{path} is no YAML ({error}); restore it from a copy") from error
    if len(text) > _MOST_TEXT or _holds_more_than(_MOST_VALUES, content):
        raise ValueError(
            f"{path} has more than {_MOST_TEXT:,} characters or {_MOST_VALUES:,} values; restore "
            "it from a copy"
        )
    return content


def _holds_more_than(most: int, content: object) -> bool:
    """Count values, those behind references as often as they are reached."""
    left, seen = [content], 0
    while left and seen <= most:
        seen += 1
        one = left.pop()
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set):
            left += one
    return seen > most


def _history_faults(history: object) -> list[str]:
    """Name the first event that is none."""
    if not isinstance(history, list):
        return [f"history must be a list, got {type(history).__name__}"]
    for number, event in enumerate(history, 1):
        if not isinstance(event, dict) or not set(event) >= set(_EVENT):
            return [f"event {number} of history must have {', '.join(_EVENT)}"]
        for name, allowed in _EVENT.items():
            if not allowed(event[name]):
                return [f"event {number} of history: {name} has no legal value"]
        if event["action"] == "promote":
            fault = _promotion_fault(event)
            if fault:
                return [f"event {number} of history: {fault} has no legal value"]
    return []


def _promotion_fault(event: Mapping[str, Any]) -> str:
    """Name what a promotion says of its evidence in no legal way, empty where all is well."""
    if not _are_numbers(event["new"]):
        return "new"
    for part, known in _PROMOTION.items():
        found = event.get(part)
        if part == "holdout" and found is None:
            continue
        if not isinstance(found, dict):
            return part
        for name, allowed in known.items():
            if not allowed(found.get(name)):
                return f"{part}.{name}"
    return ""


def value_faults(detector: Detector, values: object) -> list[str]:
    """List what keeps values from being a parameter set of a detector."""
    if not isinstance(values, Mapping):
        return [f"parameters must be a mapping, got {type(values).__name__}"]
    every = every_parameter(detector)
    known = {p.name for p in every}
    unknown = [f"{detector.name} has no parameter {name}" for name in set(values) - known]
    unknown.sort()
    try:
        return unknown + faults_of(every, values)
    except OverflowError:
        return [*unknown, "a parameter is beyond all ranges"]


def write_record(storage_root: Place, record: Record) -> Place:
    """Replace the file of a detector."""
    path = path_of(storage_root, record.detector)
    content = {
        "detector": record.detector,
        "revision": record.revision,
        "promotion_id": record.promotion_id,
        "forced_ever": record.forced_ever,
        "parameters": None if record.parameters is None else dict(record.parameters),
        "history": [dict(event) for event in record.history],
    }
    with replacing(path) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        temporary.write_text(_HEAD + text, encoding="utf-8")
    return path


def promoted_parameters(storage_root: Place) -> dict[str, dict[str, float]]:
    """Return detector -> promoted parameters, of the detectors that have any.

    Raises
    ------
    ValueError
        If a file is unreadable, or was promoted for another revision of the detector.
    """
    found = {}
    for name in DETECTORS:
        record = read_record(storage_root, name)
        if record.parameters is None:
            continue
        if record.revision != get(name).revision:
            raise ValueError(
                f"{name} was promoted at revision {record.revision}, the code has "
                f"{get(name).revision}: its parameters mean something else now; sweep and promote "
                f"it again, or undo: python -m jobs.promote undo=true detector={name}"
            )
        found[name] = dict(record.parameters)
    return found
