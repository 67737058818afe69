"""Rules F1 to F12 one by one, numbers worked out by hand, both sides by mirroring around 100."""

import json
from pathlib import Path

import numpy as np
import pytest

from sweep.engine.first_passage import collect_records
from sweep.engine.partial_fills import trade_in_parts
from sweep.engine.settings import Costs, FillSettings, terms_of
from sweep.engine.trade import (
    DROPS,
    EXIT_REASONS,
    TAKEN,
    Exits,
    Order,
    fee_per_share,
    fill_price,
)
from sweep.engine.whole_fills import trade_whole

PIVOT = 100.0
ANY_RISK, FREE = FillSettings(min_risk_share=0.0), Costs()
pytestmark = pytest.mark.plain_python
SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


def rows_of(bars, side, volume=1e9):
    """Turn (open, high, low, close) of a long into fill bars of either side, a bar a minute."""
    rows = np.zeros((len(bars), 8))
    for minute, (open_, high, low, close) in enumerate(bars):
        prices = (open_, high, low, close)
        if side < 0:
            prices = tuple(2 * PIVOT - p for p in (open_, low, high, close))
        rows[minute, :4] = prices
        rows[minute, 4] = volume if np.isscalar(volume) else volume[minute]
        rows[minute, 5] = minute
    return rows


def trade(
    bars,
    side,
    *,
    stop=98.0,
    target=104.0,
    close=100.0,
    entry=0,
    flat=390,
    timed=390,
    breakeven=0.0,
    trail=0.0,
    volume=1e9,
    fills=ANY_RISK,
    costs=FREE,
):
    """Follow an order whose stop and target lie where a long's would; ATR is 1."""
    rows = rows_of(bars, side, volume)
    turned = close if side > 0 else -(2 * PIVOT - close)
    forced = min(flat, timed, len(bars))
    far = np.array([np.inf])
    records = collect_records(
        rows,
        np.array([entry], np.int32),
        np.array([forced]),
        np.array([float(side)]),
        (far, far),
        np.empty((1, 2), np.int32),
    )
    terms = terms_of(fills, costs, asset_class="STOCK", bar_minutes=15)
    opening = rows[entry, 0]
    price = fill_price(opening, float(side), terms)
    quantity = costs.notional_usd / opening
    order = Order(
        side=float(side),
        close=turned,
        atr=1.0,
        ticks=100.0,
        opening=opening,
        entry_price=price,
        entry_fee=fee_per_share(price, side < 0, quantity, terms),
        quantity=quantity,
        exits=Exits(close - stop, target - close, breakeven, trail, 0, 0, 0),
        entry=entry,
        entry_minute=entry,
        last=len(bars) - 1,
        decision=max(entry, 0),
        flat=flat,
        timed=timed,
        forced=forced,
        adverse=0,
        favourable=0,
    )
    if fills.participation or fills.impact:
        return trade_in_parts(rows, order, terms)
    whole = trade_whole(records[0], records[1], rows, order, terms)
    parts = trade_in_parts(rows, order, terms)
    assert whole == pytest.approx(parts, abs=1e-12)
    return whole


def real(price, side):
    """Return the price of either side where a long's would be `price`."""
    return price if side > 0 else 2 * PIVOT - price


def exit_of(outcome, side):
    """Return (bar, reason, price as a long's) of the exit."""
    assert outcome.drop == TAKEN
    return outcome.exit, EXIT_REASONS[outcome.reason], real(outcome.exit_price, side)


QUIET = (100, 100.5, 99.5, 100)


@SIDES
def test_f1_enters_at_the_open_of_the_next_bar(side):
    outcome = trade([(100.4, 101, 100, 101), QUIET], side)
    assert (outcome.entry, real(outcome.entry_price, side)) == (0, pytest.approx(100.4))


@SIDES
def test_f1_without_a_bar_left_there_is_no_fill(side):
    assert DROPS[trade([QUIET], side, entry=-1).drop] == "no_fill"


def test_f2_costs_are_against_us_on_market_fills():
    costs = Costs(slippage_bps=10, half_spread=0.01)
    long = trade([(100, 100, 97.5, 98)], 1, costs=costs)
    assert long.entry_price == pytest.approx(100 * 1.001 + 0.01)
    assert long.exit_price == pytest.approx(98 * 0.999 - 0.01)
    short = trade([(100, 100, 97.5, 98)], -1, costs=costs)  # stop of the short: 102
    assert short.entry_price == pytest.approx(100 * 0.999 - 0.01)
    assert short.exit_price == pytest.approx(102 * 1.001 + 0.01)


@SIDES
def test_f2_a_target_is_a_limit_order(side):
    outcome = trade([(100, 104.5, 100, 104)], side, costs=Costs(slippage_bps=10, half_spread=0.01))
    assert exit_of(outcome, side) == (0, "target", pytest.approx(104))


