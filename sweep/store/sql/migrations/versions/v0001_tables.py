"""First tables: bars, queue, coverage, files, splits, sweeps, ledger, promotions."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

Kind = sa.types.TypeEngine[Any]
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
REAL: Kind = sa.Double()
COUNT = sa.BigInteger()


def _key(name: str, kind: Kind = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _must(name: str, kind: Kind) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _may(name: str, kind: Kind) -> sa.Column[Any]:
    return sa.Column(name, kind)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, INSTANT, nullable=False, server_default=sa.func.current_timestamp())


def upgrade() -> None:
    """Create the tables."""
    _market()
    _queue()
    _sweeps()
    _judgement()


def _market() -> None:
    op.create_table(
        "historical_bars",
        *(_key("symbol"), _key("timeframe"), _key("timestamp", INSTANT)),
        *(_must(price, REAL) for price in ("open", "high", "low", "close")),
        *(_may("volume", REAL), _may("vwap", REAL), _may("trades", COUNT)),
        *(_may("vwap_basis", TEXT), _must("phase", TEXT), _must("source", TEXT)),
    )
    op.create_table(
        "coverage",
        *(_key("symbol"), _key("session", sa.Date()), _key("source")),
        _must("state", TEXT),
        *(_may("minutes_present", sa.Integer()), _may("minutes_expected", sa.Integer())),
        *(_may("extended_minutes", sa.Integer()), _may("duplicates", sa.Integer())),
        *(_may("bad_rows", JSON), _may("key", TEXT), _may("version", TEXT)),
        _must("fetched_at", INSTANT),
    )
    op.create_table(
        "vendor_files",
        *(_key("path"), _key("version"), _key("symbol")),
        *(_must("source", TEXT), _must("session", sa.Date())),
        *(_may("size_bytes", COUNT), _may("rows_kept", COUNT)),
        *(_may("bad_rows", JSON), _may("fetched_at", INSTANT)),
    )
    op.create_index("vendor_files_session", "vendor_files", ["session", "source"])
    op.create_table(
        "splits",
        *(_key("symbol"), _key("execution_date", sa.Date())),
        *(_must("split_from", REAL), _must("split_to", REAL)),
        *(_may("source", TEXT), _may("fetched_at", INSTANT)),
    )


def _queue() -> None:
    op.create_table("watchlist", _key("symbol"), _now("added_at"))
    op.create_table(
        "ingestion_queue",
        *(_key("symbol"), _key("task")),
        sa.Column("state", TEXT, nullable=False, server_default="queued"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        *(_now("enqueued_at"), _now("available_at")),
        *(_may("lease_owner", TEXT), _may("lease_until", INSTANT)),
        *(_may("finished_at", INSTANT), _may("error", TEXT)),
    )
    op.create_index("ingestion_queue_state", "ingestion_queue", ["state", "available_at"])


def _sweeps() -> None:
    op.create_table(
        "sweeps",
        _key("sweep_id"),
        _must("status", TEXT),
        *(_may("sets", COUNT), _may("failed", COUNT)),
        *(_may("first_session", sa.Date()), _may("last_session", sa.Date())),
        *(_may("started_at", INSTANT), _may("finished_at", INSTANT)),
        sa.Column("stale", sa.Boolean(), nullable=False, server_default=sa.false()),
        *(_must("document", JSON), _now("recorded_at")),
    )
    op.create_table(
        "parameter_sets",
        *(_key("sweep_id"), _key("set_id")),
        *(_must("detector", TEXT), _must("status", TEXT), _must("parameters", JSON)),
        _may("trades", COUNT),
        *(_may(name, REAL) for name in ("win_rate", "expectancy_r", "profit_factor", "objective")),
        _must("metrics", JSON),
    )
    op.create_index("parameter_sets_rank", "parameter_sets", ["sweep_id", "detector", "objective"])
    op.create_table(
        "fold_scores",
        *(_key("sweep_id"), _key("set_id"), _key("fold", sa.Integer())),
        _must("detector", TEXT),
        *(_may("in_sample_objective", REAL), _may("trades", COUNT)),
        *(_may("out_of_sample_mean_r", REAL), _must("metrics", JSON)),
    )
    op.create_table(
        "trades",
        *(_key("sweep_id"), _key("set_id"), _key("symbol"), _key("signal_ts", INSTANT)),
        *(_must("detector", TEXT), _must("side", sa.SmallInteger())),
        *(_must("entry_ts", INSTANT), _must("entry_price", REAL)),
        *(_may("stop", REAL), _may("target", REAL)),
        *(_must("exit_ts", INSTANT), _must("exit_price", REAL), _must("exit_reason", TEXT)),
        *(_may("quantity", REAL), _must("r_gross", REAL), _must("r_net", REAL)),
        *(_may("score", REAL), _may("ambiguous", sa.Boolean()), _may("bars_held", sa.Integer())),
    )


def _judgement() -> None:
    op.create_table(
        "trial_ledger",
        *(_key("path"), _key("detector"), _key("revision", sa.Integer()), _key("settings_hash")),
        _must("tries", COUNT),
        _may("sweep_id", TEXT),
        *(_may("first_session", sa.Date()), _may("last_session", sa.Date())),
        _may("written_at", INSTANT),
    )
    op.create_index("trial_ledger_detector", "trial_ledger", ["detector"])
    op.create_table(
        "promotions",
        _key("promotion_id"),
        *(_must("detector", TEXT), _must("action", TEXT)),
        *(_may("sweep_id", TEXT), _may("set_id", TEXT)),
        sa.Column("forced", sa.Boolean(), nullable=False, server_default=sa.false()),
        *(_may("reason", TEXT), _may("old_parameters", JSON), _must("new_parameters", JSON)),
        *(_may("evidence", JSON), _now("promoted_at")),
    )
    op.create_table(
        "holdout_looks",
        _key("look_id"),
        *(_must("detector", TEXT), _must("sweep_id", TEXT), _must("set_id", TEXT)),
        *(_must("first_session", sa.Date()), _must("last_session", sa.Date())),
        *(_may("mean_r_new", REAL), _may("mean_r_old", REAL), _now("looked_at")),
    )
