"""Change one thing about a detector or its features, and see what it says."""

import dataclasses

import numpy as np

from detectors.contract import Columns
from detectors.evaluate import parameters_from
from detectors.features.table import FeatureTable, Reason

OUTPUTS = ("in_window", "evaluable", "missing", "reason", "passed", "score", "signal")

DERIVED = {
    "vwap": ("vwap_dist_frac", "vwap_dist_atr"),
    "prior_close": ("day_change_frac", "overnight_gap_frac"),
    "session_open": ("session_move_frac", "overnight_gap_frac"),
    "rsi": ("rsi_centred",),
}
"""Features that are unknown whenever the named one is (DETECTORS.md 3.2, 3.4)."""


def loosest(detector, ranges="searched"):
    """Every threshold at the end of its range that lets most bars through, any score."""
    values = {"min_score": 0.0}
    for p in detector.parameters:
        if p.structural:
            values[p.name] = getattr(p, ranges)[0]
    tests = [(w.parameter, w.comparison) for w in detector.windows]
    tests += [(c.threshold, c.comparison) for c in detector.conditions]
    by_name = {p.name: p for p in detector.parameters}
    for name, comparison in tests:
        if isinstance(name, str):
            values[name] = getattr(by_name[name], ranges)[comparison == "<="]
    return values


def defaults(detector):
    return {p.name: p.default for p in detector.parameters}


def derive(detector, table, values=None):
    """Return the columns of a detector at some values, defaults without."""
    params = parameters_from(detector, defaults(detector) | (values or {}))
    return detector.columns(table, params, detector.side)


def with_columns(detector, change):
    """Return the detector with `change(values, table)` applied to its columns."""

    def columns(features, params, side):
        honest = detector.columns(features, params, side)
        changed = change(dict(honest.values), features)
        return Columns(changed, honest.reasons, honest.side)

    return dataclasses.replace(detector, columns=columns)


def with_value(detector, name, row, value):
    """Return the detector whose column has one other value on one bar."""

    def change(columns, _table):
        column = columns[name].copy()
        column[row] = value
        return columns | {name: column}

    return with_columns(detector, change)


def unknown_at(table, name, row, reason=Reason.STALE):
    """Return the table with a feature, and what is computed from it, unknown on one bar."""
    values, reasons = dict(table.values), dict(table.reasons)
    for feature in (name, *DERIVED.get(name, ())):
        values[feature] = values[feature].copy()
        values[feature][row] = np.nan
        reasons[feature] = table.reason(feature).copy()
        reasons[feature][row] = reason
    return dataclasses.replace(table, values=values, reasons=reasons)


@dataclasses.dataclass(frozen=True)
class RecordingTable(FeatureTable):
    """A feature table that remembers which features were read."""

    read: set = dataclasses.field(default_factory=set)

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


def features_read(detector, table):
    fields = {f.name: getattr(table, f.name) for f in dataclasses.fields(FeatureTable)}
    recording = RecordingTable(**fields)
    derive(detector, recording)
    return recording.read


def rows_of(mask, count):
    """A few marked rows, spread over all of them."""
    rows = np.flatnonzero(mask)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]
