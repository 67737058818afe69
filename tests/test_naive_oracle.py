"""Hand-calculated checks of the slow oracle; every expected number is worked out beside it.

The fill tests share one stage: signal bars of 5 minutes, a session of 30 minutes from minute 0, a
signal on bar 0 (T = minute 5) with C = 100 and ATR = 1, so the long has stop 99 and target 102.
Minute bars stand flat at 100 unless a test says otherwise. The short is the mirror at 100
(p -> 200 - p): stop 101, target 98.
"""

import dataclasses
import math

import pytest

from tests import naive
from tests.naive import MINUTE, Costs, Exits, Fills, Minute, Session, State

BOTH = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def mirrored(prices, side):
    if side > 0:
        return prices
    first, high, low, last = prices
    return tuple(round(200 - p, 10) for p in (first, low, high, last))


def price(long, side):
    """Return the mirror of a price of the long for the short."""
    return pytest.approx(long if side > 0 else 200 - long, abs=1e-12)


def play(
    changes, side=1, *, signals=(0,), length=30, close=100.0, atr=1.0, volume=1000.0, **settings
):
    """Run signals on the stage; `changes` maps minutes to (o, h, l, c) of the long, or None."""
    minutes = []
    for minute in range(length):
        prices = changes.get(minute, (100.0,) * 4)
        if prices is not None:
            minutes.append(Minute(minute * MINUTE, *mirrored(prices, side), volume))
    rows, states = [], []
    for t, start in enumerate(range(0, length, 5)):
        ts, end = start * MINUTE, (start + 5) * MINUTE
        rows.append({"ts": ts, "end": end, "session": 0, "close": close, "atr": atr})
        fires = t in signals
        states.append(State("signal", side, 70.0) if fires else State("no_signal"))
    sessions = [Session("day", 0, length * MINUTE, full_length=True)]
    settings = {"bar_minutes": 5, "asset_class": "ETF"} | settings
    return naive.simulate(rows, states, minutes, sessions, **settings)


def only(changes, side=1, **settings):
    (trade,), _ = play(changes, side, **settings)
    return trade


def dropped(changes, side=1, **settings):
    """Return the one funnel line that took the signal."""
    trades, funnel = play(changes, side, **settings)
    assert trades == []
    (line,) = [k for k, count in funnel.items() if count and k != "signals"]
    return line


def at(minute):
    return minute * MINUTE


# ---------------------------------------------------------------- the public fill cases


FLAT = {"o": 100, "h": 100, "l": 100, "c": 100}


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (
            [{"o": 100, "h": 104.5, "l": 97.5, "c": 101}],
            {
                "entry_bar": 1,
                "entry_price": 100,
                "exit_bar": 1,
                "exit_price": 98,
                "reason": "stop",
                "r": -1,
            },
        ),
        (
            [{"o": 100, "h": 101, "l": 99, "c": 100}, {"o": 97, "h": 97.5, "l": 96, "c": 96.5}],
            {"exit_bar": 2, "exit_price": 97, "reason": "stop_gap", "r": -1.5},
        ),
        (
            [{"o": 100.4, "h": 104.1, "l": 100, "c": 104}],
            {
                "entry_bar": 1,
                "entry_price": 100.4,
                "exit_price": 104,
                "reason": "target",
                "r": 1.5,
            },
        ),
    ],
    ids=["pub-fill-both", "pub-fill-gap", "pub-fill-next-open"],
)
def test_bracket_answers_the_public_fill_cases(bars, expected):
    found = naive.bracket([FLAT, *bars], "long", 0, 98.0, 104.0, slippage_bps=0, fee_per_share=0)
    for key, value in expected.items():
        assert found[key] == (value if key == "reason" else pytest.approx(value, abs=1e-9)), key


def test_bracket_of_a_short():
    # sell 100, stop 102 reached: -2 / 2 = -1 R
    found = naive.bracket([FLAT, {"o": 100, "h": 102, "l": 99, "c": 101}], "short", 0, 102.0, 96.0)
    assert (found["exit_price"], found["reason"], found["r"]) == (102, "stop", -1)


def test_bracket_without_a_bar_to_fill_on():
    assert naive.bracket([FLAT], "long", 0, 98.0, 104.0) == {"reason": "no_fill"}


# ---------------------------------------------------------------- F1 to F12


@BOTH
def test_f1_fills_at_the_next_existing_open_not_at_the_signal_close(side):
    trade = only({5: None, 6: (100.2, 100.3, 100.1, 100.2)}, side)
    assert trade.entry_ts == at(6)
    assert trade.entry_price == price(100.2, side)


@BOTH
def test_f1_drops_a_signal_without_a_later_bar_in_its_session(side):
    gone = dict.fromkeys(range(20, 30))
    # T = minute 20, flat at minute 25
    assert dropped(gone, side, signals=(3,)) == "no_fill"


def test_f2_slippage_and_spread_are_against_us_on_market_and_stop_fills():
    costs = Costs(slippage_bps=10, half_spread=0.01)
    long = only({6: (100.0, 100.0, 98.9, 99.0)}, 1, costs=costs)
    # buy 100 x 1.001 + 0.01; sell 99 x 0.999 - 0.01
    assert (long.entry_price, long.exit_price) == pytest.approx((100.11, 98.891), abs=1e-12)
    short = only({6: (100.0, 100.0, 98.9, 99.0)}, -1, costs=costs)
    # sell 100 x 0.999 - 0.01; buy 101 x 1.001 + 0.01
    assert (short.entry_price, short.exit_price) == pytest.approx((99.89, 101.111), abs=1e-12)
    # R = |99.89 - 101| = 1.11; gross -1 / 1.11; net (99.89 - 101.111) / 1.11 = -1.1
    assert short.risk == pytest.approx(1.11)
    assert short.r_gross == pytest.approx(-1 / 1.11)
    assert short.r_net == pytest.approx(-1.1)


