import numpy as np
import pytest

from detectors.features.build import build_features
from detectors.features.flow import Flow
from detectors.features.table import Reason
from tests.detectors.features.walks import MINUTE_NS, toy_sessions, walk

SESSIONS = toy_sessions([30])
MINUTES = walk(SESSIONS, 1)


def flow_at(minutes, score, bias):
    known_at = SESSIONS.open_ns[0] + MINUTE_NS * np.asarray(minutes, np.int64)
    return Flow(known_at, np.asarray(score, float), np.asarray(bias, float))


def build(flow):
    return build_features(MINUTES, SESSIONS, bar_minutes=5, asset_class="ETF", flow=flow)


def test_a_bar_takes_the_last_reading_of_its_own_and_never_a_later_one():
    flow = flow_at([5, 6, 10, 11, 25], [40, 50, 60, 70, 80], [1, 1, -1, 0, 1])
    table = build(flow)
    expected = [40, -60, 0, np.nan, 80, np.nan]
    assert np.array_equal(table["flow_signed"], expected, equal_nan=True)
    known, stale = Reason.KNOWN, Reason.STALE
    assert list(table.reason("flow_signed")) == [known, known, known, stale, known, stale]


@pytest.mark.parametrize("flow", [None, flow_at([], [], []), flow_at([31], [50], [1])])
def test_flow_is_unknown_without_a_reading(flow):
    table = build(flow)
    assert np.isnan(table["flow_signed"]).all()
    assert (table.reason("flow_signed") == Reason.MISSING_INPUT).all()


@pytest.mark.parametrize(
    ("minutes", "score", "bias", "rule"),
    [
        ([5, 4], [1, 1], [1, 1], "rise by known_at"),
        ([5], [101], [1], "score must lie in 0 to 100"),
        ([5], [np.nan], [1], "score must lie in 0 to 100"),
        ([5], [50], [0.5], "bias must be -1, 0 or"),
    ],
)
def test_readings_out_of_order_or_range_are_refused(minutes, score, bias, rule):
    with pytest.raises(ValueError, match=rule):
        flow_at(minutes, score, bias)
