"""The route for sets with exits of their own, stops that stay in place, orders that fill whole.

Which signal a set takes next hangs on the exit of the trade before, so one set at a time keeps the
processor waiting. Sets do not hang on each other: some dozen go side by side, a lane each, from
trade to trade, and a set that is through with a block of sessions leaves its lane to the next.
"""

from detectors.bars import Float, Int
from sweep.engine.eights import LANES, eight, put, spread, where_below
from sweep.engine.jit import at, kernel
from sweep.engine.orders import DROPPED, exit_bar, read_orders, seat_exits, trade_orders
from sweep.engine.placement import AXIS, Placed, widened
from sweep.engine.scores import Scoring
from sweep.engine.scratch import Scratch
from sweep.engine.set_by_set import Output, candidate_after, exits_of, fetch_rows
from sweep.engine.settings import Terms
from sweep.engine.sheet import (
    BATCH,
    COUNTED,
    ENTERS,
    MEAN_NOW,
    NET,
    SHEET,
    SQUARES_NOW,
    STOP_ATR,
    SUMS_NOW,
)
from sweep.engine.signals import Tests, mark_signals, next_signal
from sweep.engine.sums import MEAN, SQUARES, SUMS, TRADES, place_among_best
from sweep.engine.tally import add_to_mean, close_sums, open_sums


@kernel
def _add_lanes(sheet: Float, group: int) -> None:
    """Add the trades of eight lanes to the tallies of their sets."""
    none, one = spread(0.0), spread(1.0)
    enters, net = eight(sheet, ENTERS + group), eight(sheet, NET + group)
    mean, squares = eight(sheet, MEAN_NOW + group), eight(sheet, SQUARES_NOW + group)
    trades = eight(sheet, COUNTED + group) + where_below(none, enters, one, none)
    new_mean, new_squares = add_to_mean(net, trades, mean, squares)
    put(sheet, COUNTED + group, trades)
    put(sheet, MEAN_NOW + group, where_below(none, enters, new_mean, mean))
    put(sheet, SQUARES_NOW + group, where_below(none, enters, new_squares, squares))
    for column in range(LANES):
        total = SUMS_NOW + column * BATCH + group
        more = where_below(none, enters, eight(sheet, column * BATCH + group), none)
        put(sheet, total, eight(sheet, total) + more)


@kernel
def _sit_down(sums: Float, lane: int, sheet: Float) -> None:
    """Take the sums of a set into a lane."""
    sheet[COUNTED + lane], sheet[MEAN_NOW + lane] = sums[TRADES], sums[MEAN]
    sheet[SQUARES_NOW + lane] = sums[SQUARES]
    open_sums(sums, sheet, SUMS_NOW + lane, BATCH)


@kernel
def _seat(
    tests: Tests,
    scoring: Scoring | None,
    terms: Terms,
    sets: tuple[Float, Int, Float],
    s: int,
    span: tuple[int, int],
    lane: int,
    scratch: Scratch,
    out: Output,
) -> bool:
    """Give a lane to a set, unless it has no signal in the span; say whether it has."""
    thresholds, variant, exits = sets
    mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, scratch.words[lane])
    scratch.members[lane], scratch.here[lane] = s, span[0] + next_signal(scratch.words[lane], 0)
    seat_exits(exits_of(exits[s]), terms, lane, scratch.sheets[0])
    _sit_down(out.sums[s], lane, scratch.sheets[0])
    return bool(scratch.here[lane] < span[1])


@kernel
def _get_up(sums: Float, lane: int, sheet: Float, added: Float) -> None:
    """Put the sums of a lane's set back."""
    for column in range(LANES):
        added[column] = sheet[SUMS_NOW + column * BATCH + lane]
    close_sums(sheet[COUNTED + lane] - sums[TRADES], added, sums)
    sums[MEAN], sums[SQUARES] = sheet[MEAN_NOW + lane], sheet[SQUARES_NOW + lane]


@kernel
def _move_over(scratch: Scratch, start: int, lane: int) -> None:
    """Move what a lane holds of its set into another lane."""
    scratch.members[lane], scratch.here[lane] = scratch.members[start], scratch.here[start]
    for word in range(scratch.words.shape[1]):
        scratch.words[lane, word] = scratch.words[start, word]
    for row in range(STOP_ATR, SHEET, BATCH):
        scratch.sheets[0][row + lane] = scratch.sheets[0][row + start]


@kernel
def _next_place(
    placed: Placed, cooldown: int, lane: int, first: int, scratch: Scratch, out: Output
) -> int:
    """Add the trade of a lane to the days of its set; return the place of its next signal."""
    s, i = scratch.members[at(lane)], widened(scratch.here[at(lane)])
    busy, free = exit_bar(scratch.sheets[0], lane), i + 1
    if busy != DROPPED:
        net = scratch.sheets[0][at(NET + lane)]
        session = at(placed.places[at(i), AXIS])
        out.daily[at(s), session] += net
        out.daily_trades[at(s), session] += 1
        if net > out.sums[at(s), SUMS - 1]:
            place_among_best(out.sums[s], net)
        free = candidate_after(placed, i, busy + cooldown)
    return next_signal(scratch.words[at(lane)], free - first)


@kernel
def run_own_exits(
    tests: Tests,
    scoring: Scoring | None,
    placed: Placed,
    terms: Terms,
    blocks: Int,
    members: Int,
    sets: tuple[Float, Int, Float],
    scratch: Scratch,
    out: Output,
) -> None:
    """Run sets over one symbol's candidates.

    Parameters
    ----------
    tests, scoring, placed, terms, blocks, members, sets, scratch, out
        As in `set_by_set.run_set_by_set`; nothing is recorded, and no set moves its stop.
    """
    sheet, here, every_exits = scratch.sheets[0], scratch.here, sets[2]
    for b in range(len(blocks) - 1):
        span = (blocks[b], blocks[b + 1])
        places = placed.places
        columns = (widened(places[span[0], AXIS]), widened(places[span[1] - 1, AXIS]))
        lanes, waiting = 0, 0
        while lanes > 0 or waiting < len(members):
            while lanes < BATCH and waiting < len(members):
                s = members[waiting]
                fetch_rows(out, s, columns)
                lanes += _seat(tests, scoring, terms, sets, s, span, lanes, scratch, out)
                waiting += 1
            read_orders(placed, here[:lanes], sheet)
            trade_orders(placed, terms, here[:lanes], (True, True), sheet)
            for group in range(0, lanes, LANES):
                _add_lanes(sheet, group)
            for lane in range(lanes - 1, -1, -1):
                s = widened(scratch.members[at(lane)])
                place = _next_place(placed, int(every_exits[s, 6]), lane, span[0], scratch, out)
                here[lane] = span[0] + place
                if here[lane] == span[1]:
                    _get_up(out.sums[s], lane, sheet, scratch.sums)
                    lanes -= 1
                    _move_over(scratch, lanes, lane)
