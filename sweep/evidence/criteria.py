"""The conditions of a verdict: value, limit, and a sentence for a trader.

A value that could not be computed (None or NaN) never speaks for a detector.
"""

import dataclasses
import math

from sweep.evidence.sharpe import MIN_ACTIVE_DAYS


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Limits of the verdict.

    Attributes
    ----------
    spa_p_max
        SPA p-value, adjusted over the detectors of the sweep, must be below.
    dsr_min
        Or the deflated Sharpe ratio at the effective number of tries must be above.
    pbo_max
        Probability of backtest overfitting must be below.
    peak_ratio_max
        Objective of the chosen set / its plateau score must be below.
    trades_min, active_days_min
        At least so many trades, and sessions with a trade.
    ambiguous_frac_max
        Exits whose bar touched stop and target, as a share, at most; or the lower bound must be
        above 0 with all of them counted as stops.
    fails_pbo_min
        Above this probability of overfitting, with a lower bound at or below 0, it fails.
    """

    spa_p_max: float = 0.05
    dsr_min: float = 0.95
    pbo_max: float = 0.3
    peak_ratio_max: float = 2.0
    trades_min: int = 100
    active_days_min: int = 60
    ambiguous_frac_max: float = 0.05
    fails_pbo_min: float = 0.7


@dataclasses.dataclass(frozen=True)
class Findings:
    """What is known of a detector after a sweep; None where it could not be computed.

    Attributes
    ----------
    feasible
        Whether the final set satisfies all constraints of the search.
    daily_lower, daily_upper
        One-sided 95 % bounds of the mean R per day of the stitched out-of-sample series.
    spa_p
        Consistent SPA p-value, adjusted over the detectors of the sweep.
    dsr
        Deflated Sharpe ratio of the final set at the effective number of tries; None too where its
        radicand was clamped or too few days were traded.
    pbo
        Probability of backtest overfitting.
    peak_ratio
        Objective of the final set / its plateau score.
    trades, active_days
        Of the final set outside the hold-out.
    ambiguous_frac, stop_first_lower
        Share of ambiguous exits, and `daily_lower` with all of them counted as stops.
    edge_parameters
        Names of the final set's parameters at an end of their searched range towards which
        sets like it earn more.
    reservations
        Sentences that alone keep the verdict from `holds`: no hold-out, screened search, stale
        data.
    """

    feasible: bool
    daily_lower: float | None
    daily_upper: float | None
    spa_p: float | None
    dsr: float | None
    pbo: float | None
    peak_ratio: float | None
    trades: int
    active_days: int
    ambiguous_frac: float | None
    stop_first_lower: float | None
    edge_parameters: tuple[str, ...] = ()
    reservations: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Criterion:
    """One condition of the verdict.

    Attributes
    ----------
    name
        Short, stable name.
    value
        What was found: a number, a text, or None where it could not be computed.
    threshold
        The limit as text, such as `< 0.3`.
    met
        Whether it speaks for `holds`.
    sentence
        What it means, for a trader.
    """

    name: str
    value: float | str | None
    threshold: str
    met: bool
    sentence: str


def known(value: float | None) -> float | None:
    """Return a value that could be computed, else None."""
    return None if value is None or math.isnan(value) else value


def data_criteria(findings: Findings, limits: Thresholds) -> tuple[Criterion, ...]:
    """Judge whether there is enough to go by."""
    feasible = findings.feasible
    return (
        Criterion(
            "feasible",
            "yes" if feasible else "no",
            "all constraints",
            feasible,
            "The chosen set meets all constraints of the search."
            if feasible
            else "No set met all constraints of the search.",
        ),
        Criterion(
            "trades",
            findings.trades,
            f">= {limits.trades_min}",
            findings.trades >= limits.trades_min,
            f"The final set made {findings.trades} trades; {limits.trades_min} are needed "
            "to tell skill from luck.",
        ),
        Criterion(
            "active_days",
            findings.active_days,
            f">= {limits.active_days_min}",
            findings.active_days >= limits.active_days_min,
            f"The final set traded on {findings.active_days} days; at least "
            f"{limits.active_days_min} are needed.",
        ),
    )


def edge_criteria(findings: Findings, limits: Thresholds) -> tuple[Criterion, ...]:
    """Judge whether it earns, beyond what luck gives."""
    lower = known(findings.daily_lower)
    spa_p, dsr = known(findings.spa_p), known(findings.dsr)
    by_spa = spa_p is not None and spa_p < limits.spa_p_max
    by_dsr = dsr is not None and dsr > limits.dsr_min
    shown = "SPA p {}, DSR {}".format(
        *("unknown" if value is None else f"{value:.3f}" for value in (spa_p, dsr))
    )
    if dsr is None and findings.active_days < MIN_ACTIVE_DAYS:
        shown += f" (under {MIN_ACTIVE_DAYS} days with trades)"
    asked = f"SPA p < {limits.spa_p_max:g} or DSR > {limits.dsr_min:g}"
    return (
        Criterion(
            "out_of_sample", lower, "> 0", lower is not None and lower > 0, _daily_sentence(lower)
        ),
        Criterion(
            "beats_luck",
            shown,
            asked,
            by_spa or by_dsr,
            f"Its result is better than the best of so many tries would be by luck: {shown}."
            if by_spa or by_dsr
            else f"The best of so many tries could look as good by luck: {shown}; {asked} is "
            "asked.",
        ),
    )


def choice_criteria(findings: Findings, limits: Thresholds) -> tuple[Criterion, ...]:
    """Judge whether the choice of this set, and the fills it assumes, can be relied on."""
    pbo, ratio = known(findings.pbo), known(findings.peak_ratio)
    ambiguous = known(findings.ambiguous_frac)
    stop_first = known(findings.stop_first_lower)
    edges = ", ".join(findings.edge_parameters)
    clear = (ambiguous is not None and ambiguous <= limits.ambiguous_frac_max) or (
        stop_first is not None and stop_first > 0
    )
    return (
        Criterion(
            "overfitting",
            pbo,
            f"< {limits.pbo_max:g}",
            pbo is not None and pbo < limits.pbo_max,
            "The probability of overfitting could not be computed."
            if pbo is None
            else f"The best set in one half of the days is below the median in the other in "
            f"{100 * pbo:.0f} % of the splits (noise: about 50 %; asked: below "
            f"{100 * limits.pbo_max:.0f} %).",
        ),
        Criterion(
            "plateau",
            ratio,
            f"< {limits.peak_ratio_max:g}",
            ratio is not None and ratio < limits.peak_ratio_max,
            _plateau_sentence(ratio, limits.peak_ratio_max),
        ),
        Criterion(
            "range_edge",
            edges or "none",
            "none",
            not edges,
            f"At the end of the searched range and better towards it: {edges}; search further out."
            if edges
            else "No parameter lies at an end of its searched range that is better further out.",
        ),
        Criterion(
            "ambiguous_exits",
            ambiguous,
            f"<= {limits.ambiguous_frac_max:g}, or > 0 R with stops first",
            clear,
            "It is unknown how many exits are ambiguous."
            if ambiguous is None
            else f"In {100 * ambiguous:.1f} % of the exits one bar touched stop and target"
            + (
                ", which does not decide the result." if clear else ", and they decide the result."
            ),
        ),
    )


def _daily_sentence(lower: float | None) -> str:
    if lower is None:
        return "There is too little out of sample to bound the daily result."
    if lower > 0:
        return (
            f"Out of sample it earns {lower:+.3f} R a day or more, 95 % sure: above 0, as asked."
        )
    return (
        f"Out of sample it is 95 % sure only that it earns no less than {lower:+.3f} R a day; "
        "that must be above 0."
    )


def _plateau_sentence(ratio: float | None, limit: float) -> str:
    if ratio is None:
        return "Neither the chosen set nor its neighbours are above 0 in sample: no plateau."
    if math.isinf(ratio):
        return "The chosen set earns, its neighbours do not: a lone peak, likely luck."
    return (
        f"The chosen set shows {ratio:.2f} times what its neighbours do; below {limit:g} is "
        "asked, more is a lone peak."
    )
