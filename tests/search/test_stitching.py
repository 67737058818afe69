import numpy as np
import pytest

from detectors.registry import DETECTORS
from sweep.search.folds import NO_FOLDS, make_folds
from sweep.search.range_edge import ends_of
from sweep.search.spaces import read_spaces
from sweep.search.spec import FoldSettings
from sweep.search.stitching import SetSeries, stitch


def marked(value, n):
    """A series whose net R is `value` plus the session's number / 1000."""
    ones = np.ones(n, np.int64)
    return SetSeries(value + np.arange(n) / 1000, ones, value + np.zeros(n), ones.astype(float))


def test_each_session_comes_from_the_set_of_its_fold():
    # As quant.md A.8 without purge: in sample 20, out of sample 8: 20-27, 28-35, 36-43.
    folds = make_folds(50, FoldSettings(in_sample=20, out_of_sample=8))
    found = stitch(folds, [marked(1, 50), None, marked(3, 50)])
    assert found.sessions.tolist() == list(range(20, 44))
    expected = [
        *(1 + np.arange(20, 28) / 1000),
        *[0.0] * 8,  # no feasible set: no trade
        *(3 + np.arange(36, 44) / 1000),
    ]
    assert found.series.daily == pytest.approx(expected)
    assert found.series.trades.tolist() == [1] * 8 + [0] * 8 + [1] * 8
    assert (found.empty_folds, found.path) == (1, 0)
    # Means before: sessions 0-19 and 16-35; after: 20-27 and 36-43.
    assert found.efficiency.in_sample == pytest.approx((1.0095 + 3.0255) / 2)
    assert found.efficiency.out_of_sample == pytest.approx((1.0235 + 3.0395) / 2)


def test_where_windows_overlap_the_newest_choice_trades():
    folds = make_folds(40, FoldSettings(in_sample=20, out_of_sample=10, step=5))
    found = stitch(folds, [marked(k, 40) for k in range(len(folds))])
    assert found.sessions.tolist() == list(range(20, 40))
    assert found.series.gross.tolist() == [0] * 5 + [1] * 5 + [2] * 10


def test_combinatorial_folds_are_judged_by_their_median_path():
    folds = make_folds(12, FoldSettings(kind="combinatorial", groups=4, out_groups=2))
    # Folds test 01, 02, 03, 12, 13, 23; paths: by group the first, second, third fold with it.
    found = stitch(folds, [marked(k, 12) for k in range(6)])
    paths = [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]
    assert found.path == 1
    assert found.series.gross.tolist() == np.repeat(paths[1], 3).tolist()
    assert found.sessions.tolist() == list(range(12))


def test_without_folds_or_sets_nothing_is_stitched():
    assert stitch(NO_FOLDS, []) is None
    folds = make_folds(50, FoldSettings(in_sample=20, out_of_sample=8))
    assert stitch(folds, [None] * 3) is None


SEARCHED = {
    "exit": {
        "stop_atr": ["loguniform", 0.5, 3],
        "target_atr": ["uniform", 1, 5],
        "max_hold_bars": ["int", 4, 40],
        "min_score": ["uniform", 0, 80],
        "cooldown_bars": ["choice", 2, 4],
        "flat_before_close_minutes": ["step", 0, 30, 5],
    },
    "breakout": {"breakout_lookback_bars": ["choice", 8, 12, 20]},
}
MIDDLE = {
    "stop_atr": 1.0,
    "target_atr": 3,
    "max_hold_bars": 20,
    "min_score": 40,
    "cooldown_bars": 4,
    "flat_before_close_minutes": 15,
    "breakout_lookback_bars": 12,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        # A tenth of a logarithmic range: 3 / 6 ** 0.1 = 2.508.
        ({"stop_atr": 2.51}, ("stop_atr high",)),
        ({"stop_atr": 2.50}, ()),
        ({"stop_atr": 0.5}, ("stop_atr low",)),
        ({"target_atr": 1.39}, ("target_atr low",)),
        ({"target_atr": 1.41}, ()),
        ({"max_hold_bars": 37}, ("max_hold_bars high",)),
        ({"max_hold_bars": 36}, ()),
        # Below 0 no score or minute is legal: there is nothing to search there.
        ({"min_score": 0}, ()),
        ({"min_score": 80}, ("min_score high",)),
        ({"flat_before_close_minutes": 0}, ()),
        ({"flat_before_close_minutes": 30}, ("flat_before_close_minutes high",)),
        ({"flat_before_close_minutes": 25}, ()),
        ({"breakout_lookback_bars": 8}, ("breakout_lookback_bars low",)),
        (
            {"breakout_lookback_bars": 20, "stop_atr": 3},
            ("breakout_lookback_bars high", "stop_atr high"),
        ),
    ],
)
def test_the_end_of_a_range_is_named_where_something_lies_beyond(changes, expected):
    detector = DETECTORS["breakout_bullish"]
    space = read_spaces([detector], SEARCHED)[detector.name]
    values = {d.name: (d.low * d.high) ** 0.5 or d.high / 2 for d in space.searched}
    values |= MIDDLE | changes
    found = [
        f"{d.name} {end}" for d in space.searched for end in ends_of(space, d, values[d.name])
    ]
    assert found == list(expected)
