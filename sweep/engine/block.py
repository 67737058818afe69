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
from sweep.engine.candidates import Candidates, CandidateTable, Stairs, threshold_matrix
from sweep.engine.jit import kernel
from sweep.engine.metrics import account, empty_sums, metrics_of
from sweep.engine.sets import ParameterSets
from sweep.engine.symbol_data import FillBars
from sweep.engine.trade import (
    AFTER_FLAT,
    BEYOND_STOP,
    BEYOND_TARGET,
    COOLDOWN,
    FLAT,
    FORCED,
    IN_TRADE,
    LEVELS_FROM_ENTRY,
    MIN_RISK_SHARE,
    NO_FILL,
    RISK_TOO_SMALL,
    TARGET,
    TARGET_AT_OPEN,
    TIME,
    TRADE_THROUGH,
    Levels,
    Moves,
    ceil_tick,
    exit_reference,
    fill_price,
    floor_tick,
    result_r,
    search_exit,
    walk_to_exit,
)

EXITS = (
    "stop_atr",
    "target_atr",
    "max_hold_bars",
    "cooldown_bars",
    "flat_before_close_minutes",
    "breakeven_atr",
    "trail_atr",
)
STOP_ATR, TARGET_ATR, MAX_HOLD, COOLDOWN_BARS, FLAT_BEFORE, BREAKEVEN, TRAIL = range(7)

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
    "risk",
    "r_gross",
    "r_net",
    "r_target_first",
)
TAKEN, NO_SIGNAL = -1, -2


class Terms(NamedTuple):
    """Fill settings and costs as arrays, and the length of a signal bar in minutes."""

    settings: Float
    costs: Float
    bar_minutes: int


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
    candidates: Candidates, variant: int, thresholds: Float, out: NDArray[np.bool_]
) -> None:
    """Mark the candidates that pass every threshold of a set."""
    out[:] = True
    n_shared = candidates.shared.shape[0]
    for k in range(n_shared):
        limit = thresholds[candidates.order[k]]
        for i in range(len(out)):
            out[i] &= candidates.shared[k, i] >= limit
    for k in range(candidates.varied.shape[1]):
        limit = thresholds[candidates.order[n_shared + k]]
        for i in range(len(out)):
            out[i] &= candidates.varied[variant, k, i] >= limit


@kernel
def _enter(
    candidates: Candidates, i: int, fills: FillBars, flat: int, exits: Float, terms: Terms
) -> tuple[int, float, float, Levels]:
    """Place the entry and its levels (F1, F2, F7, F8).

    Returns the drop code (TAKEN for a trade), the real entry fill, the risk in price units and the
    turned levels.
    """
    entry = candidates.entry[i]
    nothing = Levels(0.0, 0.0, 0.0)
    if entry < 0:
        return NO_FILL, 0.0, 0.0, nothing
    if fills.minute[entry] >= flat:
        return AFTER_FLAT, 0.0, 0.0, nothing
    side, atr, ticks = float(candidates.side[i]), candidates.atr[i], candidates.ticks[i]
    opening = side * fills.open[entry]
    entry_fill = fill_price(fills.open[entry], side, terms.costs)
    from_entry = terms.settings[LEVELS_FROM_ENTRY] > 0.0
    base = side * entry_fill if from_entry else candidates.close[i]
    tick = 1.0 / ticks
    levels = Levels(
        floor_tick(base - exits[STOP_ATR] * atr, ticks),
        ceil_tick(base + exits[TARGET_ATR] * atr, ticks),
        tick if terms.settings[TRADE_THROUGH] > 0.0 else 0.0,
    )
    risk = abs(side * entry_fill - levels.stop)
    if opening <= levels.stop:
        return BEYOND_STOP, 0.0, 0.0, nothing
    if opening >= levels.target:
        return BEYOND_TARGET, 0.0, 0.0, nothing
    if risk < terms.settings[MIN_RISK_SHARE] * abs(base - levels.stop):
        return RISK_TOO_SMALL, 0.0, 0.0, nothing
    return TAKEN, entry_fill, max(risk, tick), levels


@kernel
def _forced_bar(first_at: NDArray[np.int32], minute: int, last: int) -> int:
    """Return the first fill bar at or after a minute of the session, past the last if none."""
    if minute >= len(first_at) or first_at[minute] < 0:
        return last + 1
    return int(first_at[minute])