@BOTH
def test_f2_no_slippage_on_a_limit_target(side):
    trade = only({6: (100.0, 102.0, 100.0, 101.0)}, side, costs=Costs(10, 0.01))
    assert trade.exit_price == price(102, side)


@BOTH
def test_f3_stop_at_the_stop_and_gap_stop_at_the_open(side):
    touched = only({7: (99.5, 99.6, 99.0, 99.2)}, side)
    assert (touched.exit_reason, touched.exit_ts) == ("stop", at(7))
    assert (touched.exit_price, touched.r_net) == (price(99, side), pytest.approx(-1))
    gapped = only({7: (98.5, 99.6, 98.4, 99.2)}, side)
    # open 98.5 is 1.5 below the entry, R = 1
    assert (gapped.exit_reason, gapped.r_net) == ("stop_gap", pytest.approx(-1.5))
    on_it = only({7: (99.0, 99.6, 98.4, 99.2)}, side)
    assert (on_it.exit_reason, on_it.r_net) == ("stop_gap", pytest.approx(-1))


@BOTH
def test_f4_target_at_the_target_even_after_a_gap(side):
    touched = only({7: (101.0, 102.0, 100.9, 101.5)}, side)
    assert (touched.exit_reason, touched.r_net) == ("target", pytest.approx(2))
    gap = {7: (102.5, 103.0, 98.0, 101.5)}
    assert only(gap, side).r_net == pytest.approx(2)
    assert not only(gap, side).ambiguous
    better = only(gap, side, fills=Fills(target_gap="open"))
    assert (better.exit_reason, better.r_net) == ("target", pytest.approx(2.5))


@BOTH
def test_f4_trade_through_needs_one_tick_more(side):
    fills = Fills(trade_through=True)
    touched = only({7: (101.0, 102.0, 100.9, 101.5)}, side, fills=fills)
    assert touched.exit_reason == "flat"
    opened_on_it = only({7: (102.0, 102.0, 101.9, 101.9)}, side, fills=fills)
    assert opened_on_it.exit_reason == "flat"
    through = only({7: (101.0, 102.01, 100.9, 101.5)}, side, fills=fills)
    assert (through.exit_reason, through.exit_price) == ("target", price(102, side))


@BOTH
def test_f5_both_levels_in_one_bar_is_a_stop_and_ambiguous(side):
    trade = only({6: (100.0, 102.5, 98.5, 100.0)}, side)
    assert (trade.exit_reason, trade.ambiguous) == ("stop", True)
    assert (trade.r_net, trade.r_net_target_first) == pytest.approx((-1, 2))
    plain = only({6: (100.0, 101.9, 98.5, 100.0)}, side)
    assert (plain.ambiguous, plain.r_net_target_first) == (False, plain.r_net)


@BOTH
def test_f6_levels_are_live_in_the_entry_bar(side):
    trade = only({5: (100.0, 100.2, 98.9, 99.5)}, side)
    assert (trade.entry_ts, trade.exit_ts, trade.exit_reason) == (at(5), at(5), "stop")
    assert trade.bars_held == 1


@BOTH
@pytest.mark.parametrize(
    ("opened", "line"),
    [
        (99.0, "beyond_stop"),
        (98.0, "beyond_stop"),
        (102.0, "beyond_target"),
        (99.2, "risk_too_small"),  # 0.2 left of 1, share 0.25
    ],
)
def test_f7_skips_an_entry_beyond_a_level_or_without_risk(side, opened, line):
    assert dropped({5: (opened,) * 4}, side) == line


@BOTH
def test_f7_measures_r_from_the_entry_fill(side):
    # 0.25 left of 1 is enough; flat at 100: +0.75 / 0.25 = 3 R
    trade = only({5: (99.25,) * 4}, side)
    assert (trade.risk, trade.r_net) == pytest.approx((0.25, 3))
    # no minimum: entry 99.004, R would be 0.004 and is one tick; stop at 99 is -0.004 / 0.01
    tiny = {5: (99.004,) * 4, 6: (99.004, 99.004, 99.0, 99.0)}
    assert only(tiny, side, fills=Fills(min_risk_share=0)).r_net == pytest.approx(-0.4)


@BOTH
def test_f8_flattens_at_the_flat_instant_relative_to_the_close(side):
    full = only({25: (100.5, 103.0, 98.0, 100.0)}, side)
    assert (full.exit_ts, full.exit_reason, full.r_net) == (at(25), "flat", pytest.approx(0.5))
    half_day = only({15: (100.5, 103.0, 98.0, 100.0)}, side, length=20)
    assert (half_day.exit_ts, half_day.exit_reason) == (at(15), "flat")


@BOTH
def test_f8_without_a_bar_after_the_flat_instant_ends_at_the_last_close(side):
    gone = dict.fromkeys(range(25, 30))
    trade = only(gone | {24: (100.0, 100.6, 99.9, 100.5)}, side)
    assert (trade.exit_ts, trade.exit_reason) == (at(24), "session_end")
    assert trade.exit_price == price(100.5, side)
    # the last bar's own stop comes first
    stopped = only(gone | {24: (100.0, 100.6, 98.9, 100.5)}, side)
    assert stopped.exit_reason == "stop"


@BOTH
def test_f8_no_entry_at_or_after_the_flat_instant(side):
    assert dropped({}, side, signals=(4,)) == "flat"
    assert dropped(dict.fromkeys(range(20, 25)), side, signals=(3,)) == "flat"
    # at the close itself there is no fill minute either: T decides
    assert dropped({}, side, signals=(5,)) == "flat"


@BOTH
def test_f9_flat_then_time_come_before_the_bars_range_and_gap(side):
    falling = (98.0, 103.0, 97.0, 98.0)
    assert only({25: falling}, side).exit_reason == "flat"
    # T + 4 bars of 5 minutes is minute 25, the flat instant
    assert only({25: falling}, side, exits=Exits(max_hold_bars=4)).exit_reason == "flat"
    # T + 2 bars = minute 15
    timed = only({15: falling}, side, exits=Exits(max_hold_bars=2))
    assert (timed.exit_reason, timed.exit_ts, timed.r_net) == ("time", at(15), pytest.approx(-2))


