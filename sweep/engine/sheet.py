"""Layout of a sheet: orders side by side, a lane each, and what is known of them lane by lane."""

from sweep.engine.eights import LANES

BATCH = 32
"""Orders that lie side by side."""

(
    NET,
    SIDE,
    SIGNAL_CLOSE,
    ATR,
    TICKS,
    OPENING,
    ENTRY_PRICE,
    ENTRY_FEE,
    QUANTITY,
    ENTRY,
    ENTERED_MINUTE,
    ENTERED_BUCKET,
    SESSION_MINUTES,
    FORCED,
    LAST_BAR,
    STOP_LEVEL,
    TARGET_LEVEL,
    TRIGGER,
    ENTERS,
    AT_STOP,
    AT_TARGET,
    EXIT_OPEN,
    EXIT_CLOSE,
    EXIT_MINUTE,
    EXIT_BUCKET,
    EXIT_BAR,
    STOP_ATR,
    TARGET_ATR,
    HOLD_MINUTES,
    FLAT_MINUTES,
    COUNTED,
    MEAN_NOW,
    SQUARES_NOW,
    SUMS_NOW,
) = range(LANES * BATCH, (LANES + 34) * BATCH, BATCH)
"""Where the lanes of each quantity begin, behind those of the eight columns of a contribution
(`sweep.engine.tally`). ENTERS is 1 for an order that becomes a trade, else 0; STOP_ATR to
FLAT_MINUTES are the exits of the lane, and the last four its set's trades, their mean and squares,
and eight running sums."""

SHEET = SUMS_NOW + LANES * BATCH
"""Length of a sheet."""
