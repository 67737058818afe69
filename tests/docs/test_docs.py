"""The documentation cannot lie: commands are legal, queries run, links lead somewhere."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from documented import HELPS, PAGES, ROOT, blocks, commands
from made_up_sweep import SWEEP, make_sweep

from jobs.compose import JOBS
from jobs.overrides import checked
from sweep.store.sweep_tables import (
    record_fold_scores,
    record_parameter_sets,
    record_sweep,
    record_trades,
)


@pytest.mark.parametrize("text", commands())
def test_every_command_is_one_that_its_job_takes(text, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/x")
    job, *arguments = commands()[text]
    assert job in JOBS
    ids = [re.sub(r"<\w+>", SWEEP, one) for one in arguments]
    if "--help" not in ids:
        checked(job, [*ids, "--cfg", "job"])


def test_the_commands_are_found():
    assert {words[0] for words in commands().values()} == {*JOBS}
    helped = [file.stem for file in HELPS if "python -m jobs." in file.read_text(encoding="utf-8")]
    assert helped == sorted(JOBS)


def test_the_configuration_page_is_what_the_code_says():
    path = ROOT / "docs" / "make_configuration.py"
    spec = importlib.util.spec_from_file_location("make_configuration", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: make docs"


def test_keys_complete_in_a_shell():
    script = Path(sys.executable).with_name("detector-sweep")
    line = "detector-sweep search="
    done = subprocess.run(
        [script, "-sc", "query=bash"],
        env={**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert {"search=grid", "search=random"} <= set(done.stdout.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_make_targets_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        assert not target.startswith("http"), target
        where = page.parent / file if file else page
        assert where.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", where.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in heads}
            assert anchor in slugs, target
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for block in blocks(page, ""):
        for target in re.findall(r"^make (\w+)", block, re.MULTILINE):
            assert target in targets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_sweep(tmp_path_factory.mktemp("made"), {"breakout_bullish": "holds"})


def test_the_queries_run_and_answer(folder, sql_database):
    record_sweep(sql_database, json.loads((folder / "sweep.json").read_text()))
    for record, name in (
        (record_parameter_sets, "parameter_sets"),
        (record_fold_scores, "fold_scores"),
        (record_trades, "trades"),
    ):
        record(sql_database, SWEEP, pq.read_table(folder / f"{name}.parquet"))
    own = "sqlite" if sql_database.is_file else "postgres"
    page = ROOT / "docs" / "queries.md"
    queries = [*blocks(page, "sql"), *blocks(page, own)]
    assert len(queries) == 5
    with sql_database.transaction() as connection:
        for query in queries:
            rows = connection.execute(sa.text(query)).all()
            assert rows or "trial_ledger" in query, query


def test_the_python_examples_run(folder, capsys):
    names = {}
    for text in blocks(ROOT / "docs" / "queries.md", "python"):
        exec(text.replace(f"data/results/{SWEEP}", str(folder)), names)  # noqa: S102
    assert "breakout_bullish" in capsys.readouterr().out


def test_duckdb_examples_name_columns_that_are_there(folder):
    (text,) = blocks(ROOT / "docs" / "queries.md", "duckdb")
    there = pq.read_schema(folder / "parameter_sets.parquet").names
    select = text.partition("FROM")[0].removeprefix("SELECT").replace('"', "")
    assert {one.strip() for one in select.split(",")} <= set(there)
