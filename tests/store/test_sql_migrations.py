"""Migrations: the same tables on both databases, from any number of processes at once."""

import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sweep.market.schema import BARS
from sweep.store.coverage import COVERAGE
from sweep.store.database import Database
from sweep.store.errors import StoreTerminal
from sweep.store.sql.arrow_rows import arrow_type, is_json
from sweep.store.sql.models import METADATA

# DESIGN.md 5, word for word.
DESIGN = {
    *("historical_bars", "watchlist", "ingestion_queue", "coverage", "vendor_files", "splits"),
    *("sweeps", "parameter_sets", "fold_scores", "trades"),
    *("trial_ledger", "promotions", "holdout_looks"),
}
# What the mirror of bars, the shared ledger and migrations remember.
BESIDE = {"mirrored_months", "ledger_files", "alembic_version"}
SEED = {"open", "high", "low", "close", "volume", "vwap", "trades"}

UPGRADE = """
import os, pathlib, sys, time
from sweep.store.database import Database
kind, root, start = sys.argv[1:]
pathlib.Path(root, f"ready-{os.getpid()}").touch()
while not pathlib.Path(start).exists():
    time.sleep(0.001)
done = Database.open(kind, root).upgrade()
print(done.before, done.after)
"""


def test_upgrade_makes_the_tables_of_the_design_and_nothing_that_the_models_lack(sql_database):
    with sql_database.transaction() as connection:
        names = set(sa.inspect(connection).get_table_names())
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, METADATA)
    assert names == DESIGN | BESIDE
    assert differences == []


def test_keys_are_the_same_on_both_databases_and_never_null(sql_database):
    with sql_database.transaction() as connection:
        inspector = sa.inspect(connection)
        for name, table in METADATA.tables.items():
            keys = inspector.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key], name
            nullable = {c["name"] for c in inspector.get_columns(name) if c["nullable"]}
            assert not nullable & set(keys), name
            assert nullable == {c.name for c in table.c if c.nullable}, name


def test_seed_key_and_columns_of_historical_bars():
    table = METADATA.tables["historical_bars"]
    assert [c.name for c in table.primary_key] == ["symbol", "timeframe", "timestamp"]
    assert set(table.c.keys()) >= SEED


def test_mirrors_have_the_columns_of_their_parquet_files():
    bars = {"timestamp" if name == "ts" else name for name in BARS.names}
    assert set(METADATA.tables["historical_bars"].c.keys()) == bars
    coverage = METADATA.tables["coverage"]
    assert set(coverage.c.keys()) == set(COVERAGE.names)
    for field in COVERAGE:
        if not is_json(coverage.c[field.name]):
            assert arrow_type(coverage.c[field.name]) == field.type, field.name


@pytest.mark.postgres
def test_texts_of_postgres_compare_bytewise_whatever_its_locale(postgres_store):
    with postgres_store.transaction() as connection:
        collations = connection.exec_driver_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'character varying' "
            "AND table_name <> 'alembic_version'"
        ).all()
    assert collations == [("C",)]


def test_upgrade_again_changes_nothing(sql_database):
    sql_database.upsert("watchlist", [{"symbol": "SPY"}])
    again = sql_database.upgrade()
    assert again.before == again.after
    assert sql_database.read("watchlist")["symbol"].to_pylist() == ["SPY"]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_processes_that_upgrade_at_once_all_succeed_and_one_does_it(
    kind, tmp_path, request, monkeypatch
):
    if kind == "postgres":
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres_database"))
    start = tmp_path / "start"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, kind, str(tmp_path), str(start)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 3 and all(p.poll() is None for p in running):
        time.sleep(0.01)
    start.touch()
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], ended
    before = sorted(output.split()[0] for output, _ in ended)
    head = ended[0][0].split()[1]
    assert before == sorted(["None", head, head])


def test_killed_upgrade_leaves_nothing_half(sql_database, monkeypatch):
    with sql_database.transaction() as connection:
        METADATA.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(KeyboardInterrupt):
        sql_database.upgrade()
    with sql_database.transaction() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_schema_newer_than_the_code_is_refused(sql_database):
    with sql_database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTerminal, match=r"schema 9999, newer .*update detector-sweep"):
        sql_database.upgrade()


def test_missing_table_names_the_job_that_makes_it(tmp_path):
    (tmp_path / "data").mkdir()
    with (
        Database.open("sqlite", tmp_path / "data") as database,
        pytest.raises(StoreTerminal, match=r"jobs\.database action=upgrade"),
    ):
        database.read("watchlist")


@pytest.mark.postgres
def test_missing_table_on_postgres_names_the_job_too(postgres_database, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    with (
        Database.open("postgres", ".") as database,
        pytest.raises(StoreTerminal, match=r"jobs\.database action=upgrade"),
    ):
        database.upsert("watchlist", [{"symbol": "SPY"}])


def test_sqlite_trigger_and_postgres_trigger_enqueue_in_the_same_transaction(sql_database):
    with sql_database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO watchlist (symbol) VALUES ('NVDA')")
    with sql_database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO watchlist (symbol) VALUES ('AMD')")
        connection.rollback()
    queue = sql_database.read("ingestion_queue")
    assert queue.select(["symbol", "task", "state", "attempts"]).to_pylist() == [
        {"symbol": "NVDA", "task": "backfill", "state": "queued", "attempts": 0}
    ]
    age = dt.datetime.now(dt.UTC) - queue["enqueued_at"][0].as_py()
    assert abs(age) < dt.timedelta(minutes=5)


@pytest.mark.parametrize(
    ("state", "after"),
    [("queued", "queued"), ("claimed", "claimed"), ("done", "queued"), ("failed", "queued")],
)
def test_symbol_put_back_is_queued_again_unless_its_entry_is_open(sql_database, state, after):
    sql_database.upsert("watchlist", [{"symbol": "NVDA"}])
    sql_database.upsert(
        "ingestion_queue",
        [{"symbol": "NVDA", "task": "backfill", "state": state, "attempts": 3, "error": "x"}],
    )
    sql_database.replace("watchlist", [{"symbol": "NVDA"}], {"symbol": "NVDA"})
    (row,) = sql_database.read("ingestion_queue").to_pylist()
    assert row["state"] == after
    assert (row["attempts"], row["error"]) == ((0, None) if state != after else (3, "x"))


@pytest.mark.postgres
def test_insert_into_watchlist_wakes_listeners_of_postgres(postgres_database, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    with (
        Database.open("postgres", ".") as database,
        psycopg.connect(postgres_database, autocommit=True) as listener,
    ):
        database.upgrade()
        listener.execute("LISTEN ingestion_queue")
        database.upsert("watchlist", [{"symbol": "NVDA"}])
        woken = [note.payload for note in listener.notifies(timeout=20, stop_after=1)]
    assert woken == ["NVDA"]