@kernel
def _leave(
    candidates: Candidates,
    i: int,
    stairs: tuple[Stairs, Stairs],
    fills: FillBars,
    flat: int,
    exits: Float,
    entry_fill: float,
    levels: Levels,
    terms: Terms,
) -> tuple[int, int, bool, float]:
    """Find the exit: fill bar, reason, both levels in the bar, real price before slippage."""
    side, atr, last = float(candidates.side[i]), candidates.atr[i], int(candidates.last[i])
    timed = candidates.decision[i] + int(exits[MAX_HOLD]) * terms.bar_minutes
    forced = _forced_bar(candidates.first_at[candidates.place[i]], min(flat, timed), last)
    span = (int(candidates.entry[i]), forced, last)
    stop = levels.stop
    if exits[BREAKEVEN] > 0.0 or exits[TRAIL] > 0.0 or levels.beyond > 0.0:
        moves = Moves(side * entry_fill, exits[BREAKEVEN] * atr, exits[TRAIL] * atr)
        bar, reason, both, stop = walk_to_exit(fills, side, span, levels, moves)
    else:
        bar, reason, both = search_exit(i, stairs[0], stairs[1], fills, side, span, levels)
    if reason == FORCED:
        reason = FLAT if fills.minute[bar] >= flat else TIME
    improve = terms.settings[TARGET_AT_OPEN] > 0.0
    return (
        bar,
        reason,
        both,
        exit_reference(fills, bar, side, reason, stop, levels.target, improve),
    )


@kernel
def _run(
    candidates: Candidates,
    stairs: tuple[Stairs, Stairs],
    fills: FillBars,
    terms: Terms,
    thresholds: Float,
    variant: Int,
    exits: Float,
    out: Output,
) -> int:
    """Run every set over one symbol's candidates; returns the number of trades recorded."""
    n = len(candidates.row)
    passes = np.empty(n, np.bool_)
    recording = len(out.fate) > 0
    count = 0
    for s in range(len(exits)):
        _signals(candidates, variant[s], thresholds[s], passes)
        session, busy, free = -1, 0, 0
        for i in range(n):
            if not passes[i]:
                continue
            row = candidates.row[i]
            if candidates.axis[i] != session:
                session, busy, free = candidates.axis[i], 0, 0
            if row < free:
                if recording:
                    out.fate[s, i] = IN_TRADE if row < busy else COOLDOWN
                continue
            flat = candidates.length[i] - int(exits[s, FLAT_BEFORE])
            drop, entry_fill, risk, levels = _enter(candidates, i, fills, flat, exits[s], terms)
            if recording:
                out.fate[s, i] = drop
            if drop != TAKEN:
                continue
            bar, reason, both, reference = _leave(
                candidates, i, stairs, fills, flat, exits[s], entry_fill, levels, terms
            )
            entry, side = candidates.entry[i], float(candidates.side[i])
            opening = fills.open[entry]
            limit = side * levels.target
            exit_fill = (
                reference if reason == TARGET else fill_price(reference, -side, terms.costs)
            )
            gross = side * (reference - opening) / risk
            net = result_r(side, entry_fill, exit_fill, risk, terms.costs)
            first = result_r(side, entry_fill, limit, risk, terms.costs) if both else net
            account(
                out.sums[s],
                (gross, net, first, (abs(opening) + abs(reference)) / risk),
                (
                    reason,
                    fills.bar[bar] - fills.bar[entry] + 1,
                    fills.minute[bar] - fills.minute[entry],
                ),
                both,
            )
            out.daily[s, session] += net
            out.daily_trades[s, session] += 1
            busy = fills.bar[bar]
            free = busy + int(exits[s, COOLDOWN_BARS])
            if recording:
                whole = (float(s), float(i), float(entry), float(bar), float(reason), 1.0 * both)
                prices = (side * levels.stop, limit, entry_fill, exit_fill, risk)
                for k, x in enumerate(whole + prices + (gross, net, first)):  # noqa: RUF005
                    out.trades[count, k] = x
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
            table.candidates,
            (table.adverse, table.favourable),
            table.fills,
            Terms(table.settings, table.costs, table.bar_minutes),
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
