"""The configuration tree cannot disagree with the code, and every option composes."""

import dataclasses
import functools
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf

import conf
from detectors.contract import parameters_of
from detectors.exits import OPTIONAL, ExitParams
from detectors.features.settings import FeatureSettings
from detectors.registry import DETECTORS, FAMILIES
from jobs.compose import JOBS, Composer
from jobs.keys import RULES, rule_of
from jobs.overrides import flatten
from sweep.engine.settings import DEFAULT_COSTS, FillSettings
from sweep.evidence.criteria import Thresholds
from sweep.ingest.sample import SampleSpec
from sweep.search.spec import (
    FOLD_KINDS,
    SCREENING_KINDS,
    SEARCH_KINDS,
    ExecutionSettings,
    FoldSettings,
    HoldoutSettings,
    ScreeningSettings,
    SearchSettings,
)

ROOT = Path(conf.__file__).parent
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.yaml"))


@functools.cache  # one composition takes a quarter of a second
def composed(job, *overrides):
    with Composer(job) as composer:
        return composer.compose(overrides)


@functools.cache
def groups_of(job):
    with Composer(job) as composer:
        return {group: composer.options(group) for group in composer.groups}


def spec_defaults(kind):
    plain = dataclasses.asdict(kind())
    return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_has_at_most_40_lines(path):
    assert len((ROOT / path).read_text().splitlines()) <= 40


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_file_lists_every_parameter_with_the_default_of_the_code(name):
    parameters = [*DETECTORS[name].parameters, *parameters_of(ExitParams)]
    expected = {parameter.name: parameter.default for parameter in parameters}
    found = composed("backtest")["params"][name]
    assert found == expected
    assert list(map(type, found.values())) == list(map(type, expected.values()))
    assert list(found) == list(expected)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_file_states_unit_and_legal_range(name):
    text = (ROOT / "detector" / f"{name}.yaml").read_text()
    lines = {line.partition(":")[0]: line for line in text.splitlines() if ":" in line}
    for parameter in (*DETECTORS[name].parameters, *parameters_of(ExitParams)):
        low, high = parameter.legal
        assert f"# {parameter.unit}, {low:g} to {high:g}" in lines[parameter.name]


def test_families_and_all_choose_their_detectors():
    assert set(composed("sweep")["params"]) == set(DETECTORS)
    files = {path.stem for path in FILES if path.parent == Path("detector")}
    assert files == {*DETECTORS, *FAMILIES, "all"}
    for family, names in FAMILIES.items():
        assert tuple(composed("sweep", f"detector={family}")["params"]) == names


@pytest.mark.parametrize("section", ["exit", *sorted({d.family for d in DETECTORS.values()})])
def test_a_space_file_opens_the_searched_ranges_of_the_code(section):
    parameters = (
        parameters_of(ExitParams)
        if section == "exit"
        else next(d for d in DETECTORS.values() if d.family == section).parameters
    )
    expected = {}
    for parameter in parameters:
        low, high = parameter.searched
        if parameter.name in OPTIONAL:
            expected[parameter.name] = 0.0
        elif parameter.step:
            expected[parameter.name] = ["step", low, high, parameter.step]
        elif parameter.integer:
            expected[parameter.name] = ["logint" if parameter.log else "int", low, high]
        else:
            kind = "loguniform" if parameter.log else "uniform"
            expected[parameter.name] = [kind, low, high]
    assert composed("sweep")["space"][section] == expected


def test_the_weights_open_with_their_searched_range_and_all_others():
    found = composed("sweep", "space=factor_weights")["space"]
    weights = found.pop("factor_weights")
    assert found == composed("sweep")["space"]
    (low, high), *others = {r.searched for d in DETECTORS.values() for r in d.ratios}
    assert others == []
    assert weights == {"ratio": ["loguniform", low, high]}


