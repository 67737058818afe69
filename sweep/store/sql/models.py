"""Tables of the SQL store, one definition for SQLite and Postgres.

Every primary key names what a row is about, so that writing a row twice leaves one row. Sessions
are dates of the exchange, instants are UTC. Key texts compare bytewise (`COLLATE "C"`) on
Postgres, as they do on SQLite: the same order on both, and a load of sorted bars is twice as fast.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB


class Instant(sa.TypeDecorator[dt.datetime]):
    """Instant in UTC to the microsecond: `timestamptz` on Postgres, ISO text on SQLite.

    Goes in and comes out with a time zone; an instant without one is refused.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: dt.datetime | None, dialect: sa.Dialect
    ) -> dt.datetime | None:
        """Turn an instant of any zone into UTC; SQLite's text has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a time zone, got {value.isoformat()}; add UTC")
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self, value: dt.datetime | None, dialect: sa.Dialect
    ) -> dt.datetime | None:
        """Give the stored instant in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


METADATA = sa.MetaData()
Kind = sa.types.TypeEngine[Any]
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
REAL: Kind = sa.Double()
COUNT = sa.BigInteger()


def _key(name: str, kind: Kind = TEXT) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _must(name: str, kind: Kind) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _may(name: str, kind: Kind) -> sa.Column[Any]:
    return sa.Column(name, kind)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, Instant(), nullable=False, server_default=sa.func.current_timestamp())


