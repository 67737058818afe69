"""Everything about one detector: facts, equity, evidence, parameters, costs, trades, funnel."""

import math
from collections.abc import Sequence

import pyarrow.compute as pc
from markupsafe import Markup

from sweep.report.page import groups
from sweep.report.page.costs_part import costs
from sweep.report.page.distribution import histogram
from sweep.report.page.equity import equity
from sweep.report.page.folds_part import fold_table, month_table
from sweep.report.page.funnel_part import funnel, state_bar
from sweep.report.page.markup import h, table
from sweep.report.page.pareto import pareto
from sweep.report.page.scales import UNKNOWN, count, percent, plain, short, signed
from sweep.report.page.scatter import scatter
from sweep.report.page.source import PARAM, Document, SweepFolder, column
from sweep.report.page.surfaces import landscape
from sweep.report.page.verdict_part import chip, verdict_of, why
from sweep.report.readings import readings


def detector_part(sweep: SweepFolder, name: str) -> Markup:
    """Return the section of one detector."""
    about, evidence = sweep.detectors[name], sweep.evidence.get(name, {})
    head = h("h3", name, " ", chip(verdict_of(sweep, name)))
    summary = h("p", why(about, evidence), class_="lead")
    if about["reason"]:
        return h("section", head, summary, id=f"d-{name}", class_="detector")
    final, configured = about["chosen"]["final"], about["configured"]["set_id"]
    shown = final or configured
    return h(
        "section",
        head,
        summary,
        _tiles(evidence),
        equity(
            sweep.stitched(name),
            sweep.days(name),
            sweep.daily(name, final),
            sweep.daily(name, configured),
        ),
        month_table(sweep.stitched(name)),
        _criteria(evidence),
        fold_table(sweep, name),
        h(
            "div",
            scatter(sweep.fold_scores(name), evidence, about["chosen"]["folds"]),
            pareto(sweep.sets(name), sweep.objectives, final),
            costs(sweep, name),
            class_="grid",
        ),
        _parameters(sweep, name),
        landscape(sweep, name),
        _trades(sweep, name, shown),
        h("h4", "Where signals are lost"),
        state_bar(sweep.states(name, shown)),
        funnel(sweep.funnel(name, shown)),
        id=f"d-{name}",
        class_="detector",
    )


def _tiles(evidence: Document) -> Markup:
    outside, final = evidence.get("out_of_sample") or {}, evidence.get("final") or {}
    expectancy, walk = outside.get("expectancy_r") or {}, outside.get("walk_forward") or {}
    tries = evidence.get("tries") or {}
    dsr = (final.get("dsr_effective") or {}).get("dsr")
    low, high = (signed(expectancy.get(end), 2) for end in ("low", "high"))
    drawdown = outside.get("drawdown_r") or {}
    tiles = [
        (
            "Out of sample",
            signed(expectancy.get("estimate")),
            f"R a trade, {low} to {high}",
        ),
        ("Trades", count(outside.get("trades")), f"on {count(outside.get('active_days'))} days"),
        (
            "Walk-forward efficiency",
            plain(walk.get("efficiency")),
            "out of sample over in sample; 1 loses nothing",
        ),
        (
            "Deflated Sharpe",
            percent(dsr, 0),
            f"chance to beat the luck of {count(tries.get('effective'))} effective tries",
        ),
        (
            "Overfitting (PBO)",
            percent((evidence.get("overfitting") or {}).get("pbo"), 0),
            "50\N{NO-BREAK SPACE}% is noise, below 30\N{NO-BREAK SPACE}% is asked",
        ),
        (
            "Tried",
            count(tries.get("sweep")),
            f"sets here, {count(tries.get('ever'))} ever on these sessions",
        ),
        (
            "Worst drawdown",
            plain(drawdown.get("actual"), 1),
            f"R; one in twenty resamplings is worse than {plain(drawdown.get('high'), 1)}",
        ),
    ]
    return h(
        "dl",
        (
            h("div", h("dt", title), h("dd", h("b", value), h("small", note)))
            for title, value, note in tiles
        ),
        class_="tiles",
    )


