"""The fixtures themselves: a real Postgres that is empty for each test and survives a restart."""

import psycopg
import pytest

pytestmark = pytest.mark.postgres


def test_each_test_gets_an_empty_database_of_its_own(postgres_database, postgres_url):
    assert postgres_database != postgres_url
    with psycopg.connect(postgres_database) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
        name = connection.execute("SELECT current_database()").fetchone()[0]
    assert tables == (0,)
    assert postgres_database.endswith(name)


def test_server_restarts_on_the_same_port_with_its_rows(postgres_server):
    url = postgres_server.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    postgres_server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres_server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        connection.execute("DROP TABLE kept")


def test_a_password_is_asked_for(postgres_server):
    wrong = postgres_server.url.replace(postgres_server.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(wrong)
    assert postgres_server.password not in repr(postgres_server)
