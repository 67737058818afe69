"""Identity by content: canonical JSON, ids of sweeps and sets, digests of data. Pure.

Ids begin with a letter, so that no reader of a command line takes one for a number.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.bars import Float, MinuteBars, Sessions
from detectors.contract import Detector
from detectors.features.table import FeatureTable
from sweep.engine.row_hash import row_hashes
from sweep.engine.sets import ParameterSets

Keys = NDArray[np.uint64]

_SWEEP_DIGITS = 12
_SETTINGS_DIGITS = 16
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


def canonical(value: object) -> str:
    """Return JSON that is equal exactly where the meaning is.

    Keys are sorted, `2` and `2.0` are one number, dataclasses are mappings, dates are text.

    Raises
    ------
    TypeError, ValueError
        If a value has no canonical form (NaN, a set, an object).
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"an identity must be finite, got {value!r}")
        return int(number) if number.is_integer() else number
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"an identity holds plain values, got {type(value).__name__}: {value!r}")


def digest_of(value: object) -> str:
    """Return the SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def sweep_id(identity: object) -> str:
    """Return `s` and 12 hex digits of what decides a sweep's numbers."""
    return "s" + digest_of(identity)[:_SWEEP_DIGITS]


def settings_hash(settings: object) -> str:
    """Return 16 hex digits of the settings that decide what a set earns."""
    return digest_of(settings)[:_SETTINGS_DIGITS]


def set_keys(detector: Detector, sets: ParameterSets) -> Keys:
    """Return the key of each set: hash of detector, revision and parameter values.

    Returns
    -------
    numpy.ndarray
        uint64 [sets]. Equal values give equal keys whatever the order of the parameters, and
        whether a weight ratio of 1 was given or not; a million keys take half a second.
    """
    ratios = [ratio.name for ratio in detector.ratios]
    plain = {name: column for name, column in sets.values.items() if name not in ratios}
    if len(plain) == len(sets.values):
        return _hashed(detector, plain)
    weighed = np.any([sets.values[name] != 1.0 for name in ratios if name in sets.values], axis=0)
    keys = _hashed(detector, plain)
    every = plain | {name: sets.values.get(name, np.ones(len(sets))) for name in ratios}
    rows = {name: column[weighed] for name, column in every.items()}
    keys[weighed] = _hashed(detector, rows)
    return keys


def _hashed(detector: Detector, values: Mapping[str, Float]) -> Keys:
    """Hash the rows of equally long columns."""
    names = sorted(values)
    table = np.empty((len(values[names[0]]), len(names)), "<f8")
    for column, name in enumerate(names):
        table[:, column] = values[name]
    table += 0.0  # -0.0 and 0.0 are one value
    beginning = np.frombuffer(
        canonical([detector.name, detector.revision, names]).encode(), np.uint8
    )
    with np.errstate(over="ignore"):  # as plain Python; it is the arithmetic of the hash
        found = row_hashes(beginning, table.view(np.uint8))
    return found.byteswap()  # the bytes of a digest, first one highest


def set_ids(keys: Keys) -> list[str]:
    """Return keys as text: `p` and 16 hex digits."""
    return [f"p{key:016x}" for key in keys.tolist()]


def id_column(keys: Keys) -> pa.Array:
    """Return `set_ids` as a column; a million take a tenth of the time and no Python objects."""
    text = np.empty((len(keys), 17), np.uint8)
    halves = keys.astype(">u8").view(np.uint8).reshape(-1, 8)
    text[:, 0] = ord("p")
    text[:, 1::2], text[:, 2::2] = _DIGITS[halves >> 4], _DIGITS[halves & 15]
    offsets = np.arange(len(keys) + 1, dtype=np.int32) * text.shape[1]
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(text))


def keys_of(ids: list[str]) -> Keys:
    """Return the keys behind ids made by `set_ids`."""
    return np.array([int(text[1:], 16) for text in ids], np.uint64)


def block_name(detector: str, keys: Keys) -> str:
    """Return the file name of a block: its detector and the hash of its set keys, any order."""
    digest = hashlib.blake2b(np.sort(keys).astype(">u8").tobytes(), digest_size=12)
    return f"{detector}-{digest.hexdigest()}.parquet"


def feature_digests(
    features: FeatureTable, names: Sequence[str], sessions: Sessions
) -> dict[str, str]:
    """Return date -> digest of some features, of each session in which any of them is known.

    For what features are made of besides bars: options and order flow.
    """
    columns = np.stack([features[name] for name in names])
    known = ~np.isnan(columns).all(axis=0)
    digests = {}
    for k in np.unique(features.bars.session[known]).tolist():
        part = np.ascontiguousarray(columns[:, features.bars.session == k], "<f8")
        digest = hashlib.blake2b(part.tobytes(), digest_size=8)
        digests[str(sessions.date[k])] = digest.hexdigest()
    return digests


def session_digests(minutes: MinuteBars, sessions: Sessions, factor: Float) -> dict[str, str]:
    """Return date -> digest of each session that has minutes.

    Parameters
    ----------
    minutes
        Regular-session minutes of one symbol, warm-up included.
    sessions
        Sessions that hold them.
    factor
        float64 [sessions], price factor of the session: a split changes what was tested.
    """
    columns = [
        np.ascontiguousarray(column, "<i8" if column.dtype.kind == "i" else "<f8")
        for column in (
            minutes.ts,
            minutes.open,
            minutes.high,
            minutes.low,
            minutes.close,
            minutes.volume,
        )
    ]
    first = np.searchsorted(minutes.ts, sessions.open_ns, "left")
    last = np.searchsorted(minutes.ts, sessions.close_ns, "left")
    digests = {}
    for k in np.flatnonzero(last > first).tolist():
        digest = hashlib.blake2b(np.float64(factor[k]).tobytes(), digest_size=8)
        for column in columns:
            digest.update(column[first[k] : last[k]].tobytes())
        digests[str(sessions.date[k])] = digest.hexdigest()
    return digests
