"""One verdict a detector: measure every one, adjust for their number, then judge. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.evidence.criteria import Findings, Thresholds
from sweep.evidence.multiplicity import adjust_pvalues
from sweep.evidence.verdict import Judgement, judge
from sweep.search.measures import (
    FinalSet,
    Matrix,
    OutOfSample,
    Plateau,
    measure_final,
    measure_matrix,
    measure_out_of_sample,
)
from sweep.search.random_start import NO_STARTS, RandomStarts
from sweep.search.range_edge import RangeEnd
from sweep.search.stitching import SetSeries, Stitched
from sweep.search.weighing import Heard


@dataclasses.dataclass(frozen=True)
class Case:
    """What a sweep knows of one detector.

    Attributes
    ----------
    tries, tries_ever
        Distinct sets of this sweep, and of all sweeps that share a symbol-session with it.
    sweeps_ever
        Number of the latter.
    returns
        Daily net R of the sets that traded, see `measure_matrix`.
    drawn
        Of those drawn at random beside an adaptive search; None for a pool.
    n_sessions
        Sessions of the detector's axis.
    final_id, final
        Final set and its series; None where no set is feasible.
    ambiguous_frac
        Of the final set's exits.
    stitched
        Out-of-sample series; None without folds or feasible sets.
    plateau
        Of the final set.
    ends
        Its parameters at an end of their range, better beyond it or not.
    random_entry
        Chosen sets among trades that begin at random.
    reservations
        Sentences that keep this detector from `holds`.
    screening
        What a halving saved and may have lost; None where nothing was screened.
    """

    tries: int
    tries_ever: int
    returns: Iterable[NDArray[np.floating[Any]]]
    n_sessions: int
    drawn: Iterable[NDArray[np.floating[Any]]] | None = None
    final_id: str | None = None
    final: SetSeries | None = None
    ambiguous_frac: float | None = None
    stitched: Stitched | None = None
    plateau: Plateau | None = None
    ends: tuple[RangeEnd, ...] = ()
    sweeps_ever: int = 1
    random_entry: RandomStarts = NO_STARTS
    reservations: tuple[str, ...] = ()
    screening: Mapping[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Measured:
    """A case with its statistics, before the other detectors of the sweep are counted."""

    case: Case
    matrix: Matrix
    final: FinalSet | None
    out_of_sample: OutOfSample | None


@dataclasses.dataclass(frozen=True)
class Judged:
    """Statistics, verdict, and the SPA p-value adjusted over the detectors (None: not known)."""

    measured: Measured
    spa_adjusted: float | None
    judgement: Judgement


def measure(case: Case, heard: Heard = lambda *_: None) -> Measured:
    """Compute all statistics of one detector; `heard` is told how far it is."""
    matrix = measure_matrix(case.returns, case.drawn, heard)
    return Measured(
        case=case,
        matrix=matrix,
        final=(None if case.final is None else measure_final(case.final, matrix, case.tries_ever)),
        out_of_sample=None if case.stitched is None else measure_out_of_sample(case.stitched),
    )


def judge_sweep(
    measured: Mapping[str, Measured],
    thresholds: Thresholds,
    *,
    reservations: tuple[str, ...] = (),
) -> dict[str, Judged]:
    """Judge all detectors of a sweep.

    Parameters
    ----------
    measured
        By detector, every one that was tried.
    thresholds
        Limits of the verdict.
    reservations
        Sentences that keep the whole sweep from `holds`.
    """
    # A detector without a p-value was tried too: it counts as one test that found nothing.
    p = {
        n: 1.0 if m.matrix.spa is None else m.matrix.spa.p_consistent for n, m in measured.items()
    }
    adjusted = dict(zip(p, adjust_pvalues(np.array([*p.values()])).tolist(), strict=True))
    found = {}
    for name, one in measured.items():
        own = None if one.matrix.spa is None else float(adjusted[name])
        findings = _findings(one, own, (*reservations, *one.case.reservations))
        found[name] = Judged(one, own, judge(findings, thresholds))
    return found


def _findings(
    measured: Measured, spa_adjusted: float | None, reservations: tuple[str, ...]
) -> Findings:
    case, final, outside = measured.case, measured.final, measured.out_of_sample
    daily = None if outside is None else outside.daily
    lower = None if daily is None else daily.lower_bound
    deflated = None if final is None else final.at_effective
    trusted = deflated is not None and not deflated.radicand_clamped
    trades = None if case.final is None else case.final.trades
    return Findings(
        feasible=case.final is not None,
        daily_lower=lower,
        daily_upper=None if daily is None else daily.upper_bound,
        spa_p=spa_adjusted,
        dsr=deflated.dsr if deflated is not None and trusted else None,
        pbo=None if measured.matrix.pbo is None else measured.matrix.pbo.pbo,
        peak_ratio=None if case.plateau is None else case.plateau.peak_ratio,
        trades=0 if trades is None else int(trades.sum()),
        active_days=0 if trades is None else int(np.count_nonzero(trades)),
        ambiguous_frac=case.ambiguous_frac,
        # Fills take the stop first (F5), so the bound already is that of stops first.
        stop_first_lower=lower,
        edge_parameters=tuple(e.parameter for e in case.ends if e.better_beyond),
        reservations=reservations,
    )
