import numpy as np
import pytest

from sweep.market.options.open_interest import open_interest

TICKERS = ("a", "b", "c")
VOLUMES = ({"a": 100.0, "c": 10.0}, {"a": 200.0, "b": 40.0}, {"b": 1000.0})


@pytest.mark.parametrize(
    ("source", "before", "share"),
    [
        ("oi_file", [5, 0, 7], 0.0),
        ("oi_plus", [5, 0, 7], 0.3),
        ("cum_volume", [0, 0, 0], 1.0),
        ("prev_volume", [100, 0, 10], 0.0),
        ("decayed", [230, 26 + 422.5, 10], 0.0),
        ("chain", [np.nan] * 3, 0.0),
    ],
)
def test_sources(source, before, share):
    found = open_interest(source, TICKERS, day_file={"a": 5.0, "c": 7.0}, volumes=VOLUMES)
    assert found.before == pytest.approx(before, nan_ok=True)
    assert found.volume_share == share


@pytest.mark.parametrize("source", ["oi_file", "oi_plus", "prev_volume", "decayed"])
def test_without_anything_before_the_session_it_is_unknown(source):
    found = open_interest(source, TICKERS, day_file=None, volumes=())
    assert np.isnan(found.before).all()
