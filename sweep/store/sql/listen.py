"""Wait for a word of the database: LISTEN on Postgres, a plain pause on SQLite."""

import contextlib
import threading
import time
from typing import Self, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql

from sweep.store.sql.faults import translated

_SLICE_S = 1.0


class Listener:
    """Listens on one channel while the `with` block runs.

    Parameters
    ----------
    engine
        The database; one connection of Postgres is kept apart for this.
    place
        It in words that may be shown.
    channel
        Name of the channel, an identifier.
    """

    def __init__(self, engine: sa.Engine, place: str, channel: str) -> None:
        self._engine = engine
        self._place = place
        self._channel = channel
        self._connection: psycopg.Connection | None = None
        self._held: sa.PoolProxiedConnection | None = None

    def __enter__(self) -> Self:
        """Begin to listen."""
        with contextlib.suppress(Exception):  # not there now: `wait` tries again
            self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._drop()

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait until something is said, at most some seconds.

        Parameters
        ----------
        seconds
            Longest wait.
        stop
            Ends the wait within a second once it is set.

        Returns
        -------
        bool
            Whether something was said, also before this call.

        Raises
        ------
        StoreTransient, StoreTerminal
            If the database is away; the time is not waited for then.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not (stop and stop.is_set()):
            if self._engine.dialect.name == "sqlite":
                time.sleep(min(left, _SLICE_S))
            elif self._heard(min(left, _SLICE_S)):
                return True
        return False

    def _heard(self, seconds: float) -> bool:
        try:
            with translated(self._place):
                if self._connection is None:
                    self._connect()
                listening = cast("psycopg.Connection", self._connection)
                return any(listening.notifies(timeout=seconds, stop_after=1))
        except Exception:
            self._drop()
            raise

    def _connect(self) -> None:
        if self._engine.dialect.name == "sqlite":
            return
        with translated(self._place):
            self._held = self._engine.raw_connection()
            connection = cast("psycopg.Connection", self._held.driver_connection)
            connection.autocommit = True
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        self._connection = connection

    def _drop(self) -> None:
        """Close the connection: it must not go back into the pool, listening."""
        if self._held is not None:
            with contextlib.suppress(Exception):
                self._held.invalidate()
        self._held = self._connection = None