@SIDES
def test_f3_a_gap_through_the_stop_fills_at_the_open(side):
    outcome = trade([QUIET, (97, 97.5, 96, 96.5)], side)
    assert exit_of(outcome, side) == (1, "stop_gap", pytest.approx(97))
    assert outcome.net == pytest.approx(-1.5)


@SIDES
def test_f3_an_open_on_the_stop_is_a_gap(side):
    assert exit_of(trade([QUIET, (98, 99, 97, 98)], side), side)[1] == "stop_gap"


@SIDES
@pytest.mark.parametrize(("rule", "price"), [("target", 104), ("open", 105)])
def test_f4_a_gap_through_the_target(side, rule, price):
    fills = FillSettings(target_gap=rule, min_risk_share=0.0)
    outcome = trade([QUIET, (105, 106, 104.5, 105)], side, fills=fills)
    assert exit_of(outcome, side) == (1, "target", pytest.approx(price))


@SIDES
def test_f4_trade_through_needs_one_tick_more(side):
    fills = FillSettings(trade_through=True, min_risk_share=0.0)
    touched = [(100, 104, 100, 103), (103, 104.01, 103, 104)]
    assert exit_of(trade(touched, side, fills=fills), side) == (1, "target", pytest.approx(104))
    assert exit_of(trade(touched, side), side)[0] == 0


@SIDES
def test_f5_both_inside_one_bar_is_the_stop_and_counted(side):
    outcome = trade([(100, 104.5, 97.5, 101)], side)
    assert exit_of(outcome, side) == (0, "stop", pytest.approx(98))
    assert outcome.ambiguous
    assert (outcome.net, outcome.first) == (pytest.approx(-1), pytest.approx(2))


@SIDES
def test_f5_the_open_decides_before_the_range(side):
    outcome = trade([QUIET, (104, 105, 97, 98)], side)
    assert exit_of(outcome, side)[1] == "target"
    assert not outcome.ambiguous


@SIDES
def test_f6_levels_are_live_in_the_entry_bar(side):
    assert exit_of(trade([(100, 100, 97, 99), QUIET], side), side)[:2] == (0, "stop")


@SIDES
@pytest.mark.parametrize(
    ("open_", "share", "why"),
    [(98, 0.0, "beyond_stop"), (104, 0.0, "beyond_target"), (98.4, 0.25, "risk_too_small")],
)
def test_f7_skips_what_is_no_trade_any_more(side, open_, share, why):
    fills = FillSettings(min_risk_share=share)
    assert DROPS[trade([(open_, open_, open_, open_)], side, fills=fills).drop] == why


@SIDES
def test_f7_a_quarter_of_the_risk_is_enough(side):
    fills = FillSettings(min_risk_share=0.25)
    assert trade([(98.5, 99, 98.2, 99), QUIET], side, fills=fills).drop == TAKEN


@SIDES
def test_f7_the_risk_is_a_tick_at_least(side):
    outcome = trade([(98.005, 98.5, 98.001, 98.1)], side)
    assert outcome.gross == pytest.approx((98.1 - 98.005) / 0.01)


@SIDES
def test_f8_flattens_at_the_open_of_the_first_bar_at_the_instant(side):
    outcome = trade([QUIET, QUIET, (100.3, 101, 90, 100)], side, flat=2)
    assert exit_of(outcome, side) == (2, "flat", pytest.approx(100.3))  # F9: not the stop at 90


@SIDES
def test_f8_without_such_a_bar_the_last_close_ends_it_after_its_levels(side):
    assert exit_of(trade([QUIET, (100, 101, 99, 100.7)], side), side) == (
        1,
        "session_end",
        pytest.approx(100.7),
    )
    assert exit_of(trade([QUIET, (100, 101, 97, 100.7)], side), side)[1] == "stop"


@SIDES
def test_f8_no_entry_at_the_flat_instant(side):
    assert DROPS[trade([QUIET, QUIET], side, entry=1, flat=1).drop] == "after_flat"
    assert trade([QUIET, QUIET, QUIET], side, entry=1, flat=2).drop == TAKEN


@SIDES
def test_f9_flat_comes_before_time_and_both_before_levels(side):
    bars = [QUIET, (100.3, 110, 90, 100)]
    assert exit_of(trade(bars, side, timed=1), side) == (1, "time", pytest.approx(100.3))
    assert exit_of(trade(bars, side, timed=1, flat=1), side)[1] == "flat"