def test_f10_fees_per_leg():
    up = {6: (100.0, 102.0, 100.0, 101.0)}
    costs = Costs(fee_bps=1, fee_per_share=0.005, sell_fee_bps=0.5)
    # buy 0.01 + 0.005; sell 0.0102 + 0.005 + 0.0051: 2 - 0.0353
    assert only(up, 1, costs=costs).r_net == pytest.approx(1.9647)
    # sell 0.01 + 0.005 + 0.005; buy 0.0098 + 0.005: 2 - 0.0348
    assert only(up, -1, costs=costs).r_net == pytest.approx(1.9652)
    assert only(up, -1, costs=costs).r_gross == pytest.approx(2)


def test_f10_minimum_per_leg():
    up = {6: (100.0, 102.0, 100.0, 101.0)}
    costs = Costs(fee_bps=1, sell_fee_bps=0.5, fee_min=20, notional_usd=10_000)
    # 100 shares: 20 / 100 = 0.2 a share and leg; sell 0.0051 on top: 2 - 0.4051
    assert only(up, 1, costs=costs).r_net == pytest.approx(1.5949)
    # sell 100 x 0.00005 = 0.005 on top: 2 - 0.405
    assert only(up, -1, costs=costs).r_net == pytest.approx(1.595)


SMALL = Costs(notional_usd=10_000)  # 100 shares at 100
SHARE = Fills(participation=0.2)  # 40 of 200 shares a bar


@BOTH
def test_f11_fills_a_share_of_the_volume_and_the_rest_at_the_next_opens(side):
    bars = {
        6: (100.5,) * 4,
        7: (101.0,) * 4,
        10: (100.0, 102.0, 100.0, 101.5),
        11: (101.5,) * 4,
        12: (101.0,) * 4,
    }
    trade = only(bars, side, volume=200.0, costs=SMALL, fills=SHARE)
    # entry 40 x 100 + 40 x 100.5 + 20 x 101 = 10040; exit 40 x 102 + 40 x 101.5 + 20 x 101 = 10160
    assert (trade.entry_ts, trade.exit_ts, trade.exit_reason) == (at(5), at(12), "target")
    assert trade.entry_price == price(100.4, side)
    assert trade.exit_price == price(101.6, side)
    assert (trade.quantity, trade.risk) == pytest.approx((100, 1.4))
    assert trade.r_net == pytest.approx(1.2 / 1.4)


@BOTH
def test_f11_what_is_unfilled_when_an_exit_is_due_stays_unfilled(side):
    gap = only({6: (98.9,) * 4}, side, volume=200.0, costs=SMALL, fills=SHARE)
    assert (gap.quantity, gap.exit_reason) == (40, "stop_gap")
    assert gap.r_net == pytest.approx(-1.1)
    # inside the bar: the open fills 40 more; of 80 shares 40 leave at 99, 40 at the next open 99.2
    inside = {6: (100.0, 100.0, 98.9, 99.0), 7: (99.2,) * 4}
    trade = only(inside, side, volume=200.0, costs=SMALL, fills=SHARE)
    assert (trade.quantity, trade.exit_ts) == (80, at(7))
    assert trade.r_net == pytest.approx(-0.9)


@BOTH
def test_f11_what_is_left_at_the_end_leaves_at_the_last_close(side):
    bars = {28: (100.0, 100.0, 98.9, 99.4), 29: (99.5, 99.6, 99.5, 99.6)}
    trade = only(
        bars,
        side,
        volume=200.0,
        costs=SMALL,
        fills=SHARE,
        exits=Exits(flat_before_close_minutes=0),
    )
    # 40 at 99, 40 at 99.5, 20 at the last close 99.6: 99.32
    assert (trade.exit_ts, trade.exit_reason) == (at(29), "stop")
    assert trade.exit_price == price(99.32, side)


@BOTH
def test_f11_impact_is_k_sigma_root_of_the_share(side):
    stopped = {6: (100.0, 100.0, 98.9, 99.0)}
    trade = only(stopped, side, volume=400.0, costs=SMALL, fills=Fills(impact=0.1))
    # 0.1 x 1 x sqrt(100 / 400) = 0.05 a leg: R = 1.05
    assert trade.entry_price == price(100.05, side)
    assert trade.exit_price == price(98.95, side)
    assert (trade.r_gross, trade.r_net) == pytest.approx((-1 / 1.05, -1.1 / 1.05))


@BOTH
def test_f11_is_off_on_an_index(side):
    fills = Fills(participation=0.2, impact=0.1)
    later = {6: (100.5,) * 4}
    trade = only(later, side, volume=200.0, costs=SMALL, fills=fills, asset_class="INDEX")
    assert (trade.quantity, trade.entry_price) == (100, 100)


@BOTH
def test_f12_breakeven_uses_extremes_through_the_bar_before(side):
    exits = Exits(breakeven_atr=1)
    bars = {6: (100.0, 101.0, 99.5, 100.5), 7: (100.5, 100.6, 99.9, 100.0)}
    trade = only(bars, side, exits=exits)
    # bar 6 reaches 1 ATR and is not stopped at 100 by its own low; bar 7 is
    assert (trade.exit_ts, trade.exit_reason, trade.r_net) == (at(7), "stop", pytest.approx(0))
    assert trade.stop == price(99, side)
    short_of_it = only(bars | {6: (100.0, 100.99, 99.5, 100.5)}, side, exits=exits)
    assert short_of_it.exit_reason == "flat"
    # the entry is the fill: 100.1 needs 101.1
    slipped = only(bars, side, exits=exits, costs=Costs(slippage_bps=10))
    assert slipped.exit_reason == "flat"


