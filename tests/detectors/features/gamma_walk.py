"""A gamma table made from prices: causal, in proportion to price and volume, and mirrored."""

import numpy as np

from detectors.bars import MINUTE_NS
from detectors.features.gamma import GammaMinutes
from detectors.features.option_settings import OptionSettings

ANCHOR_MINUTES, MEAN_MINUTES = 25, 2000


def chance(ts, salt):
    """Uniform numbers of the minute alone, so that no cut of the data changes them."""
    x = np.sin((ts // MINUTE_NS % 100_003) * 12.9898 + salt * 78.233) * 43758.5453
    return x - np.floor(x)


def waves(ts, minutes, salt):
    """Between -1 and 1, slowly."""
    return np.sin(ts // MINUTE_NS % 1_000_003 * (2 * np.pi / minutes) + salt)


def gamma_walk(minutes, sessions, settings=None, *, volume=None):
    """Return a gamma table of minute bars; `volume` where the bars have none."""
    ts, close = minutes.ts, minutes.close
    n = len(ts)
    session = np.searchsorted(sessions.open_ns, ts, side="right") - 1
    anchor = close[np.maximum(np.arange(n) - ANCHOR_MINUTES, 0)]
    shares = minutes.volume if volume is None else volume
    whole = np.append(0.0, np.cumsum(shares))
    begin = np.maximum(np.arange(n) + 1 - MEAN_MINUTES, 0)
    dollars = np.abs(close) * ((whole[1:] - whole[begin]) / (np.arange(n) + 1 - begin)) * 390
    left = (sessions.close_ns[session] - ts) / MINUTE_NS - 1.0
    today = (sessions.date[session].astype(int) % 4 > 0) & (left > 0)
    side = np.sign(close - anchor)
    far = (chance(ts, 1) < 0.05) & (side != 0)
    level = np.where(far, np.copysign(np.inf, -side), anchor)
    pin = close * (1 + 0.002 * waves(ts, 53, 2))
    values = {
        "spot": close,
        "opt_volume": np.floor(64 * chance(ts, 3)) + 16.0,
        "call_volume": 512.0 + side * np.floor(180 * chance(ts, 4)),
        "used_volume": np.full(n, 1024.0),
        "gex": dollars * (0.02 * chance(ts, 5) - 0.015),
        "zero_gamma": level,
        "flip_count": np.where(far, 0.0, 1.0 + np.floor(2 * chance(ts, 13))),
        "gex_slope": dollars * 0.04 * chance(ts, 6),
        "gex_0dte_frac": chance(ts, 7),
        "call_wall": close * 1.0078125,
        "put_wall": close * 0.9921875,
        "max_gamma_strike": close * (1 + 0.006 * waves(ts, 41, 1)),
        "max_pain": pin,
        "pin_strike": pin,
        "pin_oi_frac": 0.2 * chance(ts, 8),
        "pin_gex": dollars * (0.004 * chance(ts, 9) - 0.002),
        "minutes_to_expiry": np.where(today, left, left + 1440),
        "is_0dte": today.astype(float),
        "opt_priced_frac": 0.6 + 0.4 * chance(ts, 10),
        "opt_null_frac": 0.4 * chance(ts, 11),
        "opt_age_minutes": np.floor(6 * chance(ts, 12)),
    }
    return GammaMinutes(ts, values, settings or OptionSettings())
