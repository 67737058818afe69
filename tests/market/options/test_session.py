import dataclasses
import datetime as dt

import numpy as np
import pytest
from market.options.day_of_options import option_day, slow_minute

from detectors.features.option_settings import OptionSettings
from sweep.market.options.contracts import contract_table
from sweep.market.options.day import Quotes, Trades, spot_by_minute
from sweep.market.options.open_interest import OpenInterest
from sweep.market.options.session import gamma_minutes

SETTINGS = OptionSettings()


@pytest.fixture(scope="module")
def day():
    return option_day(noise=0.03, carry=1.0003, share=0.08)


@pytest.fixture(scope="module")
def found(day):
    return gamma_minutes(day, SETTINGS)


@pytest.mark.parametrize("minute", [0, 20, 117, 300, 383, 384, 387])
def test_against_the_definitions(day, found, minute):
    for name, value in slow_minute(day, minute).items():
        assert found[name][minute] == pytest.approx(value, rel=1e-7, nan_ok=True), name


def test_pin_gex_is_unknown_where_its_expiry_has_no_gamma(day, found):
    assert np.isnan(found["pin_gex"][385:389]).all()  # under 5 minutes to the same-day expiry
    assert found["minutes_to_expiry"][389] == 2 * 1440  # at the close it is the next one
    assert found["is_0dte"][388] == 1
    assert found["is_0dte"][389] == 0


def test_the_future_changes_nothing(day, found):
    later = day.trades.minute > 200
    rng = np.random.default_rng(0)
    noise = dataclasses.replace(
        day.trades,
        price=np.where(later, rng.uniform(0.01, 50, len(later)), day.trades.price),
        volume=np.where(later, 1e6, day.trades.volume),
    )
    spot = np.where(np.arange(day.minutes) > 200, 5900.0, day.spot)
    cut = Trades(*(getattr(day.trades, f.name)[~later] for f in dataclasses.fields(Trades)))
    for changed in (
        dataclasses.replace(day, trades=noise, spot=spot),
        dataclasses.replace(day, trades=cut),
    ):
        again = gamma_minutes(changed, SETTINGS)
        for name, values in found.items():
            np.testing.assert_array_equal(again[name][:201], values[:201], name)
    assert not np.array_equal(again["gex"][201:], found["gex"][201:])


def test_a_contract_counts_from_its_first_trade(day):
    contract = np.flatnonzero(
        ~np.isin(np.arange(len(day.contracts)), day.trades.contract[day.trades.minute < 10])
        & (day.contracts.expiry_ns == day.contracts.expiry_ns[0])
    )[0]
    rows = day.trades.contract == contract
    first = day.trades.minute[rows].min()
    unlisted = day.known_before.copy()
    unlisted[contract] = False
    before = day.interest.before.copy()
    before[contract] = 9e6
    one = gamma_minutes(
        dataclasses.replace(day, known_before=unlisted, interest=OpenInterest(before, 0.0)),
        SETTINGS,
    )
    before[contract] = 0.0
    other = gamma_minutes(
        dataclasses.replace(day, known_before=unlisted, interest=OpenInterest(before, 0.0)),
        SETTINGS,
    )
    assert first > 0
    np.testing.assert_array_equal(one["max_pain"][:first], other["max_pain"][:first])
    assert not np.array_equal(one["max_pain"][first:], other["max_pain"][first:])


def test_the_first_trade_of_a_contract_is_not_foreseen(day):
    # Its expiry has no other trade and so no volatility: each contract counts as without price.
    quiet = day.contracts.expiry_ns == np.unique(day.contracts.expiry_ns)[1]
    at_once = np.isin(np.arange(len(quiet)), day.trades.contract[day.trades.minute == 0])
    away = np.where(quiet & ~at_once, np.abs(day.contracts.strike - day.spot[0]), np.inf)
    contract = np.argmin(away)
    rows = day.trades.contract == contract
    first = day.trades.minute[rows].min()
    known = day.known_before.copy()
    known[contract] = False

    def with_trades(kept):
        trades = Trades(*(getattr(day.trades, f.name)[kept] for f in dataclasses.fields(Trades)))
        return gamma_minutes(dataclasses.replace(day, known_before=known, trades=trades), SETTINGS)

    seen, never = (with_trades(~quiet[day.trades.contract] | rows * i) for i in (True, False))
    for name, values in never.items():
        np.testing.assert_array_equal(seen[name][:first], values[:first], name)
    assert seen["opt_null_frac"][first] > never["opt_null_frac"][first] > 0


