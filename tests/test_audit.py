"""`make audit` calls nothing clean that it does not know."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLEAN = {"name": "rich", "version": "14.0", "vulns": []}
SKIPPED = {"name": "isal", "skip_reason": "Dependency not found on PyPI"}
HOLE = {
    "name": "yaml",
    "version": "5.1",
    "vulns": [{"id": "PYSEC-2020-96", "fix_versions": ["5.3.1"]}],
}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([CLEAN, CLEAN], 0, "no known hole in 2 packages"),
        ([CLEAN, SKIPPED], 1, "not known: .* on 1 of 2 packages"),
        ([SKIPPED, HOLE], 1, "yaml 5.1: PYSEC-2020-96, mended in 5.3.1"),
        ([], 1, "not known"),
    ],
)
def test_what_is_not_known_is_not_clean(packages, code, words):
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    found, text = audit.verdict(json.dumps({"dependencies": packages, "fixes": []}))
    assert found == code
    assert re.search(words, text)