@BOTH
def test_f12_trail_follows_the_best_extreme_and_never_loosens(side):
    exits = Exits(trail_atr=0.5)
    bars = {
        5: (100.0, 100.2, 99.6, 100.2),  # best 100.2: 99.7 from bar 6; the entry bar keeps 99
        6: (100.2, 101.2, 100.1, 101.0),  # best 101.2: 100.7 from bar 7
        7: (101.0, 101.1, 100.8, 100.9),
        8: (100.9, 101.0, 100.6, 100.8),
    }
    trade = only(bars, side, exits=exits)
    assert (trade.exit_ts, trade.exit_reason, trade.r_net) == (at(8), "stop", pytest.approx(0.7))
    # 2 ATR below the best is 98, looser than the stop at 99
    wide = only({6: (100.0, 100.0, 98.5, 99.5)}, side, exits=Exits(trail_atr=2))
    assert (wide.exit_reason, wide.r_net) == ("stop", pytest.approx(-1))


# ---------------------------------------------------------------- trades, levels (6.1, 10)


@BOTH
def test_an_exit_at_the_open_of_minute_t_still_blocks_the_signal_of_t(side):
    trades, funnel = play({10: (98.5,) * 4}, side, signals=(0, 1, 2))
    assert [trade.signal_index for trade in trades] == [0, 2]
    assert (funnel["in_trade"], funnel["trades"]) == (1, 2)


@BOTH
@pytest.mark.parametrize(("cooldown", "second"), [(0, 1), (1, 2), (2, 3)])
def test_cooldown_counts_signal_bars_from_the_exit_bar(side, cooldown, second):
    # the exit in minute 9 lies in bar 1, whose own signal comes at minute 10
    trades, funnel = play(
        {9: (98.5,) * 4}, side, signals=(0, 1, 2, 3), exits=Exits(cooldown_bars=cooldown)
    )
    assert [trade.signal_index for trade in trades] == [0, second]
    assert funnel["cooldown"] == cooldown
    assert funnel["signals"] == sum(funnel.values()) - funnel["signals"]


@BOTH
def test_a_signal_without_a_trade_blocks_nothing(side):
    trades, funnel = play({5: (98.0,) * 4}, side, signals=(0, 1))
    assert [trade.signal_index for trade in trades] == [1]
    assert funnel["beyond_stop"] == 1


@BOTH
def test_time_exit_is_tested_on_the_entry_minute_too(side):
    # T + 1 bar = minute 10; the first fill bar is minute 15
    trade = only(dict.fromkeys(range(5, 15)), side, exits=Exits(max_hold_bars=1))
    assert (trade.entry_ts, trade.exit_ts, trade.exit_reason) == (at(15), at(15), "time")
    assert trade.r_net == 0


@pytest.mark.parametrize(
    ("side", "close", "atr", "asset_class", "stop", "target"),
    [
        (1, 100.004, 1.0, "ETF", 99.00, 102.01),  # raw 99.004 and 102.004
        (-1, 100.004, 1.0, "ETF", 101.01, 98.00),  # raw 101.004 and 98.004
        (1, 100.1, 0.3, "ETF", 99.8, 100.7),  # raw levels on ticks stay there
        (-1, 100.1, 0.3, "ETF", 100.4, 99.5),
        (1, 20.07, 0.13, "ETF", 19.94, 20.33),  # in float64 20.07 + 2 x 0.13 > 20.33
        (1, 0.95, 0.00015, "STOCK", 0.9498, 0.9503),  # raw 0.94985 and 0.9503
        (1, 0.95, 0.00015, "INDEX", 0.94, 0.96),
    ],
)
def test_levels_lie_on_ticks_away_from_the_close(side, close, atr, asset_class, stop, target):
    trade = only(
        dict.fromkeys(range(30), (close,) * 4)
        if side > 0
        else dict.fromkeys(range(30), (200 - close,) * 4),
        side,
        close=close,
        atr=atr,
        asset_class=asset_class,
    )
    assert (trade.stop, trade.target) == (stop, target)


@BOTH
def test_levels_from_the_entry_fill(side):
    trade = only({5: (100.5,) * 4}, side, fills=Fills(levels_from="entry_fill"))
    assert (trade.stop, trade.target) == (price(99.5, side), price(102.5, side))


def test_levels_are_raw_prices_after_a_split():
    # adjusted 100 and 1 with factor 0.25 are 400 and 4
    bars = dict.fromkeys(range(30), (400.0,) * 4)
    trade = only(bars, 1, factors=[0.25])
    assert (trade.stop, trade.target, trade.entry_price) == (396, 408, 400)


@BOTH
def test_fills_on_signal_bars_by_explicit_choice(side):
    # bar 1 spans minutes 5-9: high 102.5 in minute 6 and low 98.5 in minute 8 meet in it
    bars = {6: (100.0, 102.5, 100.0, 100.0), 8: (100.0, 100.0, 98.5, 100.0)}
    assert only(bars, side).exit_reason == "target"
    coarse = only(bars, side, fills=Fills(timeframe="signal"))
    assert (coarse.exit_reason, coarse.ambiguous, coarse.exit_ts) == ("stop", True, at(5))


@BOTH
def test_bars_held_counts_both_ends_and_minutes_held_the_exit_minute(side):
    trade = only({17: (98.0,) * 4}, side)
    # buckets 5-9, 10-14, 15-19; minutes 5..17
    assert (trade.bars_held, trade.minutes_held) == (3, 13)


# ---------------------------------------------------------------- detectors (section 8)


def bar(**known):
    names = ("or_high_30", "or_low_30", "prior_high", "prior_low", "flow_signed", "session_open")
    return dict.fromkeys(names) | {"segment": 0} | known


def with_level(row, level):
    """Put 20 bars with that high and low before the bar."""
    return [{"segment": 0, "high": level, "low": level}] * 20 + [row]


