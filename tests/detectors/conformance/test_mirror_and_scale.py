"""Rows 4 and 5: the mirrored market swaps a pair; units of price and volume do not matter."""

import dataclasses
import operator

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS, FAMILIES
from tests.detectors.conformance.markets import Market, quarter, quarter_table, shared
from tests.detectors.conformance.probes import OUTPUTS, derive, loosest, with_columns
from tests.detectors.features.walks import priced


def other_of(detector):
    """Return the other detector of the pair; a family of one is its own mirror."""
    return DETECTORS[
        next((n for n in FAMILIES[detector.family] if n != detector.name), detector.name)
    ]


@shared
def mirrored_table(detector):
    market = quarter()
    minutes = priced(market.minutes, operator.neg, swap=True)
    return Market(market.sessions, minutes).of(detector)


@shared
def scaled_table(detector, factor):
    market = quarter()
    return Market(market.sessions, priced(market.minutes, lambda p: p * factor)).of(detector)


@shared
def smooth_table(detector, factor):
    """Off the grid of cents, where equal moves tie and rounding would decide."""
    market = quarter()
    minutes = priced(market.minutes, lambda p: np.exp(p / 50.0) * factor)
    return Market(market.sessions, minutes).of(detector)


@shared
def louder_table(detector):
    """Volume, and with it the open interest of the walk, times eight."""
    market = quarter()
    minutes = dataclasses.replace(market.minutes, volume=market.minutes.volume * 8)
    return Market(market.sessions, minutes).of(detector)


def differences(detector, there, other, here, turn=1):
    """Name the columns and outputs in which two detectors on two tables differ.

    Columns are side views without a unit: a threshold that holds either way hides nothing. `turn`
    is what signals are multiplied by on the way from one to the other.
    """
    values = loosest(detector)
    one, two = derive(detector, there, values).values, derive(other, here, values).values
    columns = [name for name in one if not np.array_equal(one[name], two[name], equal_nan=True)]
    before, after = evaluate(detector, there, values), evaluate(other, here, values)
    outputs = [
        name
        for name in OUTPUTS
        if not np.array_equal(
            getattr(before, name) * (turn if name == "signal" else 1),
            getattr(after, name),
            equal_nan=name == "score",
        )
    ]
    return columns + outputs


def mirror_faults(detector, other):
    return differences(detector, quarter_table(detector), other, mirrored_table(other), -1)


def test_the_mirrored_market_swaps_the_pair_to_the_last_bit(detector):
    found = evaluate(detector, quarter_table(detector), loosest(detector))
    assert np.count_nonzero(found.signal) >= 10
    assert mirror_faults(detector, other_of(detector)) == []


def per_price(columns, table):
    """Mutant: divide by the reference and not by its size."""
    return columns | {
        "extreme_dist_frac": (table["close"] - table["session_low"]) / table["session_low"]
    }


def unsigned(columns, _table):
    """Mutant: a long and a short that read the same column."""
    return columns | {"rsi_side": 100 - columns["rsi_side"]}


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("power_hour_reversal_bullish", per_price),
        ("mean_reversion_long", unsigned),
        ("trend_continuation_short", unsigned),
    ],
)
def test_a_planted_asymmetry_is_found(name, mutant):
    detector = DETECTORS[name]
    other = other_of(detector)
    if mutant is per_price:
        assert mirror_faults(other, with_columns(detector, mutant))[0] == "extreme_dist_frac"
    else:
        assert mirror_faults(with_columns(detector, mutant), other)


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_prices_times_a_power_of_two_change_nothing(detector, factor):
    scaled = scaled_table(detector, factor)
    assert differences(detector, quarter_table(detector), detector, scaled) == []


def test_prices_times_ten_change_no_signal(detector):
    there, here = (
        evaluate(detector, smooth_table(detector, factor), loosest(detector))
        for factor in (1.0, 10.0)
    )
    assert np.array_equal(here.signal, there.signal)
    np.testing.assert_allclose(here.score, there.score, rtol=0, atol=1e-9)


def test_eight_times_the_volume_changes_nothing(detector):
    here = louder_table(detector)
    assert differences(detector, quarter_table(detector), detector, here) == []


def in_dollars(columns, table):
    """Mutant: a distance in price, loose enough for every bar."""
    return columns | {"extreme_dist_frac": (table["close"] - table["session_low"]) / 5000}


def in_shares(columns, table):
    """Mutant: volume itself in place of relative volume."""
    return columns | {"rel_volume": table["volume"] / 1e5}


@pytest.mark.parametrize(
    ("mutant", "change"),
    [
        (in_dollars, lambda minutes: priced(minutes, lambda p: p * 4)),
        (in_shares, lambda minutes: dataclasses.replace(minutes, volume=minutes.volume * 8)),
    ],
)
def test_a_planted_unit_is_found(mutant, change):
    market, honest = quarter(), DETECTORS["power_hour_reversal_bullish"]
    here = Market(market.sessions, change(market.minutes)).of(honest)
    cheater = with_columns(honest, mutant)
    assert differences(honest, quarter_table(honest), honest, here) == []
    assert differences(cheater, quarter_table(honest), cheater, here)
