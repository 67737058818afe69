"""Watchlist and ingestion queue: who fetches what, each entry by one worker at a time.

A symbol put on the watchlist is enqueued by a trigger in the same transaction. A worker claims
entries for a while (a lease) and renews it; whoever dies leaves them to the next one. Postgres has
one clock, the server's; a SQLite file has the machine's.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from sweep.store.database import Database
from sweep.store.sql.listen import Listener
from sweep.store.sql.models import INGESTION_QUEUE as QUEUE
from sweep.store.sql.models import WATCHLIST, Instant
from sweep.store.sql.write import insert_new

QUEUED, CLAIMED, DONE, FAILED = "queued", "claimed", "done", "failed"
CHANNEL = "ingestion_queue"
BACKFILL = "backfill"

#: Claims of an entry before it is given up; the pause before the next one doubles.
MOST_ATTEMPTS = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0

#: What is asked for again this long after it failed has another chance.
SECOND_CHANCE_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Entry:
    """One piece of work.

    Attributes
    ----------
    symbol
        Name.
    task
        `backfill`, or `session:<date>` for a newly published one.
    state
        queued, claimed, done or failed.
    attempts
        Claims so far.
    enqueued_at, available_at, lease_until, finished_at
        Instants in UTC: put in; not claimed before; claimed until; done or failed.
    lease_owner
        Who has it or had it last.
    error
        Why the last attempt failed.
    """

    symbol: str
    task: str
    state: str
    attempts: int
    enqueued_at: dt.datetime
    available_at: dt.datetime
    lease_owner: str | None
    lease_until: dt.datetime | None
    finished_at: dt.datetime | None
    error: str | None


class IngestionQueue:
    """Watchlist and queue of a database.

    Parameters
    ----------
    database
        Upgraded. Its faults are raised as `StoreTransient` and `StoreTerminal`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def watched(self) -> tuple[str, ...]:
        """Return the symbols on the watchlist, sorted."""
        return tuple(self._database.read("watchlist", columns=["symbol"])["symbol"].to_pylist())

    def add(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Put symbols on the watchlist, which enqueues them; return those that were not on it.

        Of a symbol that is on it already a failed backfill is queued again.
        """
        names = list(dict.fromkeys(symbols))
        before = set(self.watched())
        self._database.upsert("watchlist", [{"symbol": name} for name in names], update=False)
        self.retry([name for name in names if name in before], task=BACKFILL)
        return tuple(name for name in names if name not in before)

    def remove(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Take symbols off the watchlist and out of the queue; return those that were on it.

        Stored bars stay. An entry under way ends without a trace.
        """
        names = list(symbols)
        gone = sa.delete(WATCHLIST).where(WATCHLIST.c.symbol.in_(names))
        with self._database.transaction() as connection:
            found = connection.execute(gone.returning(WATCHLIST.c.symbol)).scalars().all()
            connection.execute(sa.delete(QUEUE).where(QUEUE.c.symbol.in_(names)))
        return tuple(sorted(found))

    def retry(
        self, symbols: Iterable[str] | None = None, *, task: str | None = None
    ) -> tuple[str, ...]:
        """Queue failed entries again (of all symbols where None); return their symbols."""
        where = [QUEUE.c.state == FAILED]
        where += [] if symbols is None else [QUEUE.c.symbol.in_(list(symbols))]
        where += [] if task is None else [QUEUE.c.task == task]
        with self._database.transaction() as connection:
            again = sa.update(QUEUE).where(*where).values(**_fresh(_now(connection)))
            found = connection.execute(again.returning(QUEUE.c.symbol)).scalars().all()
            _tell(connection, found)
        return tuple(sorted(set(found)))

    def enqueue(self, task: str, symbols: Iterable[str]) -> int:
        """Put a piece of work into the queue; one that is done is queued again.

        So is one that failed an hour ago or more: a session that was not published yet comes by
        itself. An entry that waits, is under way or failed just now stays as it is.

        Returns
        -------
        int
            Entries that wait now and did not before.
        """
        names = sorted(set(symbols))
        with self._database.transaction() as connection:
            now = _now(connection)
            new = insert_new(connection, QUEUE, [{"symbol": s, "task": task} for s in names])
            late = QUEUE.c.finished_at <= now - dt.timedelta(seconds=SECOND_CHANCE_S)
            ended = sa.or_(QUEUE.c.state == DONE, sa.and_(QUEUE.c.state == FAILED, late))
            again = (
                sa.update(QUEUE)
                .where(QUEUE.c.task == task, QUEUE.c.symbol.in_(names), ended)
                .values(**_fresh(now))
            )
            count = new + connection.execute(again).rowcount
            if count:
                _tell(connection, names[:1])
        return count

    def entries(self) -> list[Entry]:
        """Return all entries, by symbol and task."""
        names = [field.name for field in dataclasses.fields(Entry)]
        rows = self._database.read("ingestion_queue", columns=names).to_pylist()
        return [Entry(**row) for row in rows]

    def claim(self, owner: str, lease_s: float, most: int = 1) -> list[Entry]:
        """Take entries that wait, or whose worker let its lease run out.

        Parameters
        ----------
        owner
            Who takes them; one text per worker.
        lease_s
            For how long, seconds.
        most
            At most so many, all of one task (that of the first).

        Returns
        -------
        list of Entry
            Claimed now; nobody else has them. Empty where there is nothing to do.
        """
        with self._database.transaction() as connection:
            now = _now(connection)
            abandoned = sa.and_(QUEUE.c.state == CLAIMED, QUEUE.c.lease_until < now)
            _give_up(connection, abandoned, now)
            open_now = sa.or_(
                sa.and_(QUEUE.c.state == QUEUED, QUEUE.c.available_at <= now), abandoned
            )
            order = (QUEUE.c.available_at, QUEUE.c.task, QUEUE.c.symbol)
            first = connection.execute(
                sa.select(QUEUE.c.task).where(open_now).order_by(*order).limit(1)
                .with_for_update(skip_locked=True)
            ).scalar()  # fmt: skip
            if first is None:
                return []
            names = connection.execute(
                sa.select(QUEUE.c.symbol).where(open_now, QUEUE.c.task == first)
                .order_by(*order).limit(most).with_for_update(skip_locked=True)
            ).scalars().all()  # fmt: skip
            taken = (
                sa.update(QUEUE)
                .where(QUEUE.c.task == first, QUEUE.c.symbol.in_(names))
                .values(
                    state=CLAIMED,
                    attempts=QUEUE.c.attempts + 1,
                    lease_owner=owner,
                    lease_until=now + dt.timedelta(seconds=lease_s),
                    error=None,
                )
                .returning(*(QUEUE.c[field.name] for field in dataclasses.fields(Entry)))
            )
            rows = connection.execute(taken).all()
        return sorted((Entry(*row) for row in rows), key=lambda entry: entry.symbol)

    def renew(self, owner: str, lease_s: float) -> int:
        """Prolong all claims of a worker; return how many it still has."""
        with self._database.transaction() as connection:
            until = _now(connection) + dt.timedelta(seconds=lease_s)
            mine = (QUEUE.c.state == CLAIMED, QUEUE.c.lease_owner == owner)
            statement = sa.update(QUEUE).where(*mine).values(lease_until=until)
            return connection.execute(statement).rowcount

    def finish(self, entry: Entry, error: str | None = None, *, again: bool = False) -> str | None:
        """Close an entry: done, failed, or queued again after a pause.

        Parameters
        ----------
        entry
            As it was claimed.
        error
            Why it did not work, None where it did.
        again
            True where a later try may work; given up after `MOST_ATTEMPTS`.

        Returns
        -------
        str or None
            The state it has now; None where somebody else took it over, or it was removed.
        """
        state = DONE if error is None else FAILED
        if again and error is not None and entry.attempts < MOST_ATTEMPTS:
            state = QUEUED
        with self._database.transaction() as connection:
            now = _now(connection)
            values: dict[str, object] = {"state": state, "error": error}
            values |= dict.fromkeys(("lease_owner", "lease_until"))
            if state == QUEUED:
                pause = min(FIRST_PAUSE_S * 2 ** (entry.attempts - 1), LONGEST_PAUSE_S)
                values["available_at"] = now + dt.timedelta(seconds=pause)
            else:
                values["finished_at"] = now
            mine = (
                *(QUEUE.c.symbol == entry.symbol, QUEUE.c.task == entry.task),
                *(QUEUE.c.state == CLAIMED, QUEUE.c.lease_owner == entry.lease_owner),
            )
            count = connection.execute(sa.update(QUEUE).where(*mine).values(**values)).rowcount
        return state if count else None

    def release(self, owner: str) -> int:
        """Give back all claims of a worker that stops, as if it had not claimed them."""
        with self._database.transaction() as connection:
            mine = (QUEUE.c.state == CLAIMED, QUEUE.c.lease_owner == owner)
            values = {"state": QUEUED, "lease_owner": None, "lease_until": None}
            back = sa.update(QUEUE).where(*mine).values(**values, attempts=QUEUE.c.attempts - 1)
            found = connection.execute(back.returning(QUEUE.c.symbol)).scalars().all()
            _tell(connection, found)
        return len(found)

    def listener(self) -> Listener:
        """Return what tells of new entries as they come."""
        return self._database.listener(CHANNEL)


def _fresh(now: dt.datetime) -> dict[str, object]:
    """Return the values of an entry that waits again."""
    values: dict[str, object] = dict.fromkeys(
        ("error", "finished_at", "lease_owner", "lease_until")
    )
    return values | {"state": QUEUED, "attempts": 0, "enqueued_at": now, "available_at": now}


def _give_up(
    connection: sa.Connection, abandoned: sa.ColumnElement[bool], now: dt.datetime
) -> None:
    """Fail entries whose workers died every time: they would kill the next one too."""
    text = f"its worker died or stood still {MOST_ATTEMPTS} times; look at its log, then retry"
    values = {"state": FAILED, "error": text, "finished_at": now, "lease_until": None}
    dead = (abandoned, QUEUE.c.attempts >= MOST_ATTEMPTS)
    connection.execute(sa.update(QUEUE).where(*dead).values(**values))


def _now(connection: sa.Connection) -> dt.datetime:
    if connection.dialect.name == "sqlite":
        return dt.datetime.now(dt.UTC)
    clock = sa.func.clock_timestamp(type_=Instant())
    moment: dt.datetime = connection.execute(sa.select(clock)).scalar_one()
    return moment


def _tell(connection: sa.Connection, symbols: Sequence[str]) -> None:
    """Wake the workers that listen, when the transaction is kept."""
    if connection.dialect.name == "postgresql":
        for name in dict.fromkeys(symbols):
            connection.execute(sa.select(sa.func.pg_notify(CHANNEL, name)))