BULLISH = bar(
    close=100.8, atr=0.6, rel_volume=2, vwap=100, prior_close=99.5, or_high_30=100.4,
    prior_high=101.2, mtf_rsi_up_frac=2 / 3,
)  # fmt: skip
BEARISH = bar(
    close=198.5, atr=0.5, rel_volume=3.25, vwap=200, prior_close=200.5, prior_low=199,
    mtf_rsi_down_frac=1, flow_signed=-60,
)  # fmt: skip
LONG = bar(
    close=99.2, rsi_centred=-22, vwap=100, ema_21=100.4, atr=0.5, rel_volume=1.35, adx=18,
    regime=naive.RANGING, rsi_div_long=0, patient_candle=1, hammer=0,
)  # fmt: skip
SHORT = bar(
    close=201.5, rsi_centred=25, vwap=200, ema_21=199.9, atr=0.6, rel_volume=1, adx=34,
    regime=naive.TRENDING_UP,
)  # fmt: skip
DRIVE_UP = bar(
    close=5020, session_open=5000, prior_close=4980, rel_volume=1.3, minutes_since_open=20, atr=5,
    mtf_rsi_up_frac=1,
)  # fmt: skip
DRIVE_DOWN = bar(
    close=3968, session_open=4000, prior_close=4000, rel_volume=2, minutes_since_open=15, atr=5,
    flow_signed=65,
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows", "factors", "score"),
    [
        (
            "breakout_bullish",
            with_level(BULLISH, 100.5),
            (62.5, None, 79, 80, 60, 66.6667),
            69.622222,
        ),
        (
            "breakout_bearish",
            with_level(BEARISH, 198.8),
            (87.5, 85, 77.5, 84, None, 100),
            85.684211,
        ),
        ("mean_reversion_long", [LONG], (76, 79, 72.5, 100, 60), 77.8),
        ("mean_reversion_short", [SHORT], (85, 77.5, 50, 20, None), 68.421053),
        ("opening_drive_bullish", [DRIVE_UP], (62.5, 65, None, 72.1285, 100), 69.774096),
        ("opening_drive_bearish", [DRIVE_DOWN], (90, 87.5, 17.5, 40, None), 64.861111),
    ],
)
def test_worked_examples(name, rows, factors, score):
    state = naive.evaluate(name, rows)[-1]
    assert state.state == "signal"
    assert state.signal == (1 if name.endswith(("bullish", "long")) else -1)
    assert state.score == pytest.approx(score, abs=1e-6)
    assert [x is None for x in state.factors] == [x is None for x in factors]
    known = [x for x in factors if x is not None]
    assert [x for x in state.factors if x is not None] == pytest.approx(known, abs=1e-4)


def test_counter_examples():
    def last(**changes):
        return naive.evaluate("breakout_bullish", with_level(BULLISH | changes, 100.5))[-1]

    quiet = last(rel_volume=1.4)
    assert (quiet.state, quiet.passed) == ("no_signal", (True, False, True, True))
    assert math.isnan(quiet.score)
    assert last(rel_volume=None).missing == "rel_volume"
    assert last(atr=0).missing == "atr"
    # unknown decides although another condition fails
    assert last(rel_volume=None, close=90).state == "not_evaluable"
    strict = naive.evaluate("breakout_bullish", with_level(BULLISH, 100.5), min_score=70)[-1]
    assert (strict.state, strict.signal, strict.evaluable) == ("no_signal", 0, True)


def test_level_needs_n_bars_of_one_segment_and_leaves_out_the_bar():
    rows = with_level(BULLISH | {"high": 500, "low": 1}, 100.5)
    assert naive.evaluate("breakout_bullish", rows)[-1].signal == 1
    assert naive.evaluate("breakout_bullish", rows[1:])[-1].missing == "level"
    restarted = [rows[0] | {"segment": -1}, *rows[1:]]
    assert naive.evaluate("breakout_bullish", restarted)[-1].missing == "level"


def test_level_confluence_is_strict():
    row = BULLISH | {"or_high_30": 100.8}  # the close: neither level is beaten
    assert naive.evaluate("breakout_bullish", with_level(row, 100.5))[-1].factors[4] == 0


@pytest.mark.parametrize(("points", "score"), [(1.999, 60), (2, 85)])
def test_a_divergence_confirms_from_two_points_on(points, score):
    state = naive.evaluate("mean_reversion_long", [LONG | {"rsi_div_long": points}])[0]
    assert state.factors[4] == score


def test_adverse_trend_blocks_only_beyond_its_strength():
    adverse = SHORT | {"adx": 40}
    assert naive.evaluate("mean_reversion_short", [adverse])[0].signal == -1
    adverse = SHORT | {"adx": 40.001}
    assert naive.evaluate("mean_reversion_short", [adverse])[0].passed == (True, True, True, False)
    friendly = adverse | {"regime": naive.TRENDING_DOWN}
    assert naive.evaluate("mean_reversion_short", [friendly])[0].signal == -1


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(9, "out_of_window"), (10, "signal"), (30, "signal"), (31, "out_of_window")],
)
def test_opening_drive_window(minutes, state):
    row = DRIVE_UP | {"minutes_since_open": minutes}
    assert naive.evaluate("opening_drive_bullish", [row])[0].state == state


def test_weight_below_half_is_not_evaluable():
    score, enough = naive.score_of([(0.3, 1.0, 80), (0.2, 1.0, 50), (0.5, 1.0, None)])
    assert (score, enough) == (pytest.approx(68), True)  # (24 + 10) / 0.5
    assert not naive.score_of([(0.3, 9.0, 80), (0.19, 9.0, 50), (0.51, 1.0, None)])[1]


# ---------------------------------------------------------------- features (section 3)


DAY = 1440


def days(count, *, half=(), length=390):
    return [
        Session(
            k, k * DAY * MINUTE, (k * DAY + (210 if k in half else length)) * MINUTE, k not in half
        )
        for k in range(count)
    ]


def minute(day, offset, prices=(100.0,) * 4, volume=1.0):
    return Minute((day * DAY + offset) * MINUTE, *prices, volume)


def table(minutes, sessions, bar_minutes=15, asset_class="ETF", **settings):
    rows = naive.features(
        minutes, sessions, bar_minutes=bar_minutes, asset_class=asset_class, **settings
    )
    return {(row["session"], row["minutes_since_open"]): row for row in rows}