def test_features_fills_and_costs_are_those_of_the_code():
    found = composed("sweep")
    features = {name: value for name, value in found["features"].items() if name != "flow_path"}
    assert features | {"options": found["options"]} == spec_defaults(FeatureSettings)
    assert found["fills"] == spec_defaults(FillSettings)
    shared = {name for name, value in found["costs"].items() if not isinstance(value, dict)}
    assert {found["costs"][name] for name in shared - {"notional_usd"}} == {None}
    for asset_class, costs in DEFAULT_COSTS.items():
        expected = dataclasses.asdict(costs)
        assert expected.pop("notional_usd") == found["costs"]["notional_usd"]
        assert found["costs"][asset_class.lower()] == expected
        assert shared == {*expected, "notional_usd"}


def test_sample_settings_are_those_of_the_code():
    plain = {
        field.name: field.default
        for field in dataclasses.fields(SampleSpec)
        if field.name != "root"
    }
    plain["last"] = str(plain["last"])
    assert composed("sample")["sample"] == plain


@pytest.mark.parametrize(
    ("group", "kinds", "settings"),
    [
        ("search", SEARCH_KINDS, SearchSettings),
        ("folds", FOLD_KINDS, FoldSettings),
        ("screening", SCREENING_KINDS, ScreeningSettings),
    ],
)
def test_a_kind_has_its_file_with_defaults_of_the_code(group, kinds, settings):
    defaults = spec_defaults(settings)
    assert groups_of("sweep")[group] == sorted(kinds)
    for kind in kinds:
        found = composed("sweep", f"{group}={kind}")[group]
        assert found["kind"] == kind
        assert found == {**{name: defaults[name] for name in found}, "kind": kind}


def test_holdout_verdict_and_execution_have_the_defaults_of_the_code():
    found = composed("sweep")
    assert found["holdout"] == spec_defaults(HoldoutSettings)
    assert found["verdict"] == spec_defaults(Thresholds)
    assert found["ray"] | found["sweep"] == spec_defaults(ExecutionSettings)
    assert composed("sweep", "holdout=none")["holdout"]["fraction"] == 0


def breaches(found):
    """Return the keys without a rule, or with a value that breaks it."""
    rules = {name: (rule_of(name, found), value) for name, value in flatten(found)}
    return [
        name
        for name, (rule, value) in rules.items()
        if (rule is None or rule.fault(value)) and (name, value) != ("source.root", None)
    ]


@pytest.mark.parametrize("job", JOBS)
def test_every_key_of_a_job_has_a_rule_and_keeps_it(job):
    assert breaches(composed(job)) == []


@pytest.mark.parametrize(
    "group",
    [
        "universe",
        "store",
        "bars",
        "options",
        "fills",
        "costs",
        "search",
        "folds",
        "holdout",
        "screening",
        "verdict",
        "ray",
        "experiment",
    ],
)
def test_every_option_composes_and_keeps_the_rules(group):
    for option in groups_of("sweep")[group]:
        assert breaches(composed("sweep", f"{group}={option}")) == []


def test_every_rule_is_of_a_key_that_some_job_has():
    known = set()
    for job in JOBS:
        for group, options in groups_of(job).items():
            for option in options if group in ("search", "folds", "source", "screening") else []:
                known |= {name for name, _ in flatten(composed(job, f"{group}={option}"))}
        known |= {name for name, _ in flatten(composed(job))}
    assert set(RULES) <= known


def test_the_sample_overlay_is_one_for_three_jobs():
    roots = {
        composed(job, "experiment=sample")["source"]["root"] for job in ("sample", "backfill")
    }
    assert len(roots) == 1
    storage = {
        composed(job, "experiment=sample")["storage"]["root"] for job in ("backfill", "sweep")
    }
    assert len(storage) == 1
    sample = composed("sample", "experiment=sample")["sample"]
    assert (sample["sessions"], sample["edge"]) == (320, "planted")


def test_hydra_writes_nothing_and_stays_where_it_was_called():
    with hydra.initialize_config_module("conf", version_base="1.3"):
        for job in JOBS:
            found = hydra.compose(job, return_hydra_config=True).hydra
            assert found.output_subdir is None
            assert found.run.dir == "."
            assert not found.job.chdir
            assert "file" not in OmegaConf.to_container(found.job_logging)["handlers"]
