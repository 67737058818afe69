"""The route for sets with exits of their own, stops that stay in place, orders that fill whole.

Which signal a set takes next hangs on the exit of the trade before, so one trade at a time keeps
the processor waiting. But what becomes of a signal hangs on nothing before it: a few signals ahead
are worked out side by side, and the set steps through those it takes.
"""

from detectors.bars import Float, Int
from sweep.engine.jit import at, kernel
from sweep.engine.orders import DROPPED, ENTERS, exit_bar, trade_batch
from sweep.engine.placement import AXIS, Placed, Places, widened
from sweep.engine.scores import Scoring
from sweep.engine.scratch import Scratch
from sweep.engine.set_by_set import Output, candidate_after, exits_of
from sweep.engine.settings import Terms
from sweep.engine.signals import Tests, list_signals, mark_signals
from sweep.engine.sums import SUMS, place_among_best
from sweep.engine.tally import BATCH, added, close, opened


@kernel
def _link(
    placed: Placed,
    signals: Places,
    cooldown: int,
    first: int,
    before: Places,
    sheet: Float,
    upcoming: Places,
) -> None:
    """Write the number of the signal that a set can take after each of a batch.

    `before` counts the signals before each place from candidate `first` on; a dropped order blocks
    nothing.
    """
    for lane in range(len(signals)):
        i, busy = widened(signals[at(lane)]), exit_bar(sheet, lane)
        free = i + 1 if busy == DROPPED else candidate_after(placed, i, busy + cooldown)
        upcoming[at(lane)] = before[at(free - first)]


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
    thresholds, variant, exits = sets
    passes, signals, before = scratch.passes, scratch.signals, scratch.before
    sheet, upcoming = scratch.sheet, scratch.upcoming
    for b in range(len(blocks) - 1):
        first, after = blocks[b], blocks[b + 1]
        for s in members:
            which = (s, variant[s])
            mark_signals(tests, scoring, which, thresholds[s], (first, after), passes)
            n = list_signals(passes, (first, after), signals, before)
            mine, sums, tally = exits_of(exits[s]), out.sums[s], opened(out.sums[s])
            daily, daily_trades = out.daily[s], out.daily_trades[s]
            begin = 0
            while begin < n:
                some = signals[begin : min(begin + BATCH, n)]
                trade_batch(placed, mine, terms, some, sheet)
                _link(placed, some, mine.cooldown_bars, first, before, sheet, upcoming)
                k = begin
                while k < begin + len(some):
                    lane = k - begin
                    if sheet[at(ENTERS + lane)] > 0.0:
                        tally = added(tally, sheet, lane)
                        net = sheet[at(lane)]
                        session = at(placed.places[at(some[at(lane)]), AXIS])
                        daily[session] += net
                        daily_trades[session] += 1
                        if net > sums[SUMS - 1]:
                            place_among_best(sums, net)
                    k = widened(upcoming[at(lane)])
                begin = k
            close(tally, sums)
