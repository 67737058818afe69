"""Which month files of the bar lake the table `historical_bars` holds, and in which version."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "mirrored_months",
        *(
            sa.Column(name, TEXT, primary_key=True)
            for name in ("symbol", "timeframe", "year_month")
        ),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("bars", sa.BigInteger(), nullable=False),
        sa.Column(
            "mirrored_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.current_timestamp(),
        ),
    )
