"""Fixtures for all tests: shared real data, a real Postgres, a private Ray instance.

Environment of Ray is set before anything imports it.
"""

import os
import secrets
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sweep.store.database import Database
from sweep.store.place import place
from tests.fault_proxy import FaultProxy
from tests.processes import GroupsAndFiles, arrange
from tests.servers import PostgresServer, S3Server

os.environ.update(
    {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_worker_niceness": "0",  # 15 by default: starved by the tests beside it
        "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    }
)
# A cluster, a database or an account that the shell knows about is none of the tests' business.
for _name in (
    *("RAY_ADDRESS", "DATABASE_URL", "MASSIVE_API_KEY"),
    *("MASSIVE_S3_ACCESS_KEY_ID", "MASSIVE_S3_SECRET_ACCESS_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"),
):
    os.environ.pop(_name, None)

# Workers of the session's Ray take them over, whenever the S3 server itself is started.
S3_KEYS = (f"K{secrets.token_hex(8)}", secrets.token_hex(16))
os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = S3_KEYS

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Arrange tests where several processes share them; alone, they keep their order."""
    if hasattr(config, "workerinput"):
        arrange(items)


def pytest_xdist_make_scheduler(config, log):
    """Hand out tests as `tests/processes.py` says (`--dist loadgroup`)."""
    return GroupsAndFiles(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def market_data():
    """Folder of the shared real market data; absent on most machines."""
    chosen = os.environ.get("DETECTOR_SWEEP_MARKET_DATA")
    folder = Path(chosen) if chosen else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared market data: set DETECTOR_SWEEP_MARKET_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres_server():
    """A Postgres of our own that a test may stop and start again."""
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_url(request):
    """URL of a real Postgres with the right to create databases."""
    return os.environ.get("TEST_POSTGRES_URL") or request.getfixturevalue("postgres_server").url


@pytest.fixture
def postgres_database(postgres_url):
    """URL of an empty database for one test."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    head, _, query = postgres_url.partition("?")
    yield f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def s3_server():
    """A real S3 server, once for all tests."""
    server = S3Server(*S3_KEYS)
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture
def s3_root(s3_server):
    """An empty prefix of the S3 server, to be used as a storage root."""
    url = f"s3://{s3_server.BUCKET}/root-{uuid.uuid4().hex[:12]}"
    return place(url, endpoint=s3_server.endpoint)


@pytest.fixture
def s3_proxy(s3_server):
    """A proxy before the S3 server that does what it is told to."""
    with FaultProxy("127.0.0.1", s3_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def ray_local():
    """The one private Ray instance of the session: two processors, no dashboard."""
    # Late: importing Ray takes seconds, and most tests do without.
    import ray  # noqa: PLC0415
    from ray.data import DataContext  # noqa: PLC0415

    with warnings.catch_warnings():
        # The first context warns of settings that Ray itself fills in; it is made once and kept.
        warnings.simplefilter("ignore", DeprecationWarning)
        DataContext.get_current()
    # Socket paths are limited to 107 bytes, so not below pytest's long folder names.
    folder = Path(tempfile.mkdtemp(prefix="r"))
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200 * 1024**2,
        log_to_driver=False,
        _temp_dir=str(folder),
    )
    yield ray
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_store(tmp_path):
    """An upgraded, empty SQL store in a file."""
    with Database.open("sqlite", tmp_path) as database:
        database.upgrade()
        yield database


@pytest.fixture
def postgres_store(postgres_database, monkeypatch):
    """An upgraded, empty SQL store on Postgres; `DATABASE_URL` names it."""
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    with Database.open("postgres", "unused") as database:
        database.upgrade()
        yield database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def sql_database(request):
    """An upgraded, empty SQL store of each kind."""
    return request.getfixturevalue(f"{request.param}_store")
