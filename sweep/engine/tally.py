"""What trades add to the sums of a set, as rows that any set can take.

Sums that are whole numbers do not depend on their order, so several share a float64: three or four
counts of 13 bits, exact as long as a block of sessions has fewer than 8,192 trades a set (its
signal bars are fewer). The others are added trade by trade as in `sweep.engine.sums.account`, so
that a set has the same bits by whatever route it is evaluated.
"""

from typing import NamedTuple

from detectors.bars import Float
from sweep.engine.jit import at, kernel
from sweep.engine.sums import (
    AMBIGUOUS,
    BARS,
    GROSS,
    LOSSES,
    LOST,
    MEAN,
    MINUTES,
    NOTIONAL,
    REASONS,
    SQUARES,
    TARGET_FIRST,
    TRADES,
    WINS,
    WON,
)
from sweep.engine.trade import FLAT, SESSION_END, STOP, STOP_GAP, TARGET, TIME, Outcome

BATCH = 32
"""Trades whose rows lie side by side."""

NET, GROSS_R, FIRST_R, NOTIONAL_R, LASTED, EARLY_ENDS, LATE_ENDS = range(0, 7 * BATCH, BATCH)
"""Net, gross and target-first result, notional over risk, packed counts: where the lanes of each
begin among the rows of a batch of trades."""

ROWS = LATE_ENDS + BATCH
"""Numbers of a batch."""

_COUNT = 8192.0  # base of packed counts
_TIMES = 67108864.0  # base of packed minutes and bars, 2**26


class Tally(NamedTuple):
    """Running sums of one set over a block of sessions; the last three are packed counts."""

    trades: float
    mean: float
    squares: float
    won: float
    lost: float
    gross: float
    target_first: float
    notional: float
    lasted: float
    early_ends: float
    late_ends: float


@kernel
def row_of(place: int) -> int:
    """Return where the row of a place begins among rows in batches."""
    return place // BATCH * ROWS + place % BATCH


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
        float64, rows in batches, and where this one begins.
    trade
        The trade.
    bars, minutes
        Signal buckets and minutes in the trade.
    """
    rows[row + NET], rows[row + GROSS_R], rows[row + FIRST_R] = trade.net, trade.gross, trade.first
    rows[row + NOTIONAL_R] = trade.notional
    rows[row + LASTED] = lasted(float(bars), float(minutes))
    rows[row + EARLY_ENDS] = early_ends(trade.reason)
    rows[row + LATE_ENDS] = late_ends(trade.reason, trade.ambiguous, trade.net)


@kernel
def opened(sums: Float) -> Tally:
    """Take up the sums of a set."""
    return Tally(
        sums[TRADES],
        sums[MEAN],
        sums[SQUARES],
        sums[WON],
        sums[LOST],
        sums[GROSS],
        sums[TARGET_FIRST],
        sums[NOTIONAL],
        0.0,
        0.0,
        0.0,
    )


@kernel
def added(tally: Tally, rows: Float, row: int) -> Tally:
    """Add one trade; mean and squares by Welford's recurrence."""
    net = rows[at(row + NET)]
    trades = tally.trades + 1.0
    step = net - tally.mean
    mean = tally.mean + step / trades
    return Tally(
        trades,
        mean,
        tally.squares + step * (net - mean),
        tally.won + max(net, 0.0),
        tally.lost + max(-net, 0.0),
        tally.gross + rows[at(row + GROSS_R)],
        tally.target_first + rows[at(row + FIRST_R)],
        tally.notional + rows[at(row + NOTIONAL_R)],
        tally.lasted + rows[at(row + LASTED)],
        tally.early_ends + rows[at(row + EARLY_ENDS)],
        tally.late_ends + rows[at(row + LATE_ENDS)],
    )


@kernel
def close(tally: Tally, sums: Float) -> None:
    """Put the sums of a set back, its counts unpacked."""
    new = tally.trades - sums[TRADES]
    sums[TRADES], sums[MEAN], sums[SQUARES] = tally.trades, tally.mean, tally.squares
    sums[WON], sums[LOST], sums[GROSS] = tally.won, tally.lost, tally.gross
    sums[TARGET_FIRST], sums[NOTIONAL] = tally.target_first, tally.notional
    bars = tally.lasted // _TIMES
    sums[BARS] += bars
    sums[MINUTES] += tally.lasted - bars * _TIMES
    early, late = int(tally.early_ends), int(tally.late_ends)
    for reason in range(TIME + 1):
        sums[REASONS + reason] += early & 8191
        new -= early & 8191
        early >>= 13
    for column in (REASONS + FLAT, AMBIGUOUS, WINS, LOSSES):
        sums[column] += late & 8191
        late >>= 13
    # What no other reason counts ended with its session.
    sums[REASONS + SESSION_END] += new - (int(tally.late_ends) & 8191)
