"""The route for sets that share exits: an outcome is worked out once and serves all of them.

What becomes of an order depends on the candidate and the exit values alone. So a group of sets
with equal exits shares a table of contributions, and each set steps through it from signal to
signal: the sums get the same numbers in the same order as on the plain route, bit for bit.
"""

import numpy as np

from detectors.bars import Float, Int
from sweep.engine.jit import kernel
from sweep.engine.placement import AXIS, Placed, Places
from sweep.engine.scores import Scoring
from sweep.engine.set_by_set import Output, candidate_after, exits_of, follow, time_in_trade
from sweep.engine.settings import Terms
from sweep.engine.sharing import Shared
from sweep.engine.signals import Next, Tests, link_signals, mark_signals
from sweep.engine.sums import (
    AMBIGUOUS,
    BARS,
    CONTRIBUTIONS,
    GROSS,
    LOSSES,
    LOST,
    MEAN,
    MINUTES,
    NET,
    NOTIONAL,
    REASONS,
    SQUARES,
    SUMS,
    TARGET_FIRST,
    TRADES,
    WINS,
    WON,
    contribute,
    place_among_best,
)
from sweep.engine.symbol_data import BAR
from sweep.engine.trade import FLAT, STOP, STOP_GAP, TAKEN, TARGET, TIME

DROPPED = -1


@kernel
def work_out(
    placed: Placed,
    terms: Terms,
    in_parts: bool | None,
    exits: Float,
    span: tuple[int, int],
    contributions: Float,
    busy: Places,
) -> None:
    """Work out what every candidate of a span contributes under some exits.

    Parameters
    ----------
    span
        First candidate and the one after the last.
    contributions
        float64 [span, CONTRIBUTIONS], out.
    busy
        int32 [span], out: signal bar of the exit, DROPPED where there is no trade.
    """
    mine = exits_of(exits)
    first, after = span
    for i in range(first, after):
        trade = follow(placed, i, mine, terms, in_parts)
        busy[i - first] = DROPPED
        if trade.drop == TAKEN:
            bars, minutes = time_in_trade(placed, i, trade, terms)
            contribute(contributions[i - first], trade, bars, minutes)
            busy[i - first] = int(placed.fills[trade.exit, BAR])


@kernel
def link_trades(
    placed: Placed, busy: Places, cooldown: int, span: tuple[int, int], upcoming: Places
) -> None:
    """Write the first place at which a set can signal again after each candidate's trade.

    A dropped order blocks nothing; its entry is the complement of the place, so below 0.
    """
    first, after = span
    for k in range(after - first):
        if busy[k] == DROPPED:
            upcoming[k] = ~(k + 1)
        else:
            upcoming[k] = candidate_after(placed, first + k, busy[k] + cooldown) - first


