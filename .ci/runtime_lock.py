"""Write to standard output the part of requirements.lock that running needs: no test tools.

The lock says of every package who asked for it. What the project itself asks for at run time and
on AWS, and whatever those ask for, stays, with its hashes.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def name_of(requirement: str) -> str:
    """Return the normalised name at the start of a requirement."""
    (name,) = re.findall(r"^[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime_lock(lock: str, project: str) -> str:
    """Return the entries of a lock that are reached without the extra `test`.

    Parameters
    ----------
    lock
        Text of a lock as `uv pip compile` annotates it.
    project
        Text of pyproject.toml.
    """
    about = tomllib.loads(project)["project"]
    asked = [*about["dependencies"], *about["optional-dependencies"]["aws"]]
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    by = re.compile(r"^ +#(?: via)? +([a-z0-9].*)$", re.MULTILINE)
    asked_by = [(name_of(one), set(map(name_of, by.findall(one)))) for one in entries]
    kept = {name_of(one) for one in asked}
    while more := {name for name, who in asked_by if who & kept} - kept:
        kept |= more
    return "".join(one for one in entries if name_of(one) in kept)


if __name__ == "__main__":
    files = (ROOT / name for name in ("requirements.lock", "pyproject.toml"))
    sys.stdout.write(runtime_lock(*(file.read_text(encoding="utf-8") for file in files)))
