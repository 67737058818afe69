"""The licence page names what the lock names, and nothing that forbids how the project is used."""

import importlib.metadata
import importlib.util
import re
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBERAL = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|MPL|Mozilla|NCSA|not named; see its files"
)
DYNAMICALLY_LINKED = {"psycopg", "psycopg-binary"}  # LGPL: used as it is


def installed(name):
    # Not elsewhere on the path: Ray puts a folder of copied packages there once it is imported.
    here = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return any(importlib.metadata.distributions(name=name, path=here))


def test_every_locked_package_has_a_line_and_a_licence_that_can_be_used():
    spec = importlib.util.spec_from_file_location("licences", ROOT / ".ci" / "licences.py")
    licences = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(licences)
    page = (ROOT / "docs" / "licences.md").read_text()
    rows = dict(re.findall(r"^\| ([^| ]+) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))
    here = {name for name in licences.locked() if installed(name) or name in rows}
    assert here <= rows.keys(), "run: make licences"
    assert rows.keys() - licences.locked().keys() <= {"package", "---"}, "run: make licences"
    strict = {name for name, text in rows.items() if not LIBERAL.search(text)}
    assert strict - {"package"} == DYNAMICALLY_LINKED
    assert not any("GPL" in text for name, text in rows.items() if name not in strict)
