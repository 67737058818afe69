"""The detectors there are. A new one is a family module, a row here, two YAML files and a test."""

from types import ModuleType

from detectors import (
    breakout,
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
        _entry("power_hour_reversal_bullish", "power_hour_reversal", +1, power_hour_reversal),
        _entry("power_hour_reversal_bearish", "power_hour_reversal", -1, power_hour_reversal),
        _entry("index_mean_reversion_long", "index_mean_reversion", +1, index_mean_reversion),
        _entry("index_mean_reversion_short", "index_mean_reversion", -1, index_mean_reversion),
        _entry("opening_drive_bullish", "opening_drive", +1, opening_drive),
        _entry("opening_drive_bearish", "opening_drive", -1, opening_drive),
    )
}
"""Built detectors by name."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "breakout": ("breakout_bullish", "breakout_bearish"),
    "mean_reversion": ("mean_reversion_long", "mean_reversion_short"),
    "trend_continuation": ("trend_continuation_long", "trend_continuation_short"),
    "gamma_squeeze": ("gamma_squeeze_bullish", "gamma_squeeze_bearish"),
    "power_hour_reversal": ("power_hour_reversal_bullish", "power_hour_reversal_bearish"),
    "index_mean_reversion": ("index_mean_reversion_long", "index_mean_reversion_short"),
    "opening_drive": ("opening_drive_bullish", "opening_drive_bearish"),
    "gamma_flip": ("gamma_flip_bullish", "gamma_flip_bearish"),
    "eod_pin": ("eod_pin_setup",),
}
"""All families of the specification, with the names of their detectors."""

NAMES: tuple[str, ...] = tuple(name for names in FAMILIES.values() for name in names)
"""All 17 names, built or not, in the order of the specification."""


def get(name: str) -> Detector:
    """Return a built detector.

    Raises
    ------
    ValueError
        If the name is unknown, or known but not built; the text lists what there is.
    """
    if name in DETECTORS:
        return DETECTORS[name]
    state = "is not built yet" if name in NAMES else "is unknown"
    raise ValueError(f"detector {name!r} {state}; there are: {', '.join(DETECTORS)}")
