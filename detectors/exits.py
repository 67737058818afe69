"""Exit parameters, common to all detectors (DETECTORS.md 6.1 and 9.2)."""

import dataclasses

from detectors.contract import Relation, bounded


@dataclasses.dataclass(frozen=True)
class ExitParams:
    """When a signal is good enough and how its trade ends. ATR is that of the signal bar."""

    stop_atr: float = bounded(1.0, legal=(0.1, 10), searched=(0.5, 3), unit="ATR", log=True)
    target_atr: float = bounded(2.0, legal=(0.1, 20), searched=(0.5, 5), unit="ATR", log=True)
    max_hold_bars: int = bounded(20, legal=(1, 400), searched=(4, 40), unit="bars", log=True)
    min_score: float = bounded(60.0, legal=(0, 100), searched=(40, 85), unit="score")
    cooldown_bars: int = bounded(0, legal=(0, 100), searched=(0, 12), unit="bars")
    flat_before_close_minutes: int = bounded(
        5, legal=(0, 120), searched=(0, 30), step=5, unit="minutes"
    )
    breakeven_atr: float = bounded(0.0, legal=(0, 10), searched=(0.5, 2), unit="ATR")
    trail_atr: float = bounded(0.0, legal=(0, 10), searched=(0.5, 3), unit="ATR")


OPTIONAL = ("breakeven_atr", "trail_atr")
"""Exits that are off at 0 and searched only when their group is opened."""

RELATIONS = (Relation("breakeven_atr", "<", "target_atr"),)
