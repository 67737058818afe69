"""What is kept in full: trades and funnel of the chosen sets and of the configured one."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.contract import Detector
from sweep.engine.sets import ParameterSets
from sweep.engine.single_set import SingleResult, evaluate_single
from sweep.engine.trade_table import trade_columns
from sweep.search.identity import set_ids, set_keys
from sweep.search.merge import Merged
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.spec import SweepSpec
from sweep.store.bounds import collected
from sweep.store.results import FUNNEL, SORT_KEYS, TRADES, Results, dataset
from sweep.store.tables import TRADE_ROWS

FUNNEL_SCHEMA = pa.schema(
    [
        ("detector", pa.string()),
        ("set_id", pa.string()),
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("line", pa.string()),
        ("name", pa.string()),
        ("reason", pa.string()),
        ("bars", pa.int64()),
    ]
)
"""`funnel.parquet`: signal bars of a session that share a fate."""


@dataclasses.dataclass(frozen=True)
class FullSets:
    """Sets of one detector that were evaluated in full.

    Attributes
    ----------
    values
        id -> parameter values.
    results
        id -> result.
    """

    values: dict[str, dict[str, float]]
    results: dict[str, SingleResult]


def configured_values(spec: SweepSpec, detector: Detector) -> dict[str, float]:
    """Return the configured set of a detector, defaults where nothing is configured."""
    given = spec.parameters.get(detector.name, {})
    return ParameterSets.of(detector, given, 1).row(0)


def set_id_of(detector: Detector, values: Mapping[str, float]) -> str:
    """Return the id of one set."""
    return set_ids(set_keys(detector, ParameterSets.of(detector, values, 1)))[0]


def evaluate_full(spec: SweepSpec, plan: DetectorPlan, merged: Merged | None) -> FullSets:
    """Evaluate the configured set and the chosen ones, keeping trades and funnel."""
    configured = configured_values(spec, plan.detector)
    values = {set_id_of(plan.detector, configured): configured}
    if merged is not None:
        for row in (merged.chosen.final, *merged.chosen.folds):
            if row is not None:
                one = {name: float(column[row]) for name, column in merged.values.items()}
                values[set_id_of(plan.detector, one)] = one
    results = {
        name: evaluate_single(
            plan.detector,
            plan.symbols,
            one,
            axis=plan.axis,
            fills=spec.fills,
            costs=spec.costs,
            first=plan.first,
            foreign=plan.foreign,
        )
        for name, one in values.items()
    }
    return FullSets(values, results)


def write_trades(
    spec: SweepSpec, results: Results, full: Sequence[tuple[DetectorPlan, FullSets]]
) -> None:
    """Write `trades.parquet`: of the sets evaluated in full, or of all."""

    def pieces() -> Iterator[pa.Table]:
        for plan, sets in full:
            found = [
                pa.table(trade_columns(plan.detector.name, recorded, [name]), schema=TRADE_ROWS)
                for name, result in sets.results.items()
                for recorded in result.block.trades
            ]
            if spec.results.trades == "all":
                files = results.parts(plan.detector.name, kind="trades")
                if files:
                    table = collected(dataset(files, fixed=True))
                    # Sets evaluated in full are among them, and blocks of two runs may overlap.
                    mine = pa.array(list(sets.results))
                    found.append(table.filter(pc.invert(pc.is_in(table["set_id"], mine))))
            table = pa.concat_tables(found)
            keys = [(key, "ascending") for key in SORT_KEYS[TRADES]]
            yield _distinct(table.sort_by(keys))

    results.write_table(TRADES, pieces(), TRADE_ROWS)


def _distinct(table: pa.Table) -> pa.Table:
    """Drop repeated rows of a sorted table; a set has one trade per symbol and signal."""
    if len(table) < 2:
        return table
    same = np.ones(len(table) - 1, np.bool_)
    for name in ("set_id", "symbol", "signal_ts"):
        column = table[name].combine_chunks()
        later, earlier = column.slice(1), column.slice(0, len(column) - 1)
        same &= pc.equal(later, earlier).to_numpy(zero_copy_only=False)
    return table.filter(pa.array(np.concatenate([[True], ~same])))


def write_funnel(
    plan: SweepPlan, results: Results, full: Sequence[tuple[DetectorPlan, FullSets]]
) -> None:
    """Write `funnel.parquet` of the sets evaluated in full."""
    days = plan.market.sessions.date.astype("datetime64[D]").tolist()
    rows: list[dict[str, Any]] = [
        {
            "detector": one.detector.name,
            "set_id": name,
            "symbol": line.symbol,
            "session": days[line.session],
            "line": line.line,
            "name": line.name,
            "reason": line.reason,
            "bars": line.bars,
        }
        for one, sets in full
        for name, result in sets.results.items()
        for line in result.funnel
    ]
    results.write_table(FUNNEL, [pa.Table.from_pylist(rows, FUNNEL_SCHEMA)])