@kernel
def step_through(
    following: Next,
    upcoming: Places,
    contributions: Float,
    columns: Places,
    sums: Float,
    daily: Float,
    daily_trades: Places,
) -> None:
    """Add the trades of one set in one block of sessions to its sums.

    Parameters
    ----------
    following
        int32 [n + 1], next signal at or after each place.
    upcoming, contributions
        int32 [n], float64 [n, CONTRIBUTIONS], from `link_trades` and `work_out`.
    columns
        int32 [n], column of the session axis.
    sums, daily, daily_trades
        Rows of the set.
    """
    trades, mean, squares = sums[TRADES], sums[MEAN], sums[SQUARES]
    won, lost, gross, notional = sums[WON], sums[LOST], sums[GROSS], sums[NOTIONAL]
    wins, losses, ambiguous = sums[WINS], sums[LOSSES], sums[AMBIGUOUS]
    target_first, bars, minutes = sums[TARGET_FIRST], sums[BARS], sums[MINUTES]
    stop, gap, target = (
        sums[REASONS + STOP],
        sums[REASONS + STOP_GAP],
        sums[REASONS + TARGET],
    )
    timed, flat = sums[REASONS + TIME], sums[REASONS + FLAT]
    fifth = sums[SUMS - 1]
    end = len(columns)
    place = following[0]
    while place < end:
        free = upcoming[place]
        if free < 0:
            place = following[~free]
            continue
        one = contributions[place]
        net = one[NET]
        trades += 1.0
        step = net - mean
        mean += step / trades
        squares += step * (net - mean)
        won += one[WON]
        lost += one[LOST]
        gross += one[GROSS]
        target_first += one[TARGET_FIRST]
        notional += one[NOTIONAL]
        bars += one[BARS]
        minutes += one[MINUTES]
        ambiguous += one[AMBIGUOUS]
        wins += one[WINS]
        losses += one[LOSSES]
        stop += one[REASONS + STOP]
        gap += one[REASONS + STOP_GAP]
        target += one[REASONS + TARGET]
        timed += one[REASONS + TIME]
        flat += one[REASONS + FLAT]
        daily[columns[place]] += net
        daily_trades[columns[place]] += 1
        if net > fifth:
            place_among_best(sums, net)
            fifth = sums[SUMS - 1]
        place = following[free]
    sums[TRADES], sums[MEAN], sums[SQUARES] = trades, mean, squares
    sums[WON], sums[LOST], sums[GROSS], sums[NOTIONAL] = won, lost, gross, notional
    sums[WINS], sums[LOSSES], sums[AMBIGUOUS] = wins, losses, ambiguous
    sums[TARGET_FIRST], sums[BARS], sums[MINUTES] = target_first, bars, minutes
    sums[REASONS + STOP], sums[REASONS + STOP_GAP], sums[REASONS + TARGET] = stop, gap, target
    sums[REASONS + TIME], sums[REASONS + FLAT] = timed, flat
    # What no other reason counts ended with its session; the difference of counts is exact.
    sums[REASONS + FLAT + 1] = trades - (stop + gap + target + timed + flat)


@kernel
def run_shared(
    tests: Tests,
    scoring: Scoring | None,
    placed: Placed,
    terms: Terms,
    in_parts: bool | None,
    blocks: Int,
    groups: Shared,
    sets: tuple[Float, Int, Float],
    out: Output,
) -> None:
    """Run groups of sets that share exits over one symbol's candidates.

    Parameters
    ----------
    tests, scoring, placed, terms, in_parts, blocks, sets, out
        As in `run_set_by_set`; nothing is recorded.
    groups
        Of `sweep.engine.sharing.Shared`.
    """
    members, bounds, entry, example = groups.members, groups.bounds, groups.entry, groups.example
    thresholds, variant, exits = sets
    longest = 0
    for b in range(len(blocks) - 1):
        longest = max(longest, blocks[b + 1] - blocks[b])
    passes = np.empty(longest, np.bool_)
    linked = np.empty((max(len(example), 1), longest + 1), np.int32)
    contributions = np.empty((longest, CONTRIBUTIONS))
    busy, upcoming = np.empty(longest, np.int32), np.empty(longest, np.int32)
    columns = np.empty(longest, np.int32)
    for b in range(len(blocks) - 1):
        span = (blocks[b], blocks[b + 1])
        n = span[1] - span[0]
        for k in range(n):
            columns[k] = placed.places[span[0] + k, AXIS]
        for e in range(len(example)):
            s = example[e]
            mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, passes)
            link_signals(passes, n, linked[e])
        for g in range(len(bounds) - 1):
            work_out(placed, terms, in_parts, exits[members[bounds[g]]], span, contributions, busy)
            cooldown = -1
            for k in range(bounds[g], bounds[g + 1]):
                s = members[k]
                if int(exits[s, 6]) != cooldown:
                    cooldown = int(exits[s, 6])
                    link_trades(placed, busy, cooldown, span, upcoming)
                row = entry[s]
                if len(example) == 0:
                    row = 0
                    mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, passes)
                    link_signals(passes, n, linked[0])
                step_through(
                    linked[row],
                    upcoming,
                    contributions,
                    columns[:n],
                    out.sums[s],
                    out.daily[s],
                    out.daily_trades[s],
                )
