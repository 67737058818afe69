"""Turn a worked case (function name and input, as JSON) into a call, and answer in its shape.

Matrices of the cases are days x sets, those of the package sets x sessions.
"""

import dataclasses
import math

import numpy as np

from sweep.evidence import (
    clusters,
    deflated,
    drawdown,
    luck,
    multiplicity,
    pbo,
    plateau,
    sharpe,
    superiority,
    trades,
    trials,
    validation,
)
from sweep.market.options import black76, contracts, exposure, pin
from sweep.search import folds
from sweep.search.spec import FoldSettings


def evaluate(function: str, input: dict) -> object:  # noqa: A002 - the name is agreed
    """Evaluate a case."""
    if function not in FUNCTIONS:
        raise ValueError(f"function must be one of {', '.join(sorted(FUNCTIONS))}, got {function}")
    return FUNCTIONS[function](input)


def _matrix(case):
    """Return the case's matrix as [sets, sessions]."""
    for name in ("returns", "returns_rows_by_time"):
        if name in case:
            return np.ascontiguousarray(np.asarray(case[name], dtype=np.float64).T)
    raise ValueError("the case holds neither returns nor returns_rows_by_time")


def _moments(case):
    return {"skew": case.get("skew", 0.0), "kurtosis": case.get("kurtosis_raw", 3.0)}


def _bootstrap(case):
    """Return the bootstrap settings that the case names."""
    names = {"mean_block": ("mean_block", "block_size", "block"), "seed": ("seed",)}
    names["n_resamples"] = ("n_resamples", "reps", "n_boot")
    return {
        ours: case[theirs] for ours, known in names.items() for theirs in known if theirs in case
    }


def _sharpe_and_moments(case):
    found = sharpe.sharpe_and_moments(np.asarray(case["returns"], dtype=np.float64))
    return {
        "sr": found.sharpe,
        "skew": found.skew,
        "kurtosis_raw": found.kurtosis,
        "n_obs": found.n_obs,
        "active_days": found.active,
        "constant": found.constant,
    }


def _psr(case):
    return sharpe.probabilistic_sharpe_ratio(
        case["sr"], case["n_obs"], benchmark=case.get("sr_benchmark", 0.0), **_moments(case)
    )


def _dsr(case):
    periods = case.get("periods_per_year", 1)
    rate = case["sr"] if "sr" in case else case["sr_annual"] / math.sqrt(periods)
    spread = case.get("var_sr_trials")
    found = deflated.deflated_sharpe_ratio(
        rate,
        case["n_obs"],
        n_trials=case["n_trials"],
        sharpe_variance=case["var_sr_trials_annual"] / periods if spread is None else spread,
        **_moments(case),
    )
    return {"sr0_per_period": found.sr0, "dsr": found.dsr, "clamped": found.radicand_clamped}


def _dsr_from_matrix(case):
    best, found = deflated.deflated_sharpe_from_matrix(
        _matrix(case), n_trials=case.get("n_trials")
    )
    return {"best": best, "sr0_per_period": found.sr0, "dsr": found.dsr}


def _min_track_record(case):
    benchmark = case.get("sr_benchmark", 0.0)
    observations = sharpe.min_track_record_length(
        case["sr"],
        benchmark=benchmark,
        confidence=case.get("confidence", 0.95),
        **_moments(case),
    )
    # The cases do not say how many periods a year has: their benchmark is an annual ratio of 1.
    periods = case.get("periods_per_year", round(1 / benchmark**2) if benchmark > 0 else math.nan)
    return {"observations": observations, "years": observations / periods}


def _min_backtest_length(case):
    found = luck.min_backtest_length_years(
        case["n_trials"], target_sharpe=case.get("target_max_annual_sr", 1.0)
    )
    return dataclasses.asdict(found)


def _effective_trials(case):
    if case.get("kind") == "equicorrelation":
        n, rho = case["n"], case["rho"]
        return _effective(np.full((n, n), rho) + (1 - rho) * np.eye(n))
    if "correlation" in case:
        return _effective(np.asarray(case["correlation"], dtype=np.float64))
    returns = _matrix(case)
    found = dataclasses.asdict(trials.effective_number_of_trials(returns))
    return found | {"clusters": clusters.cluster_trials(returns).n_effective}


