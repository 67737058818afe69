"""Option features of signal bars: the last minute of a gamma table that ends at or before T."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int, Sessions, SignalBars
from detectors.features.columns import FeatureColumns
from detectors.features.option_settings import OptionSettings
from detectors.features.table import Reason

STALE_MINUTES = 5
BASELINE_SESSIONS = 20
SURGE_MIN_SESSIONS = 5
ZSCORE_MIN_SESSIONS = 10
SURGE_MINUTES = 15
MIN_CONTRACTS = 100.0
PRICED_MIN_FRAC = 0.5

#: Columns of a gamma table, known at the end of the minute; exposures in dollars per 1 % move.
COLUMNS = (
    "spot",
    "opt_volume",
    "call_volume",
    "used_volume",
    "gex",
    "zero_gamma",
    "flip_count",
    "gex_slope",
    "gex_0dte_frac",
    "call_wall",
    "put_wall",
    "max_gamma_strike",
    "max_pain",
    "pin_strike",
    "pin_oi_frac",
    "pin_gex",
    "minutes_to_expiry",
    "is_0dte",
    "opt_priced_frac",
    "opt_null_frac",
    "opt_age_minutes",
)

#: Columns in prices of the underlying: what a split rescales.
LEVELS = (
    "spot",
    "zero_gamma",
    "call_wall",
    "put_wall",
    "max_gamma_strike",
    "max_pain",
    "pin_strike",
)

_OF_GEX = ("gex_0dte_frac", "call_wall", "put_wall", "max_gamma_strike")
_DIRECTED = ("gex", "zero_gamma", "flip_count", "gex_slope_norm", "gex_norm", "pin_gex_norm")
_PINS = ("max_pain", "pin_strike", "pin_oi_frac")
_QUALITY = ("opt_priced_frac", "opt_null_frac", "opt_age_minutes")


@dataclasses.dataclass(frozen=True)
class GammaMinutes:
    """Gamma table of one underlying, minutes inside sessions, rising.

    Attributes
    ----------
    ts
        int64 [m], start of the minute, UTC ns; known 60 s later.
    values
        Name of `COLUMNS` -> float64 [m], NaN = unknown.
    settings
        Settings it was computed with, and those of its normalisation.
    """

    ts: Int
    values: Mapping[str, Float]
    settings: OptionSettings = dataclasses.field(default_factory=OptionSettings)

    def __post_init__(self) -> None:
        """Refuse rows out of order and missing columns."""
        if np.any(np.diff(self.ts) <= 0):
            raise ValueError("gamma minutes must rise strictly by ts; sort and dedupe first")
        missing = sorted(set(COLUMNS) - set(self.values))
        if missing:
            raise ValueError(f"gamma minutes need the columns {', '.join(COLUMNS)}; no {missing}")


@dataclasses.dataclass(frozen=True)
class _Joined:
    """Rows of a gamma table as signal bars see them.

    Attributes
    ----------
    row
        int64 [n], row of each bar; meaningless where `absent` is not KNOWN.
    age
        float64 [n], minutes from the row's end to T.
    absent
        int8 [n] of `Reason`: MISSING_INPUT in a session without rows so far, STALE where the row
        is more than 5 minutes old.
    """

    row: Int
    age: Float
    absent: NDArray[np.int8]


def add_gamma(columns: FeatureColumns, gamma: GammaMinutes | None, sessions: Sessions) -> None:
    """Add the option features of DETECTORS.md 4; `dollar_volume_mean` comes first.

    Parameters
    ----------
    columns
        Where they are added.
    gamma
        Gamma table of the symbol, None for none: every option feature is unknown
        (`MISSING_INPUT`).
    sessions
        Session table of the bars.
    """
    bars = columns.bars
    if gamma is None or not len(gamma.ts):
        for name in FEATURES:
            columns.put(name, np.full(len(bars), np.nan), Reason.MISSING_INPUT)
        return
    joined = _join(gamma, bars, sessions)
    seen = {name: _at(gamma.values[name], joined) for name in COLUMNS}
    for name in _OF_GEX:
        columns.put(name, seen[name], _why_no_gex(joined, seen))
    _add_normalised(columns, joined, seen, gamma, sessions)
    spotless = np.where(np.isnan(seen["spot"]), Reason.STALE, Reason.MISSING_INPUT)
    for name in (*_PINS, *_QUALITY):
        columns.put(name, seen[name], _why(joined, spotless))
    left = seen["minutes_to_expiry"] - joined.age
    passed = left <= 0
    columns.put(
        "minutes_to_expiry",
        np.where(passed, np.nan, left),
        _why(joined, np.where(passed, Reason.STALE, Reason.MISSING_INPUT)),
    )
    columns.put("is_0dte", np.where(passed, np.nan, seen["is_0dte"]), _why(joined, spotless))
    few = ~(seen["used_volume"] >= MIN_CONTRACTS)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = seen["call_volume"] / seen["used_volume"]
    columns.put(
        "call_volume_frac",
        np.where(few, np.nan, share),
        _why(joined, np.where(np.isnan(seen["spot"]), Reason.STALE, Reason.LOW_COVERAGE)),
    )
    surge, counted = _surge(gamma, joined, bars, sessions)
    columns.put(
        "opt_volume_surge",
        surge,
        _why(
            joined,
            np.where(counted < SURGE_MIN_SESSIONS, Reason.WARMUP, Reason.MISSING_INPUT),
        ),
    )


def _join(gamma: GammaMinutes, bars: SignalBars, sessions: Sessions) -> _Joined:
    row = np.searchsorted(gamma.ts, bars.end - MINUTE_NS, side="right") - 1
    ts = gamma.ts[np.maximum(row, 0)]
    other = (row < 0) | (ts < sessions.open_ns[bars.session])
    age = (bars.end - MINUTE_NS - ts) / MINUTE_NS
    absent = np.where(
        other, Reason.MISSING_INPUT, np.where(age > STALE_MINUTES, Reason.STALE, Reason.KNOWN)
    )
    return _Joined(np.maximum(row, 0), age, absent.astype(np.int8))


def _at(values: Float, joined: _Joined) -> Float:
    return np.where(joined.absent == Reason.KNOWN, values[joined.row], np.nan)


def _why(joined: _Joined, reason: NDArray[np.int64] | Reason) -> NDArray[np.int8]:
    """Return the given reason where the row itself is there, else why it is not."""
    return np.where(joined.absent == Reason.KNOWN, reason, joined.absent).astype(np.int8)


def _why_no_gex(joined: _Joined, seen: Mapping[str, Float]) -> NDArray[np.int8]:
    """Return why gamma of a minute would be unknown, int8 [n]."""
    thin = np.where(seen["opt_priced_frac"] < PRICED_MIN_FRAC, Reason.LOW_COVERAGE, 0)
    why = np.where(np.isnan(seen["spot"]), Reason.STALE, thin)
    return _why(joined, np.where(why == 0, Reason.MISSING_INPUT, why))


def _add_normalised(
    columns: FeatureColumns,
    joined: _Joined,
    seen: Mapping[str, Float],
    gamma: GammaMinutes,
    sessions: Sessions,
) -> None:
    """Add what has a direction, in dollars and over dollar volume or its own history."""
    bars = columns.bars
    known = ~np.isnan(seen["gex"])
    thin = np.where(known, np.int8(Reason.KNOWN), _why_no_gex(joined, seen))
    money = np.abs(columns["dollar_volume_mean"])
    money[money == 0.0] = np.nan
    in_money = columns.reason("dollar_volume_mean")
    pin = np.where(np.isnan(seen["pin_strike"]), Reason.MISSING_INPUT, Reason.LOW_COVERAGE)
    pin = np.where(np.isnan(seen["spot"]), Reason.STALE, pin)
    pin_why = np.where(np.isnan(seen["pin_gex"]), _why(joined, pin), in_money)
    scaled_why = np.where(thin == 0, in_money, thin)
    norm, norm_why = seen["gex"] / money, scaled_why
    if gamma.settings.gex_normalisation == "zscore":
        norm, counted = _zscore(gamma, joined, bars, sessions)
        short = np.where(counted < ZSCORE_MIN_SESSIONS, Reason.WARMUP, Reason.MISSING_INPUT)
        norm_why = np.where(thin == 0, short, thin)
    found = {
        "gex": (seen["gex"], thin),
        "zero_gamma": (seen["zero_gamma"], thin),
        "flip_count": (seen["flip_count"], thin),
        "gex_norm": (norm, norm_why),
        "gex_slope_norm": (seen["gex_slope"] / (2.0 * money), scaled_why),
        "pin_gex_norm": (seen["pin_gex"] / money, pin_why),
    }
    undirected = gamma.settings.sign_model == "none"
    for name in _DIRECTED:
        values, reason = found[name]
        if undirected:
            values = np.full(len(bars), np.nan)
            reason = _why(joined, np.where(reason == 0, Reason.SIGN_MODEL, reason))
        columns.put(name, values, reason.astype(np.int8))


def _by_session(gamma: GammaMinutes, values: Float, sessions: Sessions) -> tuple[Float, Int, Int]:
    """Spread a column over float64 [sessions, minutes]; also session and minute of each row."""
    session = np.searchsorted(sessions.open_ns, gamma.ts, side="right") - 1
    inside = (session >= 0) & (gamma.ts < sessions.close_ns[np.maximum(session, 0)])
    session = np.maximum(session, 0)
    minute = np.where(inside, (gamma.ts - sessions.open_ns[session]) // MINUTE_NS, 0)
    longest = int((sessions.close_ns - sessions.open_ns).max(initial=MINUTE_NS) // MINUTE_NS)
    spread = np.full((len(sessions), longest), np.nan)
    spread[session[inside], minute[inside]] = values[inside]
    return spread, session, minute


def _earlier(spread: Float, sessions: Sessions, session: NDArray[np.int32], minute: Int) -> Float:
    """Return the same minute of the 20 sessions before, float64 [20, n]; half days are unknown."""
    full = np.where(sessions.full_length[:, np.newaxis], spread, np.nan)
    before = np.full((BASELINE_SESSIONS, len(minute)), np.nan)
    for lag in range(1, BASELINE_SESSIONS + 1):
        there = session >= lag
        before[lag - 1, there] = full[session[there] - lag, minute[there]]
    return before


def _mean_of(before: Float) -> tuple[Float, Int]:
    """Return mean and count of the known values over the first axis; NaN without any."""
    known = ~np.isnan(before)
    counted = known.sum(axis=0)
    total = np.where(known, before, 0.0).sum(axis=0)
    return total / np.where(counted > 0, counted, np.nan), counted


def _surge(
    gamma: GammaMinutes, joined: _Joined, bars: SignalBars, sessions: Sessions
) -> tuple[Float, Int]:
    """Return volume of the last 15 minutes over that of earlier sessions, and how many these are.

    A minute without a used contract has no volume; in the first 15 minutes of a session the sum
    starts at the open, today and then.
    """
    volume, _, minutes = _by_session(gamma, gamma.values["opt_volume"], sessions)
    there = ~np.isnan(volume).all(axis=1)
    whole = np.nancumsum(volume, axis=1)
    last = whole.copy()
    last[:, SURGE_MINUTES:] -= whole[:, :-SURGE_MINUTES]
    last[~there] = np.nan
    minute = minutes[joined.row]
    normal, counted = _mean_of(_earlier(last, sessions, bars.session, minute))
    few = (counted < SURGE_MIN_SESSIONS) | (normal == 0.0)
    now = np.where(joined.absent == Reason.KNOWN, last[bars.session, minute], np.nan)
    return now / np.where(few, np.nan, normal), counted


def _zscore(
    gamma: GammaMinutes, joined: _Joined, bars: SignalBars, sessions: Sessions
) -> tuple[Float, Int]:
    """Return gex against the same minute of earlier sessions, and how many of these are known."""
    spread, _, minutes = _by_session(gamma, gamma.values["gex"], sessions)
    before = _earlier(spread, sessions, bars.session, minutes[joined.row])
    mean, counted = _mean_of(before)
    deviations = np.where(np.isnan(before), 0.0, before - mean)
    spare = np.where(counted < ZSCORE_MIN_SESSIONS, np.nan, counted - 1.0)
    deviation = np.sqrt((deviations**2).sum(axis=0) / spare)
    now = _at(gamma.values["gex"], joined)
    return (now - mean) / np.where(deviation == 0.0, np.nan, deviation), counted


FEATURES = (
    *_OF_GEX,
    *_DIRECTED,
    *_PINS,
    *_QUALITY,
    "minutes_to_expiry",
    "is_0dte",
    "call_volume_frac",
    "opt_volume_surge",
)
"""Option features of the feature table."""