def _table(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    return sa.Table(name, METADATA, *columns)


HISTORICAL_BARS = _table(
    "historical_bars",
    *(_key("symbol"), _key("timeframe"), _key("timestamp", Instant())),
    *(_must(price, REAL) for price in ("open", "high", "low", "close")),
    *(_may("volume", REAL), _may("vwap", REAL), _may("trades", COUNT)),
    *(_may("vwap_basis", TEXT), _must("phase", TEXT), _must("source", TEXT)),
)

# Which month files of the lake `historical_bars` holds; version changes when a file does.
MIRRORED_MONTHS = _table(
    "mirrored_months",
    *(_key("symbol"), _key("timeframe"), _key("year_month")),
    *(_must("version", TEXT), _must("bars", COUNT), _now("mirrored_at")),
)

WATCHLIST = _table("watchlist", _key("symbol"), _now("added_at"))

# One row per piece of work: task is `backfill`, or `session:<date>` for a newly published one.
# state: queued, claimed (until lease_until), done, failed.
INGESTION_QUEUE = _table(
    "ingestion_queue",
    *(_key("symbol"), _key("task")),
    sa.Column("state", TEXT, nullable=False, server_default="queued"),
    sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
    *(_now("enqueued_at"), _now("available_at")),
    *(_may("lease_owner", TEXT), _may("lease_until", Instant())),
    *(_may("finished_at", Instant()), _may("error", TEXT)),
    sa.Index("ingestion_queue_state", "state", "available_at"),
)

# Columns of `sweep.store.coverage.COVERAGE`.
COVERAGE = _table(
    "coverage",
    *(_key("symbol"), _key("session", sa.Date()), _key("source")),
    _must("state", TEXT),
    *(_may("minutes_present", sa.Integer()), _may("minutes_expected", sa.Integer())),
    *(_may("extended_minutes", sa.Integer()), _may("duplicates", sa.Integer())),
    *(_may("bad_rows", JSON), _may("key", TEXT), _may("version", TEXT)),
    _must("fetched_at", Instant()),
)

# Which symbol was taken from which version of which file.
VENDOR_FILES = _table(
    "vendor_files",
    *(_key("path"), _key("version"), _key("symbol")),
    *(_must("source", TEXT), _must("session", sa.Date())),
    *(_may("size_bytes", COUNT), _may("rows_kept", COUNT)),
    *(_may("bad_rows", JSON), _may("fetched_at", Instant())),
    sa.Index("vendor_files_session", "session", "source"),
)

SPLITS = _table(
    "splits",
    *(_key("symbol"), _key("execution_date", sa.Date())),
    *(_must("split_from", REAL), _must("split_to", REAL)),
    *(_may("source", TEXT), _may("fetched_at", Instant())),
)

# document is the whole of sweep.json.
SWEEPS = _table(
    "sweeps",
    _key("sweep_id"),
    _must("status", TEXT),
    *(_may("sets", COUNT), _may("failed", COUNT)),
    *(_may("first_session", sa.Date()), _may("last_session", sa.Date())),
    *(_may("started_at", Instant()), _may("finished_at", Instant())),
    sa.Column("stale", sa.Boolean(), nullable=False, server_default=sa.false()),
    *(_must("document", JSON), _now("recorded_at")),
)

PARAMETER_SETS = _table(
    "parameter_sets",
    *(_key("sweep_id"), _key("set_id")),
    *(_must("detector", TEXT), _must("status", TEXT), _must("parameters", JSON)),
    _may("trades", COUNT),
    *(_may(name, REAL) for name in ("win_rate", "expectancy_r", "profit_factor", "objective")),
    _must("metrics", JSON),
    sa.Index("parameter_sets_rank", "sweep_id", "detector", "objective"),
)

FOLD_SCORES = _table(
    "fold_scores",
    *(_key("sweep_id"), _key("set_id"), _key("fold", sa.Integer())),
    _must("detector", TEXT),
    *(_may("in_sample_objective", REAL), _may("trades", COUNT)),
    *(_may("out_of_sample_mean_r", REAL), _must("metrics", JSON)),
)

TRADES = _table(
    "trades",
    *(_key("sweep_id"), _key("set_id"), _key("symbol"), _key("signal_ts", Instant())),
    *(_must("detector", TEXT), _must("side", sa.SmallInteger())),
    *(_must("entry_ts", Instant()), _must("entry_price", REAL)),
    *(_may("stop", REAL), _may("target", REAL)),
    *(_must("exit_ts", Instant()), _must("exit_price", REAL), _must("exit_reason", TEXT)),
    *(_may("quantity", REAL), _must("r_gross", REAL), _must("r_net", REAL)),
    *(_may("score", REAL), _may("ambiguous", sa.Boolean()), _may("bars_held", sa.Integer())),
)

# One row per group of tries in a ledger file; path is relative to the storage root.
TRIAL_LEDGER = _table(
    "trial_ledger",
    *(_key("path"), _key("detector"), _key("revision", sa.Integer()), _key("settings_hash")),
    _must("tries", COUNT),
    *(_may("sweep_id", TEXT), _may("first_session", sa.Date()), _may("last_session", sa.Date())),
    _may("written_at", Instant()),
    sa.Index("trial_ledger_detector", "detector"),
)

# The ledger files themselves, for machines that share a Postgres but no storage root.
LEDGER_FILES = _table(
    "ledger_files",
    _key("path"),
    *(_must("detector", TEXT), _must("content", sa.LargeBinary())),
    sa.Index("ledger_files_detector", "detector"),
)

# action: promote, undo.
PROMOTIONS = _table(
    "promotions",
    _key("promotion_id"),
    *(_must("detector", TEXT), _must("action", TEXT)),
    *(_may("sweep_id", TEXT), _may("set_id", TEXT)),
    sa.Column("forced", sa.Boolean(), nullable=False, server_default=sa.false()),
    *(_may("reason", TEXT), _may("old_parameters", JSON), _must("new_parameters", JSON)),
    *(_may("evidence", JSON), _now("promoted_at")),
)

HOLDOUT_LOOKS = _table(
    "holdout_looks",
    _key("look_id"),
    *(_must("detector", TEXT), _must("sweep_id", TEXT), _must("set_id", TEXT)),
    *(_must("first_session", sa.Date()), _must("last_session", sa.Date())),
    *(_may("mean_r_new", REAL), _may("mean_r_old", REAL), _now("looked_at")),
)