def _criteria(evidence: Document) -> Markup | None:
    if not evidence:
        return None
    rows = [
        h(
            "tr",
            h("th", groups.words(c["name"]), scope="row"),
            h("td", _sign(met=c["met"]), class_="mid"),
            h("td", _value(c["value"]), class_="num"),
            h("td", c["threshold"], class_="num"),
            h("td", c["sentence"]),
        )
        for c in evidence["criteria"]
    ]
    head = h(
        "tr", (h("th", t, scope="col") for t in ("Asked", "Met", "Found", "Limit", "Reading"))
    )
    shown = table("Evidence", head, rows, kind="criteria")
    return h(
        "div",
        h("h4", "Evidence"),
        shown,
        h("dl", (_reading(sentence) for sentence in readings(evidence)), class_="readings"),
    )


def _reading(sentence: str) -> Markup:
    """Return a reading, "what: how it stands", as a term and what is said of it."""
    what, _, said = sentence.partition(": ")
    return h("div", h("dt", what), h("dd", said))


def _sign(*, met: bool) -> Markup:
    sign = "\N{CHECK MARK}" if met else "\N{MULTIPLICATION X}"
    return h(
        "span",
        h("span", sign, aria_hidden="true"),
        h("span", "yes" if met else "no", class_="hidden"),
        class_="yes" if met else "no",
    )


def _value(value: object) -> str:
    if isinstance(value, float):
        return plain(value, 3)
    return count(value) if isinstance(value, int) else str(value or UNKNOWN)


def _parameters(sweep: SweepFolder, name: str) -> Markup:
    """Return every parameter: configured, final, searched."""
    about = sweep.detectors[name]
    final = about["chosen"]["final"]
    chosen = final_parameters(sweep, name)
    edges = set((sweep.evidence.get(name) or {}).get("range_edges", ()))
    rows = []
    for parameter, value in about["configured"]["parameters"].items():
        new, wanted = chosen.get(parameter), about["space"].get(parameter)
        changed = new is not None and not math.isclose(new, value, rel_tol=1e-9)
        note = "at the end of its range" if parameter in edges else ""
        rows.append(
            h(
                "tr",
                h("th", parameter, scope="row"),
                h("td", short(value), class_="num"),
                h(
                    "td",
                    short(new),
                    class_="num strong" if changed else "num",
                ),
                h("td", _range(wanted), class_="num"),
                h("td", note, class_="flag"),
            )
        )
    heads = ("Parameter", "Configured", "Final", "Searched", "")
    head = h("tr", (h("th", t, scope="col") if t else h("td") for t in heads))
    shown = table(f"Parameters; final set {final or UNKNOWN}", head, rows, kind="parameters")
    return h(
        "details",
        h("summary", f"Parameters of the final set {final or UNKNOWN}"),
        shown,
    )


def final_parameters(sweep: SweepFolder, name: str) -> dict[str, float]:
    """Return the parameters of the final set of a detector, none where there is none."""
    final = sweep.detectors[name]["chosen"]["final"]
    if not final:
        return {}
    table = sweep.sets(name)
    row = table.filter(pc.equal(table["set_id"], final)).to_pylist()[0]
    return {k.removeprefix(PARAM): float(v) for k, v in row.items() if k.startswith(PARAM)}


def _range(wanted: Sequence[object] | float | None) -> str:
    if wanted is None or isinstance(wanted, float | int):
        return UNKNOWN if wanted is None else f"fixed at {short(wanted)}"
    numbers = [short(v) for v in wanted[1:] if isinstance(v, float | int)]
    if wanted[0] == "choice":
        return ", ".join(numbers)
    step = f" by {numbers[2]}" if wanted[0] == "step" else ""
    scale = ", log" if str(wanted[0]).startswith("log") else ""
    return f"{numbers[0]} to {numbers[1]}{step}{scale}"


def _trades(sweep: SweepFolder, name: str, set_id: str) -> Markup | None:
    trades = sweep.trades(name)
    mine = trades.filter(pc.equal(trades["set_id"], set_id))
    if len(mine) == 0:
        return None
    charts = [
        groups.chart(title, found, note) for title, note, found in groups.grouped_trades(mine)
    ]
    rows = sweep.breakdowns(name)
    if rows is not None:
        charts.append(
            groups.chart("By market regime", groups.from_breakdown(rows, "regime", set_id))
        )
    charts.append(histogram(column(mine, "r_net")))
    return h(
        "div",
        h("h4", f"When it earns: {len(mine):,} trades of the {sweep.chosen(name)[set_id]} set"),
        h(
            "p",
            "In sample; bars are mean net R, lines their 95 % interval, at the right the win rate "
            "and trades. Few trades say little: with this many groups some look good by luck. ",
            h("a", "See these trades one by one", href="#browser", data_trades=name),
            class_="faint",
        ),
        h("div", charts, class_="grid three"),
    )
