"""Settings of the features: fixed for a run, hashed and stored with results, never searched."""

import dataclasses
from typing import Literal

from detectors.features.option_settings import OptionSettings

Baseline = Literal["slot", "trailing"]
BASELINES: tuple[Baseline, ...] = ("slot", "trailing")


def least_count(name: str) -> int:
    """Return the least legal value of a setting that counts; only gaps may be 0."""
    return 0 if name == "max_gap_sessions" else 1


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """How features are computed (DETECTORS.md 3.7); the defaults are those of the specification.

    Attributes
    ----------
    rel_volume_baseline
        `slot`: same time of day in earlier sessions; `trailing`: the bars before.
    baseline_sessions, baseline_min_sessions
        Sessions a volume baseline looks back, and how many of them must have bars.
    trailing_bars
        Bars of the trailing volume baseline.
    rsi_period, atr_period, adx_period
        Wilder periods, bars.
    ema_bars
        Spans of the columns `ema_9`, `ema_21`, `ema_50`, `ema_200`, in that order. The columns
        keep these names whatever the spans are: they name roles that detectors read.
    atr_ratio_bars
        Bars before the current one over which `atr_ratio` averages.
    max_gap_sessions
        Whole sessions that may be missing between two bars before indicators restart.
    gap_suspect_frac
        Size of an overnight gap without a split above which the series restarts, fraction.
    proxy_coverage_min_frac
        Share of an index's minutes, so far in the session, that its volume proxy must have.
    index_open_delay_minutes
        An index session opens at the close of the first minute that ends this long after the open.
    volatile_atr_ratio_min, trend_adx_min, choppy_adx_max, choppy_atr_ratio_min
        Thresholds of `regime`.
    divergence_bars, divergence_recent_bars
        Bars of each of the two divergence windows; how old the newer extreme may be.
    swing_side_bars, swing_memory_bars
        Bars on each side of a swing; bars in which both swings must lie, the current one included.
    patient_body_atr_max
        Largest body of a patient candle, ATR.
    hammer_wick_min_frac, hammer_opposite_max_frac
        Long and short wick of a hammer or shooting star, fractions of the bar's range.
    options
        Settings of the option features.
    """

    rel_volume_baseline: Baseline = "slot"
    baseline_sessions: int = 20
    baseline_min_sessions: int = 5
    trailing_bars: int = 50
    rsi_period: int = 14
    atr_period: int = 14
    adx_period: int = 14
    ema_bars: tuple[int, int, int, int] = (9, 21, 50, 200)
    atr_ratio_bars: int = 100
    max_gap_sessions: int = 3
    gap_suspect_frac: float = 0.35
    proxy_coverage_min_frac: float = 0.8
    index_open_delay_minutes: int = 1
    volatile_atr_ratio_min: float = 1.5
    trend_adx_min: float = 25.0
    choppy_adx_max: float = 20.0
    choppy_atr_ratio_min: float = 1.0
    divergence_bars: int = 10
    divergence_recent_bars: int = 3
    swing_side_bars: int = 2
    swing_memory_bars: int = 40
    patient_body_atr_max: float = 0.3
    hammer_wick_min_frac: float = 0.6
    hammer_opposite_max_frac: float = 0.2
    options: OptionSettings = dataclasses.field(default_factory=OptionSettings)

    def __post_init__(self) -> None:
        """Refuse what no feature could be computed with."""
        if self.rel_volume_baseline not in BASELINES:
            raise ValueError(
                f"rel_volume_baseline must be one of {', '.join(BASELINES)}, "
                f"got {self.rel_volume_baseline!r}"
            )
        if len(self.ema_bars) != 4:
            raise ValueError(f"ema_bars must hold four spans, got {self.ema_bars}")
        counts = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.type is int
        }
        counts |= {f"ema_bars[{place}]": span for place, span in enumerate(self.ema_bars)}
        for name, count in counts.items():
            if count < least_count(name):
                raise ValueError(f"{name} must be at least {least_count(name)}, got {count}")
        if self.baseline_min_sessions > self.baseline_sessions:
            raise ValueError(
                "baseline_min_sessions must not exceed baseline_sessions, "
                f"got {self.baseline_min_sessions} > {self.baseline_sessions}"
            )
