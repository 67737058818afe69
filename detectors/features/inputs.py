"""What every group of features reads: minutes inside sessions, bars, levels and breaks."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Int, MinuteBars, Sessions, SignalBars
from detectors.features.buckets import bars_before, regular, signal_bars
from detectors.features.continuity import gap_suspects, restarts
from detectors.features.higher_timeframes import TIMEFRAMES
from detectors.features.levels import SessionLevels, session_levels
from detectors.features.settings import FeatureSettings


@dataclasses.dataclass(frozen=True)
class FeatureInputs:
    """Inputs of one symbol on one signal timeframe.

    Attributes
    ----------
    minutes, minute_session
        Minute bars inside sessions; int32 [n_minutes] session of each.
    sessions
        Session table.
    index
        True for an index, whose volume is that of its proxy.
    settings
        Feature settings.
    bar_minutes
        Signal timeframe, minutes.
    levels, suspect
        Levels of the sessions; bool [n_sessions], sessions with a suspect overnight gap.
    series
        Bars by timeframe, minutes; all break at the same instants.
    number
        int64 [n], earlier bars in the same segment, for each signal bar.
    """

    minutes: MinuteBars
    minute_session: NDArray[np.int32]
    sessions: Sessions
    index: bool
    settings: FeatureSettings
    bar_minutes: int
    levels: SessionLevels
    suspect: NDArray[np.bool_]
    series: dict[int, SignalBars]
    number: Int

    @property
    def bars(self) -> SignalBars:
        """Return the signal bars."""
        return self.series[self.bar_minutes]


def feature_inputs(
    minutes: MinuteBars,
    sessions: Sessions,
    *,
    bar_minutes: int,
    index: bool,
    split_sessions: NDArray[np.bool_] | None,
    settings: FeatureSettings,
) -> FeatureInputs:
    """Sort minutes into sessions, find breaks and build the bars of all timeframes."""
    inside, minute_session = regular(minutes, sessions)
    levels = session_levels(
        inside,
        sessions,
        index=index,
        index_open_delay_minutes=settings.index_open_delay_minutes,
    )
    suspect = gap_suspects(levels, split_sessions, settings.gap_suspect_frac)
    breaks = restarts(levels, suspect, settings.max_gap_sessions)
    series = {
        length: signal_bars(inside, sessions, length, breaks)
        for length in sorted({bar_minutes, *TIMEFRAMES})
    }
    return FeatureInputs(
        minutes=inside,
        minute_session=minute_session,
        sessions=sessions,
        index=index,
        settings=settings,
        bar_minutes=bar_minutes,
        levels=levels,
        suspect=suspect,
        series=series,
        number=bars_before(series[bar_minutes].segment),
    )
