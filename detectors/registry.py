"""The detectors there are. A new one is a family module, a row here, two YAML files and a test."""

from types import ModuleType

from detectors import (
    breakout,
    eod_pin,
    gamma_flip,
    gamma_squeeze,
    index_mean_reversion,
    mean_reversion,
    opening_drive,
    power_hour_reversal,
    trend_continuation,
)
from detectors.contract import Detector


def _entry(name: str, family: str, side: int, module: ModuleType) -> Detector:
    return Detector(
        name=name,
        family=family,
        side=side,
        revision=module.REVISION,
        asset_classes=module.ASSET_CLASSES,
        signal_minutes=module.SIGNAL_MINUTES,
        parameter_class=next(
            value
            for key, value in vars(module).items()
            if key.endswith("Params") and isinstance(value, type)
        ),
        windows=module.WINDOWS,
        conditions=module.CONDITIONS,
        factors=module.FACTORS,
        relations=module.RELATIONS,
        columns=module.columns,
    )


DETECTORS: dict[str, Detector] = {
    entry.name: entry
    for entry in (
        _entry("breakout_bullish", "breakout", +1, breakout),
        _entry("breakout_bearish", "breakout", -1, breakout),
        _entry("mean_reversion_long", "mean_reversion", +1, mean_reversion),
        _entry("mean_reversion_short", "mean_reversion", -1, mean_reversion),
        _entry("trend_continuation_long", "trend_continuation", +1, trend_continuation),
        _entry("trend_continuation_short", "trend_continuation", -1, trend_continuation),
        _entry("gamma_squeeze_bullish", "gamma_squeeze", +1, gamma_squeeze),
        _entry("gamma_squeeze_bearish", "gamma_squeeze", -1, gamma_squeeze),
        _entry("power_hour_reversal_bullish", "power_hour_reversal", +1, power_hour_reversal),
        _entry("power_hour_reversal_bearish", "power_hour_reversal", -1, power_hour_reversal),
        _entry("index_mean_reversion_long", "index_mean_reversion", +1, index_mean_reversion),
        _entry("index_mean_reversion_short", "index_mean_reversion", -1, index_mean_reversion),
        _entry("opening_drive_bullish", "opening_drive", +1, opening_drive),
        _entry("opening_drive_bearish", "opening_drive", -1, opening_drive),
        _entry("gamma_flip_bullish", "gamma_flip", +1, gamma_flip),
        _entry("gamma_flip_bearish", "gamma_flip", -1, gamma_flip),
        _entry("eod_pin_setup", "eod_pin", 0, eod_pin),
    )
}
"""All detectors by name, in the order of the specification."""

FAMILIES: dict[str, tuple[str, ...]] = {
    family: tuple(name for name, entry in DETECTORS.items() if entry.family == family)
    for family in dict.fromkeys(entry.family for entry in DETECTORS.values())
}
"""Families, with the names of their detectors."""


def get(name: str) -> Detector:
    """Return a detector.

    Raises
    ------
    ValueError
        If the name is unknown; the text lists what there is.
    """
    if name in DETECTORS:
        return DETECTORS[name]
    raise ValueError(f"unknown detector {name!r}; there are: {', '.join(DETECTORS)}")
