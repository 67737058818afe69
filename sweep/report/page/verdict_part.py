"""The first screen: what was tried, what holds, and how sure that is."""

import collections
import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import (
    UNKNOWN,
    Scale,
    count,
    extent,
    instant,
    nice_ticks,
    percent,
    plain,
    short,
    signed,
)
from sweep.report.page.source import Document, SweepFolder

WORDS = {
    "holds": "Holds",
    "not_proven": "Not proven",
    "fails": "Fails",
    "not_evaluable": "Not evaluable",
    "unfinished": "Unfinished",
}
SIGNS = {
    "holds": "\N{CHECK MARK}",
    "not_proven": "?",
    "fails": "\N{MULTIPLICATION X}",
    "not_evaluable": "\N{EN DASH}",
    "unfinished": "\N{HORIZONTAL ELLIPSIS}",
}
_ORDER = tuple(WORDS)
_FOREST = (220, 30)

Interval = tuple[float, float, float]


def verdict_of(sweep: SweepFolder, name: str) -> str:
    """Return the verdict of a detector, also where there is none."""
    if sweep.detectors[name]["reason"]:
        return "not_evaluable"
    return str(sweep.evidence.get(name, {}).get("verdict", "unfinished"))


def chip(verdict: str) -> Markup:
    """Return a verdict as a coloured word with a sign, so that colour is never alone."""
    sign = h("span", SIGNS[verdict], aria_hidden="true")
    return h("span", sign, WORDS[verdict], class_=f"chip {verdict}")


def headline(sweep: SweepFolder) -> str:
    """Return the result of the sweep in one sentence."""
    found = collections.Counter(verdict_of(sweep, name) for name in sweep.detectors)
    judged = sum(found.values()) - found["not_evaluable"]
    holding = [n for n in sweep.detectors if verdict_of(sweep, n) == "holds"]
    if found["unfinished"]:
        return f"This sweep is not finished: {sweep.about['status']}. No verdict yet."
    if not judged:
        return "Nothing could be tested."
    if not holding:
        return f"Nothing holds: none of {judged} detectors is proven out of sample."
    verb = "holds" if len(holding) == 1 else "hold"
    named = f": {', '.join(holding)}" if len(holding) <= 3 else ""
    return f"{len(holding)} of {judged} detectors {verb} out of sample{named}."


def tried(sweep: SweepFolder) -> str:
    """Return what was tried, in one or two sentences."""
    about = sweep.about
    days, held = about["sessions"], about["holdout"]
    symbols = sorted({s for one in sweep.detectors.values() for s in one["symbols"]})
    shown = ", ".join(symbols[:8]) + (f" and {len(symbols) - 8} more" if len(symbols) > 8 else "")
    text = f"{count(about['counts'].get('sets', 0))} parameter sets"
    if days:
        text += f" on {shown}, {len(days)} sessions from {days[0]} to {days[-1]}"
    text += "."
    if held:
        text += f" The {len(held)} sessions after them ({held[0]} to {held[-1]}) "
        text += f"{_seen(sweep.seen)}."
    else:
        text += " There is no hold-out, so nothing is left to check a result on."
    if sweep.stale:
        named = ", ".join(f"{name} in {len(days)} sessions" for name, days in sweep.stale.items())
        text += f" Stale: the vendor has replaced bars since ({named}); sweep again."
    return text


def _seen(sets: int) -> str:
    """Say whether promotions have looked at the hold-out."""
    if sets == 0:
        return "were never read"
    return f"were not read by the sweep; hold-out seen {sets} {'time' if sets == 1 else 'times'}"


def verdict_table(sweep: SweepFolder) -> Markup:
    """Return one row a detector: verdict, forest of out-of-sample results, what is missing."""
    intervals = {n: interval(sweep.evidence.get(n, {})) for n in sweep.detectors}
    ends = [v for found in intervals.values() if found for v in found]
    scale = Scale(*extent(ends, zero=True), 8, _FOREST[0] - 8)
    head = h(
        "tr",
        h("th", "Detector", scope="col"),
        h("th", "Verdict", scope="col"),
        h(
            "th",
            "Out of sample, R a trade (95 %)",
            forest_axis(scale),
            scope="col",
        ),
        h("th", "Trades", scope="col", class_="num"),
        h("th", "Tried", scope="col", class_="num"),
        h("th", "Why", scope="col"),
    )
    rows = [_row(sweep, name, intervals[name], scale) for name in by_verdict(sweep)]
    return table("Verdict of every detector", head, rows, kind="verdicts")


