"""Ledger files as they are: machines with storages of their own count each other's tries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "ledger_files",
        sa.Column("path", TEXT, primary_key=True),
        sa.Column("detector", TEXT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ledger_files_detector", "ledger_files", ["detector"])
