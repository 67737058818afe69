"""The route for sets that share exits: an outcome is worked out once and serves all of them.

What becomes of an order depends on the candidate and the exit values alone. So a group of sets
with equal exits shares a table of contributions, and each set steps through it from signal to
signal: the sums get the same numbers in the same order as on the plain route, bit for bit.
"""

from detectors.bars import Float, Int
from sweep.engine.jit import at, kernel
from sweep.engine.orders import DROPPED, exit_bar, trade_batch
from sweep.engine.placement import AXIS, Placed, Places, widened
from sweep.engine.scores import Scoring
from sweep.engine.scratch import Scratch
from sweep.engine.set_by_set import Output, candidate_after, exits_of, follow, time_in_trade
from sweep.engine.settings import Terms
from sweep.engine.sharing import Shared
from sweep.engine.signals import Next, Tests, link_signals, mark_signals
from sweep.engine.sums import SUMS, place_among_best
from sweep.engine.symbol_data import BAR
from sweep.engine.tally import BATCH, ROWS, added, close, contribute, opened, row_of
from sweep.engine.trade import TAKEN, Exits


@kernel
def work_out(
    placed: Placed,
    terms: Terms,
    in_parts: bool | None,
    exits: Exits,
    span: tuple[int, int],
    scratch: Scratch,
) -> None:
    """Work out what becomes of every candidate of a span under some exits.

    Parameters
    ----------
    placed, terms, in_parts, exits
        As in `sweep.engine.set_by_set.follow`.
    span
        First candidate and the one after the last.
    scratch
        `signals` holds the candidates; `rows` and `busy` are filled.
    """
    first, after = span
    rows, busy, n = scratch.rows, scratch.busy, after - first
    if in_parts is None and exits.breakeven == 0.0 and exits.trail == 0.0:
        for begin in range(0, n, BATCH):
            end = min(begin + BATCH, n)
            trade_batch(placed, exits, terms, scratch.signals[begin:end], scratch.sheet)
            row = row_of(begin)
            for c in range(ROWS):
                rows[row + c] = scratch.sheet[c]
            for k in range(begin, end):
                busy[k] = exit_bar(scratch.sheet, k - begin)
        return
    for k in range(n):
        trade = follow(placed, first + k, exits, terms, in_parts)
        busy[k] = DROPPED
        if trade.drop == TAKEN:
            bars, minutes = time_in_trade(placed, first + k, trade, terms)
            contribute(rows, row_of(k), trade, bars, minutes)
            busy[k] = int(placed.fills[trade.exit, BAR])


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
    rows: Float,
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
    upcoming, rows
        int32 [n], float64 in batches, from `link_trades` and `work_out`.
    columns
        int32 [n], column of the session axis.
    sums, daily, daily_trades
        Rows of the set.
    """
    tally, end = opened(sums), len(columns)
    place = widened(following[0])
    while place < end:
        free = widened(upcoming[at(place)])
        if free < 0:
            place = widened(following[at(~free)])
            continue
        row, column = row_of(place), at(columns[at(place)])
        tally = added(tally, rows, row)
        net = rows[at(row)]
        daily[column] += net
        daily_trades[column] += 1
        if net > sums[SUMS - 1]:
            place_among_best(sums, net)
        place = widened(following[at(free)])
    close(tally, sums)


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
    scratch: Scratch,
    out: Output,
) -> None:
    """Run groups of sets that share exits over one symbol's candidates.

    Parameters
    ----------
    tests, scoring, placed, terms, in_parts, blocks, sets, scratch, out
        As in `run_set_by_set`; nothing is recorded.
    groups
        Of `sweep.engine.sharing.Shared`.
    """
    members, bounds, entry, example = groups.members, groups.bounds, groups.entry, groups.example
    thresholds, variant, exits = sets
    passes, linked, every = scratch.passes, scratch.following, scratch.signals
    rows, busy, upcoming, columns = scratch.rows, scratch.busy, scratch.upcoming, scratch.columns
    for b in range(len(blocks) - 1):
        span = (blocks[b], blocks[b + 1])
        n = span[1] - span[0]
        for k in range(n):
            every[k] = span[0] + k
            columns[k] = placed.places[span[0] + k, AXIS]
        for e in range(len(example)):
            s = example[e]
            mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, passes)
            link_signals(passes, n, linked[e])
        for g in range(len(bounds) - 1):
            mine = exits_of(exits[members[bounds[g]]])
            work_out(placed, terms, in_parts, mine, span, scratch)
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
                    rows,
                    columns[:n],
                    out.sums[s],
                    out.daily[s],
                    out.daily_trades[s],
                )
