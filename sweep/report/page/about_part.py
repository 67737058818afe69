"""What the report rests on: coverage of the data, configuration, versions."""

import collections
import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import UNKNOWN, count, instant, percent
from sweep.report.page.source import SweepFolder
from sweep.store.coverage import ABSENT, COMPLETE, PROVISIONAL, CoverageStore
from sweep.store.place import Place

_COUNTS = (
    "Sessions",
    "Complete",
    "Provisional",
    "Absent",
    "Minutes",
    "Duplicates",
    "Bad rows",
)


def coverage_part(sweep: SweepFolder, storage_root: Place) -> Markup:
    """Return what is stored of every symbol of the sweep, session by session."""
    fingerprint = sweep.about["fingerprint"]
    days = sweep.about["identity"]["sessions"]
    if not days:
        return h("p", "No sessions were read.", class_="faint")
    first, last = (dt.date.fromisoformat(day) for day in (days[0], days[-1]))
    records = CoverageStore(storage_root).read(sorted(fingerprint), first, last)
    by_symbol: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for record in records.to_pylist():
        by_symbol[record["symbol"]].append(record)
    rows = [_row(name, by_symbol[name], days, fingerprint[name]) for name in fingerprint]
    head = h(
        "tr",
        h("th", "Symbol", scope="col"),
        (h("th", text, scope="col", class_="num") for text in _COUNTS),
        h("th", "Source", scope="col"),
        h("th", f"{days[0]} to {days[-1]}", scope="col"),
    )
    shown = table("Coverage of the bars", head, rows)
    return h(
        "div",
        h(
            "p",
            "Sessions of the range, New York dates. A missing minute inside a complete "
            "session is a fact of the market, not a hole. Dark: at least 99 % of the minutes; "
            "lighter: fewer; orange: none stored. Session by session: ",
            h("code", "python -m jobs.coverage"),
            class_="faint",
        ),
        shown,
    )


def _row(
    name: str, records: Sequence[Mapping[str, Any]], days: Sequence[str], read: Mapping[str, str]
) -> Markup:
    best: dict[str, Mapping[str, Any]] = {}
    rank = {COMPLETE: 0, PROVISIONAL: 1, ABSENT: 2}
    for record in sorted(records, key=lambda one: rank[one["state"]]):
        best.setdefault(str(record["session"]), record)
    states = collections.Counter(record["state"] for record in best.values())
    present = sum(r["minutes_present"] or 0 for r in best.values())
    expected = sum(r["minutes_expected"] or 0 for r in best.values())
    bad = sum(sum(json.loads(r["bad_rows"] or "{}").values()) for r in best.values())
    doubles = sum(r["duplicates"] or 0 for r in best.values())
    sources = ", ".join(sorted({r["source"] for r in best.values()})) or "no record"
    cells = (
        count(len(days)),
        count(states[COMPLETE]),
        count(states[PROVISIONAL]),
        count(states[ABSENT]),
        percent(present / expected) if expected else UNKNOWN,
        count(doubles),
        count(bad),
    )
    return h(
        "tr",
        h("th", name, scope="row"),
        (h("td", cell, class_="num") for cell in cells),
        h("td", sources),
        h("td", _strip(best, days, read)),
    )


def _strip(
    records: Mapping[str, Mapping[str, Any]], days: Sequence[str], read: Mapping[str, str]
) -> Markup:
    """Return a strip with a cell a session; neighbours that are alike share one."""
    kinds = []
    for day in days:
        record = records.get(day)
        if record is None:
            kinds.append("full" if day in read else "none")
            continue
        present, expected = record["minutes_present"] or 0, record["minutes_expected"] or 0
        share = present / expected if expected else 0.0
        kinds.append("full" if share >= 0.99 else "part" if share > 0 else "none")
    width = 240 / max(len(days), 1)
    cells = []
    begin = 0
    for place in range(1, len(kinds) + 1):
        if place == len(kinds) or kinds[place] != kinds[begin]:
            where = round(begin * width, 2)
            wide = round((place - begin) * width, 2)
            cells.append(h("rect", x=where, y=0, width=wide, height=14, class_=kinds[begin]))
            begin = place
    return h("svg", cells, viewBox="0 0 240 14", class_="strip", aria_hidden="true")


def configuration_part(sweep: SweepFolder) -> Markup:
    """Return every key as it was, versions, commit and identity."""
    about = sweep.about
    made = {
        "sweep": sweep.name,
        "status": about["status"],
        "commit": about["git_commit"] or "not from a checkout",
        "python": about["python"],
        **about["versions"],
        "started (UTC)": instant(about["timings"]["started_at"]),
        "finished (UTC)": instant(about["timings"]["finished_at"]),
        "data": about["identity"]["data"],
    }
    revisions = ", ".join(f"{n} {one['revision']}" for n, one in sorted(sweep.detectors.items()))
    return h(
        "div",
        _pairs("Made with", [*made.items(), ("detector revisions", revisions)]),
        h(
            "details",
            h("summary", "Every key of the configuration, as an override"),
            _pairs("Configuration", list(flat(about["config"]))),
        ),
    )


def flat(tree: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted keys with their values as text."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, tree if isinstance(tree, str) else json.dumps(tree)


def _pairs(title: str, pairs: Sequence[tuple[str, object]]) -> Markup:
    rows = [h("tr", h("th", key, scope="row"), h("td", value)) for key, value in pairs]
    return table(title, None, rows, kind="pairs")
