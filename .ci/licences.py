"""Write docs/licences.md: every package of the lock that is installed here, and its licence."""

import importlib.metadata
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Licences

Every package of `requirements.lock` as `make install` puts it on this kind of machine, with the
licence that it names itself. Written by `make licences`; a test holds it against the lock.

| package | version | licence |
|---|---|---|
"""


def locked() -> dict[str, str]:
    """Return name -> version of the lock."""
    text = (ROOT / "requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def licence(name: str) -> str:
    """Return the licence that an installed package names."""
    found = importlib.metadata.metadata(name)
    if expression := found.get("License-Expression"):
        return expression
    kinds = [
        entry.rpartition(" :: ")[2]
        for entry in found.get_all("Classifier") or ()
        if entry.startswith("License :: ") and entry != "License :: OSI Approved"
    ]
    if kinds:
        return ", ".join(dict.fromkeys(kinds))
    lines = (found.get("License") or "").strip().splitlines()
    return lines[0][:60] if lines else "not named; see its files"


def main() -> None:
    """Write the page."""
    rows = []
    for name, version in sorted(locked().items()):
        try:
            rows.append(f"| {name} | {version} | {licence(name)} |\n")
        except importlib.metadata.PackageNotFoundError:
            sys.stderr.write(f"{name} is for another kind of machine\n")
    (ROOT / "docs" / "licences.md").write_text(HEAD + "".join(rows))


if __name__ == "__main__":
    main()
