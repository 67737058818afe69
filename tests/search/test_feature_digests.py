"""What a sweep is made of beside bars is in its identity: options and order flow."""

import dataclasses

import numpy as np

from sweep.search.identity import feature_digests
from sweep.search.plan import BESIDE_BARS
from tests.detectors.conformance.markets import tiny

SESSIONS = tiny().sessions


def digests(table):
    return feature_digests(table, BESIDE_BARS, SESSIONS)


def test_without_options_and_flow_nothing_is_added():
    assert digests(tiny().features("ETF", 5)) == {}


def test_one_other_value_changes_the_digest_of_its_session_alone():
    table = tiny().features("INDEX", 5)
    honest = digests(table)
    assert len(honest) == len(SESSIONS)
    for name in ("gex", "pin_strike", "minutes_to_expiry"):
        column = table[name].copy()
        row = int(np.flatnonzero(~np.isnan(column))[-1])
        column[row] = np.nextafter(column[row], np.inf)
        changed = digests(dataclasses.replace(table, values={**table.values, name: column}))
        day = str(SESSIONS.date[table.bars.session[row]])
        assert {d for d in honest if changed[d] != honest[d]} == {day}
