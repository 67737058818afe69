"""Turn a worked case (function name and input, as JSON) into a call, and answer in its shape.

Matrices of the cases are days x sets, those of the package sets x sessions.
"""

import dataclasses
import datetime as dt
import math

import numpy as np

from detectors.bars import MINUTE_NS
from sweep.engine import bracket
from sweep.engine.settings import Costs, FillSettings
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
from sweep.market import splits
from sweep.market.calendar import session_table
from sweep.market.options import black76, contracts, exposure, implied_vol, open_interest, pin
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


def _named(case, *names, default=None):
    """Return the first of some names that a case gives."""
    return next((case[name] for name in names if case.get(name) is not None), default)


def _bracket(case):
    """Answer `simulate_bracket`: bars o, h, l, c and v where volume matters; r is net of costs."""
    side = 1 if case["side"] in ("long", 1, "buy") else -1
    bars = np.array(
        [
            [bar[k] for k in "ohlc"] + [bar.get("v", bar.get("volume", math.nan))]
            for bar in case["bars"]
        ],
        np.float64,
    )
    signal = case.get("signal_bar", 0)
    after = bars[min(signal + 1, len(bars) - 1), 0]
    shares = _named(case, "quantity", "shares", "qty")
    costs = Costs(
        slippage_bps=case.get("slippage_bps", 0.0),
        half_spread=case.get("half_spread", 0.0),
        fee_bps=case.get("fee_bps", 0.0),
        fee_per_share=_named(case, "fee_per_share", "fee_per_contract", default=0.0),
        fee_min=_named(case, "fee_min", "min_fee", "fee_minimum", default=0.0),
        sell_fee_bps=_named(case, "sell_fee_bps", "sell_fee", default=0.0),
        notional_usd=case.get("notional_usd", 100_000.0) if shares is None else shares * after,
    )
    fills = FillSettings(
        target_gap=_named(case, "target_gap", "target_fill", default="target"),
        trade_through=bool(case.get("trade_through", False)),
        participation=_named(
            case, "participation", "participation_pct", "max_participation", default=0.0
        ),
        impact=case.get("impact", 0.0),
    )
    tick = _named(case, "tick", "tick_size")
    found = bracket.simulate_bracket(
        bars,
        side=side,
        signal_bar=signal,
        stop=case["stop"],
        target=_named(case, "target", default=side * math.inf),
        fills=fills,
        costs=costs,
        minutes=_minutes(case),
        last_bar=_named(
            case, "session_end_bar", "session_close_bar", "session_end", "session_close"
        ),
        flat_minute=_named(case, "flat_minute", "flat_time", "flat_bar", "flat_at"),
        time_minute=_named(case, "max_hold_minute", "time_exit_bar", "time_bar"),
        breakeven=_named(case, "breakeven", "breakeven_distance", default=0.0),
        trail=_named(
            case, "trail", "trailing", "trail_distance", "trailing_distance", default=0.0
        ),
        atr=_named(case, "atr", "sigma", default=1.0),
        ticks=bracket.TICKS if tick is None else 1 / tick,
    )
    if found.dropped:
        return {"entry_bar": None, "reason": found.dropped, "skipped": True, "r": None}
    return dataclasses.asdict(found) | {"r": found.r_net, "skipped": False}


def _minutes(case):
    """Return the minutes of the bars where they carry them, as `t` or `minute`."""
    first = case["bars"][0]
    name = next((k for k in ("minute", "t", "start") if k in first), None)
    return None if name is None else np.array([bar[name] for bar in case["bars"]], np.int64)


def _implied_vol(case):
    years, rate, dividend = _years(case), case.get("r", 0.0), case.get("q", 0.0)
    forward = case.get("forward", case.get("spot", 0.0) * math.exp((rate - dividend) * years))
    found = implied_vol.implied_volatility(
        np.array([case["price"] * math.exp(rate * years)]),
        np.array([float(forward)]),
        np.array([float(case["strike"])]),
        np.array([case["right"] == "C"]),
        np.array([float(years)]),
    )
    return None if math.isnan(found[0]) else float(found[0])


def _gex_single(case):
    """Dollars per 1 %, dollars per point, and shares per dollar, of one contract line."""
    spot = case["spot"]
    gamma = case["gamma"] if "gamma" in case else _greeks(case)["gamma"]
    held = case["oi"] * case.get("multiplier", contracts.MULTIPLIER)
    shares = gamma * held * (1 if case.get("right", "C") == "C" else -1)
    return {
        "per_1pct": shares * spot * spot * 0.01,
        "per_point": shares * spot,
        "shares_per_usd": shares,
    }


def _oi_proxies(case):
    """Every source on one contract: `volumes` of earlier sessions, latest first."""
    earlier = [{"x": float(v)} for v in case.get("volumes", ())]
    day_file = None if case.get("oi") is None else {"x": float(case["oi"])}
    today = float(_named(case, "cum_volume", "volume_today", default=0.0))
    found = {}
    for source in ("oi_file", "prev_volume", "decayed", "cum_volume", "oi_plus"):
        one = open_interest.open_interest(source, ["x"], day_file=day_file, volumes=earlier)
        value = float(one.before[0] + one.volume_share * today)
        found[source] = None if math.isnan(value) else value
    return found


def _split_adjust(case):
    """Prices divided, volumes multiplied by new shares for an old one, before the split."""
    new, old = (float(_named(case, *names, default=1.0)) for names in _SPLIT_NAMES)
    sessions = session_table(dt.date(2024, 6, 3), dt.date(2024, 6, 4))
    factor = splits.price_factors([splits.Split("X", dt.date(2024, 6, 4), old, new)], sessions)[0]
    prices = np.atleast_1d(np.asarray(_named(case, "prices", "price", default=[]), np.float64))
    volumes = np.atleast_1d(np.asarray(_named(case, "volumes", "volume", default=[]), np.float64))
    return {
        "factor": float(factor),
        "prices": (prices * factor).tolist(),
        "volumes": (volumes / factor).tolist(),
    }


_SPLIT_NAMES = (("split_to", "to", "ratio"), ("split_from", "from"))


def _bar_available_at(case):
    """A bar is known at its end: window_start and its length."""
    start = _named(case, "window_start", "window_start_ns", "ts", "start_ns")
    return start + round(_named(case, "bar_minutes", "minutes", default=1)) * MINUTE_NS


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
    "simulate_bracket": _bracket,
    "implied_vol": _implied_vol,
    "gex_single": _gex_single,
    "oi_proxies": _oi_proxies,
    "split_adjust": _split_adjust,
    "bar_available_at": _bar_available_at,
}
