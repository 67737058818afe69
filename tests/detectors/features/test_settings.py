import pytest

from detectors.features.settings import FeatureSettings


def test_defaults_are_those_of_the_specification():
    settings = FeatureSettings()
    assert (settings.rsi_period, settings.atr_period, settings.adx_period) == (14, 14, 14)
    assert settings.ema_bars == (9, 21, 50, 200)
    assert (settings.baseline_sessions, settings.baseline_min_sessions) == (20, 5)
    assert (settings.max_gap_sessions, settings.gap_suspect_frac) == (3, 0.35)
    assert settings.proxy_coverage_min_frac == 0.8
    assert settings.rel_volume_baseline == "slot"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"rel_volume_baseline": "daily"}, "one of slot, trailing, got 'daily'"),
        ({"rsi_period": 0}, "rsi_period must be at least 1, got 0"),
        ({"trailing_bars": -1}, "trailing_bars must be at least 1, got -1"),
        ({"ema_bars": (9, 21, 50)}, "four spans, got"),
        ({"ema_bars": (9, 0, 50, 200)}, r"ema_bars\[1\] must be at least 1, got 0"),
        ({"max_gap_sessions": -1}, "max_gap_sessions must be at least 0, got -1"),
        ({"baseline_min_sessions": 21}, "got 21 > 20"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, fault):
    with pytest.raises(ValueError, match=fault):
        FeatureSettings(**values)
