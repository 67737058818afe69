"""Several sweeps side by side: what differed in their settings, and what came of it."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc
from markupsafe import Markup

from sweep.report.page.about_part import flat
from sweep.report.page.detector_part import final_parameters
from sweep.report.page.equity import side_by_side
from sweep.report.page.markup import h, table
from sweep.report.page.scales import (
    UNKNOWN,
    Scale,
    count,
    extent,
    instant,
    percent,
    plain,
    short,
    signed,
)
from sweep.report.page.source import SweepFolder
from sweep.report.page.verdict_part import chip, forest, forest_axis, interval, verdict_of
from sweep.report.page.write import Part, page
from sweep.store.place import Place
from sweep.store.results import Results

_SET_METRICS = (
    ("trades", count),
    ("win_rate", percent),
    ("breakeven_win_rate", percent),
    ("expectancy_r", signed),
    ("expectancy_target_first_r", signed),
    ("ambiguous_frac", percent),
    ("profit_factor", plain),
    ("daily_lcb_r", signed),
    ("max_drawdown_r", plain),
)
_PARAMETERS = "params."
_ASIDE = ("hydra", "log.", "ray.", "storage.", "store.", "sweep.")
"""Groups of keys that are no part of a sweep's identity."""


def write_comparison(folders: Sequence[Place]) -> Place:
    """Write a page that compares sweeps of one storage root.

    Parameters
    ----------
    folders
        Results folders, two or more.

    Returns
    -------
    Place
        `<storage.root>/results/comparison-<id>-<id>....html`.
    """
    sweeps = [SweepFolder(folder) for folder in folders]
    names = list(dict.fromkeys(name for one in sweeps for name in one.detectors))
    parts: list[Part] = [
        ("equity", "Out of sample", _equities(sweeps, names)),
        ("configuration", "What differs in the settings", _settings(sweeps)),
        ("metrics", "Final sets, in sample", _metrics(sweeps, names)),
        ("parameters", "Parameters of the final sets", _parameters(sweeps, names)),
    ]
    head = [
        h("p", "Comparison", class_="kicker"),
        h("h1", f"{len(sweeps)} sweeps side by side"),
        h("p", _shared(sweeps), class_="lead"),
        _about(sweeps),
        _verdicts(sweeps, names),
    ]
    joined = "-".join(one.name for one in sweeps)
    # A file name has 255 bytes at most, so many sweeps are named by a digest of their names.
    short = joined if len(sweeps) <= 8 else hashlib.sha256(joined.encode()).hexdigest()[:12]
    file = f"comparison-{short}.html"
    results = Results(folders[0].parent.parent, "")
    results.write_text(file, page(f"Comparison of {joined}", head, parts))
    return results.path / file


def _shared(sweeps: Sequence[SweepFolder]) -> str:
    """Return whether the sweeps looked at the same sessions."""
    days = [set(one.about["sessions"]) for one in sweeps]
    common = set.intersection(*days)
    if not common:
        return "They share no session: differences may come from the market alone."
    if all(one == days[0] for one in days):
        return f"All look at the same {len(common)} sessions, {min(common)} to {max(common)}."
    return (
        f"They share {len(common)} sessions; differences may come from the others. Verdicts count "
        "the tries of all of them."
    )


def _table(
    title: str, heads: Sequence[object], rows: Sequence[Markup], *, texts: int = 1, kind: str = ""
) -> Markup:
    """Return a table whose first columns hold text and stand left, the others numbers."""
    head = h(
        "tr",
        (
            h("th", text, scope="col", class_=None if place < texts else "num")
            for place, text in enumerate(heads)
        ),
    )
    return table(title, head, rows, kind=kind)


def _line(name: str, values: Sequence[object], *, marked: bool = False) -> Markup:
    return h(
        "tr",
        h("th", name, scope="row"),
        (h("td", value, class_="num") for value in values),
        class_="differs" if marked else None,
    )


def _about(sweeps: Sequence[SweepFolder]) -> Markup:
    def row(name: str, values: Sequence[object]) -> Markup:
        return _line(name, values, marked=len({str(v) for v in values}) > 1)

    abouts = [one.about for one in sweeps]
    rows = [
        row("status", [about["status"] for about in abouts]),
        row("sets", [count(about["counts"].get("sets", 0)) for about in abouts]),
        row("sessions", [count(len(about["sessions"])) for about in abouts]),
        row("first session", [(about["sessions"] or [UNKNOWN])[0] for about in abouts]),
        row("last session", [(about["sessions"] or [UNKNOWN])[-1] for about in abouts]),
        row("held out", [count(len(about["holdout"])) for about in abouts]),
        row("search", [about["identity"]["search"]["kind"] for about in abouts]),
        row("objective", [", ".join(one.objectives) for one in sweeps]),
        row("commit", [str(about["git_commit"] or UNKNOWN)[:10] for about in abouts]),
        _line("finished (UTC)", [instant(about["timings"]["finished_at"]) for about in abouts]),
    ]
    return _table("Sweeps", ["Sweep", *(one.name for one in sweeps)], rows, kind="sides")


