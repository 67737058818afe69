"""The route for sets that share exits: an outcome is worked out once and serves all of them.

What becomes of an order depends on the candidate and the exit values alone. So a group of sets
with equal exits shares a table of contributions, and each set steps through it from signal to
signal: the sums get the same numbers in the same order as on the plain route, bit for bit.
"""

from detectors.bars import Float, Int
from sweep.engine.eights import (
    LANES,
    Eight,
    below,
    eight,
    put,
    spread,
    trailing_zeros,
    where_below,
)
from sweep.engine.jit import at, kernel
from sweep.engine.orders import DROPPED, exit_bar, read_orders, seat_exits, trade_orders
from sweep.engine.placement import AXIS, Placed, Places, widened
from sweep.engine.scores import Scoring
from sweep.engine.scratch import TOGETHER, Scratch
from sweep.engine.set_by_set import (
    Output,
    candidate_after,
    exits_of,
    fetch_rows,
    follow,
    time_in_trade,
)
from sweep.engine.settings import Terms
from sweep.engine.sharing import Shared
from sweep.engine.sheet import BATCH
from sweep.engine.signals import Tests, link_signals, mark_signals
from sweep.engine.sums import MEAN, SQUARES, SUMS, TRADES, place_among_best
from sweep.engine.symbol_data import BAR
from sweep.engine.tally import LOST_R, WON_R, add_to_mean, close_sums, contribute, open_sums
from sweep.engine.trade import TAKEN, Exits

STOP, TARGET, COOLDOWN = 0, 1, 6
"""Columns of exits; sets of a group may differ in the last."""

_BEFORE, _NEW, _MEAN, _SQUARES, _LEAST = range(0, 5 * TOGETHER, TOGETHER)
"""Where the lanes of each moment begin in `Scratch.moments`."""

_PLACE = 2**32 - 1
"""Bits of a link that say where a set can signal again."""


