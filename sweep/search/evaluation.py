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
from sweep.search.tables import Tables
from sweep.store.tables import TRADE_ROWS

Ranges = Sequence[Sequence[int]]
Evaluate = Callable[..., BlockResult]

_TEXT_LENGTH = 300
_SPARSE = 32  # proposals drawn for one that is wanted, at most
_SLICE_CELLS = 800_000  # sets x sessions of a pass of the engine, 16 bytes each
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
        Time in the engine and for what folds see.
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
    keys = set_keys(task.detector, sets)
    order = np.argsort(keys, kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    columns = _Columns(task, n)
    best, seconds = -math.inf, 0.0
    # Tables that do not stay are read again for every slice.
    length = (
        n if isinstance(tables, Tables) and tables.several else _SLICE_CELLS // len(task.columns)
    )
    pending = _slices(np.flatnonzero(status == "ok"), max(1, length))
    while pending:
        rows = pending.pop()
        begun = time.perf_counter()
        try:
            result = evaluate(task.detector, tables, sets.take(rows))
        except Exception as error:  # noqa: BLE001 - the boundary at which a set may fail
            if len(rows) > 1:
                pending += _slices(rows, (len(rows) + 1) // 2)
                continue
            status[rows] = "failed"
            text[rows] = f"{type(error).__name__}: {error}"[:_TEXT_LENGTH]
        else:
            columns.put(place[rows], result)
            best = max(best, _best(task, result))
        finally:
            seconds += time.perf_counter() - begun
    table = pa.table(
        {
            "key": pa.array(keys[order]),
            "status": pa.array(status[order], pa.string()),
            "text": pa.array(text[order], pa.string()),
            **{f"param.{name}": pa.array(values[order]) for name, values in sets.values.items()},
            **columns.arrow(),
        }
    )
    trades = None
    if task.record_trades:
        done = np.flatnonzero(status == "ok")
        trades = _all_trades(task, tables, sets.take(done), keys[done])
    return BlockRows(keys, table, trades, int((status == "failed").sum()), seconds, best)


def _slices(rows: NDArray[np.int64], length: int) -> list[NDArray[np.int64]]:
    """Cut rows into pieces, the last one first."""
    return [rows[start : start + length] for start in range(0, len(rows), length)][::-1]


def _best(task: Task, result: BlockResult) -> float:
    """Return the best objective of the feasible sets, -inf where there is none."""
    values = task.objective.of(result.metrics)
    usable = (total_violation(task.constraints, result.metrics) == 0.0) & ~np.isnan(values)
    return float(np.max(values, where=usable, initial=-np.inf))


class _Columns:
    """What was measured of the sets of a block, filled a slice at a time.

    Slices stay in cache and their temporaries small; a whole block at once took twice the time,
    most of it memory touched for the first time.
    """

    def __init__(self, task: Task, n: int) -> None:
        none = np.zeros((0, len(task.columns)))
        counts = np.zeros(none.shape, np.int32)
        nothing = BlockResult(metrics_of(empty_sums(0), none, counts, 1), none, counts)
        self._task = task
        # Of no sets at all, so that a block without a good one has the same columns.
        self._columns = {
            name: np.zeros((n, *values.shape[1:]), values.dtype)
            for name, values in _measured(task, nothing).items()
        }
        self._there = np.zeros(n, np.bool_)

    def put(self, rows: NDArray[np.int64], result: BlockResult) -> None:
        """Fill rows."""
        for name, values in _measured(self._task, result).items():
            self._columns[name][rows] = values
        self._there[rows] = True

    def arrow(self) -> dict[str, pa.Array]:
        """Return the columns, null where nothing was put; NaN is null too, save inside a list."""
        absent = ~self._there
        mask = pa.array(absent) if absent.any() else None
        return {
            name: pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1], mask=mask)
            if values.ndim == 2
            else pa.array(values, mask=absent | np.isnan(values))
            for name, values in self._columns.items()
        }


def _measured(task: Task, result: BlockResult) -> dict[str, NDArray[Any]]:
    """Return all columns of evaluated sets: metrics, what folds see, daily R on the axis."""
    on_axis = np.full((len(result.daily), task.n_sessions), np.nan, np.float32)
    on_axis[:, task.columns] = result.daily
    folds = _fold_columns(task, result.daily, result.daily_trades)
    return {**result.metrics, **folds, "r": on_axis}


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


def _all_trades(
    task: Task, tables: Sequence[CandidateTable], sets: ParameterSets, keys: Keys
) -> pa.Table | None:
    """Return the trades of evaluated sets, recorded a few sets at a time to bound memory."""
    found = []
    for table in tables:
        most = max(1, _TRADE_CELLS // max(1, len(table)))
        for start in range(0, len(sets), most):
            rows = np.arange(start, min(start + most, len(sets)))
            (one,) = evaluate_block(task.detector, [table], sets.take(rows), trades=True).trades
            columns = trade_columns(task.detector.name, one, set_ids(keys[rows]))
            found.append(pa.table(columns, schema=TRADE_ROWS))
    return pa.concat_tables(found) if found else None
