"""What a promotion changed, on the terminal: parameters and hold-out, before against after."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from sweep.report.console import UNKNOWN, console, judged, number, table_of

WORDS = {
    "promoted": "PROMOTED",
    "unchanged": "promoted already, nothing to do",
    "refused": "REFUSED, nothing was changed",
    "undone": "UNDONE",
    "pulled": "configuration brought up to the records",
}

Row = Mapping[str, Any]


def show_promotions(outcomes: Sequence[Row]) -> None:
    """Print what came of every detector, what changed last: there a reader looks first.

    Parameters
    ----------
    outcomes
        One mapping a detector: `sweep.promotion.promote.Outcome` as plain values.
    """
    out = console()
    for one in sorted(outcomes, key=lambda outcome: outcome["status"] != "refused"):
        out.print()
        out.print(f"{one['detector']}: {WORDS[one['status']]}", soft_wrap=True)
        for reason in one["reasons"]:
            said = "overruled by force" if one["forced"] else "because"
            out.print(f"  {said}: {reason}", soft_wrap=True)
        if one["forced_ever"]:
            out.print("  the gate was overruled by force for this detector, now or earlier")
        if one["status"] in {"promoted", "undone"} or one["regression"] is not None:
            _show_parameters(out, one["old"], one["new"])
        if one["regression"] is not None:
            _show_holdout(out, one["regression"], one["seen"])


def _show_parameters(out: Console, old: Mapping[str, float], new: Mapping[str, float]) -> None:
    if not new:
        out.print("  the configured parameters are in use again")
        return
    table = table_of("", ("parameter",))
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, value in new.items():
        before = old.get(name)
        shown = UNKNOWN if before is None else f"{before:g}"
        table.add_row(f"  {name}", shown, f"{value:g}" if value != before else "same")
    out.print(table)


def _show_holdout(out: Console, found: Row, seen: int | None) -> None:
    times = "for the first time" if seen == 1 else f"{seen} sets of this detector have seen it"
    table = table_of(f"  hold-out, {found['sessions']} sessions, {times}", ("",))
    columns = ("trades", "win rate (95 %)", "net R", "gross R", "PF", "R/day")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for label in ("old", "new"):
        side = found[label]
        metrics = {k: float("nan") if v is None else v for k, v in side["metrics"].items()}
        cells = (f"{metrics['trades']:,.0f}", *judged(metrics), number(side["mean_r"], 4))
        table.add_row(f"  {label}", *cells)
    out.print(table)
