"""Orders side by side, a lane each: `whole_fills.trade_whole` for levels that stay in place.

The rules are those of `trade_whole`, written without branches and in stages: what is read of each
candidate, then levels, then the exit, then results. The compiler turns the stages that only
calculate into instructions for eight lanes at once; what must be looked up goes lane by lane.
"""

from detectors.bars import Float
from sweep.engine.first_passage import first_reaching
from sweep.engine.jit import at, kernel
from sweep.engine.lanes import LANES
from sweep.engine.placement import (
    ADVERSE,
    ENTRY_BUCKET,
    FAVOURABLE,
    LENGTH,
    Placed,
    Places,
    order_of,
)
from sweep.engine.settings import Terms
from sweep.engine.symbol_data import BAR, BUCKET, CLOSE, MINUTE, OPEN
from sweep.engine.tally import (
    BATCH,
    EARLY_ENDS,
    FIRST_R,
    GROSS_R,
    LASTED,
    LATE_ENDS,
    NET,
    NOTIONAL_R,
    ROWS,
    early_ends,
    lasted,
    late_ends,
)
from sweep.engine.trade import (
    FLAT,
    SESSION_END,
    STOP,
    STOP_GAP,
    TAKEN,
    TARGET,
    TIME,
    Exits,
    entry_fault,
    fee_per_share,
    fill_price,
    place_levels,
)

DROPPED = -1

(
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
) = range(ROWS, ROWS + 25 * BATCH, BATCH)
"""Where the lanes of each quantity begin in the sheet, behind the rows of the trades. ENTERS is 1
for an order that becomes a trade, else 0."""

SHEET = EXIT_BAR + BATCH


@kernel
def _read(placed: Placed, i: int, exits: Exits, terms: Terms, lane: int, sheet: Float) -> None:
    """Put what is known of candidate i into a lane."""
    prices, places = placed.prices[i], placed.places[i]
    order = order_of(prices, places, placed.first_at, exits, terms.bar_minutes)
    sheet[SIDE + lane], sheet[SIGNAL_CLOSE + lane] = order.side, order.close
    sheet[ATR + lane], sheet[TICKS + lane] = order.atr, order.ticks
    sheet[OPENING + lane], sheet[ENTRY_PRICE + lane] = order.opening, order.entry_price
    sheet[ENTRY_FEE + lane], sheet[QUANTITY + lane] = order.entry_fee, order.quantity
    sheet[ENTRY + lane], sheet[ENTERED_MINUTE + lane] = order.entry, order.entry_minute
    sheet[ENTERED_BUCKET + lane] = places[ENTRY_BUCKET]
    sheet[SESSION_MINUTES + lane] = places[LENGTH]
    sheet[FORCED + lane], sheet[LAST_BAR + lane] = order.forced, order.last


@kernel
def _level_lanes(sheet: Float, group: int, exits: Exits, terms: Terms) -> None:
    """Place levels, and say which orders become trades."""
    for lane in range(group, group + LANES):
        side, price = sheet[SIDE + lane], sheet[ENTRY_PRICE + lane]
        base = side * price if terms.from_entry else sheet[SIGNAL_CLOSE + lane]
        levels = place_levels(base, sheet[ATR + lane], sheet[TICKS + lane], exits, terms)
        fault = entry_fault(side * sheet[OPENING + lane], side * price, base, levels, terms)
        flat = sheet[SESSION_MINUTES + lane] - exits.flat_minutes
        in_time = (sheet[ENTRY + lane] >= 0.0) & (sheet[ENTERED_MINUTE + lane] < flat)
        sheet[STOP_LEVEL + lane], sheet[TARGET_LEVEL + lane] = levels.stop, levels.target
        sheet[TRIGGER + lane] = levels.trigger
        sheet[ENTERS + lane] = 1.0 if in_time & (fault == TAKEN) else 0.0


@kernel
def _find_exit(placed: Placed, i: int, lane: int, sheet: Float) -> None:
    """Find the bar of a lane's exit, and read it."""
    places = placed.places[i]
    at_stop = first_reaching(placed.adverse, places[ADVERSE], -sheet[STOP_LEVEL + lane])
    at_target = first_reaching(placed.favourable, places[FAVOURABLE], sheet[TRIGGER + lane])
    sheet[AT_STOP + lane], sheet[AT_TARGET + lane] = at_stop, at_target
    latest = int(min(sheet[FORCED + lane], sheet[LAST_BAR + lane]))
    left = placed.fills[at(min(at_stop, at_target, latest))]
    sheet[EXIT_OPEN + lane], sheet[EXIT_CLOSE + lane] = left[OPEN], left[CLOSE]
    sheet[EXIT_MINUTE + lane], sheet[EXIT_BUCKET + lane] = left[MINUTE], left[BUCKET]
    sheet[EXIT_BAR + lane] = left[BAR]


