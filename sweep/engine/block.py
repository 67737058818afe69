"""Evaluate a block of parameter sets on candidate tables: trades, their sums and daily R.

Two routes to an outcome give the same bits: levels that stay where they are find their exit in the
records of the candidate table, moving stops and orders that fill in parts walk the fill bars.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from sweep.engine.candidates import CandidateTable
from sweep.engine.metrics import metrics_of
from sweep.engine.own_exits import run_own_exits
from sweep.engine.placement import AFTER
from sweep.engine.scores import scoring_of
from sweep.engine.scratch import scratch_for
from sweep.engine.set_by_set import TRADE_COLUMNS, Output, run_set_by_set
from sweep.engine.sets import ParameterSets
from sweep.engine.shared_exits import run_shared
from sweep.engine.sharing import Shared, split_by_sharing
from sweep.engine.signals import threshold_matrix
from sweep.engine.sums import empty_sums

EXITS = (
    "stop_atr",
    "target_atr",
    "breakeven_atr",
    "trail_atr",
    "max_hold_bars",
    "flat_before_close_minutes",
    "cooldown_bars",
)
"""Exit parameters in the order of `sweep.engine.trade.Exits`."""

NO_SIGNAL = -2
CACHED = 512
"""Candidates of a block of sessions: with their records and bars some 300 KB, a third of an L2."""


@dataclasses.dataclass(frozen=True)
class SymbolTrades:
    """Trades of a block on one symbol, and what became of every candidate.

    Attributes
    ----------
    table
        The candidate table.
    variant
        int64 [sets], row of `table.variants` of each set.
    columns
        name of `TRADE_COLUMNS` -> float64 [trades], sorted by set, then time; prices are real.
    fate
        int8 [sets, candidates]: index into `DROPS`, TAKEN, or NO_SIGNAL.
    """

    table: CandidateTable
    variant: Int
    columns: dict[str, Float]
    fate: NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class BlockResult:
    """What a block of n sets earned.

    Attributes
    ----------
    metrics
        name -> [n], see `sweep.engine.metrics`.
    daily
        float64 [n, sessions], net R of the trades entered in the session, all symbols.
    daily_trades
        int32 [n, sessions], trades entered.
    trades
        One entry a symbol when asked for, else empty.
    """

    metrics: dict[str, NDArray[np.float64] | Int]
    daily: Float
    daily_trades: NDArray[np.int32]
    trades: tuple[SymbolTrades, ...] = ()


def evaluate_block(
    detector: Detector,
    tables: Sequence[CandidateTable],
    sets: ParameterSets,
    *,
    trades: bool = False,
) -> BlockResult:
    """Evaluate parameter sets on one or more symbols.

    Parameters
    ----------
    detector
        Registry entry.
    tables
        Candidate tables of the same run, in symbol order; sums run in this order.
    sets
        n sets inside the bounds and variants the tables were built for.
    trades
        Record every trade and the fate of every candidate; memory grows with sets x candidates.

    Returns
    -------
    BlockResult
        The same bits for a set, whatever other sets share its block.
    """
    n, n_sessions = len(sets), tables[0].n_sessions
    thresholds = threshold_matrix(detector, sets)
    exits = np.stack([sets.values[name] for name in EXITS], axis=1)
    series = (np.zeros((n, n_sessions)), np.zeros((n, n_sessions), np.int32))
    sums = empty_sums(n)
    recorded = []
    variant, alone, batches = np.empty(0, np.int64), np.arange(n), list[Shared]()
    moves = (sets.values["breakeven_atr"] > 0) | (sets.values["trail_atr"] > 0)
    variants, minutes, room = np.empty(0), 0, -1
    for k, table in enumerate(tables):  # once: tables may be fetched for it, and let go
        minutes += table.session_minutes
        whole = table.terms.participation == table.terms.impact == 0 and not trades
        scoring = scoring_of(detector, table.factors, table.scaled, sets)
        if k == 0 or not np.array_equal(table.variants, variants):
            variants = table.variants.copy()
            variant = _variant_index(table, sets)
            if not trades:
                alone, batches = split_by_sharing(thresholds, variant, exits, scoring)
            entries, room = max((len(batch.example) for batch in batches), default=0), -1
        cuts = session_blocks(table, CACHED)
        if (longest := int(np.diff(cuts).max(initial=0))) > room:
            room, scratch = longest, scratch_for(longest, n, entries)
        shape = (n, len(table)) if trades else (0, 0)
        fate = np.full(shape, NO_SIGNAL, np.int8)
        records = np.zeros((shape[0] * shape[1], len(TRADE_COLUMNS)))
        out = Output(sums, *series, fate, records)
        common = (
            (table.shared, table.varied, table.order),
            scoring,
            table.placed,
            table.terms,
            True if table.terms.participation > 0 or table.terms.impact > 0 else None,
            cuts,
        )
        rules = (thresholds, variant, exits)
        for batch in batches:
            run_shared(*common, batch, rules, scratch, out)
        own = alone[~moves[alone]] if whole else alone[:0]
        if len(own):
            run_own_exits(*common[:4], common[5], own, rules, scratch, out)
        walked = alone[moves[alone]] if whole else alone
        count = run_set_by_set(*common, walked, rules, scratch, out) if len(walked) else 0
        if trades:
            columns = dict(zip(TRADE_COLUMNS, out.trades[:count].T.copy(), strict=True))
            recorded.append(SymbolTrades(table, variant, columns, out.fate))
    metrics = metrics_of(sums, *series, minutes)
    return BlockResult(metrics, *series, tuple(recorded))


def session_blocks(table: CandidateTable, length: int) -> Int:
    """Cut candidates into blocks of whole sessions, each of at least `length` but the last.

    Returns
    -------
    numpy.ndarray
        int64 [blocks + 1], first candidate of each block, and their number.
    """
    starts = [0]
    while starts[-1] < len(table):
        last = min(starts[-1] + length, len(table)) - 1
        starts.append(int(table.places[last, AFTER]))
    return np.array(starts)


def _variant_index(table: CandidateTable, sets: ParameterSets) -> Int:
    """Return the row of `table.variants` of every set."""
    if not table.structural:
        return np.zeros(len(sets), np.int64)
    index = {variant: k for k, variant in enumerate(map(tuple, table.variants.tolist()))}
    wanted = zip(*(sets.values[name].tolist() for name in table.structural), strict=True)
    try:
        return np.array([index[variant] for variant in wanted], np.int64)
    except KeyError as missing:
        names = ", ".join(table.structural)
        raise ValueError(
            f"the candidate table was not built for {names} = {missing.args[0]}"
        ) from None
