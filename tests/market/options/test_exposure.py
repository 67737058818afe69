import dataclasses

import numpy as np
import pytest

from sweep.market.options.exposure import chain_exposure

YEAR = 1 / 252


def two_strikes(calls=1000.0, puts=1000.0, **settings):
    return chain_exposure(
        100.0,
        np.array([105.0, 95.0]),
        np.array([True, False]),
        np.array([calls, puts]),
        np.full(2, 0.2),
        np.full(2, YEAR),
        **settings,
    )


def chain(rng, n=40):
    return {
        "strikes": np.round(rng.uniform(90, 110, n) * 2) / 2,
        "call": rng.random(n) < 0.5,
        "open_interest": rng.integers(1, 5000, n).astype(float),
        "sigma": rng.uniform(0.1, 0.4, n),
        "years": rng.uniform(1, 30, n) / 365,
    }


@pytest.mark.parametrize(("calls", "level"), [(1000.0, 99.86699551), (2000.0, 99.75727043)])
def test_zero_gamma_in_closed_form(calls, level):
    found = two_strikes(calls)
    assert found.zero_gamma == pytest.approx(level, abs=5e-9)
    assert found.flip_count == 1


def test_one_contract_at_known_dollars():
    # Worked by hand: S 6700, gamma 0.0025, 10,000 contracts make 1.12225e9 dollars per 1 %.
    years, sigma = 30 / 365, 0.15
    found = chain_exposure(
        6700.0,
        np.array([6700.0]),
        np.array([True]),
        np.array([10_000.0]),
        np.array([sigma]),
        np.array([years]),
    )
    v = sigma * np.sqrt(years)
    gamma = np.exp(-((v / 2) ** 2) / 2) / np.sqrt(2 * np.pi) / (6700 * v)
    assert found.total == pytest.approx(gamma * 1.12225e9 / 0.0025, rel=1e-12)


def test_scaling_open_interest_scales_dollars_and_keeps_levels():
    given = chain(np.random.default_rng(1))
    one = chain_exposure(100.0, **given)
    more = chain_exposure(100.0, **given | {"open_interest": 8 * given["open_interest"]})
    assert more.total == pytest.approx(8 * one.total, rel=1e-12)
    assert more.slope == pytest.approx(8 * one.slope, rel=1e-12)
    for name in ("zero_gamma", "flip_count", "call_wall", "put_wall", "max_gamma_strike"):
        assert getattr(more, name) == getattr(one, name)


def test_without_two_signs_there_is_no_flip():
    calls_only = two_strikes(puts=0.0)
    assert (calls_only.zero_gamma, calls_only.flip_count, calls_only.slope) == (-np.inf, 0, 0.0)
    assert calls_only.put_wall == -np.inf
    puts_only = two_strikes(calls=0.0)
    assert puts_only.zero_gamma == np.inf
    assert puts_only.call_wall == np.inf
    assert two_strikes(sign_model="all_short").zero_gamma == np.inf
    assert two_strikes(sign_model="none").zero_gamma == -np.inf
    assert np.isnan(two_strikes(0.0, 0.0).zero_gamma)


def test_calls_and_puts_change_places_under_mirrored_strikes():
    # d1 changes its sign when the strike becomes S^2 exp(v^2) / K; calls and puts change signs.
    given = chain(np.random.default_rng(2))
    v = given["sigma"] * np.sqrt(given["years"])
    mirrored = given | {
        "strikes": 1e4 * np.exp(v * v) / given["strikes"],
        "call": ~given["call"],
    }
    one, other = chain_exposure(100.0, **given), chain_exposure(100.0, **mirrored)
    assert other.total == pytest.approx(-one.total, rel=1e-9)


@pytest.mark.parametrize(
    "strikes",
    [
        {97.0: "P", 99.0: "C", 103.0: "P"},  # one sign change on each side of the spot
        {100.0: "C", 101.5: "P", 103.0: "C"},  # both above
        {100.0: "C", 98.5: "P", 97.0: "C"},  # both below
    ],
)
def test_several_flips_are_counted_and_the_nearest_wins(strikes):
    given = {
        "strikes": np.array(list(strikes)),
        "call": np.array([side == "C" for side in strikes.values()]),
        "open_interest": np.full(3, 1000.0),
        "sigma": np.full(3, 0.1),
        "years": np.full(3, YEAR),
    }
    levels = np.linspace(95.005, 104.995, 1000)
    positive = np.array([chain_exposure(level, **given).total > 0 for level in levels])
    changes = np.flatnonzero(positive[1:] != positive[:-1])
    found = chain_exposure(100.0, **given)
    assert found.flip_count == len(changes) == 2
    nearest = changes[np.argmin(np.abs(levels[changes] - 100.0))]
    assert levels[nearest] <= found.zero_gamma <= levels[nearest + 1]


def test_the_level_is_where_a_repriced_chain_has_no_exposure():
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(20):
        given = chain(rng)
        found = chain_exposure(100.0, **given)
        if np.isfinite(found.zero_gamma):
            seen += 1
            there = chain_exposure(found.zero_gamma, **given)
            assert abs(there.total) < 1e-6 * np.abs(there.net).sum()
            ahead, behind = (
                chain_exposure(share * found.zero_gamma, **given).total for share in (1.01, 0.99)
            )
            assert found.slope == pytest.approx(ahead - behind, rel=1e-9)
    assert seen > 5


def test_walls_and_ties():
    # Equal strikes around the spot: the lower of two equally near ones.
    found = chain_exposure(
        100.0,
        np.array([99.0, 101.0, 99.0, 101.0]),
        np.array([True, True, False, False]),
        np.array([10.0, 20.0, 20.0, 10.0]),
        np.full(4, 0.2),
        np.full(4, YEAR),
    )
    assert (found.call_wall, found.put_wall) == (101.0, 99.0)


def test_contracts_without_volatility_are_left_out():
    given = chain(np.random.default_rng(5))
    unknown = given["sigma"].copy()
    unknown[::2] = np.nan
    found = chain_exposure(100.0, **given | {"sigma": unknown})
    kept = chain_exposure(100.0, **{name: column[1::2] for name, column in given.items()})
    assert dataclasses.asdict(found).keys() == dataclasses.asdict(kept).keys()
    assert found.total == kept.total