def test_scaling_open_interest(day, found):
    more = dataclasses.replace(day, interest=OpenInterest(8 * day.interest.before, 0.0))
    scaled = gamma_minutes(more, SETTINGS)
    for name in ("gex", "gex_slope", "pin_gex"):
        np.testing.assert_allclose(scaled[name], 8 * found[name], rtol=1e-12)
    for name in ("zero_gamma", "call_wall", "max_pain", "pin_strike", "pin_oi_frac", "flip_count",
                 "gex_0dte_frac", "opt_priced_frac", "opt_age_minutes"):  # fmt: skip
        np.testing.assert_array_equal(scaled[name], found[name], name)


@pytest.mark.parametrize(("model", "signs"), [("all_short", (-1.0, -1.0)), ("none", (1.0, 1.0))])
def test_sign_models(day, model, signs):
    found = gamma_minutes(day, OptionSettings(sign_model=model))
    slow = slow_minute(day, 50, signs)
    assert found["gex"][50] == pytest.approx(slow["gex"], rel=1e-7)
    assert found["zero_gamma"][50] == -signs[0] * np.inf


def test_today_s_volume_moves_open_interest():
    day = option_day(share=0.08, volume_share=0.3, noise=0.02)
    found = gamma_minutes(day, SETTINGS)
    assert found["gex"][90] == pytest.approx(slow_minute(day, 90)["gex"], rel=1e-7)


def test_pin_sources(day, found):
    by_interest = gamma_minutes(day, OptionSettings(pin_source="max_oi"))["pin_strike"]
    by_gamma = gamma_minutes(day, OptionSettings(pin_source="max_gamma"))["pin_strike"]
    c, spot = day.contracts, day.spot[100]
    near = (c.expiry_ns == c.expiry_ns[0]) & (np.abs(c.strike - spot) <= 0.05 * spot)
    strikes = np.unique(c.strike[near])
    interest = [day.interest.before[near & (c.strike == k)].sum() for k in strikes]
    assert by_interest[100] == strikes[np.argmax(interest)]
    assert by_gamma[100] != found["pin_strike"][100]
    np.testing.assert_array_equal(
        gamma_minutes(day, OptionSettings(pin_source="max_gamma"))["max_pain"], found["max_pain"]
    )


def test_a_half_day_expires_at_its_close():
    day = option_day(day=dt.date(2025, 11, 28), expiries=("251128",), share=0.3)
    found = gamma_minutes(day, SETTINGS)
    assert day.minutes == 210
    assert found["minutes_to_expiry"][:3].tolist() == [209, 208, 207]
    assert found["is_0dte"][208] == 1
    assert np.isnan(found["minutes_to_expiry"][209])
    assert np.isfinite(found["gex"][150])


def test_morning_settled_contracts_are_gone_at_the_open():
    day = option_day(day=dt.date(2025, 11, 21), root="SPX", expiries=("251121", "251219"))
    found = gamma_minutes(day, SETTINGS)
    assert not found["is_0dte"].any()
    assert found["minutes_to_expiry"][0] == 28 * 1440 - 1
    evening = option_day(day=dt.date(2025, 11, 21), root="SPXW", expiries=("251121",))
    assert gamma_minutes(evening, SETTINGS)["is_0dte"][:389].all()


