"""What a finished sweep says of the set that may be promoted."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from detectors.registry import get
from sweep.market.symbols import lookup
from sweep.search.plan import detector_settings
from sweep.search.spec import SweepSpec
from sweep.store.place import Place
from sweep.store.results import EVIDENCE, PARAMETER_SETS, Results, read_table, sweep_names

_PREFIX = "param."


@dataclasses.dataclass(frozen=True)
class Candidate:
    """The final set of one detector of a sweep.

    Attributes
    ----------
    detector, sweep_id, set_id
        What it is; `set_id` is None where no set was feasible.
    parameters
        Its values, empty without a set.
    configured
        Values that were configured when the sweep ran.
    symbols, sessions, held_out
        Names, ISO dates outside the hold-out, ISO dates of it.
    data
        Digest of the bars outside the hold-out.
    verdict, summary, evidence
        Word, sentence, main numbers.
    """

    detector: str
    sweep_id: str
    set_id: str | None
    parameters: Mapping[str, float]
    configured: Mapping[str, float]
    symbols: tuple[str, ...]
    sessions: tuple[str, ...]
    held_out: tuple[str, ...]
    data: str
    verdict: str
    summary: str
    evidence: Mapping[str, Any]


def read_sweep(storage_root: Place, sweep_id: str) -> dict[str, Any]:
    """Return the `sweep.json` of a finished sweep.

    Raises
    ------
    ValueError
        If there is no such sweep, or it is not done.
    """
    found = Results(storage_root, sweep_id).read_json() if sweep_id.isalnum() else None
    if found is None:
        there = ", ".join(sweep_names(storage_root)) or "none"
        raise ValueError(f"sweep={sweep_id}: no such sweep in {storage_root}; there are: {there}")
    if found["status"] != "done" or Results(storage_root, sweep_id).read_json(EVIDENCE) is None:
        raise ValueError(
            f"sweep={sweep_id} is {found['status']}, it must be done and judged; give its command "
            f"again to finish it"
        )
    return found


def candidate(spec: SweepSpec, about: Mapping[str, Any], detector: str) -> Candidate:
    """Read the final set of a detector.

    Parameters
    ----------
    spec
        Settings of the sweep, for a check that they are what the sweep ran under.
    about
        Its `sweep.json`.
    detector
        One of its detectors.

    Raises
    ------
    ValueError
        If the detector was not part of it, or has changed since.
    """
    if detector not in about["detectors"]:
        known = ", ".join(about["detectors"])
        raise ValueError(f"{detector} was no part of {about['sweep_id']}; it has {known}")
    own, identity = about["detectors"][detector], about["identity"]["detectors"][detector]
    if own["revision"] != get(detector).revision:
        raise ValueError(
            f"{detector}: swept at revision {own['revision']}, the code has "
            f"{get(detector).revision}; sweep it again"
        )
    classes = {lookup(name).asset_class for name in own["symbols"]}
    if identity["settings"] != detector_settings(spec, get(detector), classes):
        raise ValueError(
            f"{detector}: features, fills or costs of {about['sweep_id']} cannot be made from its "
            f"configuration by this version; sweep it again"
        )
    set_id = own["chosen"]["final"]
    folder = Results(spec.storage_root, about["sweep_id"])
    evidence = own["evidence"] or {"verdict": "not_proven", "summary": own["reason"]}
    return Candidate(
        detector=detector,
        sweep_id=about["sweep_id"],
        set_id=set_id,
        parameters={} if set_id is None else _values(folder.path, detector, set_id),
        configured={name: float(v) for name, v in own["configured"]["parameters"].items()},
        symbols=tuple(own["symbols"]),
        sessions=tuple(about["identity"]["sessions"]),
        held_out=tuple(about["holdout"]),
        data=about["identity"]["data"],
        verdict=evidence["verdict"],
        summary=evidence["summary"],
        evidence=json.loads(json.dumps(evidence)),
    )


def _values(folder: Place, detector: str, set_id: str) -> dict[str, float]:
    table = read_table(folder, PARAMETER_SETS, detector=detector)
    row = table.filter(pc.equal(table["set_id"], set_id)).to_pylist()[0]
    return {
        name.removeprefix(_PREFIX): float(value)
        for name, value in row.items()
        if name.startswith(_PREFIX) and value is not None
    }
