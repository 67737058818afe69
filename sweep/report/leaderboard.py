"""The leaderboard of a sweep on the terminal, read from its results folder."""

import collections
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from sweep.report.console import console, judged, number, table_of
from sweep.report.fronts import show_front
from sweep.report.searches import show_searches
from sweep.report.verdicts import holding, show_verdicts
from sweep.store.place import Place
from sweep.store.results import FUNNEL, PARAMETER_SETS, SWEEP, read_table

BEST = 3
"""Sets shown per detector, beside the final and the configured one."""
MANY = 4
"""Of more detectors only those that hold are shown set by set, the others in one line each."""
READING = "ranked by search.objective on all sessions outside the hold-out, tries not yet counted"

_METRICS = (
    "trades",
    "win_rate",
    "win_rate_low",
    "win_rate_high",
    "expectancy_r",
    "expectancy_gross_r",
    "profit_factor",
    "daily_lcb_r",
)
_STATES = ("trades", "evaluable", "not_evaluable")


def show_sweep(folder: Place) -> None:
    """Print the best sets of every detector, its symbol-sessions, and its verdict.

    `leaderboard.csv` and the report have all of them.

    Parameters
    ----------
    folder
        Results folder of a sweep.
    """
    about: dict[str, Any] = json.loads((folder / SWEEP).read_text(encoding="utf-8"))
    out = console()
    objectives = about.get("identity", {}).get("objective")
    detectors = about["detectors"]
    shown_in_full = holding(folder) if len(detectors) > MANY else tuple(detectors)
    best = []
    for name, detector in detectors.items():
        if detector["reason"]:
            out.print(f"\n{name}: not evaluable: {detector['reason']}", soft_wrap=True)
            continue
        rows = _rows(folder, name, detector)
        best += [{**row, "set_id": name} for row in rows if row["final"]]
        if name not in shown_in_full:
            continue
        out.print()
        _show_rows(out, name, rows)
        out.print(f"  {_counts(folder, name)}", soft_wrap=True)
        shown = detector["chosen"]["final"] or detector["configured"]["set_id"]
        out.print(f"  {_states(folder, name, shown)}", soft_wrap=True)
        if isinstance(objectives, list):
            show_front(out, folder, name, tuple(objectives))
        show_searches(out, name, detector.get("searches", []))
    out.print()
    if len(best) > 1:
        best.sort(key=lambda row: -row["daily_lcb_r"])
        rows = [{**row, "note": ""} for row in best]
        _show_rows(out, "final set of every detector", rows, "detector")
    out.print(f"  {READING}", soft_wrap=True)
    show_verdicts(folder)


def _show_rows(
    out: Console, title: str, rows: Sequence[Mapping[str, Any]], what: str = "set"
) -> None:
    table = table_of(title, (what,))
    for column in ("trades", "win rate (95 %)", "net R", "gross R", "PF", "LCB/day"):
        table.add_column(column, justify="right", no_wrap=True)
    if any(row["note"] for row in rows):
        table.add_column("", no_wrap=True)
    for row in rows:
        table.add_row(
            row["set_id"],
            f"{row['trades']:,.0f}",
            *judged(row),
            number(row["daily_lcb_r"], 3),
            *([row["note"]] if len(table.columns) > 7 else []),
        )
    out.print(table)


def _rows(folder: Place, name: str, about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the best sets, the final one and the configured one."""
    columns = ["set_id", "status", "rank", *_METRICS]
    table = read_table(folder, PARAMETER_SETS, detector=name, columns=columns)
    final, configured = about["chosen"]["final"], about["configured"]
    wanted = pc.or_kleene(
        pc.less_equal(table["rank"], BEST), pc.equal(table["set_id"], final or "")
    )
    rows = table.filter(wanted).sort_by("rank").to_pylist()
    for row in rows:
        broken = "infeas." if row["status"] == "infeasible" else ""
        row["final"] = row["set_id"] == final
        row["note"] = "final" if row["final"] else broken
    own = dict.fromkeys(_METRICS, math.nan) | {
        key: math.nan if value is None else value for key, value in configured["metrics"].items()
    }
    return [*rows, {**own, "set_id": "configured", "note": "", "final": False}]


def _counts(folder: Place, name: str) -> str:
    """Return how many sets there are of each status."""
    status = read_table(folder, PARAMETER_SETS, detector=name, columns=["status"])["status"]
    counts = {row["values"]: row["counts"] for row in pc.value_counts(status).to_pylist()}
    listed = ", ".join(
        f"{counts[key]:,} {key}" for key in sorted(counts, key=lambda k: -counts[k])
    )
    return f"sets: {listed or 'none finished'}"


def _states(folder: Place, name: str, set_id: str) -> str:
    """Return the three states of the symbol-sessions of one set, with the usual obstacles."""
    table = read_table(
        folder,
        FUNNEL,
        detector=name,
        columns=["set_id", "symbol", "session", "line", "name", "reason", "bars"],
    )
    table = table.filter(pc.equal(table["set_id"], set_id))
    lines = table.filter(pc.is_in(table["line"], value_set=pa.array(_STATES))).to_pylist()
    return state_line(set_id, lines)


def state_line(set_id: str, lines: Sequence[Mapping[str, Any]]) -> str:
    """Return how many symbol-sessions were traded, without a signal, or not evaluable.

    Parameters
    ----------
    set_id
        Whose funnel it is.
    lines
        Rows of `funnel.parquet` with the lines `trades`, `evaluable`, `not_evaluable`.
    """
    found: dict[tuple[str, Any], set[str]] = collections.defaultdict(set)
    blocked: dict[tuple[str, Any], str] = {}
    for line in lines:
        place = line["symbol"], line["session"]
        found[place].add(line["line"])
        if line["line"] == "not_evaluable":
            blocked.setdefault(place, f"{line['name']}: {line['reason']}")
    traded = sum("trades" in seen for seen in found.values())
    silent = sum("trades" not in seen and "evaluable" in seen for seen in found.values())
    unknown = [place for place, seen in found.items() if seen == {"not_evaluable"}]
    why = collections.Counter(blocked[place] for place in unknown).most_common(1)
    hint = f" (mostly {why[0][0]})" if why else ""
    return (
        f"symbol-sessions of {set_id}: {traded:,} traded, {silent:,} without a trade, "
        f"{len(unknown):,} not evaluable{hint}"
    )
