"""What every detector says on one fixed walk; run as a module to write it down anew.

`python -m tests.detectors.golden.golden_rows`,
and then a "Numbers changed" entry in the changelog.
"""

import csv
import functools
from pathlib import Path

import numpy as np

from detectors.evaluate import evaluate
from detectors.registry import DETECTORS
from tests.detectors.conformance.markets import Market, shared, u_shaped_walk
from tests.detectors.features.walks import calendar_sessions

FOLDER = Path(__file__).parent
HEADER = ("session", "minute", "signal", "score")
SEED = 20_241_011


@functools.cache
def market():
    """60 sessions with two half days."""
    sessions = calendar_sessions("2024-10-07", "2024-12-31")
    return Market(sessions, u_shaped_walk(sessions, SEED))


@shared
def table_of(detector):
    return market().of(detector)


def rows_of(detector):
    """Rows of the bars on which every hard condition holds at defaults.

    Session, decision instant in minutes since the open, signal, score.
    """
    table = table_of(detector)
    found = evaluate(detector, table)
    return [
        (
            str(market().sessions.date[table.bars.session[t]]),
            int(table["minutes_since_open"][t]),
            int(found.signal[t]),
            float(found.score[t]),
        )
        for t in np.flatnonzero(~np.isnan(found.score)).tolist()
    ]


def path_of(name):
    return FOLDER / f"{name}.csv"


def read(name):
    with path_of(name).open(newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == HEADER
    return [(day, int(minute), int(signal), float(score)) for day, minute, signal, score in rows]


def write(name, rows):
    with path_of(name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((*row[:3], f"{row[3]:.6f}") for row in rows)


if __name__ == "__main__":
    for name, detector in DETECTORS.items():
        write(name, rows_of(detector))
