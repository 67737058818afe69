"""Mirror a sweep's result tables into SQL; recording a sweep twice leaves the same rows.

Names follow the Parquet tables of the results folder. What has no column of its own goes into the
JSON column `metrics` under its name, so a new metric needs no migration.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sweep.store.database import Database
from sweep.store.sql.json_columns import json_objects

PARAMETER_PREFIX = "param."
_SET_COLUMNS = ("set_id", "detector", "status")
_SET_NUMBERS = ("trades", "win_rate", "expectancy_r", "profit_factor", "objective")
_FOLD_COLUMNS = ("set_id", "detector", "fold")
_FOLD_NUMBERS = ("in_sample_objective", "trades", "out_of_sample_mean_r")


def record_sweep(db: Database, sweep_json: Mapping[str, Any], *, stale: bool = False) -> None:
    """Record what `sweep.json` says of a sweep.

    Parameters
    ----------
    db
        Where to.
    sweep_json
        `sweep_id` and `status` must be there. Columns of their own, where present: `sets` and
        `failed` of `counts`, first and last of `sessions` (ISO dates), `started_at` and
        `finished_at` (ISO instants) of `timings`. All of it is kept as `document`.
    stale
        Bars that it read have changed since.

    Raises
    ------
    ValueError
        If `sweep_id` or `status` is missing.
    """
    for name in ("sweep_id", "status"):
        if not sweep_json.get(name):
            raise ValueError(f"a sweep needs {name}, got {sorted(sweep_json)}")
    counts = sweep_json.get("counts") or {}
    timings = sweep_json.get("timings") or {}
    sessions: Sequence[str] = sweep_json.get("sessions") or ()
    row = {
        "sweep_id": sweep_json["sweep_id"],
        "status": sweep_json["status"],
        "sets": counts.get("sets"),
        "failed": counts.get("failed"),
        "first_session": dt.date.fromisoformat(sessions[0]) if sessions else None,
        "last_session": dt.date.fromisoformat(sessions[-1]) if sessions else None,
        "started_at": _instant(timings.get("started_at")),
        "finished_at": _instant(timings.get("finished_at")),
        "stale": stale,
        "document": sweep_json,
    }
    db.upsert("sweeps", [row])


def _instant(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def record_parameter_sets(db: Database, sweep_id: str, table: pa.Table) -> int:
    """Record sets of a sweep; a set that is there takes the new values.

    Parameters
    ----------
    db, sweep_id
        Where to, and whose sets they are.
    table
        Columns of `parameter_sets.parquet`: `set_id`, `detector`, `status`, `param.<name>` and
        metrics; all sets or a part of them.

    Returns
    -------
    int
        Rows recorded.
    """
    parts = []
    for detector in pc.unique(table["detector"]).to_pylist():
        own = table.filter(pc.equal(table["detector"], detector))
        # A table of several detectors has null columns for the parameters of the others.
        parameters = {
            name.removeprefix(PARAMETER_PREFIX): own[name]
            for name in own.column_names
            if name.startswith(PARAMETER_PREFIX) and own[name].null_count < own.num_rows
        }
        columns = _with_metrics(own, (*_SET_COLUMNS, *_SET_NUMBERS))
        columns["parameters"] = json_objects(parameters, own.num_rows)
        parts.append(_of_sweep(sweep_id, columns))
    if not parts:
        return 0
    return db.upsert("parameter_sets", pa.concat_tables(parts, promote_options="permissive"))


def record_fold_scores(db: Database, sweep_id: str, table: pa.Table) -> int:
    """Record the fold scores of a sweep in the place of those recorded before.

    Parameters
    ----------
    db, sweep_id
        Where to, and whose scores they are.
    table
        Columns of `fold_scores.parquet`: `set_id`, `detector`, `fold`, scores; all that are kept.

    Returns
    -------
    int
        Rows recorded.
    """
    columns = _with_metrics(table, (*_FOLD_COLUMNS, *_FOLD_NUMBERS))
    rows = _of_sweep(sweep_id, columns)
    return db.replace("fold_scores", rows, {"sweep_id": sweep_id})


def record_trades(db: Database, sweep_id: str, table: pa.Table) -> int:
    """Record the trades of a sweep in the place of those recorded before.

    Parameters
    ----------
    db, sweep_id
        Where to, and whose trades they are.
    table
        Columns of `trades.parquet`, the trades of the chosen and configured sets.

    Returns
    -------
    int
        Rows recorded.
    """
    columns = {name: table[name] for name in table.column_names}
    return db.replace("trades", _of_sweep(sweep_id, columns), {"sweep_id": sweep_id})


def _with_metrics(table: pa.Table, own: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    """Return the columns that have their own place, and `metrics` with all the others."""
    others = {
        name: table[name]
        for name in table.column_names
        if name not in own and not name.startswith(PARAMETER_PREFIX)
    }
    columns = {name: table[name] for name in own if name in table.column_names}
    return {**columns, "metrics": json_objects(others, table.num_rows)}


def _of_sweep(sweep_id: str, columns: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    length = max((len(values) for values in columns.values()), default=0)
    given = {name: values for name, values in columns.items() if name != "sweep_id"}
    return pa.table({"sweep_id": pa.repeat(sweep_id, length), **given})
