"""What the evidence says, in sentences: one line a statistic, `-` for what is not known."""

from collections.abc import Mapping
from typing import Any

from sweep.evidence.sharpe import MIN_ACTIVE_DAYS
from sweep.report.console import UNKNOWN

Evidence = Mapping[str, Any]


def readings(found: Evidence) -> list[str]:
    """Return the sentences of one detector.

    Parameters
    ----------
    found
        Its entry in `evidence.json`.
    """
    tries, final = found["tries"], found["final"] or {}
    outside, better = found["out_of_sample"] or {}, found["superiority"] or {}
    lines = [
        (
            f"tries: {tries['sweep']:,} sets here, {tries['ever']:,} ever in "
            f"{counted(tries['sweeps_ever'], 'sweep')}, as good as "
            f"{shown(tries['effective'], ',.0f')} independent ones; "
            f"{shown(better.get('stepm_sets'), ',.0f')} of them beat zero for certain (StepM)"
        ),
        _overfitting(found["overfitting"] or {}),
    ]
    if found.get("screening"):
        lines.append(screening_reading(found["screening"]))
    if final:
        lines += [
            _luck(final, tries),
            _track_record(final),
            _backtest_length(final, tries),
            _random_entry(found["random_entry"] or {}),
        ]
    if outside:
        lines += _out_of_sample(outside)
    return lines


def screening_reading(found: Evidence) -> str:
    """Say what screening saved and may have lost.

    Parameters
    ----------
    found
        `screening` of a detector in `sweep.json` or `evidence.json`.
    """
    rungs = ", ".join(f"{r['sets']:,} sets on {r['sessions']} sessions" for r in found["rungs"])
    share = found["set_sessions"] / found["of_set_sessions"]
    said = (
        f"screening: {rungs}, then {found['in_full']:,} on all {found['sessions']}: "
        f"{100 * share:.0f} % of the set-sessions of all sets in full; "
    )
    dropped, sampled, final = found["dropped"], found["sampled"], found["choices"][-1]
    if not sampled:
        return f"{said}no set was dropped"
    better = final["sampled_above_kept"]
    return (
        f"{said}of {counted(sampled, 'sampled set')} of the {dropped:,} dropped {better:,} "
        f"beat the best one kept, in sample over all folds (of all dropped about "
        f"{round(better / sampled * dropped):,})"
    )


def _overfitting(found: Evidence) -> str:
    return (
        f"overfitting: the best set of one half of the days is below the median in the other in "
        f"{shown(found.get('pbo'), '.0%')} of the splits; noise gives 50 % give or take "
        f"{shown(found.get('null_sd'), '.0%')}"
    )


def _luck(final: Evidence, tries: Evidence) -> str:
    why = why_no_dsr(final)
    if why:
        return f"luck: no probability can be given (PSR, DSR): {why}"
    ever, effective = ((final[key] or {}).get("dsr") for key in ("dsr_ever", "dsr_effective"))
    return (
        f"luck: the true Sharpe ratio is above 0 with {shown(final['psr'], '.1%')} (PSR), above "
        f"that of the luckiest of {shown(tries['effective'], ',.0f')} independent tries with "
        f"{shown(effective, '.1%')}, of all {tries['ever']:,} tries with {shown(ever, '.1%')} "
        "(DSR; above 95 % is proof, 50 % is what luck gives)"
    )


def why_no_dsr(final: Evidence) -> str:
    """Return why a final set has no deflated Sharpe ratio, empty where it has one."""
    deflated = final.get("dsr_effective")
    if deflated is None and final["active_days"] < MIN_ACTIVE_DAYS:
        return f"traded on {final['active_days']} days, {MIN_ACTIVE_DAYS} are needed"
    if deflated is None:
        return "its result is the same every day"
    if deflated["radicand_clamped"]:
        return "a few extreme days make up its result"
    return ""


def _track_record(final: Evidence) -> str:
    needed, why = final["min_track_record_days"], why_no_dsr(final)
    if why:
        return f"track record: how many sessions are needed cannot be said: {why}"
    if needed is None:
        return "track record: no number of sessions would do, its Sharpe ratio is not above 0"
    enough = "enough" if final["sessions"] >= needed else "too few"
    return (
        f"track record: {needed:,.0f} sessions are needed to be 95 % sure of a Sharpe ratio above "
        f"0; there are {final['sessions']}, {enough}"
    )


def _backtest_length(final: Evidence, tries: Evidence) -> str:
    least, years = final["min_backtest_years"], final["years"]
    if least is None:
        return "length: its Sharpe ratio is not above 0, so it needs no luck"
    enough = "enough" if years >= least else "too few"
    return (
        f"length: in under {least:.1f} years of data luck alone lets the best of "
        f"{tries['ever']:,} tries reach its Sharpe ratio of {final['sharpe_annual']:.1f} a year; "
        f"there are {years:.1f} years, {enough}"
    )


def _random_entry(found: Evidence) -> str:
    outside, final = found.get("out_of_sample") or {}, found.get("final") or {}
    return (
        f"random entry: out of sample {shown(outside.get('actual'), '+.3f')} R a trade, from "
        f"random bars with the same exits {shown(outside.get('random_mean'), '+.3f')} R, as good "
        f"by chance: {shown(outside.get('p_value'), '.1%')}; the final set, on days it was chosen "
        f"by: {shown(final.get('actual'), '+.3f')}, {shown(final.get('random_mean'), '+.3f')} R "
        f"and {shown(final.get('p_value'), '.1%')}"
    )


def _out_of_sample(outside: Evidence) -> list[str]:
    forward, daily = outside["walk_forward"] or {}, outside["daily_mean_r"] or {}
    falls = outside["drawdown_r"]
    return [
        (
            f"out of sample: {outside['trades']:,} trades in {outside['sessions']} sessions, "
            f"{shown(daily.get('estimate'), '+.3f')} R a day, at least "
            f"{shown(daily.get('lower_bound'), '+.3f')} R with 95 % confidence; "
            f"{shown(forward.get('efficiency'), '.0%')} of what it earned in sample"
        ),
        (
            f"drawdown: {falls['actual']:.1f} R as it came, in other orders of the same days "
            f"{falls['median']:.1f} R, one time in twenty above {falls['high']:.1f} R"
        ),
        (
            f"costs: {shown(outside['cost_paid_bps'], '.1f')} bp a side were paid, at "
            f"{shown(outside['cost_breakeven_bps'], '.1f')} bp it earns nothing"
        ),
    ]


def shown(value: float | None, form: str) -> str:
    """Return a number in a form, `-` where it is unknown."""
    return UNKNOWN if value is None else f"{value:{form}}".replace("%", " %")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
