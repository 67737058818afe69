"""The SQL store: a mirror for queries and other programs; Parquet stays the truth."""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Self

import alembic.command
import pyarrow as pa
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sweep.store.errors import StoreTerminal
from sweep.store.place import Place
from sweep.store.sql.arrow_rows import Rows, arrow_type, is_json, shape
from sweep.store.sql.connect import Kind, connect
from sweep.store.sql.faults import translated
from sweep.store.sql.listen import Listener
from sweep.store.sql.models import METADATA
from sweep.store.sql.write import write

# Alembic tells of every look at a schema at level INFO; what matters is in `Upgrade`.
logging.getLogger("alembic").setLevel(logging.WARNING)

_UPGRADE_LOCK = 0x6465_7465_6374  # "detect": one advisory lock of Postgres for all our upgrades


@dataclasses.dataclass(frozen=True)
class Upgrade:
    """What an upgrade did.

    Attributes
    ----------
    before, after
        Revisions; before is None for a new database.
    """

    before: str | None
    after: str


class Database:
    """One database; `open` makes it, `upgrade` brings its tables up to date.

    Connections are made when needed and outlive a restart of the server: what was under way fails
    with `StoreTransient`, the next call works. All methods raise `StoreTransient` or
    `StoreTerminal` for faults of the database.

    Attributes
    ----------
    place
        The database in words that may be shown: never a password.
    """

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self.place = place

    @classmethod
    def open(cls, kind: Kind, storage_root: str | Place) -> Self:
        """Open the store; nothing is connected or created yet.

        Parameters
        ----------
        kind
            `sqlite`: `<storage_root>/detector_sweep.sqlite`; `postgres`: by `DATABASE_URL`.
        storage_root
            Folder of everything written; not used for Postgres.

        Raises
        ------
        StoreTerminal
            If `DATABASE_URL` is missing or unreadable, or the root of a SQLite file is not local.
        """
        return cls(*connect(kind, storage_root))

    def __repr__(self) -> str:
        """Show the place, never the URL."""
        return f"Database({self.place!r})"

    @property
    def is_file(self) -> bool:
        """Tell whether this is a SQLite file: one writer at a time."""
        return bool(self._engine.dialect.name == "sqlite")

    def close(self) -> None:
        """Close idle connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def upgrade(self) -> Upgrade:
        """Create the tables or bring them to this version, all or nothing.

        Of two processes at once the second waits and finds nothing to do.

        Raises
        ------
        StoreTerminal
            If a newer version of the code made the schema.
        """
        config = Config()
        folder = resources.files("sweep.store.sql") / "migrations"
        config.set_main_option("script_location", str(folder))
        script = ScriptDirectory.from_config(config)
        known = {revision.revision for revision in script.walk_revisions()}
        if self._engine.dialect.name == "sqlite":
            self._make_folder()
        with self.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            before = MigrationContext.configure(connection).get_current_revision()
            if before is not None and before not in known:
                raise StoreTerminal(
                    f"{self.place} has the schema {before}, newer than this version knows "
                    f"({script.get_current_head()}); update detector-sweep"
                )
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
        return Upgrade(before, str(script.get_current_head()))

    def _make_folder(self) -> None:
        try:
            Path(str(self._engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreTerminal(
                f"{self.place}: its folder cannot be made ({error.strerror}); check storage.root"
            ) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a connection whose work is kept together or not at all."""
        with translated(self.place), self._engine.begin() as connection:
            yield connection

    def listener(self, channel: str) -> Listener:
        """Return what waits for a word on a channel: LISTEN on Postgres, a pause on SQLite."""
        return Listener(self._engine, self.place, channel)

    def upsert(self, table: str, rows: Rows, *, update: bool = True) -> int:
        """Write rows in one transaction; writing them again changes nothing.

        Parameters
        ----------
        table
            Name of a table of `sweep.store.sql.models`.
        rows
            Arrow table (JSON columns as JSON text, or nested), or dictionaries with plain values.
        update
            What happens to a row whose key is there: True, it takes the new values of the columns
            given; False, it stays.

        Returns
        -------
        int
            Rows given, each key counted once.

        Raises
        ------
        ValueError
            If columns or values do not fit the table.
        """
        target = _known(table)
        if len(rows) == 0:
            return 0
        shaped = shape(target, rows)
        with self.transaction() as connection:
            write(connection, target, shaped, update=update)
        return int(shaped.num_rows)

    def replace(self, table: str, rows: Rows, where: Mapping[str, object]) -> int:
        """Put rows in the place of those that match `where`, in one transaction.

        Parameters
        ----------
        table, rows
            As for `upsert`.
        where
            column -> value of the rows that go, at least one.

        Returns
        -------
        int
            Rows given, each key counted once.
        """
        target = _known(table)
        if not where:
            raise ValueError(f"replacing rows of {table} needs a condition, got none")
        shaped = shape(target, rows) if len(rows) else None
        with self.transaction() as connection:
            connection.execute(sa.delete(target).where(*_conditions(target, where)))
            if shaped is not None:
                write(connection, target, shaped, update=True)
        return 0 if shaped is None else int(shaped.num_rows)

    def set_where(
        self, table: str, values: Mapping[str, object], where: Mapping[str, object]
    ) -> int:
        """Set columns of the rows that match `where`, at least one condition; return how many."""
        target = _known(table)
        if not where:
            raise ValueError(f"changing rows of {table} needs a condition, got none")
        statement = sa.update(target).where(*_conditions(target, where)).values(**values)
        with self.transaction() as connection:
            return connection.execute(statement).rowcount

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, object] | None = None,
        order_by: Sequence[str] = (),
    ) -> pa.Table:
        """Read rows.

        Parameters
        ----------
        table
            Name of a table.
        columns
            Columns wanted, None = all.
        where
            column -> value, or a list of values of which one must match.
        order_by
            Columns to sort by, default the primary key.

        Returns
        -------
        pa.Table
            JSON as text, instants in UTC to the microsecond.
        """
        target = _known(table)
        names = list(target.c.keys() if columns is None else columns)
        wanted = [
            sa.cast(_column(target, name), sa.Text).label(name)
            if is_json(_column(target, name))
            else _column(target, name)
            for name in names
        ]
        order = [_column(target, name) for name in order_by] or list(target.primary_key)
        statement = sa.select(*wanted).where(*_conditions(target, where or {})).order_by(*order)
        with translated(self.place), self._engine.connect() as plain:
            rows = plain.execution_options(reads=True).execute(statement).all()
        values = list(zip(*rows, strict=True)) or [()] * len(names)
        return pa.table(
            {
                name: pa.array(column, arrow_type(target.c[name]))
                for name, column in zip(names, values, strict=True)
            }
        )


def _known(table: str) -> sa.Table:
    if table not in METADATA.tables:
        raise ValueError(f"unknown table {table!r}; known: {', '.join(sorted(METADATA.tables))}")
    return METADATA.tables[table]


def _column(table: sa.Table, name: str) -> sa.Column[Any]:
    if name not in table.c:
        raise ValueError(f"{table.name} has no column {name}; known: {', '.join(table.c.keys())}")
    return table.c[name]


def _conditions(table: sa.Table, where: Mapping[str, object]) -> list[sa.ColumnElement[bool]]:
    return [
        _column(table, name).in_(value)
        if isinstance(value, list | tuple | set | frozenset)
        else _column(table, name) == value
        for name, value in where.items()
    ]