def test_fewer_than_three_strikes_price_nothing():
    day = option_day(expiries=("251126",), strikes=(5990, 6010), share=0.5)
    found = gamma_minutes(day, SETTINGS)
    assert np.isnan(found["gex"]).all()
    assert (found["opt_priced_frac"] == 0).all()
    assert (found["opt_null_frac"] == 1).all()
    assert np.isfinite(found["max_pain"]).all()  # needs open interest only


def test_stale_trades_price_nothing():
    day = option_day(share=0.5, expiries=("251126",))
    early = day.trades.minute <= 30
    cut = Trades(*(getattr(day.trades, f.name)[early] for f in dataclasses.fields(Trades)))
    found = gamma_minutes(dataclasses.replace(day, trades=cut), SETTINGS)
    assert np.isfinite(found["gex"][:46]).all()  # 15 minutes old
    assert np.isnan(found["gex"][46:]).all()
    assert found["opt_age_minutes"][45] == 15


def test_without_open_interest_volumes_are_still_known(day):
    unknown = OpenInterest(np.full(len(day.contracts), np.nan), 0.0)
    found = gamma_minutes(dataclasses.replace(day, interest=unknown), SETTINGS)
    for name in ("gex", "max_pain", "pin_oi_frac", "opt_priced_frac"):
        assert np.isnan(found[name]).all()
    assert np.isfinite(found["call_volume"]).all()
    assert np.isfinite(found["opt_null_frac"]).all()


def test_without_spot_only_the_clock_is_known(day):
    found = gamma_minutes(dataclasses.replace(day, spot=np.full(day.minutes, np.nan)), SETTINGS)
    assert np.isnan(found["gex"]).all()
    assert np.isfinite(found["minutes_to_expiry"]).all()


def test_no_contracts():
    day = option_day(share=0.0, strikes=())
    assert len(day.contracts) == 0
    assert all(np.isnan(values).all() for values in gamma_minutes(day, SETTINGS).values())


def test_a_snapshot_counts_from_its_recording():
    day = option_day(share=0.0, expiries=("251126",))
    n = len(day.contracts)
    every = np.arange(n)
    quotes = Quotes(every, np.full(n, 40), np.full(n, 0.2), np.full(n, 500.0))
    unknown = OpenInterest(np.full(n, np.nan), 0.0)
    found = gamma_minutes(dataclasses.replace(day, quotes=quotes, interest=unknown), SETTINGS)
    assert np.isnan(found["gex"][:40]).all()
    assert np.isfinite(found["gex"][40:56]).all()
    assert np.isnan(found["gex"][56:]).all()  # volatilities are as old as trades may be
    assert np.isfinite(found["max_pain"][40:]).all()
    flat = greeks_total(day, 0.2, 500.0, 40)
    assert found["gex"][40] == pytest.approx(flat, rel=1e-9)


def greeks_total(day, sigma, interest, minute):
    from scipy.stats import norm  # noqa: PLC0415

    c, spot = day.contracts, day.spot[minute]
    years = ((c.expiry_ns - day.open_ns) / 6e10 - minute - 1) / 525_600
    v = sigma * np.sqrt(years)
    gamma = norm.pdf(np.log(spot / c.strike) / v + v / 2) / (spot * v)
    near = np.abs(c.strike - spot) <= 0.05 * spot
    sign = np.where(c.call, 1, -1)
    return (sign * gamma * interest * spot**2)[near].sum()


def test_spot_is_the_last_close_of_five_minutes():
    opened = 1_764_000_000 * 10**9 // 60_000_000_000 * 60_000_000_000
    ts = opened + np.array([1, 2, 9]) * 60_000_000_000
    spot = spot_by_minute(ts, np.array([10.0, 11.0, 12.0]), opened, 16)
    expected = [np.nan, 10, 11, 11, 11, 11, 11, 11, np.nan, 12, 12, 12, 12, 12, 12, np.nan]
    np.testing.assert_array_equal(spot, expected)


def test_only_contracts_of_the_underlying_are_read():
    assert len(contract_table("SPX", ["O:SPY251126C00600000"])) == 0
