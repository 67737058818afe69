"""The look-ahead check: cut the minutes at every minute, and spoil what comes after the cut."""

import dataclasses

import numpy as np

from detectors.bars import MINUTE_NS
from tests.detectors.features.walks import take


def lookahead_faults(build, minutes, cuts, *, limit=5):
    """List how closed bars change when later minutes are cut off, made noise or made unknown.

    `build(minutes)` returns a feature table. A bar that ends at or before the cut is closed: its
    values and reasons must be the same to the last bit. Stops after `limit` complaints.
    """
    full = build(minutes)
    noise, unknown = spoil(minutes, noise=True), spoil(minutes, noise=False)
    faults = []
    for cut in cuts:
        kept = minutes.ts + MINUTE_NS <= cut
        variants = {
            "cut": take(minutes, kept),
            "noise": mixed(minutes, noise, kept),
            "unknown": mixed(minutes, unknown, kept),
        }
        for name, variant in variants.items():
            faults += differences(full, build(variant), cut, name)
            if len(faults) >= limit:
                return faults
    return faults


def spoil(minutes, *, noise):
    rng = np.random.default_rng(99)
    n = len(minutes)
    return dataclasses.replace(
        minutes,
        **{
            name: rng.uniform(1, 1e6, n) if noise else np.full(n, np.nan)
            for name in ("open", "high", "low", "close", "volume")
        },
    )


def mixed(minutes, later, kept):
    return dataclasses.replace(
        minutes,
        **{
            name: np.where(kept, getattr(minutes, name), getattr(later, name))
            for name in ("open", "high", "low", "close", "volume")
        },
    )


def differences(full, part, cut, name):
    closed = int(np.searchsorted(full.bars.end, cut, side="right"))
    if not np.array_equal(part.bars.ts[:closed], full.bars.ts[:closed]):
        return [f"{name} at {cut}: other bars"]
    if not np.array_equal(part.bars.segment[:closed], full.bars.segment[:closed]):
        return [f"{name} at {cut}: other segments"]
    found = []
    for feature in full.values:
        before, after = full[feature][:closed], part[feature][:closed]
        if not np.array_equal(before, after, equal_nan=True):
            found.append(f"{name} at {cut}: {feature}")
        elif not np.array_equal(full.reason(feature)[:closed], part.reason(feature)[:closed]):
            found.append(f"{name} at {cut}: reason of {feature}")
    return found
