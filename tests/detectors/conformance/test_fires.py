"""Row 8: every detector fires where it should, and never on a price that does not move."""

import numpy as np

from detectors.evaluate import evaluate
from tests.detectors.conformance.markets import Market, quarter, year_table
from tests.detectors.conformance.probes import loosest
from tests.detectors.features.walks import flat


def test_it_fires_on_the_sample_market(detector, sample, sample_data):
    signals, half_day_signals = 0, 0
    half_days = ~sample.sessions.full_length
    for data in sample_data:
        fired = evaluate(detector, data.features).signal != 0
        signals += np.count_nonzero(fired)
        half_day_signals += np.count_nonzero(fired & half_days[data.features.bars.session])
    assert half_days[sample.first :].sum() >= 2
    assert signals >= 3
    assert half_day_signals >= 3 or not detector.windows


def test_indices_name_the_proxy_of_their_volume(sample):
    told = {name: data.volume_proxy for (name, _), data in sample.data.items()}
    assert told == {"SPX": "SPY", "NDX": "QQQ", "SPY": None, "QQQ": None, "AAPL": None}


def test_it_fires_on_a_long_walk(detector):
    assert np.count_nonzero(evaluate(detector, year_table(detector)).signal) >= 3


def test_it_never_fires_on_a_constant_price(detector):
    market = quarter()
    still = flat(market.minutes.ts, 123.45, market.minutes.volume)
    found = evaluate(detector, Market(market.sessions, still).of(detector), loosest(detector))
    assert not found.signal.any()
    assert not found.evaluable.any()  # no ATR, so no bar can be judged
