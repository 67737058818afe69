"""Candidate tables: the bars that the loosest set of a sweep could take, ready to be filtered.

Hard conditions are thresholds on columns that no threshold changes, so the loosest corner of the
searched space names every bar that any set can signal. A set then looks at candidates only, and
the cost of a set follows candidates and trades, not bars.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from detectors.contract import Columns, Detector
from detectors.evaluate import parameters_from, readiness, threshold, turned
from detectors.features.table import Reason
from sweep.engine.first_passage import collect_records
from sweep.engine.scores import factor_values, fixed_values, score_varies, varying_scales
from sweep.engine.sets import Bounds, ParameterSets, all_parameters
from sweep.engine.settings import Costs, FillSettings, Terms, terms_of
from sweep.engine.symbol_data import MINUTE, FillBars, SymbolData

Variant = tuple[float, ...]


(
    ROW,
    AXIS,
    SIDE,
    SIGNAL_CLOSE,
    ATR,
    TICKS,
    ENTRY,
    LAST,
    DECISION,
    LENGTH,
    PLACE,
    ADVERSE,
    ADVERSE_END,
    FAVOURABLE,
    FAVOURABLE_END,
) = range(15)
"""Columns of `CandidateTable.rows`."""


@dataclasses.dataclass(frozen=True)
class CandidateTable:
    """Candidates of one detector on one symbol; numpy arrays, read-only, shared by workers.

    Attributes
    ----------
    symbol
        Name of the symbol.
    structural
        Names of the parameters that change columns.
    variants
        float64 [variants, structural], their values, sorted.
    signal_ts
        int64 [n], decision instant T, UTC ns; rising.
    order
        int64 [columns], positions in `threshold_matrix` of `shared`, then `varied`, columns.
    shared
        float64 [shared columns, n], turned to `>=`.
    varied
        float64 [variants, varied columns, n]; the last one is the score, or the most it can be
        where it differs between sets; NaN where the variant cannot judge the bar.
    factors, scaled
        float64 [variants, n, factors] and bool [factors], what sets make the score of where it
        differs between them (`sweep.engine.scores`), else [variants, n, 0].
    rows
        float64 [n, 16], two cache lines a candidate: signal bar, column of the session axis, side,
        turned raw close, raw ATR, ticks per price unit, fill bar of the entry (-1: none left in
        the session), last fill bar of the session, minutes from the open to T and to the close,
        row of `first_at`, and where its records of adverse and favourable extremes begin and end.
    first_at
        int64 [sessions used, minutes + 1], first fill bar at or after each minute, -1 if none.
    adverse, favourable
        float64 [records, 2], see `sweep.engine.first_passage`.
    fills
        Bars at which orders fill, raw.
    terms
        Fill settings and costs.
    n_sessions, session_minutes
        Length of the session axis, in sessions and in minutes.
    """

    symbol: str
    structural: tuple[str, ...]
    variants: Float
    signal_ts: Int
    order: Int
    shared: Float
    varied: Float
    factors: Float
    scaled: NDArray[np.bool_]
    rows: Float
    first_at: Int
    adverse: Float
    favourable: Float
    fills: FillBars
    terms: Terms
    n_sessions: int
    session_minutes: int

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.rows)

    @property
    def row(self) -> Int:
        """Signal bar of each candidate, int64 [n]."""
        return self.rows[:, ROW].astype(np.int64)

    @property
    def side(self) -> NDArray[np.int8]:
        """Side of each candidate, int8 [n]."""
        return self.rows[:, SIDE].astype(np.int8)


def structural_names(detector: Detector) -> tuple[str, ...]:
    """Return the parameters of a detector that change its columns."""
    return tuple(p.name for p in detector.parameters if p.structural)


def bounds_of(sets: ParameterSets) -> Bounds:
    """Return the smallest and largest value of every parameter among the sets."""
    return {name: (float(v.min()), float(v.max())) for name, v in sets.values.items()}


def variants_of(detector: Detector, sets: ParameterSets) -> tuple[Variant, ...]:
    """Return the distinct combinations of structural values among the sets, sorted."""
    names = structural_names(detector)
    return tuple(sorted(set(zip(*(sets.values[n].tolist() for n in names), strict=True)))) or ((),)


def variants_within(detector: Detector, bounds: Bounds) -> tuple[Variant, ...]:
    """Return every combination of whole structural values inside the bounds, sorted."""
    ranges = [
        [float(v) for v in range(int(bounds[name][0]), int(bounds[name][1]) + 1)]
        for name in structural_names(detector)
    ]
    return tuple(itertools.product(*ranges))


def tests_of(detector: Detector) -> tuple[tuple[str, str, str | float], ...]:
    """Return (column, comparison, limit) of windows, then conditions; the score comes after."""
    windows = tuple((w.column, w.comparison, w.parameter) for w in detector.windows)
    return windows + tuple((c.column, c.comparison, c.threshold) for c in detector.conditions)


def threshold_matrix(detector: Detector, sets: ParameterSets) -> Float:
    """Return what each set compares with: float64 [sets, tests + 1], turned to `>=`."""
    matrix = np.empty((len(sets), len(tests_of(detector)) + 1))
    for k, (_, comparison, limit) in enumerate(tests_of(detector)):
        column = sets.values[limit] if isinstance(limit, str) else limit
        matrix[:, k] = column if comparison == ">=" else -column
    matrix[:, -1] = sets.values["min_score"]
    return matrix


def _loosest(detector: Detector, bounds: Bounds) -> Float:
    """Return the loosest threshold of every test and of the score."""
    limits = [
        threshold(
            comparison,
            limit if isinstance(limit, float | int) else bounds[limit][comparison == "<="],
            {},
        )
        for _, comparison, limit in tests_of(detector)
    ]
    return np.array([*limits, bounds["min_score"][0]])


def _columns_of(
    detector: Detector, data: SymbolData, bounds: Bounds, variant: Variant
) -> tuple[Float, Float, Columns]:
    """Return the columns of a variant.

    Returns
    -------
    tuple
        Turned test columns and the score or its bound float64 [tests + 1, bars], factors float64
        [bars, factors], none where the score is one, and the detector's columns.
    """
    values = {p.name: p.default for p in all_parameters(detector)}
    values |= fixed_values(detector, bounds)
    values |= dict(zip(structural_names(detector), variant, strict=True))
    features = data.features
    columns = detector.columns(features, parameters_from(detector, values), detector.side)
    ready = readiness(detector, features, columns, values)
    tests = [
        turned(
            features[column] if k < len(detector.windows) else columns.values[column], comparison
        )
        for k, (column, comparison, _) in enumerate(tests_of(detector))
    ]
    score, factors = ready.score, np.empty((len(features), 0))
    if score_varies(detector, bounds):
        factors, score = factor_values(detector, columns, bounds, values)
    score = np.where(ready.reason == Reason.KNOWN, score, np.nan)
    return np.stack([*tests, score]), factors, columns


def _first_at(fills: FillBars, first: Int, last: Int, length: Int) -> Int:
    """Return the first fill bar at or after each minute of each session, -1 if none."""
    table = np.full((len(first), int(length.max(initial=0)) + 1), -1, np.int64)
    minutes = np.arange(table.shape[1])
    for k, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        bar = begin + np.searchsorted(fills.rows[begin : end + 1, MINUTE], minutes)
        table[k] = np.where(bar <= end, bar, -1)
    return table


def _pick(
    detector: Detector,
    data: SymbolData,
    bounds: Bounds,
    variants: Sequence[Variant],
    allowed: NDArray[np.bool_],
) -> tuple[Int, Float, Float, NDArray[np.int8]]:
    """Pick the allowed bars that the loosest set of any variant takes.

    Returns
    -------
    tuple
        Rows int64 [n], turned columns float64 [variants, tests + 1, n], factors float64
        [variants, n, factors], side int8 [n].
    """
    loosest = _loosest(detector, bounds)[:, np.newaxis]
    wanted = np.zeros(len(data.features), np.bool_)
    for variant in variants:
        wanted |= (_columns_of(detector, data, bounds, variant)[0] >= loosest).all(axis=0)
    rows = np.flatnonzero(wanted & allowed)
    tests = np.empty((len(variants), len(loosest), len(rows)))
    kept = len(detector.factors) if score_varies(detector, bounds) else 0
    factors = np.empty((len(variants), len(rows), kept))
    side = np.full(len(rows), detector.side, np.int8)
    for v, variant in enumerate(variants):
        matrix, values, columns = _columns_of(detector, data, bounds, variant)
        tests[v], factors[v] = matrix[:, rows], values[rows]
        if columns.side is not None:
            side = columns.side[rows]
    return rows, tests, factors, side


def _place(
    data: SymbolData,
    fill_bars: FillBars,
    rows: Int,
    side: NDArray[np.int8],
    axis: NDArray[np.int32],
) -> tuple[Float, Int, tuple[Float, Float]]:
    """Place candidates among the fill bars: `rows`, `first_at`, adverse and favourable records."""
    bars, sessions = data.features.bars, data.sessions
    used, place = np.unique(bars.session[rows], return_inverse=True)
    begin = np.searchsorted(fill_bars.session, used, "left")
    end = np.searchsorted(fill_bars.session, used, "right") - 1
    length = (sessions.close_ns[used] - sessions.open_ns[used]) // MINUTE_NS
    first_at = _first_at(fill_bars, begin, end, length)
    decision = (bars.end[rows] - sessions.open_ns[bars.session[rows]]) // MINUTE_NS
    entry = first_at[place, decision] if len(rows) else np.empty(0, np.int64)
    scale = data.factor[bars.session[rows]]
    raw_close = data.features["close"][rows] / scale
    records = [
        collect_records(fill_bars.rows, entry, end[place], side.astype(np.int64), towards)
        for towards in (-1, 1)
    ]
    columns = {
        ROW: rows,
        AXIS: axis[bars.session[rows]],
        SIDE: side,
        SIGNAL_CLOSE: side * raw_close,
        ATR: data.features["atr"][rows] / scale,
        TICKS: data.ticks(raw_close),
        ENTRY: entry,
        LAST: end[place],
        DECISION: decision,
        LENGTH: length[place],
        PLACE: place,
        ADVERSE: records[0][0][:-1],
        ADVERSE_END: records[0][0][1:],
        FAVOURABLE: records[1][0][:-1],
        FAVOURABLE_END: records[1][0][1:],
    }
    matrix = np.zeros((len(rows), 16))
    for column, values in columns.items():
        matrix[:, column] = values
    return matrix, first_at, (records[0][1], records[1][1])


def build_candidates(
    detector: Detector,
    data: SymbolData,
    *,
    bounds: Bounds,
    variants: Sequence[Variant],
    axis: NDArray[np.int32],
    fills: FillSettings,
    costs: Costs,
) -> CandidateTable:
    """Collect the candidates of one detector on one symbol.

    Parameters
    ----------
    detector, data
        Registry entry and symbol.
    bounds
        Parameter -> (smallest, largest) value that sets will have; a set outside is wrong.
    variants
        Combinations of structural values that sets will have.
    axis
        int32 [sessions], column of the session axis, -1 for sessions that must not be read.
    fills, costs
        Settings of the run.

    Returns
    -------
    CandidateTable
        Sorted by time.
    """
    bars, sessions = data.features.bars, data.sessions
    rows, tests, factors, side = _pick(detector, data, bounds, variants, axis[bars.session] >= 0)
    varies = (tests.view(np.int64) != tests[:1].view(np.int64)).any(axis=(0, 2))
    varies[-1] = True  # the score has one place, whatever the variants
    fill_bars = data.fill_bars(fills.timeframe)
    matrix, first_at, records = _place(data, fill_bars, rows, side, axis)
    session_minutes = (sessions.close_ns - sessions.open_ns)[axis >= 0] // MINUTE_NS
    table = CandidateTable(
        symbol=data.symbol,
        structural=structural_names(detector),
        variants=np.array(variants, np.float64).reshape(len(variants), -1),
        signal_ts=bars.end[rows],
        order=np.concatenate([np.flatnonzero(~varies), np.flatnonzero(varies)]),
        shared=np.ascontiguousarray(tests[0][~varies]),
        varied=np.ascontiguousarray(tests[:, varies]),
        factors=factors,
        scaled=varying_scales(detector, bounds),
        rows=matrix,
        first_at=first_at,
        adverse=records[0],
        favourable=records[1],
        fills=fill_bars,
        terms=terms_of(fills, costs, asset_class=data.asset_class, bar_minutes=data.bar_minutes),
        n_sessions=int(axis.max(initial=-1)) + 1,
        session_minutes=int(session_minutes.sum()),
    )
    for array in (*vars(table).values(), fill_bars.rows):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False  # as workers get them: one compiled kernel serves both
    return table
