"""Orders side by side, a lane each: `whole_fills.trade_whole` for levels that stay in place.

The rules are those of `trade_whole`, written without branches and in stages: what is read of each
candidate, then levels, then the exit, then results. The compiler turns the stages that only
calculate into instructions for eight lanes at once; what must be looked up goes lane by lane.
"""

from detectors.bars import Float
from sweep.engine import placement as p
from sweep.engine.eights import LANES
from sweep.engine.first_passage import first_reaching
from sweep.engine.jit import at, kernel
from sweep.engine.placement import Placed, Places
from sweep.engine.settings import Terms
from sweep.engine.sheet import (
    AT_STOP,
    AT_TARGET,
    ATR,
    BATCH,
    ENTERED_BUCKET,
    ENTERED_MINUTE,
    ENTERS,
    ENTRY,
    ENTRY_FEE,
    ENTRY_PRICE,
    EXIT_BAR,
    EXIT_BUCKET,
    EXIT_CLOSE,
    EXIT_MINUTE,
    EXIT_OPEN,
    FLAT_MINUTES,
    FORCED,
    HOLD_MINUTES,
    LAST_BAR,
    NET,
    OPENING,
    QUANTITY,
    SESSION_MINUTES,
    SIDE,
    SIGNAL_CLOSE,
    STOP_ATR,
    STOP_LEVEL,
    TARGET_ATR,
    TARGET_LEVEL,
    TICKS,
    TRIGGER,
)
from sweep.engine.symbol_data import BAR, BUCKET, CLOSE, MINUTE, OPEN
from sweep.engine.tally import (
    EARLY_ENDS,
    FIRST_R,
    GROSS_R,
    LASTED,
    LATE_ENDS,
    LOST_R,
    NOTIONAL_R,
    WON_R,
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


@kernel
def seat_exits(exits: Exits, terms: Terms, lane: int, sheet: Float) -> None:
    """Give a lane the exits of a set."""
    sheet[STOP_ATR + lane], sheet[TARGET_ATR + lane] = exits.stop_atr, exits.target_atr
    sheet[HOLD_MINUTES + lane] = exits.hold_bars * terms.bar_minutes
    sheet[FLAT_MINUTES + lane] = exits.flat_minutes


@kernel
def read_orders(placed: Placed, candidates: Places, sheet: Float) -> None:
    """Put what is known of up to BATCH candidates, whatever the exits, into lanes."""
    for lane in range(len(candidates)):
        i = at(candidates[at(lane)])
        prices, places = placed.prices[i], placed.places[i]
        sheet[SIDE + lane], sheet[SIGNAL_CLOSE + lane] = prices[p.SIDE], prices[p.CLOSE]
        sheet[ATR + lane], sheet[TICKS + lane] = prices[p.ATR], prices[p.TICKS]
        sheet[OPENING + lane], sheet[QUANTITY + lane] = prices[p.OPENING], prices[p.QUANTITY]
        sheet[ENTRY_PRICE + lane] = prices[p.ENTRY_PRICE]
        sheet[ENTRY_FEE + lane] = prices[p.ENTRY_FEE]
        sheet[ENTRY + lane], sheet[LAST_BAR + lane] = places[p.ENTRY], places[p.LAST]
        sheet[ENTERED_MINUTE + lane] = places[p.ENTRY_MINUTE]
        sheet[ENTERED_BUCKET + lane] = places[p.ENTRY_BUCKET]
        sheet[SESSION_MINUTES + lane] = places[p.LENGTH]


@kernel
def _force(placed: Placed, i: int, lane: int, sheet: Float) -> None:
    """Find the bar of a lane's forced exit."""
    places = placed.places[i]
    flat = places[p.LENGTH] - int(sheet[at(FLAT_MINUTES + lane)])
    timed = places[p.DECISION] + int(sheet[at(HOLD_MINUTES + lane)])
    sheet[FORCED + lane] = p.forced_bar(places, placed.first_at, min(flat, timed))


@kernel
def _level_lanes(sheet: Float, group: int, terms: Terms) -> None:
    """Place levels, and say which orders become trades."""
    for lane in range(group, group + LANES):
        side, price = sheet[SIDE + lane], sheet[ENTRY_PRICE + lane]
        base = side * price if terms.from_entry else sheet[SIGNAL_CLOSE + lane]
        exits = Exits(sheet[STOP_ATR + lane], sheet[TARGET_ATR + lane], 0.0, 0.0, 0, 0, 0)
        levels = place_levels(base, sheet[ATR + lane], sheet[TICKS + lane], exits, terms)
        fault = entry_fault(side * sheet[OPENING + lane], side * price, base, levels, terms)
        flat = sheet[SESSION_MINUTES + lane] - sheet[FLAT_MINUTES + lane]
        in_time = (sheet[ENTRY + lane] >= 0.0) & (sheet[ENTERED_MINUTE + lane] < flat)
        sheet[STOP_LEVEL + lane], sheet[TARGET_LEVEL + lane] = levels.stop, levels.target
        sheet[TRIGGER + lane] = levels.trigger
        sheet[ENTERS + lane] = 1.0 if in_time & (fault == TAKEN) else 0.0


@kernel
def _find_exit(placed: Placed, i: int, moved: tuple[bool, bool], lane: int, sheet: Float) -> None:
    """Find the bar of a lane's exit, and read it."""
    places = placed.places[i]
    at_stop, at_target = int(sheet[at(AT_STOP + lane)]), int(sheet[at(AT_TARGET + lane)])
    if moved[0]:
        at_stop = first_reaching(placed.adverse, places[p.ADVERSE], -sheet[STOP_LEVEL + lane])
        sheet[AT_STOP + lane] = at_stop
    if moved[1]:
        at_target = first_reaching(placed.favourable, places[p.FAVOURABLE], sheet[TRIGGER + lane])
        sheet[AT_TARGET + lane] = at_target
    latest = int(min(sheet[FORCED + lane], sheet[LAST_BAR + lane]))
    left = placed.fills[at(min(at_stop, at_target, latest))]
    sheet[EXIT_OPEN + lane], sheet[EXIT_CLOSE + lane] = left[OPEN], left[CLOSE]
    sheet[EXIT_MINUTE + lane], sheet[EXIT_BUCKET + lane] = left[MINUTE], left[BUCKET]
    sheet[EXIT_BAR + lane] = left[BAR]


@kernel
def _result_lanes(sheet: Float, group: int, terms: Terms) -> None:
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
        forced = FLAT if minute >= length - sheet[FLAT_MINUTES + lane] else TIME
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
        sheet[WON_R * BATCH + lane], sheet[LOST_R * BATCH + lane] = max(net, 0.0), max(-net, 0.0)
        sheet[GROSS_R * BATCH + lane] = side * (reference - opening) / risk
        sheet[FIRST_R * BATCH + lane] = at_limit if both else net
        sheet[NOTIONAL_R * BATCH + lane] = (abs(opening) + abs(reference)) / risk
        bars = sheet[EXIT_BUCKET + lane] - sheet[ENTERED_BUCKET + lane] + 1.0
        minutes = min(minute + terms.fill_minutes, length) - sheet[ENTERED_MINUTE + lane]
        sheet[LASTED * BATCH + lane] = lasted(bars, minutes)
        sheet[EARLY_ENDS * BATCH + lane] = early_ends(reason)
        sheet[LATE_ENDS * BATCH + lane] = late_ends(reason, both, net)


@kernel
def trade_orders(
    placed: Placed, terms: Terms, candidates: Places, moved: tuple[bool, bool], sheet: Float
) -> None:
    """Follow the orders of up to BATCH candidates to their exits.

    Parameters
    ----------
    placed, terms
        As in `set_by_set.follow`; orders fill whole.
    candidates
        int32 [n], at most BATCH of them.
    moved
        Whether stops, and whether targets, are others than those the sheet was used with last.
    sheet
        float64 [SHEET], in: the orders (`read_orders`), and exits (`seat_exits`) that move no
        stop; out: begins with the contributions of the trades; ENTERS and EXIT_BAR say which they
        are and when they end.
    """
    n = len(candidates)
    for lane in range(n):
        _force(placed, at(candidates[at(lane)]), lane, sheet)
    for group in range(0, n, LANES):
        _level_lanes(sheet, group, terms)
    for lane in range(n):
        _find_exit(placed, at(candidates[at(lane)]), moved, lane, sheet)
    for group in range(0, n, LANES):
        _result_lanes(sheet, group, terms)


@kernel
def exit_bar(sheet: Float, lane: int) -> int:
    """Return the signal bar of a lane's exit, DROPPED where there is no trade."""
    return int(sheet[at(EXIT_BAR + lane)]) if sheet[at(ENTERS + lane)] > 0.0 else DROPPED
