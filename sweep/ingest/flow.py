"""Read order flow that another producer wrote: the optional input `features.flow_path`."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from detectors.features.flow import Flow

COLUMNS = ("symbol", "known_at", "flow_score", "flow_bias")
_INSTANT = pa.timestamp("ns", "UTC")


def read_flow(path: str | os.PathLike[str], symbol: str) -> Flow | None:
    """Read the flow of a symbol.

    Parameters
    ----------
    path
        Parquet file with the columns symbol, known_at (instants with a zone), flow_score (0 to
        100) and flow_bias (-1, 0, +1), one row per reading, in any order. A row without a number
        is no reading.
    symbol
        Name as stored.

    Returns
    -------
    Flow or None
        None where the file has no reading of the symbol.

    Raises
    ------
    ValueError
        If there is no such file, a column is missing or a value is out of range.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"features.flow_path must be a Parquet file of {', '.join(COLUMNS)}; no file {path}"
        )
    there = pq.read_schema(path)
    missing = [name for name in COLUMNS if name not in there.names]
    if missing:
        raise ValueError(
            f"{path} needs the columns {', '.join(COLUMNS)}; it has {', '.join(there.names)}"
        )
    known_at = there.field("known_at").type
    if not pa.types.is_timestamp(known_at) or known_at.tz is None:
        raise ValueError(
            f"known_at of {path} must be instants with a time zone, it is {known_at}; write UTC"
        )
    rows = pq.read_table(path, columns=list(COLUMNS), filters=[("symbol", "=", symbol)])
    whole = pc.and_(pc.is_finite(rows["flow_score"]), pc.is_finite(rows["flow_bias"]))
    rows = rows.filter(pc.fill_null(whole, fill_value=False)).sort_by("known_at")
    if rows.num_rows == 0:
        return None
    try:
        return Flow(
            known_at=rows["known_at"].cast(_INSTANT).cast(pa.int64()).to_numpy(),
            score=rows["flow_score"].to_numpy().astype(np.float64),
            bias=rows["flow_bias"].to_numpy().astype(np.float64),
        )
    except ValueError as error:
        raise ValueError(f"{path}, {symbol}: {error}") from None
