"""Row 2: what a closed bar says does not change, whatever happens later."""

import dataclasses
import functools

import numpy as np
import pytest

from detectors.bars import MINUTE_NS
from detectors.evaluate import evaluate
from detectors.features.levels import extreme_before
from detectors.features.table import FeatureTable
from detectors.registry import DETECTORS
from tests import naive
from tests.detectors.conformance.markets import Market, tiny
from tests.detectors.conformance.probes import OUTPUTS, loosest, with_columns
from tests.detectors.features.lookahead import lookahead_faults
from tests.detectors.features.walks import all_minutes

BAR_MINUTES = 5
EVERY_FAULT = 10**6


def spoken(entries, asset_class, minutes):
    """Return what detectors say on every bar, as a table that the look-ahead check compares."""
    market = tiny()
    table = Market(market.sessions, minutes, market.settings).features(asset_class, BAR_MINUTES)
    said = {
        f"{entry.name}.{output}": getattr(found, output)
        for entry in entries
        for found in [evaluate(entry, table, loosest(entry, "legal"))]
        for output in OUTPUTS
    }
    return FeatureTable(table.bars, said, {}, {})


def faults_of(entries, asset_class, every=1):
    market = tiny()
    cuts = (all_minutes(market.sessions) + MINUTE_NS)[::every]
    build = functools.partial(spoken, entries, asset_class)
    return lookahead_faults(build, market.minutes, cuts, limit=EVERY_FAULT)


@functools.cache
def all_faults(asset_class):
    """One pass over all cuts for all detectors of a class: features are the costly part."""
    return faults_of(
        [d for d in DETECTORS.values() if d.asset_classes[0] == asset_class], asset_class
    )


def test_no_bar_looks_ahead_at_any_minute(detector):
    asset_class = detector.asset_classes[0]
    whole = spoken([detector], asset_class, tiny().minutes)
    assert np.count_nonzero(whole[f"{detector.name}.signal"]) >= 2
    assert [f for f in all_faults(asset_class) if f"{detector.name}." in f] == []


def close_of_the_next_bar(columns, table):
    level = extreme_before(table.bars.high, table.bars.segment, 2, 1)
    ahead = np.append(table["close"][1:], np.nan)
    return columns | {"level_dist_atr": (ahead - level) / table["atr"]}


def level_with_the_current_bar(columns, table):
    level = np.maximum(extreme_before(table.bars.high, table.bars.segment, 2, 1), table.bars.high)
    return columns | {"level_dist_atr": (table["close"] - level) / table["atr"]}


def of_the_forming_hour(column):
    """Cheat: read a column at the last bar of the hour that the bar lies in."""

    def cheat(columns, table):
        start = tiny().sessions.open_ns[table.bars.session]
        hour = (table.bars.ts - start) // (60 * MINUTE_NS)
        key = table.bars.session * 10 + hour
        last = np.searchsorted(key, key, side="right") - 1
        return columns | {column: columns[column][last]}

    return cheat


def of_the_whole_session(columns, table):
    """Cheat: measure from the lowest low of the day, whenever it comes."""
    low = np.full(len(tiny().sessions), np.inf)
    with np.errstate(invalid="ignore"):  # the bars after the cut are NaN in some runs
        np.minimum.at(low, table.bars.session, table.bars.low)
    low = low[table.bars.session]
    return columns | {"range_pos_side": (table["close"] - low) / (table["session_high"] - low)}


CHEATERS = {
    "close of the next bar": ("breakout_bullish", close_of_the_next_bar),
    "forming hour": ("breakout_bullish", of_the_forming_hour("mtf_rsi_frac")),
    "volume of the forming hour": ("opening_drive_bullish", of_the_forming_hour("rel_volume")),
    "extreme of the whole session": ("power_hour_reversal_bullish", of_the_whole_session),
}


@pytest.mark.parametrize("cheat", CHEATERS)
def test_a_planted_cheater_is_caught(cheat):
    name, change = CHEATERS[cheat]
    honest = DETECTORS[name]
    cheater = with_columns(honest, change)
    assert faults_of([cheater], honest.asset_classes[0], every=3)


def test_a_level_with_the_current_bar_differs_from_the_oracle():
    """Such a level knows nothing of later bars: only the rules tell that it is wrong."""
    honest = DETECTORS["breakout_bullish"]
    cheater = with_columns(honest, level_with_the_current_bar)
    market = tiny()
    table = market.features("ETF", BAR_MINUTES)
    named = {name: column.tolist() for name, column in table.values.items()}
    rows = [
        {k: None if v[t] != v[t] else v[t] for k, v in named.items()}
        | {"segment": int(table.bars.segment[t])}
        for t in range(len(table))
    ]
    values = loosest(honest, "legal")
    params = {k: v for k, v in values.items() if k != "min_score"}
    expected = [s.signal for s in naive.evaluate(honest.name, rows, params, min_score=0)]
    assert evaluate(honest, table, values).signal.tolist() == expected
    assert evaluate(cheater, table, values).signal.tolist() != expected


def test_the_check_sees_every_output():
    """Mutant: one output of the first bar depends on how many bars there are."""
    entry = DETECTORS["opening_drive_bullish"]
    for output in OUTPUTS:
        asset_class = entry.asset_classes[0]

        def build(minutes, output=output, asset_class=asset_class):
            table = spoken([entry], asset_class, minutes)
            column = table[f"{entry.name}.{output}"].copy()
            column[0] = len(minutes) % 2 if column.dtype == np.bool_ else len(minutes) % 100
            said = {**table.values, f"{entry.name}.{output}": column}
            return dataclasses.replace(table, values=said)

        minutes = tiny().minutes
        assert lookahead_faults(build, minutes, minutes.ts[40:44] + MINUTE_NS), output
