"""One trade between fixed levels on a handful of bars: the fill rules F1 to F12 by hand.

The sweep places levels by ATR and finds exits in tables; this is the same kernels for a stop and a
target given as prices, to try a rule out or to hold another engine against.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.engine.partial_fills import trade_in_parts
from sweep.engine.settings import Costs, FillSettings, terms_of
from sweep.engine.symbol_data import CLOSE, HIGH, LOW, MINUTE, OPEN, VOLUME
from sweep.engine.trade import DROPS, EXIT_REASONS, TAKEN, Exits, Order, Outcome

TICKS = 1e10
"""Ticks per price unit where none is named: levels stay what they are to ten digits."""

_NEVER = 1 << 40  # a minute, and in price units a distance, that no session reaches


@dataclasses.dataclass(frozen=True)
class Bracket:
    """What became of an order.

    Attributes
    ----------
    dropped
        Why there was no trade (`sweep.engine.trade.DROPS`), empty for a trade; the rest is void
        otherwise.
    entry_bar, exit_bar
        Rows of the bars.
    entry_price, exit_price
        Means over the fills, slippage included.
    reason
        `stop`, `stop_gap`, `target`, `time`, `flat` or `session_end`.
    quantity
        Shares filled.
    r_gross, r_net, r_target_first
        Result over the initial risk: before costs, after them, and had the target come first.
    ambiguous
        Whether the exit bar held both levels.
    """

    dropped: str
    entry_bar: int = -1
    entry_price: float = math.nan
    exit_bar: int = -1
    exit_price: float = math.nan
    reason: str = ""
    quantity: float = 0.0
    r_gross: float = math.nan
    r_net: float = math.nan
    r_target_first: float = math.nan
    ambiguous: bool = False


def simulate_bracket(
    bars: NDArray[np.floating[Any]],
    *,
    side: int,
    signal_bar: int,
    stop: float,
    target: float = math.inf,
    fills: FillSettings | None = None,
    costs: Costs | None = None,
    minutes: NDArray[np.integer[Any]] | None = None,
    last_bar: int | None = None,
    flat_minute: float | None = None,
    time_minute: float | None = None,
    breakeven: float = 0.0,
    trail: float = 0.0,
    atr: float = 1.0,
    ticks: float = TICKS,
) -> Bracket:
    """Follow a market order from the open after a signal to its exit.

    Parameters
    ----------
    bars
        float [n, 4 or 5]: open, high, low, close and, where it matters, volume.
    side
        +1 buys, -1 sells short.
    signal_bar
        Row of the bar on whose close the signal comes; the entry is at the open of the next one
        (with participation: of the first that has volume).
    stop, target
        Prices; an infinite target is never reached.
    fills, costs
        As in a sweep, but `min_risk_share` counts for nothing and defaults are free of costs.
    minutes
        int [n], minutes from the session's open to the start of each bar, rising; bars are minutes
        without.
    last_bar
        Row of the session's last bar, at whose close what is left ends; the last one given.
    flat_minute, time_minute
        Exit at the open of the first bar at or after these minutes; no entry from the first on.
    breakeven, trail
        In price units, 0 is off (F12: by extremes through the bar before).
    atr
        ATR of the signal bar, for impact only.
    ticks
        Ticks in a price unit.

    Raises
    ------
    ValueError
        If the bars, the side or a level make no sense.
    """
    rows = _rows(bars, minutes)
    last = len(rows) - 1 if last_bar is None else last_bar
    _check(rows, side, signal_bar, last, stop, target)
    close = float(rows[signal_bar, CLOSE])
    entry = signal_bar + 1 if signal_bar < last else -1
    limit = target if math.isfinite(target) else side * float(_NEVER)
    exits = Exits(
        stop_atr=side * (close - stop) / atr,
        target_atr=side * (limit - close) / atr,
        breakeven=breakeven / atr,
        trail=trail / atr,
        hold_bars=0,
        flat_minutes=0,
        cooldown_bars=0,
    )
    order = Order(
        side=float(side),
        close=side * close,
        atr=float(atr),
        ticks=float(ticks),
        # What an entry that fills whole costs, and records: this way of following needs neither.
        opening=math.nan,
        entry_price=math.nan,
        entry_fee=math.nan,
        quantity=math.nan,
        exits=exits,
        entry=entry,
        entry_minute=0,
        last=last,
        decision=int(rows[signal_bar, MINUTE]) + 1,
        flat=_NEVER if flat_minute is None else math.ceil(flat_minute),
        timed=_NEVER if time_minute is None else math.ceil(time_minute),
        forced=last + 1,
        adverse=0,
        favourable=0,
    )
    settings = dataclasses.replace(
        fills or FillSettings(), min_risk_share=0.0, levels_from="signal_close"
    )
    terms = terms_of(settings, costs or Costs(), asset_class="STOCK", bar_minutes=1)
    return _described(trade_in_parts(rows, order, terms))


def _described(trade: Outcome) -> Bracket:
    if trade.drop != TAKEN:
        return Bracket(DROPS[trade.drop])
    return Bracket(
        dropped="",
        entry_bar=int(trade.entry),
        entry_price=float(trade.entry_price),
        exit_bar=int(trade.exit),
        exit_price=float(trade.exit_price),
        reason=EXIT_REASONS[trade.reason],
        quantity=float(trade.quantity),
        r_gross=float(trade.gross),
        r_net=float(trade.net),
        r_target_first=float(trade.first),
        ambiguous=bool(trade.ambiguous),
    )


def _rows(
    bars: NDArray[np.floating[Any]], minutes: NDArray[np.integer[Any]] | None
) -> NDArray[np.float64]:
    given = np.asarray(bars, np.float64)
    if given.ndim != 2 or given.shape[1] not in (4, 5) or len(given) == 0:
        raise ValueError(f"bars must be [n, 4 or 5] with n >= 1, got shape {given.shape}")
    rows = np.zeros((len(given), 8))
    rows[:, [OPEN, HIGH, LOW, CLOSE]] = given[:, :4]
    rows[:, VOLUME] = given[:, 4] if given.shape[1] == 5 else np.nan
    rows[:, MINUTE] = np.arange(len(given)) if minutes is None else minutes
    return rows


def _check(
    rows: NDArray[np.float64], side: int, signal_bar: int, last: int, stop: float, target: float
) -> None:
    if side not in (1, -1):
        raise ValueError(f"side must be +1 or -1, got {side}")
    if not 0 <= signal_bar < len(rows) or not signal_bar <= last < len(rows):
        raise ValueError(
            f"signal_bar and last_bar must be rows in order, got {signal_bar} and {last} of "
            f"{len(rows)}"
        )
    if not math.isfinite(stop) or math.isnan(target):
        raise ValueError(f"stop must be a price and target no NaN, got {stop} and {target}")
    prices = rows[:, [OPEN, HIGH, LOW, CLOSE]]
    if not np.isfinite(prices).all():
        raise ValueError("prices of the bars must be finite; leave out what did not trade")
