import numpy as np
import pytest

from detectors.features.patterns import divergence, hammers, patient_candle, swings_advance


def brute_divergence(low, rsi, t, bars, recent):
    """The definition for side +1, by lists."""
    newer, older = range(t - bars + 1, t + 1), range(t - 2 * bars + 1, t - bars + 1)
    if t < 2 * bars - 1 or any(np.isnan(rsi[j]) for j in [*newer, *older]):
        return np.nan
    a = max(j for j in newer if low[j] == min(low[i] for i in newer))
    b = max(j for j in older if low[j] == min(low[i] for i in older))
    return max(0.0, rsi[a] - rsi[b]) if low[a] < low[b] and t - a <= recent else 0.0


@pytest.mark.parametrize("bars", [2, 10])
@pytest.mark.parametrize("recent", [0, 3])
def test_divergence_equals_its_definition(bars, recent):
    rng = np.random.default_rng(bars)
    low = np.cumsum(rng.integers(-1, 2, 300)).astype(np.float64)
    rsi = rng.uniform(-50, 50, 300)
    rsi[[0, 1, 2, 150]] = np.nan
    found = divergence(low, rsi, bars, recent, 1)
    expected = [brute_divergence(low, rsi, t, bars, recent) for t in range(300)]
    assert np.array_equal(found, expected, equal_nan=True)
    assert (found > 2).sum() > 5
    assert np.array_equal(divergence(-low, -rsi, bars, recent, -1), expected, equal_nan=True)


def test_divergence_of_a_lower_low_on_a_higher_rsi():
    low = np.array([9, 5, 9, 9, 4.5, 9])
    rsi = np.array([0, -30, 0, 0, -25, 0.0])
    assert divergence(low, rsi, 3, 1, 1)[-1] == 5
    assert divergence(low, rsi, 3, 0, 1)[-1] == 0
    assert divergence(low, -rsi, 3, 1, 1)[-1] == 0


def brute_swings(low, segment, t, sides, memory):
    """The definition of higher lows, by lists."""
    start = int(np.flatnonzero(segment == segment[t])[0])
    if t - start + 1 < memory + sides:
        return np.nan
    swings = [
        j
        for j in range(start + sides, t - sides + 1)
        if all(low[j] < low[j - k] and low[j] <= low[j + k] for k in range(1, sides + 1))
    ]
    if len(swings) < 2 or swings[-2] < t - memory + 1:
        return 0.0
    return float(low[swings[-1]] > low[swings[-2]])


@pytest.mark.parametrize(("sides", "memory"), [(1, 6), (2, 40), (2, 12)])
def test_swings_equal_their_definition(sides, memory):
    rng = np.random.default_rng(memory)
    low = np.cumsum(rng.integers(-2, 3, 400)).astype(np.float64)
    segment = np.repeat(np.array([0, 1], np.int32), [170, 230])
    found = swings_advance(low, segment, sides, memory, 1)
    expected = [brute_swings(low, segment, t, sides, memory) for t in range(400)]
    assert np.array_equal(found, expected, equal_nan=True)
    assert 0.03 < np.nanmean(found) < 0.97
    assert np.array_equal(
        swings_advance(-low, segment, sides, memory, -1), expected, equal_nan=True
    )


def test_swings_need_42_bars_at_the_defaults():
    found = swings_advance(np.arange(50.0), np.zeros(50, np.int32), 2, 40, 1)
    assert np.isnan(found[:41]).all()
    assert (found[41:] == 0).all()


def test_a_small_body_is_patient_and_an_unknown_atr_unknown():
    found = patient_candle(
        np.array([10.0, 10, 10, 10]),
        np.array([10.5, 9.5, 10.75, 10]),
        np.array([2.0, 2, 2, np.nan]),
        0.25,
    )
    assert np.array_equal(found, [1, 1, 0, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("candle", "expected"),
    [
        ((9.0, 10.0, 2.0, 8.0), (1, 0)),
        ((8.0, 10.0, 2.0, 9.0), (1, 0)),
        ((8.0, 10.0, 2.0, 8.25), (0, 0)),
        ((3.0, 10.0, 2.0, 4.0), (0, 1)),
        ((2.0, 10.0, 2.0, 2.0), (0, 1)),
        ((6.0, 6.0, 6.0, 6.0), (0, 0)),
        ((2.0, 10.0, 2.0, 10.0), (0, 0)),
    ],
)
def test_hammers_and_shooting_stars(candle, expected):
    bars = [np.array([price]) for price in candle]
    hammer, star = hammers(*bars, 0.6, 0.2)
    assert (hammer[0], star[0]) == expected
