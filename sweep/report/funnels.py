"""The funnel of each detector on the terminal: which step lost how many signal bars."""

from collections.abc import Mapping, Sequence
from typing import Any

from sweep.report.console import console

Row = Mapping[str, Any]

LOST = ("below_score", "in_trade", "cooldown", "after_flat", "no_fill", "beyond_stop",
        "beyond_target", "risk_too_small")  # fmt: skip
"""Lines behind the conditions, in order."""

FOREIGN = ("not_evaluable", "symbol", "asset_class")


def show_funnels(results: Sequence[Row]) -> None:
    """Print the funnel of every detector that looked at a bar.

    Parameters
    ----------
    results
        One row per detector: `detector` and `funnel`, tuples of (line, name, reason, bars).
    """
    lines = [line for row in results for line in funnel_lines(row)]
    if lines:
        out = console()
        out.print("FUNNEL: signal bars left after each step (in brackets: stopped by it alone)")
        for line in lines:
            out.print(line, soft_wrap=True)
        out.print("")


def funnel_lines(row: Row) -> list[str]:
    """Return a detector's funnel: what could not be judged, conditions, what was lost after."""
    counts = {(line, name, reason): bars for line, name, reason, bars in row["funnel"]}
    seen = counts.get(("in_window", "", ""), 0)
    seen -= counts.pop(FOREIGN, 0)  # other symbols than the detector runs on
    if not seen:
        return []
    unknown = [
        f"{name} {reason} {bars:,}"
        for (line, name, reason), bars in counts.items()
        if line == "not_evaluable"
    ]
    judged = f"{counts.get(('evaluable', '', ''), 0):,} of {seen:,} in the window evaluable"
    lines = [f"  {row['detector']}: {judged}{_listed(' (', unknown, ')')}"]
    names = dict.fromkeys(name for line, name, _ in counts if line in ("passed", "alone"))
    steps = [
        f"{name} {counts.get(('passed', name, ''), 0):,} ({counts.get(('alone', name, ''), 0):,})"
        for name in names
    ]
    lost = [f"{name} {bars:,}" for name in LOST if (bars := counts.get((name, "", ""), 0))]
    trades = counts.get(("trades", "", ""), 0)
    lines.append(
        f"    {' > '.join([*steps, f'trades {trades:,}'])}{_listed('; lost: ', lost, '')}"
    )
    return lines


def _listed(before: str, texts: Sequence[str], after: str) -> str:
    return f"{before}{', '.join(texts)}{after}" if texts else ""
