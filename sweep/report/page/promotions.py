"""What was promoted: parameters and hold-out before and after, with everything that led there."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import UNKNOWN, count, percent, plain, short, signed
from sweep.report.page.verdict_part import chip
from sweep.report.page.write import Part, page
from sweep.store.place import Place
from sweep.store.results import Results

PAGE = "promotions.html"

Event = Mapping[str, Any]


def write_promotions(storage_root: Place, records: Sequence[Mapping[str, Any]]) -> Place:
    """Write a page of all promotions of a storage root, the newest event of a detector first.

    Parameters
    ----------
    storage_root
        Where the page goes.
    records
        Of every detector `detector`, `parameters`, `forced_ever` and `history`, as
        `sweep.promotion.records` reads and checks them.

    Returns
    -------
    Place
        `<storage.root>/results/promotions.html`.

    Raises
    ------
    ValueError
        If nothing was ever promoted.
    """
    if not records:
        raise ValueError(
            f"nothing was promoted in {storage_root}; promote a sweep first: "
            f"python -m jobs.promote storage.root={storage_root} sweep=<id>"
        )
    active = [one["detector"] for one in records if one["parameters"] is not None]
    head = [
        h("p", "Promotions", class_="kicker"),
        h("h1", f"{len(active)} of {len(records)} detectors run on promoted parameters"),
        h("p", ", ".join(active) or "Every promotion was undone.", class_="lead"),
    ]
    parts: list[Part] = [
        (f"d-{one['detector']}", one["detector"], _record(one)) for one in records
    ]
    results = Results(storage_root, "")
    results.write_text(PAGE, page("Promotions", head, parts))
    return results.path / PAGE


def _record(record: Mapping[str, Any]) -> Markup:
    forced = "The gate was overruled by force for this detector, now or earlier."
    return h(
        "div",
        h("p", forced, class_="flag") if record["forced_ever"] else None,
        (_event(event) for event in reversed(record["history"])),
    )


def _event(event: Event) -> Markup:
    """Return one promotion, or the taking back of one."""
    undone = event["action"] == "undo"
    what = "Taken back" if undone else "Promoted"
    head = h("h3", f"{what} {_minute(event)}")
    source = h("p", f"Sweep {event['sweep_id']}, set {event['set_id']}", class_="faint")
    if undone:
        text = "the promotion before it" if event["new"] else "the configured parameters"
        return h("div", head, source, h("p", f"In use again: {text}."), class_="panel")
    reason = event["reason"]
    return h(
        "div",
        h("h3", f"{what} {_minute(event)} ", chip(event["evidence"]["verdict"])),
        source,
        h("p", f"Forced, because: {reason}", class_="flag") if event["forced"] else None,
        h("div", _holdout(event.get("holdout")), _evidence(event), class_="grid"),
        _parameters(event["old"] or {}, event["new"]),
        class_="panel",
    )


def _minute(event: Event) -> str:
    return f"{str(event['at'])[:16].replace('T', ' ')} UTC"


def _holdout(found: Mapping[str, Any] | None) -> Markup:
    if found is None:
        return h("p", "No hold-out was looked at.", class_="faint")
    get = found.get
    rows = [
        ("Net R a day", signed(get("mean_r_old")), signed(get("mean_r_new"))),
        ("Trades", count(get("trades_old")), count(get("trades_new"))),
    ]
    seen = get("sets_seen")
    times = (
        "for the first time"
        if seen == 1
        else f"{count(seen)} sets have seen it, so it proves less"
    )
    return h(
        "div",
        h("h4", f"Hold-out, {found['first']} to {found['last']}"),
        _table("Hold-out before and after", ("", "Before", "After"), rows),
        h("p", f"{count(get('sessions'))} sessions; {times}.", class_="faint"),
    )


def _evidence(event: Event) -> Markup:
    found = event["evidence"]
    get = found.get
    rows = [
        ("Out of sample, R a trade", signed(get("out_of_sample_expectancy_r"))),
        ("Daily lower bound, R", signed(get("out_of_sample_daily_lower_r"))),
        ("Overfitting (PBO)", percent(get("pbo"), 0)),
        ("DSR at effective tries", percent(get("dsr_effective"), 0)),
        ("SPA p, adjusted", plain(get("spa_p_adjusted"), 3)),
        ("Tries ever", count(get("tries_ever"))),
    ]
    data = event["data"]
    return h(
        "div",
        h("h4", "Evidence of the sweep"),
        _table("Evidence", ("", "Found"), rows),
        h(
            "p",
            f"{', '.join(data['symbols'])}, {data['first']} to {data['last']}. {get('summary')}",
            class_="faint",
        ),
    )


def _parameters(old: Mapping[str, float], new: Mapping[str, float]) -> Markup:
    rows = []
    for name, value in new.items():
        before = old.get(name)
        change = UNKNOWN
        if before == value:
            change = "same"
        elif before:
            change = f"{signed(100 * (value / before - 1), 0)}\N{NO-BREAK SPACE}%"
        rows.append((name, short(before), short(value), change))
    changed = [row[3] != "same" for row in rows]
    return h(
        "div",
        h("h4", "Parameters"),
        _table("Parameters", ("Parameter", "Before", "After", "Change"), rows, marked=changed),
    )


def _table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    marked: Sequence[bool] | None = None,
) -> Markup:
    marks = marked or [False] * len(rows)
    body = [
        h(
            "tr",
            h("th", row[0], scope="row"),
            (h("td", cell, class_="num") for cell in row[1:]),
            class_="differs" if mark else None,
        )
        for row, mark in zip(rows, marks, strict=True)
    ]
    head = h(
        "tr",
        h("th", heads[0], scope="col") if heads[0] else h("td"),
        (h("th", text, scope="col", class_="num") for text in heads[1:]),
    )
    return table(title, head, body)