@kernel
def _work_out(
    placed: Placed,
    terms: Terms,
    in_parts: bool | None,
    exits: Exits,
    moved: tuple[bool, bool],
    span: tuple[int, int],
    scratch: Scratch,
) -> None:
    """Work out what becomes of every candidate of a span under some exits.

    Parameters
    ----------
    placed, terms, in_parts, exits
        As in `sweep.engine.set_by_set.follow`.
    moved
        Whether stop and target are others than those of the group before.
    span
        First candidate and the one after the last.
    scratch
        `sheets` hold the orders, `rows` and `busy` are filled.
    """
    first, after = span
    rows, busy, n = scratch.rows, scratch.busy, after - first
    if in_parts is None and exits.breakeven == 0.0 and exits.trail == 0.0:
        for begin in range(0, n, BATCH):
            some = scratch.every[begin : min(begin + BATCH, n)]
            sheet = scratch.sheets[at(begin // BATCH)]
            for lane in range(len(some)):
                seat_exits(exits, terms, lane, sheet)
            trade_orders(placed, terms, some, moved, sheet)
            for lane in range(len(some)):
                busy[begin + lane], row = exit_bar(sheet, lane), (begin + lane) * LANES
                for column in range(LANES):
                    rows[at(row + column)] = sheet[at(column * BATCH + lane)]
        return
    for k in range(n):
        trade = follow(placed, first + k, exits, terms, in_parts)
        busy[k] = DROPPED
        if trade.drop == TAKEN:
            bars, minutes = time_in_trade(placed, first + k, trade, terms)
            contribute(rows, k * LANES, trade, bars, minutes)
            busy[k] = int(placed.fills[trade.exit, BAR])


@kernel
def _link_trades(placed: Placed, cooldown: int, span: tuple[int, int], scratch: Scratch) -> None:
    """Write the link of each candidate: what a set that takes its order goes on with.

    A dropped order blocks nothing and adds nothing; the place behind the last leads to itself.
    """
    first, after = span
    busy, links, end = scratch.busy, scratch.links, after - first
    for k in range(end):
        column = widened(placed.places[first + k, AXIS])
        if busy[k] == DROPPED:
            put(scratch.rows, k * LANES, spread(0.0))
            links[k] = _link(k + 1, 0, column)
        else:
            upcoming = candidate_after(placed, first + k, busy[k] + cooldown) - first
            links[k] = _link(upcoming, 1, column)
    put(scratch.rows, end * LANES, spread(0.0))
    links[end] = _link(end, 0, widened(placed.places[after - 1, AXIS]))


@kernel
def _link(upcoming: int, trades: int, column: int) -> int:
    """Pack the place where a set can signal again, 1 for a trade, and the column it counts in."""
    return (column << 33) | (trades << 32) | upcoming


@kernel
def _opened(sums: Float, room: Float) -> Eight:
    """Return the eight sums of a set that trades add to."""
    open_sums(sums, room, 0, 1)
    return eight(room, 0)


@kernel
def _take(scratch: Scratch, place: int, slot: int, daily: Float, daily_trades: Places) -> int:
    """Add the trade of a place to the days of a set, and put its result into a slot."""
    link, row = int(scratch.links[at(place)]), place * LANES
    net = scratch.rows[at(row + WON_R)] - scratch.rows[at(row + LOST_R)]
    scratch.nets[at(slot)] = net
    column = at(link >> 33)
    daily[column] += net
    daily_trades[column] += (link >> 32) & 1
    return link


@kernel
def _step_two(
    some: Int, rules: Places, first: int, end: int, scratch: Scratch, out: Output
) -> None:
    """Step two sets from trade to trade; add all but mean, squares and best trades.

    A step waits for two look-ups, and a sum for the one before; two sets wait together. A set that
    is through stays at the place behind the last, which adds nothing.

    Parameters
    ----------
    some, rules, first
        int64, sets, and int32, the row of `following` of each; the two are those from `first` on,
        one at the end.
    end
        Number of candidates of the block.
    scratch
        As `_work_out` and `_link_trades` leave it.
    out
        What is added to.
    """
    second = min(first + 1, len(some) - 1)
    s0, s1 = at(some[first]), at(some[second])
    next0, next1 = scratch.following[at(rules[first])], scratch.following[at(rules[second])]
    daily0, daily1 = out.daily[s0], out.daily[s1]
    days0, days1 = out.daily_trades[s0], out.daily_trades[s1]
    sums0, sums1 = _opened(out.sums[s0], scratch.sums), _opened(out.sums[s1], scratch.sums)
    p0, p1 = widened(next0[0]), widened(next1[0]) if second > first else end
    slot0, slot1 = first, first + 1
    while p0 + p1 < 2 * end:
        link0 = _take(scratch, p0, slot0, daily0, days0)
        link1 = _take(scratch, p1, slot1, daily1, days1)
        sums0 = sums0 + eight(scratch.rows, p0 * LANES)
        sums1 = sums1 + eight(scratch.rows, p1 * LANES)
        slot0 += TOGETHER * ((link0 >> 32) & 1)
        slot1 += TOGETHER * ((link1 >> 32) & 1)
        p0, p1 = widened(next0[at(link0 & _PLACE)]), widened(next1[at(link1 & _PLACE)])
    _closed(scratch, first, slot0, sums0, out.sums[s0])
    if second > first:
        _closed(scratch, second, slot1, sums1, out.sums[s1])


@kernel
def _closed(scratch: Scratch, lane: int, slot: int, running: Eight, sums: Float) -> None:
    """Put the sums of a set back, and what its mean goes on from into its lane."""
    moments, new = scratch.moments, (slot - lane) / TOGETHER
    moments[_BEFORE + lane], moments[_NEW + lane] = sums[TRADES], new
    moments[_MEAN + lane], moments[_SQUARES + lane] = sums[MEAN], sums[SQUARES]
    moments[_LEAST + lane] = sums[SUMS - 1]
    put(scratch.sums, 0, running)
    close_sums(new, scratch.sums, sums)


@kernel
def _better(
    k: int, half: int, net: Eight, left: Eight, some: Int, scratch: Scratch, out: Output
) -> None:
    """Take the k-th trades of eight sets among their best ones, where they belong there."""
    moments = scratch.moments
    better = below(eight(moments, _LEAST + half), net) & below(spread(float(k)), left)
    while better != 0:
        lane = half + trailing_zeros(better)
        better &= better - 1
        sums = out.sums[some[lane]]
        place_among_best(sums, scratch.nets[k * TOGETHER + lane])
        moments[_LEAST + lane] = sums[SUMS - 1]


@kernel
def _add_moments(some: Int, scratch: Scratch, out: Output) -> None:
    """Add the results of sets to means, squares and best trades, twice eight side by side.

    One division waits for the one before; two wait together.
    """
    nets, moments, most = scratch.nets, scratch.moments, 0.0
    for lane in range(TOGETHER):
        if lane >= len(some):
            moments[_NEW + lane] = 0.0
        most = max(most, moments[_NEW + lane])
    before0, before1 = eight(moments, _BEFORE), eight(moments, _BEFORE + LANES)
    new0, new1 = eight(moments, _NEW), eight(moments, _NEW + LANES)
    mean0, mean1 = eight(moments, _MEAN), eight(moments, _MEAN + LANES)
    squares0, squares1 = eight(moments, _SQUARES), eight(moments, _SQUARES + LANES)
    for k in range(int(most)):
        nth, count = spread(float(k)), spread(k + 1.0)
        net0, net1 = eight(nets, k * TOGETHER), eight(nets, k * TOGETHER + LANES)
        more0 = add_to_mean(net0, before0 + count, mean0, squares0)
        more1 = add_to_mean(net1, before1 + count, mean1, squares1)
        mean0 = where_below(nth, new0, more0[0], mean0)
        mean1 = where_below(nth, new1, more1[0], mean1)
        squares0 = where_below(nth, new0, more0[1], squares0)
        squares1 = where_below(nth, new1, more1[1], squares1)
        _better(k, 0, net0, new0, some, scratch, out)
        _better(k, LANES, net1, new1, some, scratch, out)
    put(moments, _MEAN, mean0)
    put(moments, _MEAN + LANES, mean1)
    put(moments, _SQUARES, squares0)
    put(moments, _SQUARES + LANES, squares1)
    for lane in range(len(some)):
        sums = out.sums[some[lane]]
        sums[MEAN], sums[SQUARES] = moments[_MEAN + lane], moments[_SQUARES + lane]


@kernel
def _step_through(some: Int, rules: Places, end: int, scratch: Scratch, out: Output) -> None:
    """Add the trades of up to TOGETHER sets in one block of sessions to their sums."""
    columns = (scratch.links[0] >> 33, scratch.links[end] >> 33)
    for s in some:
        fetch_rows(out, s, columns)
    for first in range(0, len(some), 2):
        _step_two(some, rules, first, end, scratch, out)
    _add_moments(some, scratch, out)


@kernel
def _sort_members(groups: Shared, exits: Float, scratch: Scratch) -> None:
    """Copy the members of groups; those of a cooldown with fewer signals come first.

    Sets that are stepped side by side should be through together; the signals of the first block
    of sessions tell how often an entry rule holds.
    """
    order, signals, entry = scratch.order, scratch.signals, groups.entry
    for g in range(len(groups.bounds) - 1):
        for k in range(groups.bounds[g], groups.bounds[g + 1]):
            s, place = groups.members[k], k
            while (
                len(groups.example) > 0
                and place > groups.bounds[g]
                and exits[order[place - 1], COOLDOWN] == exits[s, COOLDOWN]
                and signals[entry[order[place - 1]]] > signals[entry[s]]
            ):
                order[place] = order[place - 1]
                place -= 1
            order[place] = s


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
    members, bounds, entry, example = scratch.order, groups.bounds, groups.entry, groups.example
    thresholds, variant, exits = sets
    words, linked, rules = scratch.words[0], scratch.following, scratch.members
    for b in range(len(blocks) - 1):
        span = (blocks[b], blocks[b + 1])
        n = span[1] - span[0]
        for k in range(n):
            scratch.every[k] = span[0] + k
        for begin in range(0, n, BATCH):
            some = scratch.every[begin : min(begin + BATCH, n)]
            read_orders(placed, some, scratch.sheets[begin // BATCH])
        for e in range(len(example)):
            s = example[e]
            mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, words)
            scratch.signals[e] = link_signals(words, n, linked[e])
        if b == 0:
            _sort_members(groups, exits, scratch)
        stop, target = -1.0, -1.0  # those that sheets hold the bars of
        for g in range(len(bounds) - 1):
            mine = exits_of(exits[members[bounds[g]]])
            moved = (mine.stop_atr != stop, mine.target_atr != target)
            _work_out(placed, terms, in_parts, mine, moved, span, scratch)
            if mine.breakeven == 0.0 and mine.trail == 0.0:
                stop, target = mine.stop_atr, mine.target_atr
            cooldown, k = -1.0, bounds[g]
            while k < bounds[g + 1]:
                if exits[members[k], COOLDOWN] != cooldown:
                    cooldown = exits[members[k], COOLDOWN]
                    _link_trades(placed, int(cooldown), span, scratch)
                begin, lane = k, 0
                while (
                    lane < TOGETHER
                    and k < bounds[g + 1]
                    and exits[members[k], COOLDOWN] == cooldown
                ):
                    s = members[k]
                    rules[lane] = entry[s]
                    if len(example) == 0:
                        rules[lane] = lane
                        mark_signals(tests, scoring, (s, variant[s]), thresholds[s], span, words)
                        link_signals(words, n, linked[lane])
                    lane, k = lane + 1, k + 1
                _step_through(members[begin:k], rules, n, scratch, out)
