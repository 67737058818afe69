import numpy as np
import pytest

from detectors.features.buckets import signal_bars
from detectors.features.build import build_features
from detectors.features.higher_timeframes import ema_shares, last_ended, rsi_shares
from detectors.features.indicators import ema, rsi_centred
from detectors.features.settings import FeatureSettings
from detectors.features.table import Reason
from tests.detectors.features.walks import calendar_sessions, walk

SESSIONS = calendar_sessions("2024-10-01", "2024-12-06")
MINUTES = walk(SESSIONS, 5, missing=0.3)
WARMUP_RSI, WARMUP_EMA = 98, 150


@pytest.mark.parametrize("bar_minutes", [1, 15, 60])
def test_the_value_at_t_is_that_of_the_last_ended_bar(bar_minutes):
    bars = signal_bars(MINUTES, SESSIONS, bar_minutes)
    higher = signal_bars(MINUTES, SESSIONS, 60)
    found = last_ended(higher.close, higher, bars)
    for t in range(0, len(bars), 37):
        ended = [row for row in range(len(higher)) if higher.end[row] <= bars.end[t]]
        if ended:
            assert found[t] == higher.close[ended[-1]]
        else:
            assert np.isnan(found[t])


def test_shares_count_known_timeframes():
    table = build_features(MINUTES, SESSIONS, bar_minutes=15, asset_class="ETF")
    series = {length: signal_bars(MINUTES, SESSIONS, length) for length in (5, 15, 60)}
    for t in range(0, len(table), 11):
        rsis, averages = [], []
        for length, bars in series.items():
            last = np.searchsorted(bars.end, table.bars.end[t], side="right") - 1
            if last >= WARMUP_RSI:
                rsis.append(rsi_centred(bars.close, bars.segment, 14)[last])
            if last >= WARMUP_EMA and length > 5:
                averages.append([ema(bars.close, bars.segment, span)[last] for span in (21, 50)])
        if len(rsis) < 2:
            assert table.reason("mtf_rsi_up_frac")[t] == Reason.WARMUP
        else:
            up = sum(0 <= value <= 20 for value in rsis)
            down = sum(-20 <= value <= 0 for value in rsis)
            assert table["mtf_rsi_up_frac"][t] == up / len(rsis)
            assert table["mtf_rsi_down_frac"][t] == down / len(rsis)
        if len(averages) < 2:
            assert table.reason("mtf_ema_up_frac")[t] == Reason.WARMUP
        else:
            above = sum(middle > slow for middle, slow in averages)
            assert table["mtf_ema_up_frac"][t] == above / 2
            assert table["mtf_ema_down_frac"][t] == sum(m < s for m, s in averages) / 2
    assert set(np.unique(table["mtf_ema_up_frac"][~np.isnan(table["mtf_ema_up_frac"])])) == {
        0,
        0.5,
        1,
    }


def test_equal_averages_count_for_neither_side():
    bars = signal_bars(MINUTES, SESSIONS, 15)
    even = dict.fromkeys((5, 15, 60), bars)
    settings = FeatureSettings(ema_bars=(9, 21, 21, 200))
    up, down = ema_shares(even, bars, settings)
    assert (up[~np.isnan(up)] == 0).all()
    assert (down[~np.isnan(down)] == 0).all()


def test_an_rsi_of_exactly_50_counts_for_both_sides():
    bars = signal_bars(MINUTES, SESSIONS, 15)
    still = np.full(len(bars), 100.0)
    flat_bars = type(bars)(
        bars.ts, bars.end, bars.session, bars.segment, still, still, still, still, still
    )
    up, down = rsi_shares(dict.fromkeys((5, 15, 60), flat_bars), bars, FeatureSettings())
    assert (up[WARMUP_RSI:] == 1).all()
    assert (down[WARMUP_RSI:] == 1).all()
    assert np.isnan(up[:WARMUP_RSI]).all()
