"""Arrow schemas of the tables that backtests and sweeps both write (DESIGN.md 5)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

_INSTANT = pa.timestamp("ns", tz="UTC")

TRADE_ROWS = pa.schema(
    [
        ("set_id", pa.string()),
        ("detector", pa.string()),
        ("symbol", pa.string()),
        ("side", pa.int8()),
        ("signal_ts", _INSTANT),
        ("entry_ts", _INSTANT),
        ("entry_price", pa.float64()),
        ("stop", pa.float64()),
        ("target", pa.float64()),
        ("exit_ts", _INSTANT),
        ("exit_price", pa.float64()),
        ("exit_reason", pa.string()),
        ("quantity", pa.float64()),
        ("r_gross", pa.float64()),
        ("r_net", pa.float64()),
        ("score", pa.float64()),
        ("ambiguous", pa.bool_()),
        ("bars_held", pa.int64()),
    ]
)
"""`trades.parquet`: `signal_ts` is the decision instant, entry and exit the fill bars' starts."""

FUNNEL_ROWS = pa.schema(
    [
        ("detector", pa.string()),
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("line", pa.string()),
        ("name", pa.string()),
        ("reason", pa.string()),
        ("bars", pa.int64()),
    ]
)
"""`funnel.parquet`: signal bars by what became of them; lines of count 0 are left out."""


def funnel_table(
    detector: str, dates: Sequence[dt.date], lines: Iterable[Mapping[str, Any]]
) -> pa.Table:
    """Return the funnel of one detector.

    Parameters
    ----------
    detector
        Name.
    dates
        Date of every session of the run.
    lines
        Counts with the fields of `sweep.engine.single_set.FunnelLine`.
    """
    rows = [{**line, "detector": detector, "session": dates[line["session"]]} for line in lines]
    return pa.Table.from_pylist(rows, schema=FUNNEL_ROWS)
