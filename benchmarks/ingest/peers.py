"""The same task by peers: a stock day to 1m bars of all hours and 15m bars of the session.

Only the peer and the standard library are imported: this runs in the peers' own environment.
"""

import importlib

from benchmarks.ingest.day import NAMES, OPEN_NS

_CLOSE_NS = OPEN_NS + 390 * 60_000_000_000
_WIDTH_NS = 15 * 60_000_000_000


def polars_twenty(path: str) -> list[int]:
    """Return bars of twenty symbols, counted."""
    return _polars(path, only=True)


def polars_everything(path: str) -> list[int]:
    """Return bars of every symbol, counted."""
    return _polars(path, only=False)


def _polars(path: str, *, only: bool) -> list[int]:
    pl = importlib.import_module("polars")
    types = dict.fromkeys(("volume", "open", "close", "high", "low"), pl.Float64)
    types |= {"ticker": pl.String, "window_start": pl.Int64, "transactions": pl.Int64}
    rows = pl.scan_csv(path, schema_overrides=types)
    if only:
        rows = rows.filter(pl.col("ticker").is_in(NAMES))
    minutes = rows.collect().sort("ticker", "window_start")
    start = pl.col("window_start")
    typical = (pl.col("high") + pl.col("low") + pl.col("close")) / 3
    bars = (
        minutes.filter((start >= OPEN_NS) & (start < _CLOSE_NS))
        .group_by("ticker", ((start - OPEN_NS) // _WIDTH_NS).alias("bucket"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
            ((typical * pl.col("volume")).sum() / pl.col("volume").sum()).alias("vwap"),
            pl.col("transactions").sum(),
        )
    )
    return [len(minutes), len(bars)]


def duckdb_twenty(path: str) -> list[int]:
    """Return bars of twenty symbols, counted."""
    return _duckdb(path, only=True)


def duckdb_everything(path: str) -> list[int]:
    """Return bars of every symbol, counted."""
    return _duckdb(path, only=False)


def _duckdb(path: str, *, only: bool) -> list[int]:
    database = importlib.import_module("duckdb").connect(config={"threads": 1})
    chosen = "WHERE ticker IN ({})".format(",".join(f"'{name}'" for name in NAMES)) if only else ""
    database.execute(
        f"""
        CREATE TABLE minutes AS SELECT * FROM read_csv('{path}', header=true, columns={{
            'ticker': 'VARCHAR', 'volume': 'DOUBLE', 'open': 'DOUBLE', 'close': 'DOUBLE',
            'high': 'DOUBLE', 'low': 'DOUBLE', 'window_start': 'BIGINT',
            'transactions': 'BIGINT'}}) {chosen} ORDER BY ticker, window_start
        """  # noqa: S608 - names of this file
    )
    database.execute(
        f"""
        CREATE TABLE bars AS SELECT ticker, (window_start - {OPEN_NS}) // {_WIDTH_NS} AS bucket,
            first(open ORDER BY window_start), max(high), min(low),
            last(close ORDER BY window_start), sum(volume), sum(transactions),
            sum((high + low + close) / 3 * volume) / sum(volume)
        FROM minutes WHERE window_start >= {OPEN_NS} AND window_start < {_CLOSE_NS}
        GROUP BY ALL
        """  # noqa: S608
    )
    counts = [
        database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
        for name in ("minutes", "bars")
    ]
    database.close()
    return counts


def polars_underlying(path: str) -> list[int]:
    """Return the rows of every option of SPY, and its contracts, counted."""
    pl = importlib.import_module("polars")
    types = dict.fromkeys(("volume", "open", "close", "high", "low"), pl.Float64)
    types |= {"ticker": pl.String, "window_start": pl.Int64, "transactions": pl.Int64}
    ticker = pl.col("ticker")
    rows = pl.scan_csv(path, schema_overrides=types).filter(
        ticker.str.starts_with("O:SPY") & (ticker.str.len_bytes() == len("O:SPY") + 15)
    )
    rows = rows.collect().sort("ticker", "window_start")
    return [len(rows), rows["ticker"].n_unique()]
