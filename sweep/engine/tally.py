"""What trades add to the sums of a set: eight numbers a trade, and a mean.

Sums that are whole numbers do not depend on their order, so several share a float64: three or four
counts of 13 bits, exact as long as a block of sessions has fewer than 8,192 trades a set (its
signal bars are fewer). The others are added trade by trade as in `sweep.engine.sums.account`, so
that a set has the same bits by whatever route it is evaluated.
"""

from detectors.bars import Float
from sweep.engine.eights import LANES, Eight
from sweep.engine.jit import kernel
from sweep.engine.sums import (
    AMBIGUOUS,
    BARS,
    LOSSES,
    MINUTES,
    REASONS,
    TRADES,
    WINS,
)
from sweep.engine.trade import FLAT, SESSION_END, STOP, STOP_GAP, TARGET, TIME, Outcome

WON_R, LOST_R, GROSS_R, FIRST_R, NOTIONAL_R, LASTED, EARLY_ENDS, LATE_ENDS = range(LANES)
"""Columns of a contribution: won, lost, gross and target-first result, notional over risk, packed
counts. The first five are the first five sums of a set."""

PLAIN_SUMS = LASTED
"""So many of them are sums as they are."""

_COUNT = 8192.0  # base of packed counts
_TIMES = 67108864.0  # base of packed minutes and bars, 2**26


@kernel
def lasted(bars: float, minutes: float) -> float:
    """Pack signal buckets and minutes in a trade."""
    return bars * _TIMES + minutes


@kernel
def early_ends(reason: int) -> float:
    """Pack counts of the first four exit reasons."""
    count = 1.0 if reason == STOP else 0.0
    count = _COUNT if reason == STOP_GAP else count
    count = _COUNT**2 if reason == TARGET else count
    return _COUNT**3 if reason == TIME else count


@kernel
def late_ends(reason: int, ambiguous: bool, net: float) -> float:
    """Pack counts of exits before the close, ambiguous ones, wins and losses."""
    count = 1.0 if reason == FLAT else 0.0
    count += _COUNT if ambiguous else 0.0
    count += _COUNT**2 if net > 0.0 else 0.0
    return count + (_COUNT**3 if net < 0.0 else 0.0)


@kernel
def contribute(rows: Float, row: int, trade: Outcome, bars: int, minutes: int) -> None:
    """Write what a trade adds to the sums of any set that takes it.

    Parameters
    ----------
    rows, row
        float64, contributions one after the other, and where this one begins.
    trade
        The trade.
    bars, minutes
        Signal buckets and minutes in the trade.
    """
    rows[row + WON_R], rows[row + LOST_R] = max(trade.net, 0.0), max(-trade.net, 0.0)
    rows[row + GROSS_R], rows[row + FIRST_R] = trade.gross, trade.first
    rows[row + NOTIONAL_R] = trade.notional
    rows[row + LASTED] = lasted(float(bars), float(minutes))
    rows[row + EARLY_ENDS] = early_ends(trade.reason)
    rows[row + LATE_ENDS] = late_ends(trade.reason, trade.ambiguous, trade.net)


@kernel
def add_to_mean(net: Eight, trades: Eight, mean: Eight, squares: Eight) -> tuple[Eight, Eight]:
    """Return mean and squares with one more trade, the `trades`-th, by Welford's recurrence."""
    step = net - mean
    moved = mean + step / trades
    return moved, squares + step * (net - moved)


@kernel
def open_sums(sums: Float, added: Float, place: int, apart: int) -> None:
    """Take up the sums of a set, `apart` numbers apart from `place` on; counts begin anew."""
    for column in range(LANES):
        added[place + column * apart] = sums[column] if column < PLAIN_SUMS else 0.0


@kernel
def close_sums(new: float, added: Float, sums: Float) -> None:
    """Put the sums of a set back after a block of sessions, all but mean and squares.

    Parameters
    ----------
    new
        Trades of the block.
    added
        float64 [8], columns of a contribution: the sums as they are now, counts of the block.
    sums
        Row of the set.
    """
    sums[TRADES] += new
    for k in range(PLAIN_SUMS):
        sums[k] = added[k]
    bars = added[LASTED] // _TIMES
    sums[BARS] += bars
    sums[MINUTES] += added[LASTED] - bars * _TIMES
    early, late = int(added[EARLY_ENDS]), int(added[LATE_ENDS])
    other = new - (late & 8191)
    for reason in range(TIME + 1):
        sums[REASONS + reason] += early & 8191
        other -= early & 8191
        early >>= 13
    for column in (REASONS + FLAT, AMBIGUOUS, WINS, LOSSES):
        sums[column] += late & 8191
        late >>= 13
    sums[REASONS + SESSION_END] += other  # what no other reason counts ended with its session