def _effective(correlation):
    return dataclasses.asdict(trials.effective_number_from_correlation(correlation))


def _pbo(case):
    found = pbo.pbo_cscv(
        _matrix(case),
        n_blocks=case.get("n_blocks", 16),
        metric=case.get("metric", "sharpe").split()[0],
        min_block_sessions=2,
    )
    return {
        "n_combinations": len(found.omega),
        "pbo": found.pbo,
        "omega": found.omega.tolist(),
        "logits": found.logits.tolist(),
        "slope": found.slope,
        "intercept": found.intercept,
        "prob_oos_loss": found.prob_oos_loss,
    }


def _spa(case):
    return dataclasses.asdict(superiority.spa(_matrix(case), **_bootstrap(case)))


def _stepm(case):
    found = superiority.stepm(_matrix(case), alpha=case.get("alpha", 0.05), **_bootstrap(case))
    return {
        "superior": found.superior.tolist(),
        "n_superior": len(found.superior),
        "critical_values": list(found.critical_values),
    }


def _wilson(case):
    return list(trades.wilson_interval(case["wins"], case["n"], alpha=case.get("alpha", 0.05)))


def _adjust(case):
    return {
        method: multiplicity.adjust_pvalues(np.asarray(case["p"], np.float64), method).tolist()
        for method in multiplicity.METHODS
    }


def _cpcv_counts(case):
    found = validation.combinatorial_counts(case["n_folds"], case["n_test_folds"])
    return dataclasses.asdict(found)


def _cpcv(case):
    made = folds.make_folds(
        case["n_obs"],
        FoldSettings(
            kind="combinatorial",
            groups=case["n_folds"],
            out_groups=case["n_test_folds"],
            purge=case.get("purged_size", 0),
            embargo=case.get("embargo_size", 0),
        ),
    )
    size = case["n_obs"] // case["n_folds"]
    edges = [size * group for group in range(1, case["n_folds"])]
    return {
        "n_splits": len(made),
        "n_test_paths": len(made.paths),
        "train": [fold.in_sample.tolist() for fold in made.folds],
        "test": [_pieces(fold.out_of_sample, edges) for fold in made.folds],
    }


def _pieces(positions, edges):
    pieces = np.split(positions, np.searchsorted(positions, edges))
    return [piece.tolist() for piece in pieces if len(piece)]


def _walk_forward(case):
    train, test = (case.get(k, case.get(f"{k}_size")) for k in ("train", "test"))
    made = folds.make_folds(
        case.get("n_obs", case.get("n")),
        FoldSettings(
            kind="walk_forward",
            in_sample=train,
            out_of_sample=test,
            step=case.get("step"),
            purge=case.get("purge", case.get("purged_size", 0)),
            anchored=bool(case.get("anchored", case.get("expand_train", False))),
        ),
    )
    return {
        "n_splits": len(made),
        "train": [fold.in_sample.tolist() for fold in made.folds],
        "test": [fold.out_of_sample.tolist() for fold in made.folds],
    }


def _drawdowns(case):
    found = drawdown.shuffle_drawdown_distribution_exact(np.asarray(case["trades"], np.float64))
    return {
        "actual": found.actual,
        "distribution": {str(depth): count for depth, count in found.counts.items()},
        "total": found.total,
        "mean": found.mean,
    }


def _trade_summary(case):
    found = trades.trade_summary(np.asarray(case["r_multiples"], np.float64))
    return dataclasses.asdict(found) | {"lcb95_one_sided_t": found.expectancy_lower}


def _plateau_grid(case):
    grid = np.asarray(case.get("grid", case.get("values")), dtype=np.float64)
    found = plateau.plateau_score_grid(grid, quantile=case.get("quantile", 0.5))
    best = np.unravel_index(found.best, grid.shape)
    return {
        "scores": found.scores.tolist(),
        "peak_ratio": found.peak_ratio.tolist(),
        "at_edge": found.at_edge.tolist(),
        "best_index": [int(axis) for axis in best],
        "best_score": float(found.scores[best]),
    }


def _years(case):
    if "years" in case:
        return case["years"]
    return case["minutes_to_expiry"] / case.get("year_minutes", black76.YEAR_MINUTES)