def _verdicts(sweeps: Sequence[SweepFolder], names: Sequence[str]) -> Markup:
    ends = [
        value
        for one in sweeps
        for name in names
        for value in interval(one.evidence.get(name, {})) or ()
    ]
    scale = Scale(*extent(ends, zero=True), 8, 212)
    rows = []
    for name in names:
        for one in sweeps:
            if name not in one.detectors:
                continue
            evidence = one.evidence.get(name, {})
            final = evidence.get("final") or {}
            cells = [
                h("td", one.name),
                h("td", chip(verdict_of(one, name))),
                h("td", forest(interval(evidence), scale), class_="forest"),
            ]
            numbers = (
                ("Trades", count((evidence.get("out_of_sample") or {}).get("trades"))),
                ("PBO", percent((evidence.get("overfitting") or {}).get("pbo"), 0)),
                ("DSR", percent((final.get("dsr_effective") or {}).get("dsr"), 0)),
                ("Tries ever", count((evidence.get("tries") or {}).get("ever"))),
            )
            cells += [h("td", n, class_="num", data_label=f"{text}:") for text, n in numbers]
            rows.append(h("tr", h("th", name, scope="row"), cells))
    heads = [
        "Detector",
        "Sweep",
        "Verdict",
        ["Out of sample, R a trade (95 %)", forest_axis(scale)],
        "Trades",
        "PBO",
        "DSR",
        "Tries ever",
    ]
    return _table("Verdicts", heads, rows, texts=4, kind="verdicts")


def _equities(sweeps: Sequence[SweepFolder], names: Sequence[str]) -> Markup | None:
    """Return a chart of the stitched series for every detector that several sweeps judged."""
    charts = []
    for name in names:
        found = [
            (one.name, series)
            for one in sweeps
            if name in one.detectors and (series := one.stitched(name)) is not None
        ]
        if len(found) > 1:
            charts.append(side_by_side(found, f"{name}, cumulative net R"))
    return h("div", charts, class_="charts") if charts else None


def _settings(sweeps: Sequence[SweepFolder]) -> Markup:
    """Return the keys in which the sweeps differ: those that change results, then the others."""
    flats = [
        {"detectors": ", ".join(one.detectors), **dict(flat(one.about["config"]))}
        for one in sweeps
    ]
    shared = set.intersection(*(set(one.detectors) for one in sweeps))
    keys = [
        key
        for key in dict.fromkeys(key for one in flats for key in one)
        if len({one.get(key) for one in flats}) > 1
        and (not key.startswith(_PARAMETERS) or key.split(".")[1] in shared)
    ]
    heads = ["Key", *(one.name for one in sweeps)]
    tables = []
    for title, wanted in (
        ("Settings that differ", [key for key in keys if not key.startswith(_ASIDE)]),
        ("Settings without influence on results", [key for key in keys if key.startswith(_ASIDE)]),
    ):
        rows = [_line(key, [one.get(key, UNKNOWN) for one in flats]) for key in wanted]
        tables.append(_table(title, heads, rows, kind="sides") if rows else None)
    main, aside = tables
    if main is None:
        main = h("p", "Nothing that changes results: data, code or the machine differ.")
    if aside is not None:
        aside = h("details", h("summary", "Without influence on results"), aside)
    return h("div", main, aside)


def _metrics(sweeps: Sequence[SweepFolder], names: Sequence[str]) -> Markup:
    rows = []
    for name in names:
        for one in sweeps:
            found = _final(one, name)
            if found is not None:
                cells = [h("td", show(found.get(key)), class_="num") for key, show in _SET_METRICS]
                rows.append(h("tr", h("th", name, scope="row"), h("td", one.name), *cells))
    heads = ["Detector", "Sweep", *(key.replace("_", " ") for key, _ in _SET_METRICS)]
    return _table("Final sets", heads, rows, texts=2)


def _final(sweep: SweepFolder, name: str) -> Mapping[str, Any] | None:
    about = sweep.detectors.get(name)
    if about is None or not about["chosen"]["final"]:
        return None
    table = sweep.sets(name)
    found: Mapping[str, Any] = table.filter(
        pc.equal(table["set_id"], about["chosen"]["final"])
    ).to_pylist()[0]
    return found


def _parameters(sweeps: Sequence[SweepFolder], names: Sequence[str]) -> Markup:
    tables = []
    for name in names:
        having = [one for one in sweeps if name in one.detectors]
        configured = having[0].detectors[name]["configured"]["parameters"]
        chosen = [final_parameters(one, name) for one in having]
        rows = []
        for key, value in configured.items():
            values = [found.get(key) for found in chosen]
            known = [v for v in values if v is not None]
            differs = bool(known) and any(
                not math.isclose(v, known[0], rel_tol=1e-9) for v in known
            )
            rows.append(_line(key, [short(value), *map(short, values)], marked=differs))
        heads = ["Parameter", "Configured", *(one.name for one in having)]
        tables.append(h("details", h("summary", name), _table(name, heads, rows, kind="sides")))
    return h("div", tables)
