import numpy as np
import py_lets_be_rational as oracle
import pytest

from sweep.market.options.implied_vol import implied_volatility


def solve(price, forward, strike, call, years=1.0):
    return implied_volatility(
        np.array([price]),
        np.array([forward]),
        np.array([strike]),
        np.array([call]),
        np.array([years]),
    )[0]


def test_against_the_published_solver():
    rng = np.random.default_rng(4)
    n = 2_000
    forward = rng.uniform(20, 7000, n)
    years = np.exp(rng.uniform(np.log(1), np.log(40 * 1440), n)) / 525_600
    sigma = rng.uniform(0.03, 2.5, n)
    strike = forward * np.exp(sigma * np.sqrt(years) * rng.uniform(-6, 6, n))
    call = rng.random(n) < 0.5
    side = np.where(call, 1.0, -1.0)
    price = np.array([
        oracle.black(*row) for row in zip(forward, strike, sigma, years, side, strict=True)
    ])  # fmt: skip
    # In the money, what is left after the intrinsic value may be rounding: not solvable at all.
    time_value = price - np.maximum(side * (forward - strike), 0)
    kept = time_value > 1e-6 * forward
    found = implied_volatility(price, forward, strike, call, years)[kept]
    expected = [
        oracle.implied_volatility_from_a_transformed_rational_guess(*row)
        for row in zip(price[kept], forward[kept], strike[kept], years[kept], side[kept],
                       strict=True)
    ]  # fmt: skip
    assert kept.sum() > 1_000
    assert found == pytest.approx(expected, rel=1e-9)


def test_far_out_of_the_money_to_the_smallest_prices():
    years, sigma = 30 / 525_600, 0.15
    for distance in (2, 5, 8, 12):
        strike = 5000 * np.exp(distance * sigma * np.sqrt(years))
        price = oracle.black(5000.0, strike, sigma, years, 1.0)
        assert solve(price, 5000.0, strike, call=True, years=years) == pytest.approx(
            sigma, rel=1e-9
        )


@pytest.mark.parametrize(
    ("price", "forward", "strike", "call"),
    [
        (0.0, 100.0, 105.0, True),
        (-1.0, 100.0, 105.0, True),
        (5.0, 105.0, 100.0, True),  # at intrinsic value
        (4.99, 105.0, 100.0, True),
        (100.0, 100.0, 105.0, True),  # at the forward: the maximum of a call
        (101.0, 100.0, 105.0, True),
        (95.0, 100.0, 95.0, False),  # at the strike: the maximum of a put
        (np.nan, 100.0, 95.0, False),
        (np.inf, 100.0, 95.0, False),
        (1.0, np.nan, 95.0, False),
    ],
)
def test_outside_the_bounds_there_is_no_volatility(price, forward, strike, call):
    assert np.isnan(solve(price, forward, strike, call))


def test_expired_contracts_have_none():
    assert np.isnan(solve(1.0, 100.0, 100.0, call=True, years=0.0))
