"""Evaluate a block of proposals of one detector to rows of a table. Pure; runs in the workers."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float
from detectors.contract import Detector
from sweep.engine.block import BlockResult, evaluate_block
from sweep.engine.candidates import CandidateTable
from sweep.engine.metrics import metrics_of
from sweep.engine.sets import ParameterSets
from sweep.engine.sums import empty_sums
from sweep.engine.trade_table import trade_columns
from sweep.search.folds import Fold
from sweep.search.identity import Keys, set_ids, set_keys
from sweep.search.objective import (
    Constraint,
    Objective,
    read_constraint,
    read_objective,
    series_metrics,
    total_violation,
)
from sweep.search.searchers import PoolSearcher, make_searcher
from sweep.search.spaces import Space, invalid_reasons
from sweep.search.spec import SearchSettings
from sweep.store.tables import TRADE_ROWS

Ranges = Sequence[Sequence[int]]
Evaluate = Callable[..., BlockResult]

_TEXT_LENGTH = 300
_SPARSE = 32  # proposals drawn for one that is wanted, at most
_TRADE_CELLS = 500_000  # sets x candidates of one recording pass, 14 numbers each


@dataclasses.dataclass(frozen=True)
class Task:
    """What a worker needs to know of one detector, apart from its candidate tables.

    Attributes
    ----------
    space, search
        Where its proposals come from.
    columns
        int64, columns of the sweep's axis that are the detector's axis.
    n_sessions
        Length of the sweep's axis.
    folds
        Positions on the detector's axis.
    record_trades
        Keep every trade of every set.
    """

    space: Space
    search: SearchSettings
    columns: NDArray[np.int64]
    n_sessions: int
    folds: tuple[Fold, ...]
    record_trades: bool = False

    @property
    def detector(self) -> Detector:
        """Return the detector."""
        return self.space.detector

    @property
    def objective(self) -> Objective:
        """Return the objective that ranks and chooses, the first of several."""
        return self.objectives[0]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Return all objectives."""
        return tuple(read_objective(text) for text in self.search.objectives)

    @property
    def fold_objectives(self) -> tuple[str, ...]:
        """Return the columns with the objectives' in-sample values per fold."""
        return ("fold_objective", *(f"fold_{o.metric}" for o in self.objectives[1:]))

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Return the constraints."""
        return tuple(read_constraint(text) for text in self.search.constraints)


@dataclasses.dataclass(frozen=True)
class BlockRows:
    """Rows of one block.

    Attributes
    ----------
    keys
        uint64 [sets].
    sets
        One row per set: key, status (`ok`, `invalid`, `failed`), text, `param.*`, metrics, what
        each fold sees, daily net R on the sweep's axis.
    trades
        All trades where they are kept, else None.
    failed
        Number of failed sets.
    seconds
        Time in the engine.
    best
        Best objective of a feasible set, -inf where there is none.
    """

    keys: Keys
    sets: pa.Table
    trades: pa.Table | None
    failed: int
    seconds: float
    best: float = -math.inf


def proposals(searcher: PoolSearcher, ranges: Ranges) -> ParameterSets:
    """Return the proposals of some rising ranges of positions, `[first, after)` each."""
    begin, end = ranges[0][0], ranges[-1][1]
    wanted = sum(after - first for first, after in ranges)
    if end - begin <= _SPARSE * wanted:  # a draw costs less than a call for every gap
        rows = np.concatenate([np.arange(first, after) for first, after in ranges])
        return searcher.at(begin, end - begin).take(rows - begin)
    parts = [searcher.at(first, after - first) for first, after in ranges]
    names = parts[0].values
    return ParameterSets({n: np.concatenate([p.values[n] for p in parts]) for n in names})


def evaluate_ranges(
    task: Task,
    tables: Sequence[CandidateTable],
    ranges: Ranges,
    *,
    evaluate: Evaluate = evaluate_block,
) -> BlockRows:
    """Evaluate the proposals of some ranges of positions of the pool."""
    sets = proposals(make_searcher(task.space, task.search), ranges)
    return evaluate_sets(task, tables, sets, evaluate=evaluate)


def evaluate_sets(
    task: Task,
    tables: Sequence[CandidateTable],
    sets: ParameterSets,
    *,
    evaluate: Evaluate = evaluate_block,
) -> BlockRows:
    """Evaluate sets.

    A set that makes the engine raise is found by halving the block, recorded with its text, and
    costs no other set its result.
    """
    n = len(sets)
    status = np.full(n, "ok", dtype=object)
    text = np.full(n, None, dtype=object)
    for mask, reason in invalid_reasons(task.detector, sets):
        text[mask & (status == "ok")] = reason
        status[mask] = "invalid"
    begun = time.perf_counter()
    # Begun with no sets at all, so that a block without a good one has the same columns.
    good = [(np.empty(0, np.int64), _nothing(task))]
    pending = [np.flatnonzero(status == "ok")]
    while pending:
        rows = pending.pop()
        if len(rows) == 0:
            continue
        try:
            good.append((rows, evaluate(task.detector, tables, sets.take(rows))))
        except Exception as error:  # noqa: BLE001 - the boundary at which a set may fail
            if len(rows) > 1:
                pending += [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
                continue
            status[rows] = "failed"
            text[rows] = f"{type(error).__name__}: {error}"[:_TEXT_LENGTH]
    seconds = time.perf_counter() - begun
    keys = set_keys(task.detector, sets)
    table = _rows_table(task, keys, sets, status, text, good)
    trades = None
    if task.record_trades:
        done = np.concatenate([rows for rows, _ in good])
        trades = _all_trades(task, tables, sets.take(done), keys[done])
    failed = int((status == "failed").sum())
    return BlockRows(keys, table, trades, failed, seconds, _best(task, [r for _, r in good]))


def _best(task: Task, results: Sequence[BlockResult]) -> float:
    """Return the best objective of the feasible sets, -inf where there is none."""
    best = -math.inf
    for result in results:
        values = task.objective.of(result.metrics)
        usable = (total_violation(task.constraints, result.metrics) == 0.0) & ~np.isnan(values)
        best = max(best, float(np.max(values, where=usable, initial=-np.inf)))
    return best


def _rows_table(
    task: Task,
    keys: Keys,
    sets: ParameterSets,
    status: NDArray[np.object_],
    text: NDArray[np.object_],
    good: Sequence[tuple[NDArray[np.int64], BlockResult]],
) -> pa.Table:
    """Return the rows of a block, sorted by key."""
    order = np.argsort(keys, kind="stable")
    columns: dict[str, pa.Array] = {
        "key": pa.array(keys[order]),
        "status": pa.array(status[order], pa.string()),
        "text": pa.array(text[order], pa.string()),
    }
    for name, values in sets.values.items():
        columns[f"param.{name}"] = pa.array(values[order])
    place = np.full(len(keys), -1, np.int64)
    place[np.concatenate([found for found, _ in good])] = np.arange(sum(len(f) for f, _ in good))
    place = place[order]
    for name in good[0][1].metrics:
        column = np.concatenate([result.metrics[name] for _, result in good])
        columns[name] = _spread(column, place)
    daily = np.concatenate([result.daily for _, result in good])
    counts = np.concatenate([result.daily_trades for _, result in good])
    for name, values in _fold_columns(task, daily, counts).items():
        columns[name] = _spread(values, place)
    on_axis = np.full((len(daily), task.n_sessions), np.nan, np.float32)
    on_axis[:, task.columns] = daily
    columns["r"] = _spread(on_axis, place)
    return pa.table(columns)


def _nothing(task: Task) -> BlockResult:
    daily, counts = np.zeros((0, len(task.columns))), np.zeros((0, len(task.columns)), np.int32)
    return BlockResult(metrics_of(empty_sums(0), daily, counts, 1), daily, counts)


def _fold_columns(task: Task, daily: Float, counts: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
    """Return what each fold sees of each set: [sets, folds] in-sample values, out-of-sample mean.

    A selector is handed the in-sample columns only.
    """
    if not task.folds:
        return {}
    shape = (len(daily), len(task.folds))
    found: dict[str, NDArray[Any]] = {
        **{name: np.empty(shape) for name in task.fold_objectives},
        "fold_violation": np.empty(shape),
        "fold_trades": np.empty(shape, np.int64),
        "fold_out_mean": np.empty(shape),
        "fold_out_trades": np.empty(shape, np.int64),
    }
    for k, fold in enumerate(task.folds):
        inside = series_metrics(daily, counts, fold.in_sample)
        outside = series_metrics(daily, counts, fold.out_of_sample)
        share = len(fold.in_sample) / daily.shape[1]
        for name, objective in zip(task.fold_objectives, task.objectives, strict=True):
            found[name][:, k] = objective.of(inside)
        found["fold_violation"][:, k] = total_violation(task.constraints, inside, share)
        found["fold_trades"][:, k] = inside["trades"]
        found["fold_out_mean"][:, k] = outside["daily_mean_r"]
        found["fold_out_trades"][:, k] = outside["trades"]
    return found


def _spread(values: NDArray[Any], place: NDArray[np.int64]) -> pa.Array:
    """Return a column with row `place` of the values in each row, null at -1; NaN is null too."""
    absent = place < 0
    if absent.all():
        shown = np.zeros((len(place), *values.shape[1:]), values.dtype)
    else:
        shown = values[np.maximum(place, 0)]
    mask = pa.array(absent) if absent.any() else None
    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(
            pa.array(shown.ravel()), values.shape[1], mask=mask
        )
    return pa.array(shown, mask=absent | np.isnan(shown))


def _all_trades(
    task: Task, tables: Sequence[CandidateTable], sets: ParameterSets, keys: Keys
) -> pa.Table | None:
    """Return the trades of evaluated sets, recorded a few sets at a time to bound memory."""
    most = max(1, _TRADE_CELLS // max(1, *(len(table) for table in tables)))
    found = []
    for start in range(0, len(sets), most):
        rows = np.arange(start, min(start + most, len(sets)))
        result = evaluate_block(task.detector, tables, sets.take(rows), trades=True)
        ids = set_ids(keys[rows])
        found += [
            pa.table(trade_columns(task.detector.name, one, ids), schema=TRADE_ROWS)
            for one in result.trades
        ]
    return pa.concat_tables(found) if found else None
