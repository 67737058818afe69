"""Evaluate a block of parameter sets on candidate tables: trades, their sums and daily R.

Two routes give the same bits: levels that stay where they are find their exit in the records of
the candidate table, moving stops and trade-through targets walk the fill bars.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from detectors.contract import Detector
from sweep.engine.candidates import (
    ADVERSE,
    ADVERSE_END,
    ATR,
    AXIS,
    DECISION,
    ENTRY,
    FAVOURABLE,
    FAVOURABLE_END,
    LAST,
    LENGTH,
    PLACE,
    ROW,
    SIDE,
    SIGNAL_CLOSE,
    TICKS,
    CandidateTable,
    threshold_matrix,
)
from sweep.engine.jit import kernel
from sweep.engine.metrics import account, empty_sums, metrics_of
from sweep.engine.partial_fills import trade_in_parts
from sweep.engine.scores import Scoring, score_of, scoring_of
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import BAR, MINUTE
from sweep.engine.trade import COOLDOWN, IN_TRADE, TAKEN, Order, Outcome
from sweep.engine.whole_fills import trade_whole

EXITS = (
    "stop_atr",
    "target_atr",
    "max_hold_bars",
    "cooldown_bars",
    "flat_before_close_minutes",
    "breakeven_atr",
    "trail_atr",
)

TRADE_COLUMNS = (
    "set",
    "candidate",
    "entry_bar",
    "exit_bar",
    "reason",
    "ambiguous",
    "stop",
    "target",
    "entry_price",
    "exit_price",
    "quantity",
    "r_gross",
    "r_net",
    "r_target_first",
    "score",
)
NO_SIGNAL = -2


class Output(NamedTuple):
    """What `_run` adds to: sums, daily series, and records where they are not empty."""

    sums: Float
    daily: Float
    daily_trades: NDArray[np.int32]
    fate: NDArray[np.int8]
    trades: Float


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


@kernel
def _signals(
    shared: Float, varied: Float, order: Int, thresholds: Float, out: NDArray[np.bool_]
) -> None:
    """Mark the candidates that pass every threshold of a set."""
    out[:] = True
    for k in range(len(shared)):
        limit = thresholds[order[k]]
        for i in range(len(out)):
            out[i] &= shared[k, i] >= limit
    for k in range(len(varied)):
        limit = thresholds[order[len(shared) + k]]
        for i in range(len(out)):
            out[i] &= varied[k, i] >= limit


@kernel
def _mark(
    tests: tuple[Float, Float, Int],
    scoring: Scoring | None,
    s: int,
    variant: int,
    thresholds: Float,
    passes: NDArray[np.bool_],
) -> None:
    """Mark the candidates that are signals of set s."""
    shared, varied, order = tests
    _signals(shared, varied[variant], order, thresholds, passes)
    if scoring is not None:
        for i in range(len(passes)):
            if passes[i]:
                passes[i] = score_of(scoring, variant, s, i) >= thresholds[-1]


@kernel
def _score(varied: Float, scoring: Scoring | None, s: int, variant: int, i: int) -> float:
    """Return the score that set s gives to candidate i."""
    if scoring is not None:
        return score_of(scoring, variant, s, i)
    return float(varied[variant, -1, i])


@kernel
def _order(row: Float, first_at: Int, exits: Float, bar_minutes: int) -> Order:
    """Make a candidate's order with the exits of a set (`EXITS`)."""
    last, decision = int(row[LAST]), int(row[DECISION])
    flat = int(row[LENGTH]) - int(exits[4])
    timed = decision + int(exits[2]) * bar_minutes
    forced, minute, place = last + 1, min(flat, timed), int(row[PLACE])
    if minute < first_at.shape[1] and first_at[place, minute] >= 0:
        forced = first_at[place, minute]
    return Order(
        row[SIDE],
        row[SIGNAL_CLOSE],
        row[ATR],
        row[TICKS],
        exits[0],
        exits[1],
        exits[5],
        exits[6],
        int(row[ENTRY]),
        last,
        decision,
        flat,
        timed,
        forced,
        int(row[ADVERSE]),
        int(row[ADVERSE_END]),
        int(row[FAVOURABLE]),
        int(row[FAVOURABLE_END]),
    )


