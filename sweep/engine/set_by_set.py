"""The plain route: every set follows its own trades, session block by session block.

A block's candidates, records and bars stay in the cache while all sets pass over them; no state of
a trade crosses a session, so only the sums travel from block to block.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float, Int
from sweep.engine.eights import fetch
from sweep.engine.jit import at, kernel
from sweep.engine.partial_fills import trade_in_parts
from sweep.engine.placement import AFTER, AXIS, LENGTH, ROW, Placed, order_of, widened
from sweep.engine.scores import Scoring
from sweep.engine.scratch import Scratch
from sweep.engine.settings import Terms
from sweep.engine.signals import Tests, mark_signals, next_signal, score_at
from sweep.engine.sums import SUMS, account
from sweep.engine.symbol_data import BAR, BUCKET, MINUTE
from sweep.engine.trade import COOLDOWN, IN_TRADE, TAKEN, Exits, Outcome
from sweep.engine.whole_fills import trade_whole

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

LINE = 8
"""Numbers of float64 in a cache line."""


class Output(NamedTuple):
    """What routes add to: sums, daily series, and records where they are not empty."""

    sums: Float
    daily: Float
    daily_trades: NDArray[np.int32]
    fate: NDArray[np.int8]
    trades: Float


@kernel
def exits_of(row: Float) -> Exits:
    """Return the exits of a set from its row of `block.EXITS`."""
    return Exits(row[0], row[1], row[2], row[3], int(row[4]), int(row[5]), int(row[6]))


@kernel
def follow(placed: Placed, i: int, exits: Exits, terms: Terms, in_parts: bool | None) -> Outcome:
    """Follow the order of candidate i; `in_parts` is None where orders fill whole."""
    order = order_of(placed.prices[i], placed.places[i], placed.first_at, exits, terms.bar_minutes)
    if in_parts is None:
        return trade_whole(placed.adverse, placed.favourable, placed.fills, order, terms)
    return trade_in_parts(placed.fills, order, terms)


@kernel
def time_in_trade(placed: Placed, i: int, trade: Outcome, terms: Terms) -> tuple[int, int]:
    """Return signal buckets and minutes from the entry to the exit of a trade."""
    entered, left = placed.fills[trade.entry], placed.fills[trade.exit]
    begin, end = int(entered[MINUTE]), int(left[MINUTE])
    bars = int(left[BUCKET] - entered[BUCKET]) + 1
    return bars, min(end + terms.fill_minutes, widened(placed.places[i, LENGTH])) - begin


@kernel
def candidate_after(placed: Placed, i: int, free: int) -> int:
    """Return the first candidate at or after bar `free`, at most the next session's first."""
    bar = min(free, len(placed.at_row) - 1)
    return min(widened(placed.at_row[at(bar)]), widened(placed.places[at(i), AFTER]))


@kernel
def fetch_rows(out: Output, s: int, columns: tuple[int, int]) -> None:
    """Have the rows of a set brought, which have left the cache since the block before.

    `columns` are the first and the last one of the session axis that its trades go to.
    """
    sums, daily, daily_trades = out.sums[s], out.daily[s], out.daily_trades[s]
    for k in range(0, SUMS, LINE):
        fetch(sums, k)
    for k in range(columns[0], columns[1] + LINE, LINE):
        fetch(daily, min(k, columns[1]))
    for k in range(columns[0], columns[1] + 2 * LINE, 2 * LINE):
        fetch(daily_trades, min(k, columns[1]))


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
def run_set_by_set(
    tests: Tests,
    scoring: Scoring | None,
    placed: Placed,
    terms: Terms,
    in_parts: bool | None,
    blocks: Int,
    members: Int,
    sets: tuple[Float, Int, Float],
    scratch: Scratch,
    out: Output,
) -> int:
    """Run sets over one symbol's candidates.

    `in_parts` is None where orders fill whole, `scoring` where the score is a column: the compiler
    then leaves the other branch out, which halves the time to compile.

    Parameters
    ----------
    blocks
        int64 [blocks + 1], first candidate of each block of sessions, and their number.
    members
        int64, the sets to run.
    sets
        Thresholds float64 [sets, tests + 1], variant int64 [sets], exits float64 [sets, 7].
    scratch
        Room for the longest block.
    out
        What is added to.

    Returns
    -------
    int
        Number of trades recorded.
    """
    thresholds, variant, exits = sets
    words = scratch.words[0]
    recording = len(out.fate) > 0
    count = 0
    for b in range(len(blocks) - 1):
        first, after = blocks[b], blocks[b + 1]
        for s in members:
            which = (s, variant[s])
            mark_signals(tests, scoring, which, thresholds[s], (first, after), words)
            mine = exits_of(exits[s])
            i = first + next_signal(words, 0)
            while i < after:
                trade = follow(placed, i, mine, terms, in_parts)
                upcoming, busy = i + 1, 0
                if trade.drop == TAKEN:
                    session = placed.places[i, AXIS]
                    bars, minutes = time_in_trade(placed, i, trade, terms)
                    account(out.sums[s], trade, bars, minutes)
                    out.daily[s, session] += trade.net
                    out.daily_trades[s, session] += 1
                    busy = int(placed.fills[trade.exit, BAR])
                    upcoming = candidate_after(placed, i, busy + mine.cooldown_bars)
                if recording:
                    out.fate[s, i] = trade.drop
                    k = first + next_signal(words, i + 1 - first)
                    while k < upcoming:
                        waits = placed.places[k, ROW] < busy
                        out.fate[s, k] = IN_TRADE if waits else COOLDOWN
                        k = first + next_signal(words, k + 1 - first)
                    if trade.drop == TAKEN:
                        score = score_at(tests[1], scoring, s, variant[s], i)
                        _record(trade, s, i, score, out.trades[count])
                        count += 1
                i = first + next_signal(words, upcoming - first)
    return count
