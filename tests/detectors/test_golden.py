"""Golden files: what every detector says on one fixed walk changes only on purpose."""

import dataclasses

import numpy as np
import pytest

from detectors.registry import DETECTORS
from tests.detectors.conformance.probes import with_columns
from tests.detectors.golden.golden_rows import FOLDER, read, rows_of


def differences(detector, tolerance=1e-6):
    """Rows that differ from the golden file of the detector's name."""
    ours, golden = rows_of(detector), read(detector.name)
    if len(ours) != len(golden):
        return [(len(ours), len(golden))]
    return [
        (a, b)
        for a, b in zip(ours, golden, strict=True)
        if a[:3] != b[:3] or abs(a[3] - b[3]) > tolerance
    ]


@pytest.mark.parametrize("name", DETECTORS)
def test_it_says_what_it_said(name):
    assert differences(DETECTORS[name]) == []
    assert len({row[2] for row in read(name)} - {0}) == (1 if DETECTORS[name].side else 2)


def test_every_detector_has_one_golden_file():
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_changed_weight_is_seen(name):
    """Mutant: one hundredth of weight moves from the first factor to the third."""
    honest = DETECTORS[name]
    first, second, third, *rest = honest.factors
    moved = (
        dataclasses.replace(first, weight=first.weight - 0.01),
        second,
        dataclasses.replace(third, weight=third.weight + 0.01),
        *rest,
    )
    assert differences(dataclasses.replace(honest, factors=moved))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_shifted_bar_is_seen(name):
    """Mutant: every column is one bar late."""

    def late(columns, _table):
        return {key: np.append(np.nan, column[:-1]) for key, column in columns.items()}

    assert differences(with_columns(DETECTORS[name], late))