@kernel
def _record(trade: Outcome, s: int, i: int, score: float, out: Float) -> None:
    """Write a trade into a row of `TRADE_COLUMNS`."""
    places = (s, i, trade.entry, trade.exit, trade.reason, int(trade.ambiguous))
    for k in range(6):
        out[k] = places[k]
    prices = (trade.stop, trade.target, trade.entry_price, trade.exit_price, trade.quantity)
    for k in range(5):
        out[6 + k] = prices[k]
    out[11], out[12], out[13] = trade.gross, trade.net, trade.first
    out[14] = score


@kernel
def _run(
    tests: tuple[Float, Float, Int],
    rows: Float,
    first_at: Int,
    adverse: Float,
    favourable: Float,
    fills: Float,
    terms: Terms,
    in_parts: bool | None,
    scoring: Scoring | None,
    thresholds: Float,
    variant: Int,
    exits: Float,
    out: Output,
) -> int:
    """Run every set over one symbol's candidates; returns the number of trades recorded.

    `in_parts` is None where orders fill whole, `scoring` where the score is a column: the compiler
    then leaves the other branch out, which halves the time to compile.
    """
    sums, daily, daily_trades, fate, trades = out
    n = len(rows)
    passes = np.empty(n, np.bool_)
    recording = len(fate) > 0
    count = 0
    for s in range(len(exits)):
        _mark(tests, scoring, s, variant[s], thresholds[s], passes)
        session, busy, free = -1.0, 0.0, 0.0
        for i in range(n):
            if not passes[i]:
                continue
            if rows[i, AXIS] != session:
                session, busy, free = rows[i, AXIS], 0.0, 0.0
            if rows[i, ROW] < free:
                if recording:
                    fate[s, i] = IN_TRADE if rows[i, ROW] < busy else COOLDOWN
                continue
            asked = _order(rows[i], first_at, exits[s], terms.bar_minutes)
            if in_parts is None:
                trade = trade_whole(adverse, favourable, fills, asked, terms)
            else:
                trade = trade_in_parts(fills, asked, terms)
            if recording:
                fate[s, i] = trade.drop
            if trade.drop != TAKEN:
                continue
            begin, end = int(fills[trade.entry, MINUTE]), int(fills[trade.exit, MINUTE])
            bars = end // terms.bar_minutes - begin // terms.bar_minutes + 1
            until = min(end + terms.fill_minutes, int(rows[i, LENGTH]))
            account(sums[s], trade, bars, until - begin)
            daily[s, int(session)] += trade.net
            daily_trades[s, int(session)] += 1
            busy = fills[trade.exit, BAR]
            free = busy + exits[s, 3]
            if recording:
                score = _score(tests[1], scoring, s, variant[s], i)
                _record(trade, s, i, score, trades[count])
                count += 1
    return count


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
    sums = empty_sums(n)
    daily = np.zeros((n, n_sessions))
    daily_trades = np.zeros((n, n_sessions), np.int32)
    recorded = []
    for table in tables:
        shape = (n, len(table)) if trades else (0, 0)
        out = Output(
            sums,
            daily,
            daily_trades,
            np.full(shape, NO_SIGNAL, np.int8),
            np.zeros((shape[0] * shape[1], len(TRADE_COLUMNS))),
        )
        variant = _variant_index(table, sets)
        count = _run(
            (table.shared, table.varied, table.order),
            table.rows,
            table.first_at,
            table.adverse,
            table.favourable,
            table.fills.rows,
            table.terms,
            True if table.terms.participation > 0 or table.terms.impact > 0 else None,
            scoring_of(detector, table.factors, table.scaled, sets),
            thresholds,
            variant,
            exits,
            out,
        )
        if trades:
            columns = dict(zip(TRADE_COLUMNS, out.trades[:count].T.copy(), strict=True))
            recorded.append(SymbolTrades(table, variant, columns, out.fate))
    minutes = sum(table.session_minutes for table in tables)
    metrics = metrics_of(sums, daily, daily_trades, minutes)
    return BlockResult(metrics, daily, daily_trades, tuple(recorded))


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
