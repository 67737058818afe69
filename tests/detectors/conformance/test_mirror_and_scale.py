"""Rows 4 and 5: the mirrored market swaps a pair; units of price and volume do not matter."""

import dataclasses
import operator

import numpy as np
import pytest

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS, FAMILIES
from tests.detectors.conformance.markets import Market, quarter, quarter_table
from tests.detectors.conformance.probes import OUTPUTS, loosest, with_columns
from tests.detectors.features.walks import priced


def other_of(detector):
    """Return the other detector of the pair; a family of one is its own mirror."""
    return DETECTORS[
        next((n for n in FAMILIES[detector.family] if n != detector.name), detector.name)
    ]


def mirrored():
    market = quarter()
    return Market(market.sessions, priced(market.minutes, operator.neg, swap=True))


def mirror_faults(detector, other):
    """Name the outputs in which the other detector differs on the mirrored market."""
    values = loosest(detector)
    there = evaluate(detector, quarter_table(detector), values)
    back = evaluate(other, mirrored().of(other), values)
    faults = [
        name
        for name in OUTPUTS
        if name != "signal"
        and not np.array_equal(
            getattr(there, name), getattr(back, name), equal_nan=name == "score"
        )
    ]
    return faults + ([] if np.array_equal(there.signal, -back.signal) else ["signal"])


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
        assert mirror_faults(other, with_columns(detector, mutant))
    else:
        assert mirror_faults(with_columns(detector, mutant), other)


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_prices_times_a_power_of_two_change_nothing(detector, factor):
    market = quarter()
    scaled = Market(market.sessions, priced(market.minutes, lambda p: p * factor))
    there = evaluate(detector, quarter_table(detector), loosest(detector))
    here = evaluate(detector, scaled.of(detector), loosest(detector))
    for name in OUTPUTS:
        equal_nan = name == "score"
        assert np.array_equal(getattr(here, name), getattr(there, name), equal_nan=equal_nan), name


def test_prices_times_ten_change_no_signal(detector):
    """Off the grid of cents, where equal moves tie and rounding would decide."""
    market = quarter()
    smooth = priced(market.minutes, lambda p: np.exp(p / 50.0))
    there, here = (
        evaluate(detector, Market(market.sessions, minutes).of(detector), loosest(detector))
        for minutes in (smooth, priced(smooth, lambda p: p * 10))
    )
    assert np.array_equal(here.signal, there.signal)
    np.testing.assert_allclose(here.score, there.score, rtol=0, atol=1e-9)


def test_eight_times_the_volume_changes_nothing(detector):
    market = quarter()
    louder = dataclasses.replace(market.minutes, volume=market.minutes.volume * 8)
    there = evaluate(detector, quarter_table(detector), loosest(detector))
    here = evaluate(detector, Market(market.sessions, louder).of(detector), loosest(detector))
    for name in OUTPUTS:
        equal_nan = name == "score"
        assert np.array_equal(getattr(here, name), getattr(there, name), equal_nan=equal_nan), name
