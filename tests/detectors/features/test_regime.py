import numpy as np
import pytest

from detectors.features.regime import (
    CHOPPY,
    RANGING,
    TRENDING_DOWN,
    TRENDING_UP,
    VOLATILE,
    fit,
    regime,
)
from detectors.features.settings import FeatureSettings

NAN = float("nan")


@pytest.mark.parametrize(
    ("close", "ema_21", "ema_50", "adx", "atr_ratio", "expected"),
    [
        (3, 2, 1, 26, 1.0, TRENDING_UP),
        (1, 2, 3, 26, 1.0, TRENDING_DOWN),
        (3, 2, 1, 26, 1.51, VOLATILE),
        (3, 2, 1, 26, 1.5, TRENDING_UP),
        (3, 2, 1, 25, 1.0, RANGING),
        (3, 1, 2, 40, 1.2, RANGING),
        (2, 2, 1, 40, 1.2, RANGING),
        (3, 2, 1, 19, 1.0, CHOPPY),
        (3, 2, 1, 20, 1.2, RANGING),
        (3, 2, 1, 19, 0.99, RANGING),
        (3, NAN, 1, 19, 2.0, NAN),
        (3, 2, NAN, 19, 2.0, NAN),
        (3, 2, 1, NAN, 2.0, NAN),
        (3, 2, 1, 19, NAN, NAN),
    ],
)
def test_the_first_rule_that_matches_decides(close, ema_21, ema_50, adx, atr_ratio, expected):
    columns = [np.array([float(x)]) for x in (close, ema_21, ema_50, adx, atr_ratio)]
    found = regime(*columns, FeatureSettings())
    assert np.array_equal(found, [expected], equal_nan=True)


def test_codes_stand_in_the_order_of_the_specification():
    assert (TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE, CHOPPY) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("side", "expected"), [(1, [0.6, 0.2, 1, 0.7, 0.9, NAN]), (-1, [0.2, 0.6, 1, 0.7, 0.9, NAN])]
)
def test_fit_prefers_ranges_and_the_trend_with_the_trade(side, expected):
    codes = np.array([TRENDING_UP, TRENDING_DOWN, RANGING, VOLATILE, CHOPPY, NAN])
    assert np.array_equal(fit(codes, side), expected, equal_nan=True)
