"""Faults of a database: transient or terminal, with a remedy, and no secret in any text."""

import contextlib
import pickle
import socket
import sqlite3
import threading
import time
import traceback
from pathlib import Path

import psycopg
import pytest

from sweep.store.database import Database
from sweep.store.errors import StoreTerminal, StoreTransient, try_for
from sweep.store.sql import connect
from tests.servers import free_port

SECRET = "hunter2-q7"  # noqa: S105 - nobody's


def _open(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    return Database.open("postgres", "unused")


def _texts(error):
    """Everything that a log could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.args)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", r"DATABASE_URL is not set.*postgresql://USER:PASSWORD@HOST.*store=sqlite"),
        (f"mysql://u:{SECRET}@h/d", r"must look like postgresql://"),
        (SECRET, r"must look like postgresql://"),
        (f"postgres://u:{SECRET}@x@h/d", r"%40 %3A %2F %3F %23"),
        (f"postgres://u:{SECRET}/x@h/d", r"%40 %3A %2F %3F %23"),
        (f"postgres://u:{SECRET}#x@h/d", r"%40 %3A %2F %3F %23"),
        (f"postgres://u:{SECRET}?x@h/d", r"%40 %3A %2F %3F %23"),
        (f"postgres://h:{SECRET}/d", r"cannot be read"),
        (f"postgres://u@h/d?connect_timeout={SECRET}", r"cannot be read"),
    ],
)
def test_unreadable_url_is_refused_without_showing_any_of_it(monkeypatch, url, message):
    with pytest.raises(StoreTerminal, match=message) as caught:
        _open(monkeypatch, url)
    assert SECRET not in _texts(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_place_and_repr_show_neither_password_nor_query(monkeypatch, scheme):
    url = f"{scheme}://me:{SECRET}@db.example:6543/bars?password={SECRET}&sslmode=require"
    database = _open(monkeypatch, url)
    assert database.place == "Postgres database 'bars' at db.example:6543"
    assert SECRET not in repr(database) + repr(vars(database)) + str(vars(database)["_engine"])


def test_percent_encoded_password_is_decoded(monkeypatch):
    database = _open(monkeypatch, "postgres://me:a%40b%2Fc%3A@h:1/d")
    assert database._engine.url.password == "a@b/c:"  # noqa: S105 - nobody's


def test_unknown_kind_lists_the_known_ones(tmp_path):
    with pytest.raises(StoreTerminal, match="sqlite, postgres, got 'oracle'"):
        Database.open("oracle", tmp_path)


def test_refused_connection_is_transient(monkeypatch):
    database = _open(monkeypatch, f"postgres://me:{SECRET}@127.0.0.1:{free_port()}/bars")
    with pytest.raises(StoreTransient, match=r"'bars' at 127.*connection refused") as caught:
        database.upgrade()
    assert SECRET not in _texts(caught.value)


def test_silent_server_is_transient_after_the_timeout_of_the_url(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgres://me:{SECRET}@127.0.0.1:{port}/bars?connect_timeout=2"
        with pytest.raises(StoreTransient, match="no answer in time") as caught:
            _open(monkeypatch, url).read("watchlist")
    assert SECRET not in _texts(caught.value)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda url: url.replace("tester:", "nobody_here:"), "wrong user or password; correct"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", "database does not exist.*createdb"),
        (lambda url: url + "?sslmode=require", "no TLS; drop sslmode"),
    ],
)
def test_refused_login_is_terminal(monkeypatch, postgres_server, change, message):
    url = change(postgres_server.url)
    with pytest.raises(StoreTerminal, match=message) as caught:
        _open(monkeypatch, url).upgrade()
    assert postgres_server.password not in _texts(caught.value)


@pytest.mark.postgres
def test_wrong_password_is_terminal_and_not_shown(monkeypatch, postgres_server):
    url = postgres_server.url.replace(postgres_server.password, SECRET)
    with pytest.raises(
        StoreTerminal, match="wrong user or password; correct DATABASE_URL"
    ) as caught:
        _open(monkeypatch, url).upgrade()
    assert SECRET not in _texts(caught.value)


@pytest.mark.postgres
def test_user_without_rights_is_told_so(monkeypatch, postgres_store, postgres_database):
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
    host = postgres_database.partition("@")[2]
    reader = _open(monkeypatch, f"postgres://reader:{SECRET}@{host}")
    with reader, pytest.raises(StoreTerminal, match="may not do this; grant"):
        reader.upsert("watchlist", [{"symbol": "SPY"}])
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("DROP ROLE reader")


@pytest.mark.postgres
def test_restart_in_mid_use_is_transient_and_the_next_call_works(postgres_server, postgres_store):
    postgres_store.upsert("watchlist", [{"symbol": "A"}])

    def restart_within_a_transaction():
        with postgres_store.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO watchlist (symbol) VALUES ('B')")
            postgres_server.stop()
            postgres_server.start()
            connection.exec_driver_sql("INSERT INTO watchlist (symbol) VALUES ('C')")

    with pytest.raises(StoreTransient, match="is away"):
        restart_within_a_transaction()
    assert postgres_store.read("watchlist")["symbol"].to_pylist() == ["A"]
    postgres_store.upsert("watchlist", [{"symbol": "D"}])
    assert postgres_store.read("watchlist")["symbol"].to_pylist() == ["A", "D"]


@pytest.mark.postgres
def test_restart_between_calls_is_not_noticed(postgres_server, postgres_store):
    postgres_store.upsert("watchlist", [{"symbol": "A"}])
    postgres_server.stop()
    postgres_server.start()
    assert postgres_store.read("watchlist").num_rows == 1


@pytest.mark.postgres
def test_trying_for_a_while_outlives_a_server_that_comes_back(postgres_server, postgres_store):
    postgres_server.stop()
    with pytest.raises(StoreTransient, match="connection refused"):
        postgres_store.read("watchlist")
    back = threading.Timer(1.0, postgres_server.start)
    back.start()
    try:
        written = try_for(60.0, lambda: postgres_store.upsert("watchlist", [{"symbol": "A"}]))
    finally:
        back.join()
    assert written == 1
    assert postgres_store.read("watchlist").num_rows == 1


def test_trying_ends_in_bounded_time_and_terminal_faults_at_once(monkeypatch):
    clock = [0.0]
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def away():
        raise StoreTransient("away")

    def wrong():
        raise StoreTerminal("wrong")

    with pytest.raises(StoreTransient, match="away"):
        try_for(30.0, away)
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(pauses) <= 5.0
    assert 20.0 < sum(pauses) <= 30.0
    pauses.clear()
    with pytest.raises(StoreTransient):
        try_for(0.0, away)
    with pytest.raises(StoreTerminal):
        try_for(30.0, wrong)
    assert pauses == []


def test_sqlite_locked_by_another_writer_is_transient_and_readable(sqlite_store, monkeypatch):
    monkeypatch.setattr(connect, "_BUSY_S", 0.1)
    with contextlib.closing(sqlite3.connect(sqlite_store.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Database.open("sqlite", Path(sqlite_store.place).parent) as database:
            assert database.read("watchlist").num_rows == 0
            with pytest.raises(StoreTransient, match="locked by another process"):
                database.upsert("watchlist", [{"symbol": "SPY"}])
            other.execute("ROLLBACK")
            assert database.upsert("watchlist", [{"symbol": "SPY"}]) == 1


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "detector_sweep.sqlite").write_text("x" * 4096), "no SQLite"),
        (lambda folder: (folder / "detector_sweep.sqlite").mkdir(), "cannot be opened"),
    ],
)
def test_unusable_sqlite_file_is_terminal_with_its_path(tmp_path, prepare, message):
    prepare(tmp_path)
    with (
        Database.open("sqlite", tmp_path) as database,
        pytest.raises(StoreTerminal, match=message) as caught,
    ):
        database.upgrade()
    assert str(tmp_path) in str(caught.value)


def test_storage_root_that_is_a_file_or_remote_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with (
        Database.open("sqlite", tmp_path / "file") as database,
        pytest.raises(StoreTerminal, match=r"cannot be made .*check storage\.root"),
    ):
        database.upgrade()
    with pytest.raises(StoreTerminal, match=r"needs a local storage\.root, got s3://\.\.\."):
        Database.open("sqlite", "s3://key:secret@bucket/x")


def test_errors_travel_between_processes():
    for kind in (StoreTransient, StoreTerminal):
        error = pickle.loads(pickle.dumps(kind("why; remedy")))  # noqa: S301 - our own
        assert (type(error), error.args) == (kind, ("why; remedy",))


@pytest.mark.postgres
def test_password_in_the_query_part_works_too(monkeypatch, postgres_server):
    url = postgres_server.url.replace(f":{postgres_server.password}", "")
    database = _open(monkeypatch, f"{url}?password={postgres_server.password}")
    with database, database.transaction() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
