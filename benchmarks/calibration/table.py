"""The table of the experiment, as Markdown."""

import collections

import numpy as np

from sweep.evidence.trades import wilson_interval
from sweep.ingest.sample.spec import PLANTED_DETECTOR, PLANTED_VALUES


def table(rows: list[dict]) -> str:
    """Return false alarms on null markets, power on planted ones, and the sets chosen there."""
    null = [row for row in rows if row["kind"] == "null"]
    planted = [row for row in rows if row["kind"] == "planted"]
    parts = [_made(rows), ""]
    if null:
        parts += ["## Markets without an edge", "", *_null_lines(null), ""]
    if planted:
        parts += ["## Planted edge", "", *_power_lines(planted), "", *_chosen_lines(planted), ""]
    return "\n".join(parts)


def _made(rows: list[dict]) -> str:
    commits = sorted({str(row["commit"])[:10] for row in rows})
    days = sorted({row["finished_at"][:10] for row in rows})
    seeds = [[row["seed"] for row in rows if row["kind"] == kind] for kind in ("null", "planted")]
    return (
        f"{len(rows)} sweeps, {sum(row['cpu_s'] for row in rows) / 60:.0f} minutes of processor, "
        f"made {' to '.join(dict.fromkeys((days[0], days[-1])))} at commit {', '.join(commits)}; "
        f"seeds {' and '.join(f'{min(s):,} to {max(s):,}' for s in seeds if s)}."
    )


def _null_lines(rows: list[dict]) -> list[str]:
    groups = [("all", rows)]
    for name in ("search", "costs"):
        values = sorted({row[name] for row in rows})
        groups += [(f"{name}={v}", [row for row in rows if row[name] == v]) for v in values]
    lines = [
        "| sweeps | number | any `holds` | share | Wilson 95 % | detectors | of them `holds` |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, members in groups:
        verdicts = [[one["verdict"] for one in row["detectors"].values()] for row in members]
        alarms = sum("holds" in found for found in verdicts)
        low, high = wilson_interval(alarms, len(members))
        single = [verdict for found in verdicts for verdict in found]
        lines.append(
            f"| {name} | {len(members)} | {alarms} | {alarms / len(members):.1%} "
            f"| {low:.1%} to {high:.1%} | {len(single)} | {single.count('holds')} |"
        )
    met = collections.Counter()
    for row in rows:
        for one in row["detectors"].values():
            met.update({"judged"} | (set(_CRITERIA) - set(one["missed"])))
    shares = ", ".join(f"{name} {met[name] / met['judged']:.0%}" for name in _CRITERIA)
    return [*lines, "", f"Criteria met, each on its own: {shares}."]


_CRITERIA = (
    *("feasible", "trades", "active_days", "out_of_sample", "beats_luck"),
    *("overfitting", "plateau", "range_edge", "ambiguous_exits"),
)


def _power_lines(rows: list[dict]) -> list[str]:
    lines = [
        "| net annual Sharpe planted | search | sweeps | `holds` | Wilson 95 % | missed, sweeps |",
        "|---|---|---|---|---|---|",
    ]
    for key in sorted({(row["edge_sharpe"], row["search"]) for row in rows}):
        found = [r["detectors"][PLANTED_DETECTOR] for r in rows if _group(r) == key]
        holds = sum(one["verdict"] == "holds" for one in found)
        low, high = wilson_interval(holds, len(found))
        missed = collections.Counter(name for one in found for name in set(one["missed"]))
        named = ", ".join(f"{name} {count}" for name, count in missed.most_common(5)) or "none"
        lines.append(
            f"| {key[0]:g} | {key[1]} | {len(found)} | {holds / len(found):.0%} "
            f"| {low:.0%} to {high:.0%} | {named} |"
        )
    return lines


def _group(row: dict) -> tuple[float, str]:
    return row["edge_sharpe"], row["search"]


def _chosen_lines(rows: list[dict]) -> list[str]:
    """Compare the final sets of the strong markets with the planted parameters."""
    strong = [
        row["detectors"][PLANTED_DETECTOR]["final"] for row in rows if row["edge_sharpe"] >= 6
    ]
    chosen = [found for found in strong if found is not None]
    if not chosen:
        return []
    lines = [
        f"Parameters of the {len(chosen)} final sets at a Sharpe ratio of 6 and more:",
        "",
        "| parameter | planted | median chosen | middle half |",
        "|---|---|---|---|",
    ]
    for name, value in PLANTED_VALUES.items():
        low, middle, high = np.quantile([found[name] for found in chosen], (0.25, 0.5, 0.75))
        lines.append(f"| {name} | {value:g} | {middle:.3g} | {low:.3g} to {high:.3g} |")
    return lines
