"""Running sums of a set's trades, from which all its metrics are made.

A trade enters the sums of a set by `account`, or as a row that several sets may share
(`sweep.engine.tally`); both add the same numbers in the same order.
"""

import numpy as np

from detectors.bars import Float
from sweep.engine.jit import kernel
from sweep.engine.trade import EXIT_REASONS, Outcome

BEST = 5  # trades whose share of the total is shown
(
    WON,
    LOST,
    GROSS,
    TARGET_FIRST,
    NOTIONAL,
    BARS,
    MINUTES,
    AMBIGUOUS,
    WINS,
    LOSSES,
    REASONS,
) = range(11)
TRADES = REASONS + len(EXIT_REASONS)
MEAN, SQUARES, TOP = TRADES + 1, TRADES + 2, TRADES + 3
SUMS = TOP + BEST


def empty_sums(n: int) -> Float:
    """Return the running sums of n sets without trades, float64 [n, SUMS]."""
    sums = np.zeros((n, SUMS))
    sums[:, TOP:] = -np.inf
    return sums


@kernel
def place_among_best(sums: Float, net: float) -> None:
    """Insert a net result into the largest ones of a set, largest first."""
    place = net
    for k in range(TOP, SUMS):
        if place > sums[k]:
            sums[k], place = place, sums[k]


@kernel
def account(sums: Float, trade: Outcome, bars: int, minutes: int) -> None:
    """Add one trade to the sums of a set; mean and squares by Welford's recurrence.

    Parameters
    ----------
    sums
        float64 [SUMS], one row of `empty_sums`.
    trade
        The trade.
    bars, minutes
        Signal buckets and minutes in the trade.
    """
    sums[TRADES] += 1.0
    if trade.net > 0.0:
        sums[WINS] += 1.0
        sums[WON] += trade.net
    elif trade.net < 0.0:
        sums[LOSSES] += 1.0
        sums[LOST] -= trade.net
    step = trade.net - sums[MEAN]
    sums[MEAN] += step / sums[TRADES]
    sums[SQUARES] += step * (trade.net - sums[MEAN])
    sums[GROSS] += trade.gross
    sums[BARS] += bars
    sums[MINUTES] += minutes
    sums[AMBIGUOUS] += trade.ambiguous
    sums[TARGET_FIRST] += trade.first
    sums[NOTIONAL] += trade.notional
    sums[REASONS + trade.reason] += 1.0
    if trade.net > sums[SUMS - 1]:
        place_among_best(sums, trade.net)
