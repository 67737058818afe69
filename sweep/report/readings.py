"""What the evidence says, in sentences: one line a statistic, `-` for what is not known."""

from collections.abc import Mapping
from typing import Any

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
    if final:
        lines += [_track_record(final), _random_entry(found["random_entry"] or {})]
    if outside:
        lines += _out_of_sample(outside)
    return lines


def _overfitting(found: Evidence) -> str:
    return (
        f"overfitting: the best set of one half of the days is below the median in the other in "
        f"{shown(found.get('pbo'), '.0%')} of the splits; noise gives 50 % give or take "
        f"{shown(found.get('null_sd'), '.0%')}"
    )


def _track_record(final: Evidence) -> str:
    years, least = final["years"], final["min_backtest_years"]
    needed, psr = shown(final["min_track_record_days"], ",.0f"), shown(final["psr"], ".2f")
    enough = "" if least is None else ", enough" if years >= least else ", too few"
    return (
        f"track record: {final['sessions']} sessions, {needed} needed for a Sharpe ratio above 0 "
        f"(PSR {psr}); the best of all tries would be luck in under {shown(least, '.1f')} years, "
        f"there are {years:.1f}{enough}"
    )


def _random_entry(found: Evidence) -> str:
    return (
        f"random entry: {shown(found.get('actual'), '+.3f')} R a trade, with the same exits from "
        f"random bars {shown(found.get('random_mean'), '+.3f')} R; as good by chance: "
        f"{shown(found.get('p_value'), '.1%')}"
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
    return UNKNOWN if value is None else f"{value:{form}}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