def test_bars_are_cut_by_the_close_and_never_synthesised():
    rows = naive.bars_of(
        [minute(0, 0, (1, 5, 1, 2)), minute(0, 14, (2, 3, 0.5, 3)), minute(0, 39, (4, 4, 4, 4)),
         minute(0, 40)],
        [Session(0, 0, 40 * MINUTE, full_length=True)],
        15,
    )  # fmt: skip
    assert [(b.ts // MINUTE, b.end // MINUTE, *b[3:]) for b in rows] == [
        (0, 15, 1, 5, 0.5, 3, 2),
        (30, 40, 4, 4, 4, 4, 1),
    ]


def test_indicators_by_hand():
    # seven changes of +2 and seven of -1: AG 1, AL 0.5; then +2: AG 15/14, AL 6.5/14
    closes = [10.0]
    for k in range(15):
        closes.append(closes[-1] + (2 if k % 2 == 0 else -1))
    assert naive.rsi_centred(closes)[13] is None
    assert naive.rsi_centred(closes)[14:] == pytest.approx([50 * 0.5 / 1.5, 50 * 8.5 / 21.5])
    assert naive.rsi_centred([5.0] * 15)[14] == 0
    assert naive.ema([1, 2, 3, 6], 3) == [None, None, 2, 4]
    rising = [naive.Bar(0, 0, 0, k, k + 0.5, k - 0.5, k, 1) for k in range(40)]
    # TR: 1 on bar 0, then (k + .5) - (k - 1) = 1.5; mean of 14: (1 + 19.5) / 14
    flat = [False] * 40
    assert naive.atr(rising, flat)[12:14] == [None, pytest.approx(20.5 / 14)]
    # with a session's first bar on bar 14, its TR is 1: (13 x 20.5 / 14 + 1) / 14
    first = [k == 14 for k in range(40)]
    assert naive.atr(rising, first)[14] == pytest.approx((13 * 20.5 / 14 + 1) / 14)
    # +DM 1 on every bar, -DM 0: DX 100; first ADX on bar 27
    assert naive.adx(rising, flat)[26:28] == [None, 100]
    # a fall of 4 on bar 14 is a movement within a session and none over the night
    fallen = [b if k < 14 else b._replace(high=k - 4.5, low=k - 5.5) for k, b in enumerate(rising)]
    assert naive.adx(fallen, first)[27] == pytest.approx(100)
    # seeds +DM 13 / 14 and -DM 4 / 14: DX 900 / 17 on bar 14, shrinking later
    assert naive.adx(fallen, flat)[27] < 90
    upside_down = [b._replace(high=-b.low, low=-b.high) for b in fallen]
    assert naive.adx(upside_down, first)[27] == pytest.approx(100)
    assert naive.adx(upside_down, flat) == naive.adx(fallen, flat)


def test_session_features_by_hand():
    sessions = days(3)
    rows = table(
        [
            minute(0, 0, (100.0, 104.0, 99.0, 103.0)),
            minute(1, 1, (105.0, 107.0, 104.0, 106.0), 1.0),
            minute(1, 14, (106.0, 110.0, 106.0, 108.0), 3.0),
            minute(1, 15, (1.0, 999.0, 1.0, 108.0), 3.0),
            minute(2, 5),
        ],
        sessions,
    )
    row = rows[1, 15]
    # typical prices 317 / 3 and 108
    assert row["vwap"] == pytest.approx((317 / 3 + 3 * 108) / 4)
    assert (row["prior_close"], row["prior_high"], row["prior_low"]) == (103, 104, 99)
    assert row["overnight_gap_frac"] == pytest.approx(2 / 103)
    assert row["session_move_frac"] == pytest.approx(3 / 105)
    assert row["day_change_frac"] == pytest.approx(5 / 103)
    assert (row["session_high"], row["session_low"], row["minutes_to_close"]) == (110, 104, 375)
    assert row["reasons"]["or_high_30"] == "warmup"
    assert rows[1, 30]["reasons"]["or_high_30"] == "missing_input"  # 3 of 30 minutes
    assert rows[0, 15]["reasons"]["prior_close"] == "warmup"
    assert rows[2, 15]["reasons"]["session_open"] == "missing_input"  # first minute starts 5 late


def test_warm_up_masks_the_first_bars_of_a_segment():
    walk = [100.0 + (k * 7) % 11 for k in range(200)]
    bars = [naive.Bar(k, k + 1, 0, c, c + 1, c - 1, c, 1) for k, c in enumerate(walk)]
    rows = naive.indicators(bars)
    known = {"rsi_centred": 98, "atr": 98, "adx": 140, "ema_21": 63, "ema_50": 150}
    known |= {"atr_ratio": 198, "regime": 198, "rsi_div_long": 117, "rsi_div_short": 117}
    known |= {"patient_candle": 98, "hammer": 0}
    for name, first in known.items():
        assert [naive.has(row[name]) for row in rows] == [t >= first for t in range(200)], name


def test_atr_ratio_leaves_out_the_bar_itself():
    bars = [naive.Bar(k, k + 1, 0, 100.0, 101.0, 99.0, 100.0, 1) for k in range(198)]
    bars.append(naive.Bar(198, 199, 0, 100.0, 108.0, 92.0, 100.0, 1))
    # ATR 2 on 100 bars, then (13 x 2 + 16) / 14 = 3
    assert naive.indicators(bars)[198]["atr_ratio"] == pytest.approx(1.5, abs=1e-12)
    still = [bar._replace(high=100.0, low=100.0) for bar in bars]
    last = naive.indicators(still)[198]
    assert (last["atr"], last["atr_ratio"]) == ("missing_input", "missing_input")


def test_opening_range_needs_half_of_its_minutes():
    present = [minute(0, k, (100.0, 100.0 + k, 100.0 - k, 100.0)) for k in range(15)]
    assert table(present, days(1), 30)[0, 30]["or_high_30"] == 114
    assert table(present, days(1), 30)[0, 30]["or_low_30"] == 86
    assert table(present[1:], days(1), 30)[0, 30]["or_high_30"] is None


def test_slot_baseline_counts_sessions_with_bars_and_missing_slots_as_zero():
    sessions = days(8, half=(1,))
    minutes = [minute(k, 0, volume=10.0) for k in (0, 2, 3, 4)]
    minutes += [minute(1, 0, volume=999.0), minute(5, 30, volume=7.0)]
    minutes += [minute(6, 0, volume=12.0), minute(7, 0, volume=12.0)]
    rows = table(sorted(minutes), sessions)
    # session 5: 0, 2, 3, 4 are four full sessions; session 6: (4 x 10 + 0) / 5 = 8
    assert rows[5, 45]["reasons"]["rel_volume"] == "warmup"
    assert rows[6, 15]["rel_volume"] == pytest.approx(1.5)
    # session 7: (4 x 10 + 0 + 12) / 6
    assert rows[7, 15]["rel_volume"] == pytest.approx(12 / (52 / 6))


def test_half_day_slots_run_from_the_close_in_its_last_hour():
    sessions = days(6, half=(5,))
    minutes = []
    for k in range(5):
        minutes += [minute(k, 135, volume=10.0), minute(k, 150, volume=1.0)]
        minutes += [minute(k, 330, volume=20.0)]
    minutes += [minute(5, 135, volume=5.0), minute(5, 150, volume=5.0)]
    rows = table(minutes, sessions)
    # starts 75 minutes before the close: slot 135; 60 before the close: slot 330 of a full day
    assert rows[5, 150]["rel_volume"] == pytest.approx(0.5)
    assert rows[5, 165]["rel_volume"] == pytest.approx(0.25)


def test_trailing_baseline():
    minutes = [minute(k // 26, k % 26 * 15, volume=2.0) for k in range(51)]
    rows = table(minutes, days(2), rel_volume_baseline="trailing")
    assert rows[1, 24 * 15]["reasons"]["rel_volume"] == "warmup"
    assert rows[1, 25 * 15]["rel_volume"] == 1


def test_gap_suspect_restarts_and_masks_prior_levels_for_its_session_only():
    minutes = [minute(0, 0), minute(1, 0, (136.0,) * 4), minute(2, 0, (136.0,) * 4)]
    rows = table(minutes, days(3))
    assert [rows[k, 15]["segment"] for k in range(3)] == [0, 1, 1]
    assert [rows[k, 15]["prior_close"] for k in range(3)] == [None, None, 136]
    assert rows[1, 15]["reasons"]["overnight_gap_frac"] == "missing_input"
    split = table(minutes, days(3), split_sessions=[False, True, False])
    assert (split[1, 15]["segment"], split[1, 15]["prior_close"]) == (0, 100)


@pytest.mark.parametrize(("missing", "segment"), [(3, 0), (4, 1)])
def test_restart_after_more_than_three_missing_sessions(missing, segment):
    rows = table([minute(0, 0), minute(missing + 1, 0)], days(6))
    assert rows[missing + 1, 15]["segment"] == segment


def test_index_volume_comes_from_its_proxy():
    index = [minute(0, k, (10.0 + k,) * 4, math.nan) for k in range(5)]
    proxy = [minute(0, k, volume=2.0) for k in range(4)]
    row = table(index, days(1), 5, "INDEX", proxy=proxy)[0, 5]
    # four of five minutes: exactly 80 %; the missing one weighs 0
    assert row["vwap"] == pytest.approx(11.5)
    assert row["session_open"] == 10
    for fewer in (proxy[:3], None):
        row = table(index, days(1), 5, "INDEX", proxy=fewer)[0, 5]
        assert row["reasons"]["vwap"] == row["reasons"]["rel_volume"] == "missing_proxy"


def test_divergence_by_hand():
    lows = [5.0] * 20
    lows[4], lows[17] = 3.0, 2.5
    rsis = [-10.0] * 20
    rsis[4], rsis[17] = -30.0, -26.0
    assert naive.divergence(lows, rsis) == 4
    assert naive.divergence(lows[:16] + [2.5] + [5.0] * 3, rsis[:16] + [-26.0] * 4) == 4
    assert naive.divergence(lows[:15] + [2.5] + [5.0] * 4, rsis) == 0  # four bars old
    assert naive.divergence([3.0 if low == 2.5 else low for low in lows], rsis) == 0  # not lower
    assert naive.divergence(lows, ["warmup", *rsis[1:]]) == "warmup"
    # the latest of equal lows counts: bars 6 and 18
    lows[6], rsis[6], lows[18], rsis[18] = 3.0, -32.0, 2.5, -25.0
    assert naive.divergence(lows, rsis) == 7


def test_candles_by_hand():
    def candle(*prices):
        found = naive.patterns([naive.Bar(0, 0, 0, *prices, 1)], [{"atr": 1.0}], 0)
        return found["hammer"], found["shooting_star"], found["patient_candle"]

    assert candle(10.75, 11.0, 10.0, 10.8) == (1, 0, 1)  # lower wick .75, upper .2 of 1
    assert candle(10.2, 11.0, 10.0, 10.25) == (0, 1, 1)
    assert candle(10.2, 11.0, 10.0, 10.8) == (0, 0, 0)
    assert candle(10.0, 10.0, 10.0, 10.0) == (0, 0, 1)


@pytest.mark.parametrize(
    ("ratio", "adx", "close", "expected"),
    [
        (1.6, 30, 3, naive.VOLATILE),
        (1.5, 26, 3, naive.TRENDING_UP),
        (1.5, 26, 0.5, naive.TRENDING_DOWN),
        (1.5, 26, 1.5, naive.RANGING),
        (1.0, 19, 3, naive.CHOPPY),
        (0.9, 19, 3, naive.RANGING),
    ],
)
def test_regime_first_match(ratio, adx, close, expected):
    up = {"ema_21": 2, "ema_50": 1} if close != 0.5 else {"ema_21": 1, "ema_50": 2}
    assert naive.regime(close, {"atr_ratio": ratio, "adx": adx} | up) == expected


def test_higher_timeframes_use_closed_bars_and_warm_up():
    # 14 sessions of 7 hours each hold the 98 bars of the warm-up
    sessions = days(17)
    minutes = [
        minute(k, m, (100.0 + (m + k) % 7,) * 4) for k in range(17) for m in range(0, 390, 5)
    ]
    rows = table(minutes, sessions)
    bars = naive.bars_of(minutes, sessions, 60)
    rsis = naive.rsi_centred([b.close for b in bars])
    first = rows[14, 60]  # bar number 98 of the 60m series closes here
    assert bars[98].end == first["end"]
    fives = naive.rsi_centred([m.close for m in minutes])
    fifteens = naive.rsi_centred([b.close for b in naive.bars_of(minutes, sessions, 15)])
    latest = [fives[14 * 78 + 11], fifteens[14 * 26 + 3], rsis[98]]
    assert first["mtf_rsi_up_frac"] == sum(0 <= x <= 20 for x in latest) / 3
    before = rows[14, 45]  # the 60m series is still in its warm-up: two known
    pair = [fives[14 * 78 + 8], fifteens[14 * 26 + 2]]
    assert before["mtf_rsi_up_frac"] == sum(0 <= x <= 20 for x in pair) / 2


# ---------------------------------------------------------------- metrics


def trades_of(results, **changes):
    base = only({6: (100.0, 102.0, 100.0, 101.0)})
    return [
        dataclasses.replace(base, r_net=r, r_gross=r, r_net_target_first=r, session=k, **changes)
        for k, r in enumerate(results)
    ]


def test_metrics_of_the_public_trade_list():
    found = naive.metrics(trades_of([1.5, -1, -1, 2, 0.5, -1, 3, -1, 1, -0.5]), 10)
    expected = {
        "trades": 10,
        "win_rate": 0.5,
        "profit_factor": 8 / 4.5,
        "expectancy_r": 0.35,
        "expectancy_lcb_r": -0.5038144252,
        "average_win_r": 1.6,
        "average_loss_r": -0.9,
        "payoff": 1.77777777778,
        "breakeven_win_rate": 0.36,
        "total_r": 3.5,
        "best5_share": 8 / 3.5,
        # cumulated 1.5 .5 -.5 1.5 2 1 4 3 4 3.5: from 1.5 down to -.5
        "max_drawdown_r": 2.0,
        "exits_target": 10,
        "exits_stop": 0,
        "active_days": 10,
    }
    assert {k: found[k] for k in expected} == pytest.approx(expected, abs=1e-9)


def test_metrics_per_session():
    one, two = trades_of([2.0, -1.0])
    again = dataclasses.replace(two, session=0, r_net=-1.0, ambiguous=True, r_net_target_first=2.0)
    found = naive.metrics([one, again, two], 4, session_minutes=120)
    # daily 1, -1, 0, 0: mean 0, variance 2 / 3; drawdown from 1 to 0
    assert (found["daily_mean_r"], found["daily_sharpe"], found["daily_sortino"]) == (0, 0, 0)
    # 0 - t(.95, 3) x sqrt(2 / 3) / 2, t = 2.3533634348
    assert found["daily_lcb_r"] == pytest.approx(-2.3533634348 * math.sqrt(2 / 3) / 2)
    assert (found["max_drawdown_r"], found["active_days"]) == (1, 2)
    assert found["ambiguous_frac"] == pytest.approx(1 / 3)
    assert (found["expectancy_r"], found["expectancy_target_first_r"]) == pytest.approx((0, 1))
    # each from minute 5 to 6: two minutes
    assert found["exposure_frac"] == pytest.approx(6 / 120)
    # gross 2 - 1 - 1 = 0 pays nothing; references 100 and 102 with R = 1
    assert found["breakeven_cost_bps"] == 0
    better = naive.metrics([one], 2)
    assert better["breakeven_cost_bps"] == pytest.approx(2 / 0.0202)
    # daily 2, 0: mean 1, no downside
    assert better["daily_sortino"] == math.inf
    assert better["daily_sharpe"] == pytest.approx(1 / math.sqrt(2))


def test_sortino_divides_by_the_downside_of_all_sessions():
    # mean 0.5, mean of squares of the losses 1 / 4
    assert naive.metrics(trades_of([2, -1, 1, 0]), 4)["daily_sortino"] == pytest.approx(1.0)


def test_cost_and_break_even_at_cost():
    up = {6: (100.0, 102.0, 100.0, 101.0)}
    cost = naive.metrics([only(up)], 1)["breakeven_cost_bps"]
    # fees of that many bp a side use up the whole gross result
    assert only(up, costs=Costs(fee_bps=cost)).r_net == pytest.approx(0, abs=1e-12)
    dear = naive.metrics([only(up, costs=Costs(fee_bps=10))], 1)
    assert dear["cost_r_per_trade"] == pytest.approx(0.202)


def test_metrics_of_no_trades_and_of_winners_only():
    none = naive.metrics([], 3)
    assert (none["trades"], none["wilson_low"], none["wilson_high"]) == (0, 0, 1)
    assert math.isnan(none["profit_factor"])
    assert math.isnan(none["expectancy_lcb_r"])
    assert (none["daily_mean_r"], none["daily_sharpe"], none["max_drawdown_r"]) == (0, 0, 0)
    winners = naive.metrics(trades_of([1.0, 2.0]), 2)
    assert winners["profit_factor"] == math.inf
    losers = naive.metrics(trades_of([-1.0, -2.0]), 2)
    assert math.isnan(losers["best5_share"])
    assert (losers["profit_factor"], losers["max_drawdown_r"]) == (0, 3)


def test_wilson():
    assert naive.wilson(8, 10) == pytest.approx((0.490162471537, 0.943317848546), abs=1e-9)
    assert naive.wilson(60, 100) == pytest.approx((0.502003, 0.690599), abs=1e-6)
