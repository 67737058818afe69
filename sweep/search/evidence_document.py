"""Evidence as plain values: what `evidence.json` says of a detector. Pure.

Numbers that do not exist or are not finite are null: a track record that no length of time would
suffice for, a ratio of nothing.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from sweep.evidence.deflated import DeflatedSharpe
from sweep.search.judgement import Judged, Measured
from sweep.search.measures import SESSIONS_PER_YEAR, FinalSet, Matrix, OutOfSample
from sweep.search.stitching import Stitched


def describe(judged: Judged) -> dict[str, Any]:
    """Return everything that is known of one detector.

    Returns
    -------
    dict
        Ready for JSON. R per day, per trade or in sum as the names say; Sharpe ratios per day
        unless named annual; kurtosis raw; probabilities in [0, 1].
    """
    measured = judged.measured
    case, matrix = measured.case, measured.matrix
    return {
        "verdict": judged.judgement.verdict,
        "summary": judged.judgement.summary,
        "criteria": [plain(dataclasses.asdict(c)) for c in judged.judgement.criteria],
        "tries": {
            "sweep": case.tries,
            "ever": case.tries_ever,
            "sweeps_ever": case.sweeps_ever,
            "traded": matrix.n_sets,
            "effective": None if matrix.clusters is None else matrix.clusters.n_effective,
            "effective_participation": (
                None if matrix.effective is None else plain(matrix.effective.participation_ratio)
            ),
            "mean_correlation": (
                None if matrix.effective is None else plain(matrix.effective.mean_correlation)
            ),
        },
        "screening": None if case.screening is None else dict(case.screening),
        "final": None if measured.final is None else _final(measured, measured.final),
        "overfitting": _overfitting(matrix),
        "superiority": _superiority(matrix, judged.spa_adjusted),
        "out_of_sample": (
            None
            if case.stitched is None or measured.out_of_sample is None
            else _out_of_sample(case.stitched, measured.out_of_sample)
        ),
        "random_entry": plain(dataclasses.asdict(case.random_entry)),
        "plateau": plain(None if case.plateau is None else dataclasses.asdict(case.plateau)),
        "range_edges": [end.parameter for end in case.ends if end.better_beyond],
        "range_ends": [plain(dataclasses.asdict(end)) for end in case.ends],
    }


def headline(evidence: dict[str, Any]) -> dict[str, Any]:
    """Return verdict and main numbers of what `describe` returned, for `sweep.json`."""
    outside, final = evidence["out_of_sample"] or {}, evidence["final"] or {}
    return {
        "verdict": evidence["verdict"],
        "summary": evidence["summary"],
        "tries": evidence["tries"]["sweep"],
        "tries_ever": evidence["tries"]["ever"],
        "tries_effective": evidence["tries"]["effective"],
        "out_of_sample_expectancy_r": (outside.get("expectancy_r") or {}).get("estimate"),
        "out_of_sample_daily_lower_r": (outside.get("daily_mean_r") or {}).get("lower_bound"),
        "dsr": (final.get("dsr_ever") or {}).get("dsr"),
        "dsr_effective": (final.get("dsr_effective") or {}).get("dsr"),
        "pbo": (evidence["overfitting"] or {}).get("pbo"),
        "spa_p": (evidence["superiority"] or {}).get("p_consistent"),
        "spa_p_adjusted": (evidence["superiority"] or {}).get("p_adjusted"),
    }


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a value as JSON takes it; what is not finite becomes None."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _final(measured: Measured, final: FinalSet) -> dict[str, Any]:
    case, moments = measured.case, final.sharpe.moments
    years = case.n_sessions / SESSIONS_PER_YEAR
    found = {
        "set_id": case.final_id,
        "sessions": moments.n_obs,
        "active_days": moments.active,
        "trades": None if case.final is None else int(case.final.trades.sum()),
        "ambiguous_frac": case.ambiguous_frac,
        "sharpe_daily": moments.sharpe,
        "sharpe_annual": moments.sharpe * math.sqrt(SESSIONS_PER_YEAR),
        "skew": moments.skew,
        "kurtosis": moments.kurtosis,
        "psr": final.sharpe.psr,
        "dsr_ever": _deflated(final.sharpe.at_trials, final.variance),
        "dsr_effective": _deflated(final.at_effective, final.family_variance),
        "min_track_record_days": final.sharpe.min_track_record_days,
        "min_backtest_years": (
            None if final.backtest_length is None else final.backtest_length.years
        ),
        "years": years,
    }
    return dict(plain(found))


def _deflated(found: DeflatedSharpe | None, variance: float) -> dict[str, Any] | None:
    """Return a deflated ratio; a clamped radicand leaves no probability."""
    if found is None:
        return None
    return {
        "dsr": None if found.radicand_clamped else found.dsr,
        "sharpe_expected_of_luck": found.sr0,
        "tries": found.n_trials,
        "sharpe_variance": variance,
        "radicand_clamped": found.radicand_clamped,
    }


def _overfitting(matrix: Matrix) -> dict[str, Any] | None:
    found = matrix.pbo
    if found is None:
        return None
    names = ("pbo", "slope", "prob_oos_loss", "n_sets", "n_sessions", "n_blocks", "dropped")
    return dict(
        plain({name: getattr(found, name) for name in names} | {"null_sd": matrix.pbo_null_sd})
    )


def _superiority(matrix: Matrix, adjusted: float | None) -> dict[str, Any] | None:
    if matrix.spa is None:
        return None
    names = ("p_consistent", "p_lower", "p_upper", "statistic", "n_sets", "n_resamples")
    found = {name: getattr(matrix.spa, name) for name in names}
    step = matrix.stepm
    return dict(
        plain(
            found
            | {
                "p_adjusted": adjusted,
                "stepm_sets": None if step is None else len(step.superior),
                "stepm_alpha": None if step is None else step.alpha,
            }
        )
    )


def _out_of_sample(stitched: Stitched, found: OutOfSample) -> dict[str, Any]:
    efficiency = stitched.efficiency
    described = {
        "sessions": len(stitched.sessions),
        "trades": int(stitched.series.trades.sum()),
        "active_days": int(np.count_nonzero(stitched.series.trades)),
        "path": stitched.path,
        "folds_without_a_set": stitched.empty_folds,
        "daily_mean_r": None if found.daily is None else dataclasses.asdict(found.daily),
        "expectancy_r": None if found.expectancy is None else dataclasses.asdict(found.expectancy),
        "walk_forward": None if efficiency is None else dataclasses.asdict(efficiency),
        "drawdown_r": dataclasses.asdict(found.drawdown),
        "cost_breakeven_bps": found.breakeven_bps,
        "cost_paid_bps": found.paid_bps,
    }
    return dict(plain(described))
