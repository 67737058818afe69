"""Write `configuration.md` from `conf/`, the rules of the keys and the detectors: `make docs`.

What a key may be is what the command line says when it refuses a value, so that this page and
the program cannot disagree.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from omegaconf import OmegaConf

from detectors.contract import Parameter, parameters_of
from detectors.exits import OPTIONAL, ExitParams
from detectors.registry import DETECTORS
from jobs.compose import JOBS
from jobs.keys import rule_of
from jobs.overrides import flatten

HERE = Path(__file__).parent
CONF = HERE.parent / "conf"
PAGE = HERE / "configuration.md"
GENERATED = ("params", "space", "hydra")
HEAD = """# Configuration

Written by `make docs` from `conf/`, the rules of the keys and the detectors; a test keeps it so.

Every key can be overridden on the command line, `key=value`; a group by `group=option`. Lists are
`[a,b]`, nothing is `null`. `python -m jobs.<name> --help` shows the keys of a job,
`--cfg job` what a command would use. Wrong values are refused before anything starts, all at once.

A searched range is `[kind, args...]`: `uniform`, `loguniform`, `int`, `logint` with both ends,
`step` with ends and step, `choice` with its values; a number fixes the value. Options of your own
come from a folder: `--config-dir DIR`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, *_keys(), *_groups(), *_parameters()]
    return "\n".join(parts).rstrip() + "\n"


def _keys() -> Iterator[str]:
    """Yield the keys of every job that are not of a group."""
    yield "## Keys of the jobs\n"
    for job in JOBS:
        file = CONF / f"{job}.yaml"
        lines = file.read_text(encoding="utf-8").splitlines()
        yield f"### jobs.{job}\n"
        what = lines[0].removeprefix("# ").partition(": ")[2]
        yield f"{what[0].upper()}{what[1:]}\n"
        found = OmegaConf.to_container(OmegaConf.load(file))
        names = [next(iter(one)) for one in found.pop("defaults") if isinstance(one, dict)]
        groups = sorted(name for name in names if not name.startswith("override"))
        if groups:
            yield f"Groups: {', '.join(f'`{group}`' for group in groups)}.\n"
        yield from _table(_commented(lines), dict(flatten(found)))


def _groups() -> Iterator[str]:
    """Yield every option of every group, with its keys."""
    yield "## Groups\n"
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir()):
        if folder.name in {"hydra", "detector", "space", "__pycache__"}:
            continue
        yield f"### {folder.name}\n"
        for file in sorted(folder.glob("*.yaml")):
            lines = file.read_text(encoding="utf-8").splitlines()
            intro = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
            sentences = " ".join(line for line in intro if not line.startswith("@package"))
            yield f"**`{folder.name}={file.stem}`** {sentences}\n"
            package = "" if intro[0].endswith("_global_") else f"{folder.name}."
            rows = {f"{package}{key}": note for key, note in _commented(lines).items()}
            found = OmegaConf.to_container(OmegaConf.load(file))
            found.pop("defaults", None)
            values = {f"{package}{key}": value for key, value in flatten(found)}
            yield from _table(rows, values)


def _commented(lines: list[str]) -> dict[str, str]:
    """Return dotted key -> comment of the keys that have a value on their line."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    in_defaults = False
    for line in lines:
        match = re.match(r"^(\s*)([A-Za-z_][\w.]*):(?:\s+(.*))?$", line)
        if line.startswith("defaults:"):
            in_defaults = True
        elif match and not match.group(1):
            in_defaults = False
        if in_defaults or not match:
            continue
        indent, key, rest = len(match.group(1)), match.group(2), match.group(3) or ""
        path = [(width, name) for width, name in path if width < indent]
        dotted = ".".join([*(name for _, name in path), key])
        value, _, comment = rest.partition("#") if not rest.startswith('"') else _quoted(rest)
        if value.strip():
            found[dotted] = comment.strip()
        else:
            path.append((indent, key))
    return found


def _quoted(text: str) -> tuple[str, str, str]:
    end = text.index('"', 1) + 1
    return text[:end], "", text[end:].strip().removeprefix("#").strip()


def _table(notes: dict[str, str], values: dict[str, object]) -> Iterator[str]:
    """Yield a table of keys: default, what it may be, what it means."""
    rows = []
    for key, note in notes.items():
        rule = rule_of(key, {})
        if key not in values or rule is None or key.partition(".")[0] in GENERATED:
            continue
        legal = (rule.fault(object()) or "").partition(", got")[0].removeprefix("must be ")
        rows.append(f"| `{key}` | `{_shown(values[key])}` | {legal} | {note} |")
    if rows:
        yield "| key | default | may be | meaning |"
        yield "|---|---|---|---|"
        yield "\n".join(rows).replace("<", "&lt;") + "\n"


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_shown(one) for one in value)}]"
    return str(value)


def _parameters() -> Iterator[str]:
    """Yield the parameters of every family and of the exits."""
    yield "## Parameters of the detectors\n"
    yield (
        "Set by `params.<detector>.<name>=value` within the legal range, searched by "
        "`space.<detector, family or exit>.<name>=[kind, ...]`. A parameter marked * changes how "
        "features are computed, so that each of its values is prepared apart.\n"
    )
    families: dict[str, list[str]] = {}
    for name, detector in DETECTORS.items():
        families.setdefault(detector.family, []).append(name)
    for family, names in families.items():
        detector = DETECTORS[names[0]]
        classes = ", ".join(detector.asset_classes)
        yield f"### {family}\n"
        yield (
            f"{', '.join(f'`{name}`' for name in names)}; on {classes}; bars of "
            f"{detector.signal_minutes} minutes.\n"
        )
        yield from _ranges(detector.parameters)
    yield "### exit\n"
    optional = " and ".join(f"`{name}`" for name in OPTIONAL)
    yield f"Of every detector. {optional} are off at 0 and searched only where a range is given.\n"
    yield from _ranges(parameters_of(ExitParams))


def _ranges(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    yield "| parameter | unit | default | legal | searched |"
    yield "|---|---|---|---|---|"
    for one in parameters:
        scale = ", log" if one.log else f" by {one.step}" if one.step else ""
        mark = "*" if one.structural else ""
        (low, high), (start, end) = one.legal, one.searched
        yield (
            f"| `{one.name}`{mark} | {one.unit} | {one.default:g} | {low:g} to {high:g} "
            f"| {start:g} to {end:g}{scale} |"
        )
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
