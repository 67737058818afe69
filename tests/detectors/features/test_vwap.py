import dataclasses
import math

import numpy as np
import pytest

from detectors.features.build import build_features
from detectors.features.table import Reason
from tests.detectors.features.walks import SMALL, priced, toy_sessions, walk

SESSIONS = toy_sessions([30] * 8)
MINUTES = walk(SESSIONS, 12)


def build(minutes, bar_minutes=5):
    return build_features(
        minutes, SESSIONS, bar_minutes=bar_minutes, asset_class="ETF", settings=SMALL
    )


def weighted(minutes, rows):
    """VWAP and deviation in exact sums, from their definition."""
    typical = (minutes.high[rows] + minutes.low[rows] + minutes.close[rows]) / 3
    volume = minutes.volume[rows]
    total = math.fsum(volume)
    if total == 0:
        return math.nan, math.nan
    mean = math.fsum(typical * volume) / total
    return mean, math.sqrt(math.fsum(volume * (typical - mean) ** 2) / total)


@pytest.mark.parametrize("bar_minutes", [1, 5])
def test_vwap_and_deviation_are_those_of_the_sessions_minutes_so_far(bar_minutes):
    table = build(MINUTES, bar_minutes)
    for row in range(len(table)):
        opened = SESSIONS.open_ns[table.bars.session[row]]
        rows = (MINUTES.ts >= opened) & (MINUTES.ts < table.bars.end[row])
        vwap, deviation = weighted(MINUTES, rows)
        if math.isnan(vwap):
            assert np.isnan(table["vwap"][row])
            assert table.reason("vwap")[row] == Reason.MISSING_INPUT
            continue
        assert table["vwap"][row] == pytest.approx(vwap, rel=1e-14)
        if (MINUTES.volume[rows] > 0).sum() < 5:
            assert table.reason("vwap_sd")[row] == Reason.WARMUP
        else:
            assert table["vwap_sd"][row] == pytest.approx(deviation, rel=1e-9)
        close = table["close"][row]
        assert table["vwap_dist_frac"][row] == pytest.approx((close - vwap) / vwap, abs=1e-14)


def test_the_deviation_keeps_its_digits_at_a_large_price():
    """At 1e9 the plain sum of squares has an error of 1e2, larger than the deviation itself."""
    near, far = build(MINUTES), build(priced(MINUTES, lambda p: p + 2.0**30))
    known = ~np.isnan(near["vwap_sd"])
    np.testing.assert_allclose(far["vwap_sd"][known], near["vwap_sd"][known], rtol=1e-6, atol=1e-6)


def test_a_session_without_volume_has_no_vwap_and_starts_none_for_the_next():
    number = (MINUTES.ts - SESSIONS.open_ns[0]) // 86_400_000_000_000
    table = build(dataclasses.replace(MINUTES, volume=np.where(number == 3, 0.0, MINUTES.volume)))
    day = table.bars.session == 3
    for name in ("vwap", "vwap_sd", "vwap_dist_frac", "vwap_dist_atr"):
        assert (table.reason(name)[day] == Reason.MISSING_INPUT).all(), name
    whole = build(MINUTES)
    later = table.bars.session > 3
    assert np.array_equal(table["vwap"][later], whole["vwap"][later], equal_nan=True)


def test_distance_in_atr_blames_the_first_unknown_input():
    table = build(MINUTES)
    assert table.reason("vwap_dist_atr")[5] == Reason.WARMUP
    known = ~np.isnan(table["vwap_dist_atr"])
    distance = (table["close"] - table["vwap"]) / table["atr"]
    assert np.array_equal(table["vwap_dist_atr"][known], distance[known])
    silent = build(dataclasses.replace(MINUTES, volume=np.zeros(len(MINUTES))))
    assert silent.reason("atr")[5] == Reason.WARMUP
    assert (silent.reason("vwap_dist_atr") == Reason.MISSING_INPUT).all()
