"""Open a database: SQLite file or the Postgres that `DATABASE_URL` names."""

import os
import re
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sweep.store.errors import StoreTerminal
from sweep.store.place import Place

Kind = Literal["sqlite", "postgres"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgres")
FILE_NAME = "detector_sweep.sqlite"
VARIABLE = "DATABASE_URL"
_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_BUSY_S = 60.0
_CONNECT_S = 10


def connect(kind: Kind, storage_root: str | Place) -> tuple[Engine, str]:
    """Make the engine of a store; nothing is connected yet.

    Parameters
    ----------
    kind
        `sqlite`: a file in `storage_root`; `postgres`: what `DATABASE_URL` says.
    storage_root
        Folder of everything written; must be local for SQLite.

    Returns
    -------
    tuple
        Engine and the place in words that may be shown: no password, no query part.

    Raises
    ------
    StoreTerminal
        If the variable is missing or unreadable, or the root is not local.
    """
    if kind == "sqlite":
        return _sqlite(storage_root)
    if kind == "postgres":
        return _postgres()
    raise StoreTerminal(f"store must be one of {', '.join(KINDS)}, got {kind!r}")


def _sqlite(storage_root: str | Place) -> tuple[Engine, str]:
    text = str(storage_root).removeprefix("file://")
    if "://" in text:
        raise StoreTerminal(
            f"a SQLite file needs a local storage.root, got {text.partition('://')[0]}://...; "
            f"use store=postgres with {VARIABLE}"
        )
    file = Path(text) / FILE_NAME
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        connect_args={"timeout": _BUSY_S},
        hide_parameters=True,
    )

    # The driver starts transactions late and commits before DDL; these two handlers give plain
    # transactions instead, so that a migration is all or nothing and a second writer waits.
    @sa.event.listens_for(engine, "connect")
    def _own_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine, str(file)


def _postgres() -> tuple[Engine, str]:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        raise StoreTerminal(
            f"{VARIABLE} is not set: store=postgres reads the address of the database from it; "
            f"set {VARIABLE}={_FORM} or use store=sqlite"
        )
    url = _parse(text)
    # SQLAlchemy hides a URL's password in every text, but not one in the query part.
    hidden = {name: _one(url, name) for name in ("password", "sslpassword") if name in url.query}
    engine = sa.create_engine(
        url.difference_update_query(hidden).set(drivername="postgresql+psycopg"),
        connect_args={
            **hidden,
            "connect_timeout": int(_one(url, "connect_timeout") or _CONNECT_S),
            "application_name": _one(url, "application_name") or "detector-sweep",
        },
        pool_pre_ping=True,
        hide_parameters=True,
    )
    return engine, _shown(url)


def _parse(text: str) -> sa.URL:
    """Read the URL; no fault may quote it, for a misread part may be the password."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _SCHEMES:
        raise StoreTerminal(f"{VARIABLE} must look like {_FORM}, got another kind of address")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    if authority.count("@") > 1 or "@" in after or "#" in after:
        raise StoreTerminal(
            f"{VARIABLE} cannot be read: in user and password the characters @ : / ? # must be "
            "written as %40 %3A %2F %3F %23"
        )
    try:
        url = sa.make_url(text)
        int(_one(url, "connect_timeout") or 0)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None:
        raise StoreTerminal(f"{VARIABLE} cannot be read: it must look like {_FORM}")
    return url


def _one(url: sa.URL, name: str) -> str | None:
    """Return an entry of the URL's query part."""
    entry = url.query.get(name)
    return entry if entry is None or isinstance(entry, str) else entry[0]


def _shown(url: sa.URL) -> str:
    host = url.host or _one(url, "host") or "the local socket"
    return f"Postgres database {url.database!r} at {host}:{url.port or 5432}"