def _greeks(case):
    found = black76.greeks(
        case["spot"],
        case["strike"],
        _years(case),
        case["sigma"],
        case["right"] == "C",
        rate=case.get("r", 0.0),
        dividend=case.get("q", 0.0),
    )
    names = {"vega": "vega_per_1_00_vol", "theta": "theta_per_year"}
    return {
        names.get(name, name): float(value) for name, value in dataclasses.asdict(found).items()
    }


def _ticker(case):
    found = contracts.parse_ticker(case["ticker"])
    return {
        "root": found.root,
        "underlying": found.underlying,
        "expiry": found.expiry.isoformat(),
        "right": "C" if found.call else "P",
        "strike": found.strike,
        "settlement": found.settlement,
    }


def _minutes_to_expiry(case):
    return contracts.parse_ticker(case["ticker"]).minutes_to_expiry(case["as_of_ns"])


def _two_strikes(case):
    found = exposure.chain_exposure(
        math.sqrt(case["call_strike"] * case["put_strike"]),
        np.array([case["call_strike"], case["put_strike"]], np.float64),
        np.array([True, False]),
        np.array([case["oi_call"], case["oi_put"]], np.float64),
        np.full(2, case["iv"]),
        np.full(2, case["years"]),
    )
    return found.zero_gamma


def _chain(case):
    rows = case["chain"]
    strike = np.array([row["strike"] for row in rows], np.float64)
    call = np.array([row["right"] == "C" for row in rows])
    interest = np.array([row["oi"] for row in rows], np.float64)
    sigma = np.array([row["iv"] for row in rows], np.float64)
    years = np.full(len(rows), _years(case))
    spot = float(case["spot"])
    found = exposure.chain_exposure(spot, strike, call, interest, sigma, years)
    levels = found.strikes
    by_call, by_put = (
        np.array([interest[(strike == level) & (call == right)].sum() for level in levels])
        for right in (True, False)
    )
    pain = [
        100 * float(by_call @ np.maximum(at - levels, 0) + by_put @ np.maximum(levels - at, 0))
        for at in levels
    ]
    names = [f"{level:g}" for level in levels]
    return {
        "gex_per_1pct_by_strike": {
            name: {"call": found.call[k], "put": found.put[k], "net": found.net[k]}
            for k, name in enumerate(names)
        },
        "total_gex_per_1pct": found.total,
        "total_gamma_shares_per_1usd": found.total / (0.01 * spot * spot),
        "zero_gamma_crossings": [found.zero_gamma] * found.flip_count,
        "zero_gamma": found.zero_gamma,
        "call_wall": {
            "by_net_gex": found.call_wall,
            "by_call_gex": levels[np.argmax(found.call)],
            "by_oi": levels[np.argmax(by_call)],
        },
        "put_wall": {
            "by_net_gex": found.put_wall,
            "by_put_gex": levels[np.argmin(found.put)],
            "by_oi": levels[np.argmax(by_put)],
        },
        "max_pain": pin.max_pain(levels, by_call, by_put, np.ones(len(levels), np.bool_), spot),
        "pain_dollars": dict(zip(names, pain, strict=True)),
    }


FUNCTIONS = {
    "sharpe_and_moments": _sharpe_and_moments,
    "probabilistic_sharpe_ratio": _psr,
    "expected_max_z": lambda case: luck.expected_max_z(case["n_trials"]),
    "expected_max_z_exact": lambda case: luck.expected_max_z_exact(case["n_trials"]),
    "deflated_sharpe_ratio": _dsr,
    "deflated_sharpe_from_matrix": _dsr_from_matrix,
    "min_track_record_length": _min_track_record,
    "min_backtest_length_years": _min_backtest_length,
    "effective_number_of_trials": _effective_trials,
    "pbo_cscv": _pbo,
    "spa": _spa,
    "stepm": _stepm,
    "wilson_interval": _wilson,
    "adjust_pvalues": _adjust,
    "combinatorial_purged_cv": _cpcv,
    "cpcv_counts": _cpcv_counts,
    "walk_forward_splits": _walk_forward,
    "shuffle_drawdown_distribution_exact": _drawdowns,
    "trade_summary": _trade_summary,
    "plateau_score_grid": _plateau_grid,
    "bsm_greeks": _greeks,
    "parse_opra_ticker": _ticker,
    "minutes_to_expiry": _minutes_to_expiry,
    "gex_chain": _chain,
    "zero_gamma_two_strikes": _two_strikes,
}
