"""Open interest of a session by source: known before the open, or moving with today's volume.

The official file of a day describes the end of the day before. The interest at the end of today is
published tomorrow, so no source reads it today.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.bars import Float
from detectors.features.option_settings import OiSource

DECAY = 0.65
OPENING_SHARE = 0.3


@dataclasses.dataclass(frozen=True)
class OpenInterest:
    """Open interest of n contracts: `before` + `volume_share` * today's volume so far.

    Attributes
    ----------
    before
        float64 [n], contracts, known before the open; NaN where unknown.
    volume_share
        Share of today's volume that counts.
    """

    before: Float
    volume_share: float


def open_interest(
    source: OiSource,
    tickers: Sequence[str],
    *,
    day_file: Mapping[str, float] | None,
    volumes: Sequence[Mapping[str, float]],
) -> OpenInterest:
    """Return the open interest of a session.

    Parameters
    ----------
    source
        One of the sources.
    tickers
        n contracts.
    day_file
        Ticker -> open interest at the end of the session before, None where there is no file. A
        contract that an existing file does not list has none.
    volumes
        Ticker -> volume of earlier sessions, the latest first.

    Returns
    -------
    OpenInterest
        All unknown where the source has nothing for this session; `chain` is unknown until the
        first snapshot.
    """
    count = len(tickers)
    unknown = np.full(count, np.nan)
    if source == "cum_volume":
        return OpenInterest(np.zeros(count), 1.0)
    if source in ("oi_file", "oi_plus"):
        share = OPENING_SHARE if source == "oi_plus" else 0.0
        if day_file is None:
            return OpenInterest(unknown, share)
        return OpenInterest(_looked_up(day_file, tickers), share)
    if source in ("prev_volume", "decayed") and volumes:
        used = volumes[:1] if source == "prev_volume" else volumes
        total = np.zeros(count)
        for age, volume in enumerate(used):
            total += DECAY**age * _looked_up(volume, tickers)
        return OpenInterest(total, 0.0)
    return OpenInterest(unknown, 0.0)


def _looked_up(values: Mapping[str, float], tickers: Sequence[str]) -> Float:
    return np.array([values.get(ticker, 0.0) for ticker in tickers], np.float64)
