"""What a set earned by symbol, time of day, regime and way out: `breakdowns.parquet`.

Of the chosen sets, the configured one and the best `results.detail` of every detector.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.features.regime import NAMES as REGIMES
from sweep.engine.block import SymbolTrades, evaluate_block
from sweep.engine.candidates import (
    CandidateTable,
    bounds_of,
    build_candidates,
    variants_of,
)
from sweep.engine.placement import DECISION, LENGTH
from sweep.engine.sets import ParameterSets
from sweep.engine.trade import EXIT_REASONS
from sweep.search.chosen_sets import FullSets
from sweep.search.identity import set_ids
from sweep.search.merge import Merged
from sweep.search.plan import DetectorPlan
from sweep.search.spec import SweepSpec
from sweep.store.results import BREAKDOWNS, Results

PHASES = ("first_hour", "midday", "last_hour")
"""By the decision instant: within 60 minutes of the open, within 60 of the close, between."""

UNKNOWN = "unknown"
_HOUR = 60
_CELLS = 2_000_000  # sets x candidates of one recording pass, 14 numbers each

BREAKDOWN_SCHEMA = pa.schema(
    [
        ("detector", pa.string()),
        ("set_id", pa.string()),
        ("by", pa.string()),
        ("value", pa.string()),
        ("trades", pa.int64()),
        ("wins", pa.int64()),
        ("win_rate", pa.float64()),
        ("expectancy_r", pa.float64()),
        ("expectancy_gross_r", pa.float64()),
        ("profit_factor", pa.float64()),
        ("total_r", pa.float64()),
    ]
)
"""`by` is symbol, phase, regime or exit_reason; groups without a trade have no row."""


def write_breakdowns(
    spec: SweepSpec,
    results: Results,
    full: Sequence[tuple[DetectorPlan, FullSets]],
    merged: Mapping[str, Merged],
) -> None:
    """Write `breakdowns.parquet`, sorted by detector, set, dimension."""

    def pieces() -> Iterator[pa.Table]:
        for plan, sets in full:
            name = plan.detector.name
            found = [
                _breakdown(plan, result.block.trades, [one])
                for one, result in sets.results.items()
            ]
            if name in merged:
                found += _of_best(spec, plan, merged[name], set(sets.results))
            keys = [(key, "ascending") for key in ("detector", "set_id", "by", "value")]
            yield pa.concat_tables(found).sort_by(keys)

    results.write_table(BREAKDOWNS, pieces(), BREAKDOWN_SCHEMA)


def _of_best(
    spec: SweepSpec, plan: DetectorPlan, merged: Merged, known: set[str]
) -> list[pa.Table]:
    """Return the breakdowns of the best sets by rank, some sets at a time to bound memory."""
    rank = merged.sets["rank"].fill_null(spec.results.detail + 1).to_numpy()
    rows = np.flatnonzero(rank <= spec.results.detail)
    ids = np.array(set_ids(merged.keys[rows]), dtype=object)
    fresh = np.array([one not in known for one in ids], dtype=np.bool_)
    rows, ids = rows[fresh], ids[fresh]
    if len(rows) == 0:
        return []
    sets = ParameterSets({name: column[rows] for name, column in merged.values.items()})
    tables = _tables(spec, plan, sets)
    most = max(1, _CELLS // max(1, *(len(table) for table in tables)))
    found = []
    for start in range(0, len(sets), most):
        part = np.arange(start, min(start + most, len(sets)))
        block = evaluate_block(plan.detector, tables, sets.take(part), trades=True)
        found.append(_breakdown(plan, block.trades, ids[part].tolist()))
    return found


def _tables(spec: SweepSpec, plan: DetectorPlan, sets: ParameterSets) -> list[CandidateTable]:
    return [
        build_candidates(
            plan.detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(plan.detector, sets),
            axis=plan.axis,
            fills=spec.fills,
            costs=spec.costs[data.asset_class],
        )
        for data in plan.symbols
    ]


def _breakdown(
    plan: DetectorPlan, recorded: Sequence[SymbolTrades], ids: Sequence[str]
) -> pa.Table:
    """Group the trades of some sets, of all symbols."""
    order = np.concatenate([one.columns["set"].astype(np.int64) for one in recorded])
    net = np.concatenate([one.columns["r_net"] for one in recorded])
    gross = np.concatenate([one.columns["r_gross"] for one in recorded])
    groups: dict[str, list[NDArray[np.object_]]] = {}
    for one in recorded:
        for by, values in _labels(plan, one).items():
            groups.setdefault(by, []).append(values)
    tables = [
        _grouped(plan.detector.name, ids, by, np.concatenate(labels), order, net, gross)
        for by, labels in groups.items()
    ]
    return pa.concat_tables(tables) if tables else BREAKDOWN_SCHEMA.empty_table()


def _labels(plan: DetectorPlan, one: SymbolTrades) -> dict[str, NDArray[np.object_]]:
    """Return the group of every trade of one symbol, by dimension."""
    data = next(data for data in plan.symbols if data.symbol == one.table.symbol)
    candidate = one.columns["candidate"].astype(np.int64)
    places = one.table.places[candidate]
    after, left = places[:, DECISION], places[:, LENGTH] - places[:, DECISION]
    phase = np.where(after <= _HOUR, 0, np.where(left < _HOUR, 2, 1))
    code = data.features["regime"][one.table.row[candidate]]
    known = np.where(np.isnan(code), len(REGIMES), code).astype(np.int64)
    return {
        "symbol": np.full(len(candidate), one.table.symbol, dtype=object),
        "phase": np.array(PHASES, dtype=object)[phase],
        "regime": np.array([*REGIMES, UNKNOWN], dtype=object)[known],
        "exit_reason": np.array(EXIT_REASONS, dtype=object)[
            one.columns["reason"].astype(np.int64)
        ],
    }


def _grouped(
    detector: str,
    ids: Sequence[str],
    by: str,
    labels: NDArray[np.object_],
    sets: Int,
    net: Float,
    gross: Float,
) -> pa.Table:
    """Return one row per set and group that traded."""
    names, code = np.unique(labels.astype(str), return_inverse=True)
    width = len(names)
    cell = sets * width + code.astype(np.int64)

    def total(weights: Float) -> Float:
        sums = np.bincount(cell, weights=weights, minlength=len(ids) * width)
        return np.asarray(sums, np.float64)

    trades = total(np.ones(len(net)))
    some = np.flatnonzero(trades > 0)
    n, wins = trades[some], total((net > 0).astype(np.float64))[some]
    won, lost = total(np.maximum(net, 0.0))[some], total(np.maximum(-net, 0.0))[some]
    with np.errstate(divide="ignore", invalid="ignore"):  # no loss, or all trades at exactly 0
        factor = won / lost
    columns = [
        [detector] * len(some),
        np.array(ids, dtype=object)[some // max(width, 1)],
        [by] * len(some),
        names.astype(object)[some % max(width, 1)],
        n.astype(np.int64),
        wins.astype(np.int64),
        wins / n,
        (won - lost) / n,
        total(gross)[some] / n,
        factor,
        won - lost,
    ]
    arrays = [
        pa.array(column, field.type)
        for column, field in zip(columns, BREAKDOWN_SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=BREAKDOWN_SCHEMA)
