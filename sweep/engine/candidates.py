"""Candidate tables: the bars that the loosest set of a sweep could take, ready to be filtered.

Hard conditions are thresholds on columns that no threshold changes, so the loosest corner of the
searched space names every bar that any set can signal. A set then looks at candidates only, and
the cost of a set follows candidates and trades, not bars.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.bars import MINUTE_NS, Float, Int
from detectors.contract import Columns, Detector
from detectors.evaluate import parameters_from, readiness, turned
from detectors.features.table import FeatureTable, Reason
from sweep.engine.first_passage import Records
from sweep.engine.placement import AXIS, ROW, SIDE, TICKS, Placed, Places, place
from sweep.engine.scores import factor_values, fixed_values, score_varies, varying_scales
from sweep.engine.sets import Bounds, ParameterSets, all_parameters
from sweep.engine.settings import Costs, FillSettings, Terms, terms_of
from sweep.engine.signals import WORD, loosest_thresholds, tests_of
from sweep.engine.symbol_data import FillBars, SymbolData

Variant = tuple[float, ...]


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
        float64 [shared columns, n + WORD], turned to `>=`, NaN behind the last candidate.
    varied
        float64 [variants, varied columns, n + WORD]; the last one is the score, or the most it can
        be where it differs between sets; NaN where the variant cannot judge the bar.
    factors, scaled
        float64 [variants, n, factors] and bool [factors], what sets make the score of where it
        differs between them (`sweep.engine.scores`), else [variants, n, 0].
    prices
        float64 [n, 8], a cache line a candidate: turned raw close, raw ATR, ticks per price unit,
        open, fill, fee a share and shares of an entry that fills whole, side.
    places
        int32 [n, 16], another: signal bar, column of the session axis, fill bar of the entry (-1:
        none left in the session) and its minute, last fill bar of the session, minutes from the
        open to T and to the close, row of `first_at`, first candidate of a later session, and
        its first records of adverse and of favourable extremes, and the bucket of the entry.
    first_at
        int32 [sessions used, minutes + 1], first fill bar at or after each minute, -1 if none.
    at_row
        int32 [signal bars + 1], first candidate at or after each signal bar.
    adverse, favourable
        Records of extremes (`sweep.engine.first_passage`).
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
    prices: Float
    places: Places
    first_at: Places
    at_row: Places
    adverse: Records
    favourable: Records
    fills: FillBars
    terms: Terms
    n_sessions: int
    session_minutes: int

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.prices)

    @property
    def placed(self) -> Placed:
        """Return what kernels read of the candidates."""
        return Placed(
            self.prices,
            self.places,
            self.first_at,
            self.at_row,
            self.adverse,
            self.favourable,
            self.fills.rows,
        )

    @property
    def row(self) -> Int:
        """Signal bar of each candidate, int64 [n]."""
        return self.places[:, ROW].astype(np.int64)

    @property
    def session(self) -> Int:
        """Column of the session axis of each candidate, int64 [n]."""
        return self.places[:, AXIS].astype(np.int64)

    @property
    def side(self) -> NDArray[np.int8]:
        """Side of each candidate, int8 [n]."""
        return self.prices[:, SIDE].astype(np.int8)

    @property
    def ticks(self) -> Float:
        """Ticks per price unit of each candidate, float64 [n]."""
        return self.prices[:, TICKS]


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


def _values_of(detector: Detector, bounds: Bounds, variant: Variant) -> dict[str, float]:
    """Return what all sets of a variant have in common; defaults elsewhere."""
    values = {p.name: p.default for p in all_parameters(detector)}
    values |= fixed_values(detector, bounds)
    return values | dict(zip(structural_names(detector), variant, strict=True))


def _tested(detector: Detector, features: FeatureTable, columns: Columns) -> Iterator[Float]:
    """Yield the column of every test, windows first, as it is."""
    for k, (name, _, _) in enumerate(tests_of(detector)):
        yield features[name] if k < len(detector.windows) else columns.values[name]


def _scored(
    detector: Detector,
    features: FeatureTable,
    columns: Columns,
    bounds: Bounds,
    values: Mapping[str, float],
    rows: Int,
) -> tuple[Float, Float]:
    """Return the score of some bars or its bound, NaN where it cannot be judged, and the factors.

    The factors are float64 [rows, factors], none where all sets give a bar one score.
    """
    ready = readiness(detector, features, columns, values, rows)
    score, factors = ready.score, np.empty((len(rows), 0))
    if score_varies(detector, bounds):
        factors, score = factor_values(detector, columns, bounds, values, rows)
    return np.where(ready.reason == Reason.KNOWN, score, np.nan), factors


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
    features, tested = data.features, tests_of(detector)
    *limits, least = loosest_thresholds(detector, bounds).tolist()
    made: dict[Variant, Columns] = {}

    def columns_of(variant: Variant, values: Mapping[str, float]) -> Columns:
        if variant not in made:
            made.clear()  # they are as long as the bars: one variant's at a time
            parameters = parameters_from(detector, values)
            made[variant] = detector.columns(features, parameters, detector.side)
        return made[variant]

    wanted = np.zeros(len(features), np.bool_)
    for variant in variants:
        values = _values_of(detector, bounds, variant)
        columns, passing = columns_of(variant, values), allowed.copy()
        for column, (_, comparison, _), limit in zip(
            _tested(detector, features, columns), tested, limits, strict=True
        ):
            passing &= column >= limit if comparison == ">=" else column <= -limit
        rows = np.flatnonzero(passing)  # few: the others need no score
        score, _ = _scored(detector, features, columns, bounds, values, rows)
        wanted[rows[score >= least]] = True
    rows = np.flatnonzero(wanted)
    tests = np.empty((len(variants), len(tested) + 1, len(rows)))
    kept = len(detector.factors) if score_varies(detector, bounds) else 0
    factors = np.empty((len(variants), len(rows), kept))
    side = np.full(len(rows), detector.side, np.int8)
    for v in reversed(range(len(variants))):  # the last one is at hand
        values = _values_of(detector, bounds, variants[v])
        columns = columns_of(variants[v], values)
        for k, column in enumerate(_tested(detector, features, columns)):
            tests[v, k] = turned(column[rows], tested[k][1])
        tests[v, -1], factors[v] = _scored(detector, features, columns, bounds, values, rows)
        if columns.side is not None:
            side = columns.side[rows]
    return rows, tests, factors, side


def _lengthened(columns: Float) -> Float:
    """Return columns with WORD NaN behind each, which kernels read with the last values."""
    ends = np.full((*columns.shape[:-1], WORD), np.nan)
    return np.concatenate([columns, ends], axis=-1)


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
    terms = terms_of(fills, costs, asset_class=data.asset_class, bar_minutes=data.bar_minutes)
    prices, places, first_at, records = place(data, fill_bars, terms, rows, side, axis, bounds)
    session_minutes = (sessions.close_ns - sessions.open_ns)[axis >= 0] // MINUTE_NS
    table = CandidateTable(
        symbol=data.symbol,
        structural=structural_names(detector),
        variants=np.array(variants, np.float64).reshape(len(variants), -1),
        signal_ts=bars.end[rows],
        order=np.concatenate([np.flatnonzero(~varies), np.flatnonzero(varies)]),
        shared=_lengthened(tests[0][~varies]),
        varied=_lengthened(tests[:, varies]),
        factors=factors,
        scaled=varying_scales(detector, bounds),
        prices=prices,
        places=places,
        first_at=first_at,
        at_row=np.append(0, np.bincount(rows, minlength=len(bars)).cumsum()).astype(np.int32),
        adverse=records[0],
        favourable=records[1],
        fills=fill_bars,
        terms=terms,
        n_sessions=int(axis.max(initial=-1)) + 1,
        session_minutes=int(session_minutes.sum()),
    )
    for array in (*vars(table).values(), *table.adverse, *table.favourable, fill_bars.rows):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False  # as workers get them: one compiled kernel serves both
    return table
