"""The repository keeps its own rules: limits, names, layout, a lock without addresses."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from detectors.registry import DETECTORS, FAMILIES

ROOT = Path(__file__).parents[1]
PACKAGES = ("jobs", "sweep", "detectors", "conf")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
JOBS = {target.split(":")[0].replace(".", "/") + ".py" for target in SCRIPTS.values()}
YAMLS = sorted((ROOT / "conf").rglob("*.yaml"))


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_and_functions_stay_short(path):
    limit = 80 if name_of(path) in JOBS else 500
    assert lines_of(path) <= limit
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            first = body[0].lineno if body else node.lineno
            kernels = any("kernel" in ast.unparse(d) for d in node.decorator_list)
            assert (node.end_lineno or first) - first < (80 if kernels else 50), node.name


@pytest.mark.parametrize("path", YAMLS, ids=name_of)
def test_a_config_file_fits_a_screen(path):
    assert lines_of(path) <= 40


def test_no_folder_below_tests_is_a_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_names_say_what_lives_there():
    vague = {"utils", "helpers", "common", "core", "misc"}
    assert not [name_of(path) for path in SOURCES if path.stem in vague]
    folders = {path.parent for path in SOURCES}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_package_says_what_lives_in_it():
    for path in SOURCES:
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_every_detector_of_the_specification_is_there():
    sides = [("bullish", "bearish"), ("long", "short")]
    pairs = {
        **dict.fromkeys(
            ("mean_reversion", "trend_continuation", "index_mean_reversion"), sides[1]
        ),
        **dict.fromkeys(("breakout", "power_hour_reversal", "opening_drive"), sides[0]),
        **dict.fromkeys(("gamma_squeeze", "gamma_flip"), sides[0]),
    }
    specified = {f"{family}_{side}" for family, pair in pairs.items() for side in pair}
    specified.add("eod_pin_setup")
    assert len(specified) == 17
    assert specified <= set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_comes_with_its_files(name):
    detector = DETECTORS[name]
    assert name in FAMILIES[detector.family]
    assert (ROOT / "detectors" / f"{detector.family}.py").is_file()
    assert (ROOT / "conf" / "detector" / f"{name}.yaml").is_file()
    assert (ROOT / "conf" / "space" / f"{detector.family}.yaml").is_file()
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["name"] == "inside detectors")
    assert any(detector.family in layer for layer in layers)


def test_the_lock_has_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^[a-z0-9][^\s=]*==", lock, re.MULTILINE)
    assert len(pinned) > 100
    assert lock.count("--hash=sha256:") >= len(pinned)


@pytest.mark.parametrize("job", sorted(JOBS))
def test_every_console_script_is_a_job_with_its_configuration(job):
    assert (ROOT / job).is_file()
    assert (ROOT / "conf" / f"{Path(job).stem}.yaml").is_file()
