"""Make the tables of a results folder out of the parts of its blocks."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search.adaptive_trial import proposed_by, searches_of
from sweep.search.choose import Chosen
from sweep.search.evaluation import Task
from sweep.search.halving import screened_rows
from sweep.search.identity import Keys, id_column, set_ids
from sweep.search.in_sample import floats, matrix, with_status
from sweep.search.objective import DIRECTIONS, ranking, total_violation
from sweep.search.pareto import pareto_front
from sweep.search.plan import DetectorPlan
from sweep.search.rivalry import compare
from sweep.search.selection import Selected, select
from sweep.store.copies import fetched
from sweep.store.results import DAILY, DAILY_ROWS, FOLD_SCORES, PARAMETER_SETS, Results

_FOLD_ROWS = 65_536
_DAILY_CELLS = 32_000_000  # sets x sessions of one pass over the parts, 128 MB
_FOLD_COLUMNS = (
    "fold_objective",
    "fold_violation",
    "fold_trades",
    "fold_out_mean",
    "fold_out_trades",
)
_JUDGED_BY = ["status", "rank", "objective", "violation", "trades"]
FOLD_SCHEMA = pa.schema(
    [
        ("detector", pa.string()),
        ("set_id", pa.string()),
        ("fold", pa.int32()),
        ("in_sample_objective", pa.float64()),
        ("in_sample_violation", pa.float64()),
        ("trades", pa.int64()),
        ("out_of_sample_mean_r", pa.float64()),
        ("out_of_sample_trades", pa.int64()),
    ]
)
"""`fold_scores.parquet`; `trades` are those in sample."""


@dataclasses.dataclass(frozen=True)
class Merged:
    """Tables of one detector.

    Attributes
    ----------
    keys
        uint64 [sets], rising.
    sets
        Rows of `parameter_sets.parquet`.
    values
        parameter -> float64 [sets].
    selected
        Rows of the chosen sets, and what they were chosen among.
    rivalry
        Each adaptive search beside its random baseline; empty for a pool.
    """

    keys: Keys
    sets: pa.Table
    values: Mapping[str, Float]
    selected: Selected
    rivalry: tuple[dict[str, Any], ...] = ()

    @property
    def chosen(self) -> Chosen:
        """Return the rows of the chosen sets."""
        return self.selected.chosen

    @property
    def lean(self) -> "Merged":
        """Return it without the columns that the tables alone need: 500 MB of a million sets."""
        return dataclasses.replace(self, sets=self.sets.select(_JUDGED_BY))

    @property
    def chosen_ids(self) -> list[str | None]:
        """Return the id of the final set and of that of each fold, None where none is feasible."""
        rows = (self.chosen.final, *self.chosen.folds)
        return [None if row is None else set_ids(self.keys[[row]])[0] for row in rows]


def merge_detector(plan: DetectorPlan, task: Task, results: Results, pool: Keys) -> Merged | None:
    """Rank and choose among the finished sets of a detector; None where there are none.

    `pool` are the keys of the sets that were drawn without looking at results.
    """
    names = [f"param.{dimension.name}" for dimension in plan.space.dimensions]
    metrics = [*DIRECTIONS, *_exit_names(plan, results)]
    folds = [*_FOLD_COLUMNS, *task.fold_objectives[1:]] if len(plan.folds) else []
    table = results.read_parts(
        plan.detector.name, ["key", "status", "text", *names, *metrics, *folds]
    )
    if table is None:
        return None
    table = _with_screened(task, results, table, names)
    keys = table["key"].to_numpy()
    evaluated = with_status(table, "ok")
    told = [o.metric for o in task.objectives] + [c.metric for c in task.constraints]
    measured = {name: floats(table, name) for name in told}
    objective = task.objective.of(measured)
    violation = np.where(evaluated, total_violation(task.constraints, measured), np.nan)
    broken = pa.array(evaluated & (violation > 0))
    rank = np.zeros(len(keys), np.int64)
    rows = np.flatnonzero(evaluated)
    rank[rows[ranking(objective[rows], violation[rows], keys[rows])]] = np.arange(len(rows)) + 1
    columns = {
        "detector": pa.repeat(plan.detector.name, len(keys)),
        "set_id": id_column(keys),
        "status": pc.if_else(broken, "infeasible", table["status"]),
        "text": table["text"],
        "rank": pa.array(rank, mask=~evaluated),
        "objective": pa.array(objective, from_pandas=True),
        "violation": pa.array(
            np.where(np.isfinite(violation), violation, np.nan), from_pandas=True
        ),
    }
    if len(task.objectives) > 1:
        several = np.stack([one.of(measured) for one in task.objectives], axis=1)
        front = pareto_front(several, evaluated & (violation == 0))
        columns["pareto"] = pa.array(front, mask=~evaluated)
    columns |= {name: table[name] for name in [*names, *metrics]}
    values = {name.removeprefix("param."): floats(table, name) for name in names}
    selected = select(
        plan,
        table,
        evaluated,
        values,
        objective,
        violation,
        searches=_proposed(task, results, keys),
        baseline=np.flatnonzero(np.isin(keys, pool)),
    )
    rivalry = tuple(compare(task, table, selected))
    return Merged(keys, pa.table(columns), values, selected, rivalry)


def _with_screened(
    task: Task, results: Results, table: pa.Table, parameters: Sequence[str]
) -> pa.Table:
    """Add the rows of sets that were screened only, in their places."""
    others = screened_rows(task, results, table["key"].to_numpy(), parameters)
    if others is None:
        return table
    joined = pa.concat_tables([table, others], promote_options="default")
    return joined.take(pa.array(np.argsort(joined["key"].to_numpy())))


def _proposed(task: Task, results: Results, keys: Keys) -> dict[int, NDArray[np.int64]]:
    """Return the rows of what each search proposed, in its order."""
    found = {}
    for search in searches_of(task):
        own, _ = proposed_by(task, results, search)
        found[search] = np.searchsorted(keys, own[np.isin(own, keys)])
    return found


def _exit_names(plan: DetectorPlan, results: Results) -> list[str]:
    """Return the columns that count exits by reason, as the engine named them."""
    first = results.parts(plan.detector.name)[:1]
    return [
        n
        for file in first
        for n in pq.read_schema(fetched(file, fixed=True)).names
        if n.startswith("exits_")
    ]


def unjudged_row(plan: DetectorPlan, keys: Keys, values: Mapping[str, float]) -> pa.Table:
    """Return the one row of a detector that cannot be judged: its configured set."""
    columns = {
        "detector": pa.array([plan.detector.name]),
        "set_id": pa.array(set_ids(keys)),
        "status": pa.array(["not_evaluable"]),
        "text": pa.array([plan.reason]),
    }
    columns |= {f"param.{name}": pa.array([value]) for name, value in values.items()}
    return pa.table(columns)


def write_sets(results: Results, tables: Sequence[pa.Table]) -> int:
    """Write `parameter_sets.parquet`; returns the rows. Columns of other detectors are null."""
    fields: dict[str, pa.Field] = {}
    for table in tables:
        for field in table.schema:
            fields.setdefault(field.name, field)
    # Parameters first, then what was measured, whichever detector came first.
    order = sorted(fields, key=lambda name: (_place(name), ""))
    schema = pa.schema([fields[name] for name in order])

    def completed() -> Iterator[pa.Table]:
        for table in tables:
            columns = [
                table[f.name] if f.name in table.column_names else pa.nulls(len(table), f.type)
                for f in schema
            ]
            yield pa.table(columns, schema=schema)

    return results.write_table(PARAMETER_SETS, completed(), schema)


def _place(name: str) -> int:
    head = ("detector", "set_id", "status", "text", "rank", "objective", "violation", "pareto")
    if name in head:
        return head.index(name)
    return len(head) + (0 if name.startswith("param.") else 1)


def write_fold_scores(results: Results, plans: Sequence[DetectorPlan]) -> None:
    """Write `fold_scores.parquet`, one row per evaluated set and fold."""

    def pieces() -> Iterator[pa.Table]:
        for plan in plans:
            if len(plan.folds):
                yield from _fold_pieces(plan, results)

    results.write_table(FOLD_SCORES, pieces(), FOLD_SCHEMA)


def _fold_pieces(plan: DetectorPlan, results: Results) -> Iterator[pa.Table]:
    width = len(plan.folds)
    table = results.read_parts(plan.detector.name, ["key", *_FOLD_COLUMNS])
    if table is None:
        return
    table = table.filter(table["fold_objective"].is_valid())
    for start in range(0, len(table), _FOLD_ROWS):
        part = table.slice(start, _FOLD_ROWS)
        rows = np.arange(len(part))
        ids = id_column(np.repeat(part["key"].to_numpy(), width))
        seen, broken, trades, out_mean, out_trades = (
            matrix(part, name, rows, width).ravel() for name in _FOLD_COLUMNS
        )
        yield pa.table(
            [
                pa.repeat(plan.detector.name, len(ids)),
                ids,
                pa.array(np.tile(np.arange(width, dtype=np.int32), len(part))),
                pa.array(seen, from_pandas=True),
                pa.array(broken, from_pandas=True),
                pa.array(trades.astype(np.int64)),
                pa.array(out_mean, from_pandas=True),
                pa.array(out_trades.astype(np.int64)),
            ],
            schema=FOLD_SCHEMA,
        )


def write_daily(
    results: Results, plans: Sequence[DetectorPlan], merged: Mapping[str, Merged]
) -> None:
    """Write `daily/part-*.parquet`, sorted, a bounded number of sets in memory at a time.

    Every part holds sets of every stretch of keys, so a stretch costs a pass over all parts: as
    many files are made of one as memory allows.
    """
    results.clear_daily()
    count = 0
    for plan in plans:
        name = plan.detector.name
        keys = merged[name].keys if name in merged else np.empty(0, np.uint64)
        width = len(plan.axis)
        stretch = DAILY_ROWS * max(1, _DAILY_CELLS // (DAILY_ROWS * max(1, width)))
        for start in range(0, len(keys), stretch):
            bounds = keys[start : start + stretch]
            table = results.read_parts(name, ["key", "r"], int(bounds[0]), int(bounds[-1]))
            if table is None:
                continue
            for own in range(0, len(table), DAILY_ROWS):
                piece = table.slice(own, DAILY_ROWS)
                piece = piece.filter(piece["r"].is_valid())
                columns = {
                    "detector": pa.repeat(name, len(piece)),
                    "set_id": id_column(piece["key"].to_numpy()),
                    "r": piece["r"],
                }
                results.write_table(f"{DAILY}/part-{count:05d}.parquet", [pa.table(columns)])
                count += 1
