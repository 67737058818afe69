"""A symbol put on the watchlist is enqueued in the same transaction, whoever inserts it.

On Postgres waiting workers are woken too: `LISTEN ingestion_queue`, payload = symbol.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

# An entry that is open stays as it is; a done or failed one is queued again.
_ENQUEUE = """
    INSERT INTO ingestion_queue (symbol, task) VALUES (NEW.symbol, 'backfill')
    ON CONFLICT (symbol, task) DO UPDATE SET
        state = 'queued', attempts = 0, error = NULL, finished_at = NULL,
        enqueued_at = CURRENT_TIMESTAMP, available_at = CURRENT_TIMESTAMP
    WHERE ingestion_queue.state IN ('done', 'failed');
"""


def upgrade() -> None:
    """Create the trigger."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER watchlist_enqueue AFTER INSERT ON watchlist BEGIN{_ENQUEUE}END"
        )
        return
    op.execute(
        f"""
        CREATE FUNCTION watchlist_enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN{_ENQUEUE}
            PERFORM pg_notify('ingestion_queue', NEW.symbol);
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER watchlist_enqueue AFTER INSERT ON watchlist "
        "FOR EACH ROW EXECUTE FUNCTION watchlist_enqueue()"
    )
