"""Row 3: every parameter changes the trades on the sample market at one end of its range."""

import numpy as np
import pytest

from detectors.contract import parameters_of
from detectors.evaluate import evaluate
from detectors.exits import RELATIONS, ExitParams
from detectors.registry import DETECTORS
from sweep.engine.block import evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.sets import ParameterSets, all_parameters
from sweep.engine.settings import Costs, FillSettings
from tests.detectors.conformance.probes import loosest, with_columns


def compared_names(detector):
    """Parameters that a window, a condition or a look-back reads; others act through the score."""
    named = {w.parameter for w in detector.windows} | {c.threshold for c in detector.conditions}
    return named | {p.name for p in detector.parameters if p.structural}


def legal_together(detector, values):
    below = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b}
    return all(
        below[r.comparison](values[r.left], values[r.right])
        for r in (*detector.relations, *RELATIONS)
    )


def trades_by_set(detector, market, rows):
    """Trades of each assignment, as sets of (symbol, instant, entry, exit, result)."""
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    sets = ParameterSets.of(detector, columns, len(rows))
    tables = [
        build_candidates(
            detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(detector, sets),
            axis=np.arange(len(data.sessions), dtype=np.int32),
            fills=FillSettings(),
            costs=Costs(),
        )
        for data in market
    ]
    found = [set() for _ in rows]
    for recorded in evaluate_block(detector, tables, sets, trades=True).trades:
        named = recorded.columns
        told = zip(
            *(named[k].tolist() for k in ("candidate", "entry_bar", "exit_bar", "r_net")),
            strict=True,
        )
        for k, trade in zip(named["set"].astype(int).tolist(), told, strict=True):
            found[k].add((recorded.table.symbol, *trade))
    return found


def dead_among(detector, market, starts):
    """Name the parameters that change no trade at either end of their searched range.

    `starts` is parameter name -> values from which it is moved.
    """
    default = {p.name: p.default for p in all_parameters(detector)}
    searched = {p.name: p.searched for p in all_parameters(detector)}
    rows, told = [], []
    for name, values in starts.items():
        start = default | values
        for end in searched[name]:
            row = start | {name: float(end)}
            if end != start[name] and legal_together(detector, row):
                told.append((name, len(rows)))
                rows += [row, start]
    trades = trades_by_set(detector, market, rows)
    live = {name for name, moved in told if trades[moved] != trades[moved + 1]}
    return [name for name in starts if name not in live]


def own_starts(detector, market):
    scores = np.concatenate([evaluate(detector, data.features).score for data in market])
    median = {"min_score": float(np.median(scores[~np.isnan(scores)]))}
    compared = compared_names(detector)
    return {p.name: {} if p.name in compared else median for p in detector.parameters}


def test_every_own_parameter_is_live_from_the_default(detector, sample_data):
    assert dead_among(detector, sample_data, own_starts(detector, sample_data)) == []


def test_every_exit_is_live(detector, sample_data):
    """From many trades; a default opening drive is over long before any flat instant."""
    many = {k: v for k, v in loosest(detector).items() if k != "min_score"}
    starts = {p.name: many for p in parameters_of(ExitParams)}
    lasting = {"max_hold_bars": 400.0, "stop_atr": 10.0, "target_atr": 20.0}
    starts["flat_before_close_minutes"] = many | lasting
    assert dead_among(detector, sample_data, starts) == []


def always(column, value):
    """Mutant: a condition whose column has one value for all bars."""
    return lambda columns, table: columns | {column: np.full(len(table), value)}


@pytest.mark.parametrize(
    ("name", "column", "value", "dead"),
    [
        ("breakout_bullish", "day_change_frac", 1.0, "price_change_min_frac"),
        ("trend_continuation_short", "adx", 99.0, "adx_min"),
        ("mean_reversion_long", "adx_if_against", -np.inf, "adx_against_max"),
        ("index_mean_reversion_short", "ema_stretch_atr", 50.0, "ema_dist_min_atr"),
        ("power_hour_reversal_bullish", "extreme_dist_frac", 0.0, "extreme_dist_max_frac"),
    ],
)
def test_a_planted_dead_parameter_is_found(name, column, value, dead, sample):
    detector = DETECTORS[name]
    market = [
        data
        for (_, minutes), data in sample.data.items()
        if minutes == detector.signal_minutes and data.asset_class in detector.asset_classes
    ]
    mutant = with_columns(detector, always(column, value))
    assert dead in dead_among(mutant, market, own_starts(mutant, market))
