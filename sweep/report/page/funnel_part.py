"""The funnel of a set: where signal bars were lost, and what could not be tested."""

import math
from collections.abc import Mapping

from markupsafe import Markup

from sweep.engine.trade import DROPS
from sweep.report.page.groups import words
from sweep.report.page.markup import h, table
from sweep.report.page.scales import count, percent

Counts = Mapping[tuple[str, str, str], int]


def state_bar(states: Mapping[str, int]) -> Markup | None:
    """Return the three states of the symbol-sessions as one bar with its numbers."""
    total = sum(states.values())
    if total == 0:
        return None
    kinds = {"traded": "traded", "no trade": "silent", "not evaluable": "blocked"}
    parts = [
        h("span", class_=kinds[name], style=f"flex-grow:{n}") for name, n in states.items() if n
    ]
    text = [
        h(
            "li",
            h("span", class_=f"key {kinds[name]}", aria_hidden="true"),
            f"{name} {count(n)} ({percent(n / total, 0)})",
        )
        for name, n in states.items()
    ]
    return h(
        "div",
        h("p", f"{count(total)} symbol-sessions", class_="faint"),
        h("div", parts, class_="states", aria_hidden="true"),
        h("ul", text, class_="legend"),
    )


def funnel(counts: Counts) -> Markup | None:
    """Return the stages as a table with bars, and why bars were not evaluable."""
    if not counts:
        return None
    stages = _stages(counts)
    most = max((n for _, n in stages), default=1)
    rows = []
    before = None
    for text, n in stages:
        share = "" if before in (None, 0) else percent(n / before)
        rows.append(
            h(
                "tr",
                h("th", text, scope="row"),
                h("td", count(n), class_="num"),
                h("td", share, class_="num"),
                h("td", _bar(n, most), class_="wide"),
            )
        )
        before = n
    heads = ("Stage", "Signal bars", "Of the stage before")
    head = h("tr", (h("th", t, scope="col") for t in heads), h("td", class_="wide"))
    shown = table("Funnel, bars on a logarithmic scale", head, rows, kind="funnel")
    return h(
        "div",
        shown,
        _lost(counts),
        class_="grid",
    )


def _stages(counts: Counts) -> list[tuple[str, int]]:
    total = {line: n for (line, name, reason), n in counts.items() if not name}
    stages = [("bars in the window", total.get("in_window", 0))]
    stages.append(("evaluable", total.get("evaluable", 0)))
    passed = [(name, n) for (line, name, _), n in counts.items() if line == "passed"]
    stages += [(f"passed {words(name)}", n) for name, n in sorted(passed, key=lambda one: -one[1])]
    stages.append(("score high enough: signals", total.get("signals", 0)))
    stages.append(("traded", total.get("trades", 0)))
    return stages


def _lost(counts: Counts) -> Markup | None:
    rows = [
        (f"{words(name)}: {words(reason)}", n, "not evaluable")
        for (line, name, reason), n in counts.items()
        if line == "not_evaluable"
    ]
    rows += [
        (f"only {words(name)} failed", n, "near miss")
        for (line, name, _), n in counts.items()
        if line == "alone"
    ]
    rows += [(words(line), n, "not traded") for (line, _, _), n in counts.items() if line in DROPS]
    if not rows:
        return None
    rows.sort(key=lambda one: (one[2], -one[1]))
    body = [
        h("tr", h("th", text, scope="row"), h("td", kind), h("td", count(n), class_="num"))
        for text, n, kind in rows
    ]
    head = h("tr", (h("th", t, scope="col") for t in ("Lost to", "Kind", "Signal bars")))
    return table("Lost bars", head, body)


def _bar(n: int, most: int) -> Markup:
    share = math.log1p(n) / math.log1p(most) if most else 0.0
    return h("span", class_="track", style=f"width:{100 * share:.1f}%")
