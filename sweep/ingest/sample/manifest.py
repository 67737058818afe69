"""`sample.json` at the root: which sample lies there.

A sample is written once, and never over somebody else's files.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sweep.ingest.sample.files import PARTIAL
from sweep.ingest.sample.spec import REVISION, Planted, SampleReport, SampleSpec

NAME = "sample.json"


def identity(spec: SampleSpec) -> dict[str, Any]:
    """Return what decides the bytes of a sample; the root and an unused Sharpe do not."""
    fields = dataclasses.asdict(spec)
    del fields["root"]
    if spec.edge == "none":
        del fields["edge_sharpe"]
    return {"revision": REVISION, **fields, "last": spec.last.isoformat()}


def find(spec: SampleSpec) -> SampleReport | None:
    """Return the report of the same sample where it lies complete in the root, else None."""
    stored = _read(spec.root)
    if stored is None or stored["spec"] != identity(spec) or stored["report"] is None:
        return None
    if not all((spec.root / key).is_file() for key in stored["keys"]):
        return None
    report = stored["report"]
    return SampleReport(
        root=spec.root,
        first=dt.date.fromisoformat(report["first"]),
        last=dt.date.fromisoformat(report["last"]),
        files=report["files"],
        rows=report["rows"],
        bytes=report["bytes"],
        planted=None if report["planted"] is None else Planted(**report["planted"]),
        reused=True,
    )


def clear(root: Path) -> None:
    """Make room for a sample: remove an earlier one, make the folder.

    Raises
    ------
    ValueError
        If the root is a file, or holds files that no sample wrote.
    """
    if root.exists() and not root.is_dir():
        raise ValueError(f"source.root must be a folder for the sample market, {root} is a file")
    stored = _read(root)
    ours = set() if stored is None else {root / key for key in stored["keys"]}
    ours |= {path.with_suffix(PARTIAL) for path in ours} | {root / NAME}
    foreign = [path for path in sorted(root.rglob("*")) if path.is_file() and path not in ours]
    if foreign:
        raise ValueError(
            f"source.root must be empty or hold an earlier sample, {root} holds"
            f" {len(foreign)} other files such as {foreign[0].relative_to(root)};"
            " name another folder"
        )
    for path in ours - {root / NAME}:
        path.unlink(missing_ok=True)
    root.mkdir(parents=True, exist_ok=True)


def write(
    spec: SampleSpec,
    keys: Iterable[str],
    report: SampleReport | None,
    events: Iterable[Mapping[str, object]] = (),
) -> None:
    """Write the manifest, whole or not at all.

    Parameters
    ----------
    spec
        The sample.
    keys
        Paths of all its files below the root.
    report
        None before the files are there: what a killed run leaves is then known as ours.
    events
        What was scripted, one mapping each.
    """
    content = {
        "spec": identity(spec),
        "report": None if report is None else dataclasses.asdict(report),
        "events": list(events),
        "keys": list(keys),
    }
    partial = spec.root / (NAME + PARTIAL)
    partial.write_text(json.dumps(content, indent=1, default=str) + "\n")
    partial.replace(spec.root / NAME)


def _read(root: Path) -> dict[str, Any] | None:
    """Return the stored manifest, None where there is none that we wrote."""
    try:
        stored = json.loads((root / NAME).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    known = isinstance(stored, dict) and {"spec", "report", "events", "keys"} <= stored.keys()
    return stored if known else None