def test_f10_fees_by_leg_with_minimum_and_sell_side():
    bars = [(100, 104.5, 100, 104)]
    base = trade(bars, 1).net
    bps = trade(bars, 1, costs=Costs(fee_bps=10)).net
    assert base - bps == pytest.approx((0.1 + 0.104) / 2)
    share = trade(bars, 1, costs=Costs(fee_per_share=0.02)).net
    assert base - share == pytest.approx(0.04 / 2)
    least = trade(bars, 1, costs=Costs(fee_per_share=0.02, fee_min=50, notional_usd=10_000)).net
    assert base - least == pytest.approx(2 * 0.5 / 2)  # 100 shares: 50 dollars are 0.5 a share
    sells = trade(bars, 1, costs=Costs(sell_fee_bps=10)).net
    assert base - sells == pytest.approx(0.104 / 2)
    short = trade(bars, -1).net - trade(bars, -1, costs=Costs(sell_fee_bps=10)).net
    assert short == pytest.approx(0.1 / 2)  # a short sells at its entry


@SIDES
def test_f11_an_entry_fills_in_parts_and_stops_at_the_exit(side):
    fills = FillSettings(participation=0.5, min_risk_share=0.0)
    bars = [(100, 101, 99, 100), (101, 102, 100, 101), (103, 105, 103, 104)]
    costs = Costs(notional_usd=100_000)  # 1,000 shares
    outcome = trade(bars, side, volume=[800, 400, 1e6], fills=fills, costs=costs)
    filled = 400 + 200 + 400
    assert outcome.quantity == pytest.approx(filled)
    mean = (400 * 100 + 200 * 101 + 400 * 103) / filled
    assert real(outcome.entry_price, side) == pytest.approx(mean)
    assert exit_of(outcome, side)[1:] == ("target", pytest.approx(104))


@SIDES
def test_f11_an_exit_at_the_open_comes_before_the_rest_of_the_entry(side):
    fills = FillSettings(participation=0.5, min_risk_share=0.0)
    bars = [(100, 101, 99, 100), (101, 102, 100, 101), (101, 102, 100, 101)]
    outcome = trade(bars, side, volume=[800, 400, 600], fills=fills, flat=1)
    assert outcome.quantity == pytest.approx(400)
    # 200 shares leave at the flat open, 200 of the 300 that the next bar would take after it
    assert exit_of(outcome, side) == (2, "flat", pytest.approx(101))


def test_f11_impact_moves_the_price_against_us():
    fills = FillSettings(impact=0.5, min_risk_share=0.0)
    costs = Costs(notional_usd=10_000)  # 100 shares of 400: 0.5 * 1.0 * sqrt(0.25)
    outcome = trade([(100, 104.5, 100, 104)], 1, volume=400, fills=fills, costs=costs)
    assert outcome.entry_price == pytest.approx(100.25)
    assert outcome.exit_price == pytest.approx(104)


@SIDES
def test_f12_a_stop_moves_on_the_bars_before_only(side):
    bars = [(100, 103, 100, 102.5), (102.5, 103, 101.5, 102), (102, 102, 99.9, 100)]
    # best 103 after bar 0: trail 1 ATR puts the stop to 102, which bar 1 trades through
    assert exit_of(trade(bars, side, trail=1.0), side) == (1, "stop", pytest.approx(102))
    # the entry bar itself keeps the first stop, though its own high would have moved it
    once = [(100, 103, 99, 99.5), (99.5, 100, 99, 99)]
    assert exit_of(trade(once, side, trail=1.0), side)[:2] == (1, "stop_gap")
    # breakeven at 2 ATR: bar 0 reached 3, so bar 2 leaves at the entry price
    assert exit_of(trade(bars, side, breakeven=2.0), side) == (2, "stop", pytest.approx(100))
    assert exit_of(trade(bars, side, breakeven=3.5), side)[1] == "session_end"


REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "stats_reference.json"


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference cases are not at hand")
@pytest.mark.parametrize("name", ["pub-fill-both", "pub-fill-gap", "pub-fill-next-open"])
def test_the_public_fill_cases(name):
    case = next(c for c in json.loads(REFERENCE.read_text())["cases"] if c["id"] == name)
    given, expected = case["input"], case["expected"]
    bars = [(bar["o"], bar["h"], bar["l"], bar["c"]) for bar in given["bars"]]
    signal = given["signal_bar"]
    outcome = trade(
        bars,
        1,
        entry=signal + 1,
        stop=given["stop"],
        target=given["target"],
        close=bars[signal][3],
    )
    found = {
        "entry_bar": outcome.entry,
        "entry_price": outcome.entry_price,
        "exit_bar": outcome.exit,
        "exit_price": outcome.exit_price,
        "reason": EXIT_REASONS[outcome.reason],
        "r": outcome.net,
    }
    for key, value in expected.items():
        assert found[key] == (value if isinstance(value, str) else pytest.approx(value)), key