def by_verdict(sweep: SweepFolder) -> list[str]:
    """Return the detectors in the order of the page: what holds first, then by what it earned."""

    def place(name: str) -> tuple[int, float, str]:
        found = interval(sweep.evidence.get(name, {}))
        earned = -found[0] if found else math.inf
        return _ORDER.index(verdict_of(sweep, name)), earned, name

    return sorted(sweep.detectors, key=place)


def _row(sweep: SweepFolder, name: str, found: Interval | None, scale: Scale) -> Markup:
    evidence = sweep.evidence.get(name, {})
    verdict = verdict_of(sweep, name)
    outside = evidence.get("out_of_sample") or {}
    return h(
        "tr",
        h("th", h("a", name, href=f"#d-{name}"), scope="row"),
        h("td", chip(verdict)),
        h("td", forest(found, scale), class_="forest"),
        h("td", count(outside.get("trades")), class_="num", data_label="Trades out of sample:"),
        h("td", count((evidence.get("tries") or {}).get("sweep")), class_="num sub"),
        h("td", why(sweep.detectors[name], evidence), class_="why"),
    )


def why(about: Document, evidence: Document) -> str:
    """Return what keeps a detector from holding, or what speaks for it."""
    if about["reason"]:
        return str(about["reason"])
    if not evidence:
        return "The sweep is not finished."
    if evidence["verdict"] in ("holds", "fails"):
        return str(evidence["summary"])
    missed = [c["sentence"] for c in evidence["criteria"] if not c["met"]]
    more = f" And {len(missed) - 2} more." if len(missed) > 2 else ""
    return " ".join(missed[:2]) + more


def interval(evidence: Mapping[str, Any]) -> Interval | None:
    """Return estimate and ends of the out-of-sample R a trade, None where it is not known."""
    found = (evidence.get("out_of_sample") or {}).get("expectancy_r")
    if not found or None in (found["estimate"], found["low"], found["high"]):
        return None
    return found["estimate"], found["low"], found["high"]


def forest(found: Interval | None, scale: Scale) -> Markup:
    """Return an interval as a point with a line, and in figures.

    Each carries its axis, shown where a screen is too narrow for the head of the table.
    """
    if found is None:
        return h("span", UNKNOWN, class_="faint")
    at, low, high = found
    sign = "gain" if low > 0 else "loss" if high < 0 else "open"
    svg = h(
        "svg",
        h("line", x1=scale(0), x2=scale(0), y1=0, y2=_FOREST[1], class_="zero"),
        h("line", x1=scale(low), x2=scale(high), y1=15, y2=15, class_=f"whisker {sign}"),
        h("circle", cx=scale(at), cy=15, r=5, class_=f"point {sign}"),
        h("g", _marks(scale, 39), class_="ticks"),
        viewBox=f"0 0 {_FOREST[0]} {_FOREST[1]}",
        class_="forest",
        aria_hidden="true",
    )
    text = h("span", h("b", signed(at)), f" ({signed(low, 2)} to {signed(high, 2)})", class_="num")
    return h("div", svg, text, class_="cellplot")


def forest_axis(scale: Scale) -> Markup:
    """Return the axis of a column of forests, for its head."""
    return h(
        "svg",
        _marks(scale, 11),
        viewBox=f"0 0 {_FOREST[0]} 14",
        class_="forest",
        aria_hidden="true",
    )


def _marks(scale: Scale, y: int) -> list[Markup]:
    return [
        h("text", short(v), x=scale(v), y=y, class_="tick mid")
        for v in nice_ticks(scale.low, scale.high, 4)
    ]


def facts(sweep: SweepFolder) -> Markup:
    """Return the sweep's facts as a list of name and value."""
    about = sweep.about
    identity, seconds = about["identity"], about["timings"].get("seconds")
    pairs = [
        ("search", f"{identity['search']['kind']}, {about['budget']:,} sets a detector"),
        ("objective", ", ".join(sweep.objectives)),
        ("constraints", ", ".join(identity["constraints"]) or "none"),
        ("folds", str(about["config"].get("folds", {}).get("kind", UNKNOWN))),
        ("finished (UTC)", instant(about["timings"].get("finished_at"))),
        ("took", _span(seconds)),
    ]
    if about["counts"].get("failed"):
        share = about["counts"]["failed"] / max(about["counts"]["sets"], 1)
        pairs.append(("failed sets", f"{about['counts']['failed']:,} ({percent(share)})"))
    return h("dl", (h("div", h("dt", k), h("dd", v)) for k, v in pairs), class_="facts")


def _span(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return f"{plain(seconds, 0)} s" if seconds < 180 else f"{plain(seconds / 60, 0)} min"
