"""Features and states of every built detector against the slow oracle, bar by bar."""

import math

import naive
import numpy as np
import pytest
from engine.market import Shape, minute_bars, session_table

from detectors.bars import MinuteBars
from detectors.evaluate import evaluate
from detectors.features.build import build_features
from detectors.features.gamma import FEATURES as OPTION_FEATURES
from detectors.features.table import Reason
from detectors.registry import DETECTORS
from sweep.engine.sets import all_parameters
from tests.detectors.features.gamma_walk import gamma_walk

CASES = {
    "stock 15m": (Shape(sessions=12, missing=0.03), 15),
    "etf 5m with a gap of sessions": (Shape(sessions=14, asset_class="ETF", half_day=9), 5),
    "index 5m": (Shape(sessions=9, asset_class="INDEX", price=4000.0, minute_move=1.6), 5),
}


def market_of(case):
    shape, bar_minutes = CASES[case]
    rng = np.random.default_rng(len(case))
    sessions = session_table(shape)
    minutes = minute_bars(rng, shape, sessions)
    if "gap" in case:  # four whole sessions without bars: indicators restart
        session = np.searchsorted(sessions.open_ns, minutes.ts, "right") - 1
        keep = (session < 5) | (session > 8)
        columns = ("ts", "open", "high", "low", "close", "volume")
        minutes = MinuteBars(*(getattr(minutes, name)[keep] for name in columns))
    proxy = None
    if shape.asset_class == "INDEX":
        proxy = minute_bars(rng, Shape(sessions=9, missing=0.1), sessions)
    return shape, bar_minutes, sessions, minutes, proxy


@pytest.fixture(scope="module", params=CASES)
def both(request):
    """Return (feature table, oracle rows) of one market."""
    shape, bar_minutes, sessions, minutes, proxy = market_of(request.param)
    gamma = None
    if proxy is not None:
        gamma = gamma_walk(minutes, sessions, volume=np.full(len(minutes), 1000.0))
    table = build_features(
        minutes,
        sessions,
        bar_minutes=bar_minutes,
        asset_class=shape.asset_class,
        proxy=proxy,
        proxy_symbol=None if proxy is None else "PROXY",
        gamma=gamma,
    )
    rows = naive.features(
        naive.minute_rows(minutes),
        naive.session_rows(sessions),
        bar_minutes=bar_minutes,
        asset_class=shape.asset_class,
        proxy=None if proxy is None else naive.minute_rows(proxy),
    )
    for name in OPTION_FEATURES:  # the oracle has rules for detectors, not for option chains
        for t, value in enumerate(table[name].tolist()):
            rows[t][name] = None if math.isnan(value) else value
    return table, rows


def test_every_feature_has_the_oracle_value_and_reason(both):
    table, rows = both
    assert len(table) == len(rows)
    left_out = {"volume", *OPTION_FEATURES}
    names = [name for name in rows[0] if name in table.values and name not in left_out]
    assert len(names) >= 30
    for name in names:
        values, reasons = table[name], table.reason(name)
        for t, row in enumerate(rows):
            if row[name] is None:
                assert math.isnan(values[t]), (name, t)
                if name in row["reasons"]:
                    assert Reason(reasons[t]).name.lower() == row["reasons"][name], (name, t)
            else:
                assert values[t] == pytest.approx(row[name], rel=1e-9, abs=1e-9), (name, t)


def corners(detector):
    """Return defaults, and every parameter at both ends of its legal range, score aside."""
    yield {"min_score": 60.0}
    yield {"min_score": 0.0}
    for parameter in (*detector.parameters, *detector.ratios):
        for end in (*parameter.legal, *parameter.searched):
            yield {parameter.name: end, "min_score": 40.0}
    yield {"min_score": 40.0} | {
        ratio.name: ratio.legal[k % 2] for k, ratio in enumerate(detector.ratios)
    }


@pytest.mark.parametrize("name", naive.DETECTORS)
def test_every_state_is_that_of_the_rules(name, both):
    table, rows = both
    detector = DETECTORS[name]
    scored = 0
    for values in corners(detector):
        params = {k: v for k, v in values.items() if k != "min_score"}
        for p in all_parameters(detector):
            if p.integer and p.name in params:
                params[p.name] = int(params[p.name])
        ours = evaluate(detector, table, values)
        theirs = naive.evaluate(name, rows, params, min_score=values["min_score"])
        for t, state in enumerate(theirs):
            assert ours.evaluable[t] == state.evaluable, (values, t, state)
            assert ours.signal[t] == state.signal, (values, t, state)
            assert ours.in_window[t] == (state.state != "out_of_window"), (values, t)
            if state.state == "not_evaluable":
                missing = int(ours.missing[t])
                ours_missing = "weight" if missing < 0 else detector.hard_features[missing]
                assert ours_missing == state.missing, (values, t)
            if state.evaluable:
                bits = [bool(ours.passed[t] >> i & 1) for i in range(len(detector.conditions))]
                assert bits == list(state.passed), (values, t)
                assert ours.score[t] == pytest.approx(state.score, rel=1e-9, nan_ok=True)
                scored += state.score == state.score
    options = table.reason("gex")[-1] == Reason.KNOWN
    reads_options = set(detector.hard_features) & set(OPTION_FEATURES)
    assert scored or detector.windows or table.source.get("rel_volume", "own") != "own"
    assert bool(scored) or not (options and reads_options)
