"""Tables on the terminal: coverage of the store and summary of a backtest, and their parts."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from sweep.report import json_lines

WIDTH = 80
NEEDS_IMPROVEMENT = 0.45
"""A detector needs improvement below this win rate (seed of the project) and its break-even."""
TOP = 5
UNKNOWN = "-"

Row = Mapping[str, Any]


def console() -> Console:
    """Return standard output, at least 80 columns wide, so that tables never wrap into a log."""
    if json_lines.active():
        return Console(quiet=True)
    found = Console(highlight=False)
    return found if found.width >= WIDTH else Console(highlight=False, width=WIDTH)


def show_coverage(first: dt.date, last: dt.date, series: Sequence[Row]) -> None:
    """Print what the store has per symbol and timeframe.

    Parameters
    ----------
    first, last
        New York dates of the range.
    series
        One row per symbol and timeframe (`sweep.ingest.coverage.SeriesCoverage`).
    """
    table = table_of(f"BAR STORE {first} to {last}", ("symbol", "frame"))
    for name in ("sessions", "complete", "absent", "other", "bars", "of", "share", "dupl.", "bad"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in series:
        days = {state: len(dates) for state, dates in one["states"].items()}
        complete, absent = days.get("complete", 0), days.get("absent_at_vendor", 0)
        table.add_row(
            one["symbol"],
            one["timeframe"],
            f"{one['sessions']:,}",
            f"{complete:,}",
            f"{absent:,}",
            f"{one['sessions'] - complete - absent:,}",
            f"{one['present']:,}",
            f"{one['expected']:,}",
            percent(one["present"] / one["expected"] if one["expected"] else math.nan),
            f"{one['duplicates']:,}",
            f"{sum(one['bad_rows'].values()):,}",
        )
    console().print(table)


def show_queue(watched: Sequence[str], entries: Sequence[Row]) -> None:
    """Print the watchlist and the ingestion queue.

    Parameters
    ----------
    watched
        Symbols on the watchlist.
    entries
        Entries (`sweep.store.queue.Entry`).
    """
    out = console()
    out.print(f"WATCHLIST {', '.join(watched) or 'is empty'}", soft_wrap=True)
    if not entries:
        out.print("the queue is empty")
        return
    table = table_of("INGESTION QUEUE", ("symbol", "task", "state"))
    table.add_column("tries", justify="right", no_wrap=True)
    table.add_column("since (UTC)", no_wrap=True)
    for entry in entries:
        since = entry["finished_at"] or entry["enqueued_at"]
        table.add_row(
            *(entry[name] for name in ("symbol", "task", "state")),
            str(entry["attempts"]),
            f"{since:%Y-%m-%d %H:%M}",
        )
    out.print(table)
    for entry in entries:
        if entry["error"]:
            out.print(f"{entry['symbol']}, {entry['task']}: {entry['error']}", soft_wrap=True)


def show_backtest(first: dt.date, last: dt.date, results: Sequence[Row]) -> None:
    """Print a table of detectors and the BACKTEST SUMMARY.

    Parameters
    ----------
    first, last
        New York dates of the range.
    results
        One row per detector: `detector`, `status` (`traded`, `no_signal`, `not_evaluable`),
        `reason`, `sessions` and, where it was evaluated, the mapping `metrics`.
    """
    out = console()
    table = table_of(f"BACKTEST {first} to {last}", ("detector",))
    for name in ("trades", "win rate (95 %)", "net R", "gross R", "PF", "total R"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results:
        if row["status"] == "not_evaluable":
            table.add_row(row["detector"], UNKNOWN, "not evaluable")
        else:
            found = row["metrics"]
            total = number(found["total_r"], 1)
            table.add_row(row["detector"], f"{found['trades']:,.0f}", *judged(found), total)
    out.print(table)
    for text, names in _reasons(results).items():
        out.print(f"{', '.join(names)}: {text}", soft_wrap=True)
    for line in summary_lines(results):
        out.print(line, soft_wrap=True)


def _reasons(results: Sequence[Row]) -> dict[str, list[str]]:
    """Return why detectors could not be judged -> their names: many share a reason."""
    found: dict[str, list[str]] = {}
    for row in results:
        if row["reason"]:
            on = "" if row["status"] == "not_evaluable" else "in part "
            found.setdefault(f"{on}not evaluable: {row['reason']}", []).append(row["detector"])
    return found


def summary_lines(results: Sequence[Row]) -> list[str]:
    """Return the BACKTEST SUMMARY: what was tested, overall, the best and the worst.

    Detectors without trades leave means and rankings: they have no win rate. A detector is among
    the best if its trades won more than they lost, and never among both.
    """
    tested = [row for row in results if row["status"] in {"traded", "no_signal"}]
    traded = [row for row in tested if row["metrics"]["trades"] > 0]
    trades = sum(row["metrics"]["trades"] for row in traded)
    wins = sum(row["metrics"]["trades"] * row["metrics"]["win_rate"] for row in traded)
    ranked = sorted(traded, key=lambda row: (-row["metrics"]["win_rate"], row["detector"]))
    weak = [row for row in reversed(ranked) if needs_improvement(row["metrics"])]
    best = [row for row in ranked if row["metrics"]["profit_factor"] > 1 and row not in weak]
    return [
        "",
        "BACKTEST SUMMARY",
        f"  Detectors tested:    {len(tested)} of {len(results)}",
        f"  Total trades:        {trades:,.0f}",
        f"  Overall win rate:    {percent(wins / trades if trades else math.nan)}",
        f"  Mean profit factor:  {_mean(traded, 'profit_factor')}",
        f"  Mean expectancy:     {_mean(traded, 'expectancy_r', ' R net')}",
        "  Top performers, by win rate, of those with a profit factor above 1:",
        *_listed(best[:TOP]),
        f"  Needs improvement, win rate below {_share(NEEDS_IMPROVEMENT)} % and its break-even:",
        *_listed(weak),
    ]


def needs_improvement(found: Row) -> bool:
    """Tell whether too few trades win; where none won or none lost there is no break-even."""
    rate, even = found["win_rate"], found["breakeven_win_rate"]
    return rate < NEEDS_IMPROVEMENT and (rate < even or (math.isnan(even) and rate == 0.0))


def _listed(rows: Sequence[Row]) -> list[str]:
    """Return one line per detector; a win rate means little without its break-even."""
    return [
        f"    {row['detector']:<28}{percent(found['win_rate']):>7} of {found['trades']:,.0f}"
        f" trades (break-even {percent(found['breakeven_win_rate'])})"
        for row in rows
        for found in [row["metrics"]]
    ] or ["    none"]


def _mean(rows: Sequence[Row], name: str, unit: str = "") -> str:
    values = [row["metrics"][name] for row in rows]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return UNKNOWN
    left = (
        f" ({len(values) - len(finite)} without losses left out)"
        if len(finite) < len(values)
        else ""
    )
    return f"{sum(finite) / len(finite):.2f}{unit}{left}"


def judged(row: Row) -> tuple[str, str, str, str]:
    """Return win rate with its interval, expectancy net and gross, profit factor."""
    interval = f"[{_share(row['win_rate_low'])}, {_share(row['win_rate_high'])}]"
    return (
        f"{percent(row['win_rate'])} {interval}" if row["trades"] else UNKNOWN,
        number(row["expectancy_r"], 3),
        number(row["expectancy_gross_r"], 3),
        number(row["profit_factor"], 2),
    )


def table_of(title: str, names: Sequence[str]) -> Table:
    """Return an empty table with its first, left-aligned columns."""
    table = Table(
        title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def number(value: float | None, digits: int) -> str:
    """Return a number with some decimals, `-` where it is unknown."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{round(value, digits) + 0.0:,.{digits}f}" if math.isfinite(value) else "inf"


def percent(value: float | None) -> str:
    """Return a share in percent, `-` where it is unknown."""
    return UNKNOWN if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None or math.isnan(value) else f"{100 * value:.0f}"
