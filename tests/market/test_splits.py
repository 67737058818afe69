import datetime as dt

import numpy as np
import pytest

from detectors.bars import MINUTE_NS, MinuteBars
from sweep.market.calendar import session_table
from sweep.market.splits import Split, adjust, price_factors

SESSIONS = session_table(dt.date(2014, 6, 4), dt.date(2014, 6, 11))


def test_apple_seven_for_one_holds_from_its_execution_date():
    # AAPL closed at 645.57 on 2014-06-06; vendors list that close as 92.22 after the split.
    factors = price_factors([Split("AAPL", dt.date(2014, 6, 9), 1, 7)], SESSIONS)
    assert 645.57 * factors[2] == pytest.approx(92.22, abs=0.005)
    np.testing.assert_allclose(factors, [1 / 7, 1 / 7, 1 / 7, 1, 1, 1])


def test_several_splits_multiply_and_later_ones_do_not_count():
    splits = [
        Split("X", dt.date(2014, 6, 10), 3, 1),
        Split("X", dt.date(2014, 6, 5), 1, 2),
        Split("X", dt.date(2014, 7, 1), 1, 10),
    ]
    np.testing.assert_allclose(price_factors(splits, SESSIONS), [1.5, 3, 3, 3, 1, 1])


def test_adjusting_keeps_the_money_traded():
    ts = np.array([SESSIONS.open_ns[0], SESSIONS.open_ns[5] + MINUTE_NS])
    price = np.array([700.0, 100.0])
    minutes = MinuteBars(ts, price, price + 7, price - 7, price, np.array([100.0, 700.0]))
    factors = price_factors([Split("AAPL", dt.date(2014, 6, 9), 1, 7)], SESSIONS)
    adjusted = adjust(minutes, SESSIONS, factors)
    np.testing.assert_allclose(adjusted.close, [100.0, 100.0])
    np.testing.assert_allclose(adjusted.high, [101.0, 107.0])
    np.testing.assert_allclose(adjusted.volume, [700.0, 700.0])
    np.testing.assert_array_equal(minutes.close, price)


def test_faults_are_named():
    with pytest.raises(ValueError, match="shares above 0"):
        Split("X", dt.date(2014, 6, 9), 0, 7)
    one = np.ones(1)
    outside = MinuteBars(SESSIONS.close_ns[:1], one, one, one, one, one)
    with pytest.raises(ValueError, match="1 minutes lie outside"):
        adjust(outside, SESSIONS, np.full(len(SESSIONS), 0.5))
