"""Turn errors of the drivers into `StoreTransient` and `StoreTerminal`, without their texts.

A driver's text can quote the connection string or a row, so texts here are our own; of a server's
answer only its primary message is kept, once the connection stands.
"""

import contextlib
import sqlite3
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa

from sweep.store.errors import StoreTerminal, StoreTransient

UPGRADE = "run `python -m jobs.database action=upgrade`"

# libpq reports a refused login as text only. (fragment, cause, remedy)
_LOGIN = (
    ("password authentication failed", "wrong user or password", "correct DATABASE_URL"),
    ("no password supplied", "a password is needed", "add it to DATABASE_URL"),
    ("role ", "the user does not exist or may not log in", "create it or correct DATABASE_URL"),
    ("database ", "the database does not exist or refuses this user", "create it with `createdb`"),
    ("pg_hba.conf", "the server does not admit this host or user", "see its pg_hba.conf; TLS?"),
    ("certificate", "TLS certificates do not match", "correct sslmode or sslrootcert"),
    ("does not support SSL", "the server has no TLS", "drop sslmode from DATABASE_URL"),
)
# (fragment, cause), all of them passing
_AWAY = (
    ("refused", "connection refused"),
    ("timeout", "no answer in time"),
    ("starting up", "the server is starting"),
    ("shutting down", "the server is shutting down"),
    ("too many clients", "too many connections"),
    ("resolve host", "its host name is unknown at the moment"),
    ("translate host", "its host name is unknown at the moment"),
)
# Classes and codes of SQLSTATE that pass: connection, resources, operator, deadlock, lock.
_PASSING = ("08", "53", "57P", "40", "55P03")
_DISK_FULL = "53100"
_CODES = {
    "42P01": f"a table is missing; {UPGRADE}",
    "42703": f"a column is missing; {UPGRADE}",
    "42501": "the user of DATABASE_URL may not do this; grant it the right",
    _DISK_FULL: "the server's disk is full; free some space",
}
_SQLITE_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_SQLITE = {
    "SQLITE_CANTOPEN": "the file cannot be opened; check storage.root and its permissions",
    "SQLITE_READONLY": "the file is read-only; check storage.root and its permissions",
    "SQLITE_PERM": "no permission; check storage.root",
    "SQLITE_FULL": "the disk is full; free some space",
    "SQLITE_IOERR": "the disk does not answer; check storage.root",
    "SQLITE_NOTADB": "the file is no SQLite database; move it away",
    "SQLITE_CORRUPT": "the file is damaged; move it away, it is rebuilt from Parquet",
}


@contextlib.contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise the store's own errors for those of drivers and SQLAlchemy.

    Parameters
    ----------
    place
        The database in words that may be shown.
    """
    fault: Exception
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error, sqlite3.Error) as error:
        original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        fault = _fault(original, place)
    except sa.exc.TimeoutError:
        fault = StoreTransient(f"{place}: all connections of this process are in use; try again")
    else:
        return
    # Outside of the handler: the driver's error is not even kept as context.
    raise fault


def _fault(original: BaseException | None, place: str) -> Exception:
    if isinstance(original, psycopg.Error):
        return _postgres(original, place)
    if isinstance(original, sqlite3.Error):
        return _sqlite(original, place)
    return StoreTerminal(f"{place}: {type(original).__name__}")


def _postgres(error: psycopg.Error, place: str) -> Exception:
    state = error.sqlstate
    if state is not None:
        message = error.diag.message_primary or type(error).__name__
        if state in _CODES:
            return StoreTerminal(f"{place}: {_CODES[state]} ({message})")
        if state.startswith(_PASSING):
            return StoreTransient(f"{place} is away: {message}; it is tried again later")
        return StoreTerminal(f"{place} refused: {message} ({state})")
    return _unconnected(error, place)


def _unconnected(error: psycopg.Error, place: str) -> Exception:
    text = str(error)
    for fragment, cause in _AWAY:
        if fragment in text:
            return StoreTransient(
                f"{place} is away: {cause}; start it, or correct DATABASE_URL, or store=sqlite"
            )
    for fragment, cause, remedy in _LOGIN:
        if fragment in text:
            return StoreTerminal(f"{place} refused the connection: {cause}; {remedy}")
    if isinstance(error, psycopg.OperationalError):
        return StoreTransient(f"{place} is away: the connection is lost; it is tried again later")
    return StoreTerminal(f"{place}: {type(error).__name__}")


def _sqlite(error: sqlite3.Error, place: str) -> Exception:
    name: str = getattr(error, "sqlite_errorname", "")
    if name.startswith(_SQLITE_PASSING):
        return StoreTransient(f"{place} is locked by another process; it is tried again later")
    for known, remedy in _SQLITE.items():
        if name.startswith(known):
            return StoreTerminal(f"{place}: {remedy}")
    text = str(error)
    if "no such table" in text or "no column named" in text or "no such column" in text:
        return StoreTerminal(f"{place}: {text}; {UPGRADE}")
    return StoreTerminal(f"{place} refused: {text} ({name or type(error).__name__})")