@kernel
def _result_lanes(sheet: Float, group: int, exits: Exits, terms: Terms) -> None:
    """Work out results from the exit bar, and write what they add to sums."""
    for lane in range(group, group + LANES):
        side, opening = sheet[SIDE + lane], sheet[OPENING + lane]
        price, ticks = sheet[ENTRY_PRICE + lane], sheet[TICKS + lane]
        stop, target = sheet[STOP_LEVEL + lane], sheet[TARGET_LEVEL + lane]
        at_stop, at_target = sheet[AT_STOP + lane], sheet[AT_TARGET + lane]
        held = min(at_stop, at_target) >= sheet[FORCED + lane]
        minute, length = sheet[EXIT_MINUTE + lane], sheet[SESSION_MINUTES + lane]
        open_ = sheet[EXIT_OPEN + lane]
        gap_stop, gap_target = side * open_ <= stop, side * open_ >= sheet[TRIGGER + lane]
        reason = STOP if at_stop <= at_target else TARGET
        reason = TARGET if gap_target else reason
        reason = STOP_GAP if gap_stop else reason
        forced = FLAT if minute >= length - exits.flat_minutes else TIME
        forced = forced if sheet[FORCED + lane] <= sheet[LAST_BAR + lane] else SESSION_END
        reason = forced if held else reason
        at_open = gap_stop | gap_target
        both = (at_stop == at_target) & (not at_open) & (not held)
        limit, target_fill = side * target, reason == TARGET
        reference = sheet[EXIT_CLOSE + lane] if reason == SESSION_END else open_
        reference = side * stop if reason == STOP else reference
        improved = at_open & terms.target_at_open
        reference = limit if target_fill & (not improved) else reference
        exit_price = reference if target_fill else fill_price(reference, -side, terms)
        risk = max(abs(side * price - stop), 1.0 / ticks)
        sells, shares = side > 0, sheet[QUANTITY + lane]
        fees = sheet[ENTRY_FEE + lane] + fee_per_share(exit_price, sells, shares, terms)
        fees_at_limit = sheet[ENTRY_FEE + lane] + fee_per_share(limit, sells, shares, terms)
        net = (side * (exit_price - price) - fees) / risk
        at_limit = (side * (limit - price) - fees_at_limit) / risk
        sheet[NET + lane] = net
        sheet[GROSS_R + lane] = side * (reference - opening) / risk
        sheet[FIRST_R + lane] = at_limit if both else net
        sheet[NOTIONAL_R + lane] = (abs(opening) + abs(reference)) / risk
        bars = sheet[EXIT_BUCKET + lane] - sheet[ENTERED_BUCKET + lane] + 1.0
        minutes = min(minute + terms.fill_minutes, length) - sheet[ENTERED_MINUTE + lane]
        sheet[LASTED + lane] = lasted(bars, minutes)
        sheet[EARLY_ENDS + lane] = early_ends(reason)
        sheet[LATE_ENDS + lane] = late_ends(reason, both, net)


@kernel
def trade_batch(
    placed: Placed, exits: Exits, terms: Terms, candidates: Places, sheet: Float
) -> None:
    """Follow the orders of up to BATCH candidates to their exits.

    Parameters
    ----------
    placed, exits, terms
        As in `set_by_set.follow`; no stop moves and orders fill whole.
    candidates
        int32 [n], at most BATCH of them.
    sheet
        float64 [SHEET], out: begins with what the trades add to sums, laid out as in
        `sweep.engine.tally`; ENTERS and EXIT_BAR say which they are and when they end.
    """
    n = len(candidates)
    for lane in range(n):
        _read(placed, at(candidates[at(lane)]), exits, terms, lane, sheet)
    for group in range(0, n, LANES):
        _level_lanes(sheet, group, exits, terms)
    for lane in range(n):
        _find_exit(placed, at(candidates[at(lane)]), lane, sheet)
    for group in range(0, n, LANES):
        _result_lanes(sheet, group, exits, terms)


@kernel
def exit_bar(sheet: Float, lane: int) -> int:
    """Return the signal bar of a lane's exit, DROPPED where there is no trade."""
    return int(sheet[at(EXIT_BAR + lane)]) if sheet[at(ENTERS + lane)] > 0.0 else DROPPED
