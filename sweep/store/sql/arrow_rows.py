"""Bring rows into the shape of a table: Arrow columns of exactly its types, one row per key.

NaN becomes null (SQLite has no NaN), so both databases hold the same rows.
"""

import datetime as dt
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sweep.store.sql.models import Instant

Rows: TypeAlias = "pa.Table | Sequence[Mapping[str, Any]]"
INSTANT = pa.timestamp("us", tz="UTC")

# Subclasses come before their bases.
_TYPES: tuple[tuple[type, pa.DataType], ...] = (
    (Instant, INSTANT),
    (sa.JSON, pa.string()),
    (sa.Boolean, pa.bool_()),
    (sa.Date, pa.date32()),
    (sa.SmallInteger, pa.int16()),
    (sa.BigInteger, pa.int64()),
    (sa.Integer, pa.int32()),
    (sa.Float, pa.float64()),
    (sa.String, pa.string()),
    (sa.LargeBinary, pa.binary()),
)


def arrow_type(column: sa.Column[Any]) -> pa.DataType:
    """Return the Arrow type that a column is read and written as; JSON is text."""
    return next(arrow for kind, arrow in _TYPES if isinstance(column.type, kind))


def is_json(column: sa.Column[Any]) -> bool:
    """Tell whether a column holds JSON."""
    return isinstance(column.type, sa.JSON)


def json_text(value: object) -> str | None:
    """Write a value as JSON: NaN as null, infinities as text, dates in ISO form, None as None."""
    return None if value is None else json.dumps(_plain(value), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dt.date):  # and datetime
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def shape(table: sa.Table, rows: Rows) -> pa.Table:
    """Check rows and bring them into the types of a table.

    Parameters
    ----------
    table
        Where they go.
    rows
        Arrow table (JSON columns as JSON text, or nested) or dictionaries (JSON columns as plain
        values; a name absent from a row is null). Columns with a default may be left out.

    Returns
    -------
    pa.Table
        Same columns in the table's order; of rows with one key the last.

    Raises
    ------
    ValueError
        If a column is unknown, absent or null where it must be there, or has foreign values.
    """
    given = rows if isinstance(rows, pa.Table) else _from_dictionaries(table, rows)
    unknown = [name for name in given.column_names if name not in table.c]
    if unknown:
        near = difflib.get_close_matches(unknown[0], table.c.keys(), 1)
        raise ValueError(
            f"{table.name} has no column {', '.join(unknown)}"
            + (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(table.c.keys())}")
        )
    columns = {
        column.name: _column(table.name, column, given[column.name])
        for column in table.c
        if column.name in given.column_names
    }
    for column in table.c:
        absent = column.name not in columns
        if absent and column.server_default is None and not column.nullable:
            raise ValueError(f"rows of {table.name} need the column {column.name}")
        if not absent and not column.nullable and columns[column.name].null_count:
            raise ValueError(
                f"{table.name}.{column.name} must not be null or NaN, got "
                f"{columns[column.name].null_count} of {given.num_rows} rows"
            )
    return _last_of_each_key(table, pa.table(columns))


def _from_dictionaries(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in table.c and is_json(table.c[name]):
            columns[name] = pa.array([json_text(value) for value in values], pa.string())
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)


def _column(table: str, column: sa.Column[Any], values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cast one column safely: nothing is cut or wrapped silently."""
    kind = arrow_type(column)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if is_json(column) and pa.types.is_nested(values.type):
        return pa.chunked_array([[json_text(value) for value in values.to_pylist()]], pa.string())
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    # A number would be read in another unit, a bare clock time in another zone.
    zoned = pa.types.is_timestamp(values.type) and values.type.tz is not None
    if kind == INSTANT and not (zoned or pa.types.is_null(values.type)):
        raise ValueError(f"{table}.{column.name} takes instants with a zone, got {values.type}")
    try:
        return values.cast(kind)
    except pa.ArrowException as error:
        raise ValueError(
            f"{table}.{column.name} takes {kind}, got {values.type}: {error}"
        ) from error


def _last_of_each_key(table: sa.Table, rows: pa.Table) -> pa.Table:
    """Drop all but the last row of each key: a database refuses to update one row twice."""
    keys = [column.name for column in table.primary_key]
    place = pa.array(np.arange(rows.num_rows))
    grouped = rows.select(keys).append_column("place", place)
    last = grouped.group_by(keys, use_threads=False).aggregate([("place", "max")])
    if last.num_rows == rows.num_rows:
        return rows
    return rows.take(np.sort(last["place_max"].to_numpy()))
