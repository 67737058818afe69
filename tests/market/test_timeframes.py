import pytest

from sweep.market.timeframes import MINUTES, normalise, ordered


def test_names_and_the_alias():
    assert normalise("60m") == "1h"
    assert all(normalise(name) == name for name in MINUTES)
    assert ordered(["1d", "60m", "1m", "1h"]) == ("1m", "1h", "1d")


def test_unknown_names_the_known_and_the_nearest():
    with pytest.raises(ValueError, match=r"'15min', known: 1m, 5m.*did you mean 15m"):
        normalise("15min")


@pytest.mark.parametrize("name", ["7m", "10m", "3h"])
def test_another_number_is_no_misprint(name):
    with pytest.raises(ValueError, match=r"known: 1m, .*, 1d \(60m = 1h\)$"):
        normalise(name)
