"""The leaderboard: final, configured and best sets, for all symbols and for each of them."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from sweep.engine.metrics import wilson
from sweep.report.console import NEEDS_IMPROVEMENT, TOP, needs_improvement
from sweep.report.page.markup import breakable, h, table
from sweep.report.page.scales import UNKNOWN, count, percent, plain, signed
from sweep.report.page.source import SweepFolder
from sweep.report.page.verdict_part import by_verdict, chip, verdict_of

BEST = 10
"""Best sets of a detector that are listed, beside the final and the configured one."""
MOST_ROWS = 4_000
ALL = "all symbols"

_METRICS = (
    "trades",
    "win_rate",
    "win_rate_low",
    "win_rate_high",
    "breakeven_win_rate",
    "expectancy_r",
    "expectancy_gross_r",
    "profit_factor",
    "total_r",
    "daily_lcb_r",
    "max_drawdown_r",
)
_COLUMNS = (
    ("Detector", "text"),
    ("Set", "text"),
    ("Symbol", "text"),
    ("Trades", "num"),
    ("Won, 95 %", "num"),
    ("Break-even", "num"),
    ("Net R", "num"),
    ("Gross R", "num"),
    ("PF", "num"),
    ("Total R", "num"),
    ("LCB a day", "num"),
    ("Drawdown", "num"),
    ("State", "text"),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line; `state` is traded, no trade, or why it could not be tested."""

    detector: str
    set_id: str
    role: str
    symbol: str
    state: str
    metrics: Mapping[str, float]

    @property
    def improve(self) -> bool:
        """Return True where too few trades win, by the seed's measure and by break-even."""
        return self.metrics.get("trades", 0) > 0 and needs_improvement(self.metrics)


def leaderboard_rows(sweep: SweepFolder) -> list[Row]:
    """Return the rows of all detectors, what holds first, those not evaluable last."""
    rows: list[Row] = []
    for name in by_verdict(sweep):
        about = sweep.detectors[name]
        if about["reason"]:
            rows.append(Row(name, "", "", ALL, f"not evaluable: {about['reason']}", {}))
        elif sweep.has("parameter_sets.parquet"):
            rows += _of_detector(sweep, name)
    return rows[:MOST_ROWS]


def _of_detector(sweep: SweepFolder, name: str) -> Iterator[Row]:
    about = sweep.detectors[name]
    final, configured = about["chosen"]["final"], about["configured"]
    table = sweep.sets(name)
    listed: list[Row] = []
    if "rank" in table.column_names:
        wanted = pc.or_kleene(
            pc.less_equal(table["rank"], BEST), pc.equal(table["set_id"], final or "")
        )
        for row in table.filter(wanted).to_pylist():
            role = "final" if row["set_id"] == final else f"rank {row['rank']}"
            if row["status"] == "infeasible":
                role += ", breaks a constraint"
            listed.append(_row(name, row["set_id"], role, row))
    own = _row(name, configured["set_id"], "configured", configured["metrics"])
    listed = [*sorted(listed, key=lambda r: r.role != "final"), own]
    breakdowns = sweep.breakdowns(name)
    by_symbol = {} if breakdowns is None else _by_symbol(breakdowns)
    for row in listed:
        yield row
        for symbol in about["symbols"]:
            found = by_symbol.get((row.set_id, symbol))
            if symbol in about["unjudged"]:
                state = f"not evaluable: {about['unjudged'][symbol]}"
            else:
                state = "traded" if found else "no trade"
            yield dataclasses.replace(row, symbol=symbol, metrics=found or {}, state=state)


def _row(detector: str, set_id: str, role: str, found: Mapping[str, Any]) -> Row:
    metrics = {
        k: math.nan if found.get(k) is None else float(found[k]) for k in _METRICS if k in found
    }
    state = "traded" if metrics.get("trades", 0) else "no trade"
    return Row(detector, set_id, role, ALL, state, metrics)


def _by_symbol(table: pa.Table) -> dict[tuple[str, str], dict[str, float]]:
    """Return (set, symbol) -> metrics, completed by what follows from them."""
    rows = table.filter(pc.equal(table["by"], "symbol")).to_pylist()
    wins, trades = (np.array([float(r[k]) for r in rows]) for k in ("wins", "trades"))
    low, high = wilson(wins, trades) if rows else (wins, wins)
    found = {}
    for place, row in enumerate(rows):
        w, factor = row["win_rate"], row["profit_factor"]
        payoff = factor * (1 - w) / w if w > 0 and math.isfinite(factor) else math.nan
        found[row["set_id"], row["value"]] = {
            **{k: float(row[k]) for k in row if k in _METRICS},
            "win_rate_low": float(low[place]),
            "win_rate_high": float(high[place]),
            "breakeven_win_rate": 1 / (1 + payoff),
        }
    return found


def leaderboard(sweep: SweepFolder, rows: Sequence[Row]) -> Markup:
    """Return filters, the table, and who is best and worst."""
    head = h(
        "tr",
        (
            h("th", h("button", text, type="button"), scope="col", class_=kind, data_sort=kind)
            for text, kind in _COLUMNS
        ),
    )
    body = [_line(sweep, row) for row in rows]
    return h(
        "div",
        _ranking(sweep, rows),
        _filters(rows),
        table(
            "Leaderboard, sortable by its column heads",
            head,
            body,
            kind="leaders",
            name="leaders",
            tall=True,
        ),
        h("p", id="leaders-count", class_="faint", role="status"),
    )


def _line(sweep: SweepFolder, row: Row) -> Markup:
    found = row.metrics
    get = found.get
    won = UNKNOWN
    if get("trades"):
        span = (
            f" [{percent(get('win_rate_low'), 0)[:-2]}, {percent(get('win_rate_high'), 0)[:-2]}]"
        )
        won = percent(get("win_rate")) + span
    cells = [
        (row.detector, h("a", breakable(row.detector), href=f"#d-{row.detector}")),
        (_order(row.role), h("span", row.role, title=row.set_id)),
        (row.symbol, row.symbol),
        (get("trades"), count(get("trades"))),
        (get("win_rate"), won),
        (get("breakeven_win_rate"), percent(get("breakeven_win_rate"))),
        (get("expectancy_r"), signed(get("expectancy_r"))),
        (get("expectancy_gross_r"), signed(get("expectancy_gross_r"))),
        (get("profit_factor"), plain(get("profit_factor"))),
        (get("total_r"), signed(get("total_r"), 1)),
        (get("daily_lcb_r"), signed(get("daily_lcb_r"))),
        (get("max_drawdown_r"), plain(get("max_drawdown_r"), 1)),
        (
            row.state,
            [row.state, h("span", " needs improvement", class_="flag") if row.improve else None],
        ),
    ]
    return h(
        "tr",
        (
            h("td", shown, class_=kind, data_v=_sortable(value))
            for (value, shown), (_, kind) in zip(cells, _COLUMNS, strict=True)
        ),
        data_detector=row.detector,
        data_symbol=row.symbol,
        data_role=row.role.split(",")[0].split(" ")[0],
        data_improve="1" if row.improve else None,
        data_verdict=verdict_of(sweep, row.detector),
        hidden=row.symbol != ALL,
    )


def _order(role: str) -> str:
    """Return a role as text that sorts by rank."""
    return "".join(part.zfill(4) if part.isdigit() else part for part in role.split(" "))


def _sortable(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.8g}" if not math.isnan(value) else ""
    return "" if value is None else value


def _filters(rows: Sequence[Row]) -> Markup:
    detectors = list(dict.fromkeys(row.detector for row in rows))
    symbols = [ALL, *sorted({row.symbol for row in rows} - {ALL})]
    sets = (
        ("final configured", "final and configured"),
        ("", "final, configured and best"),
        ("final", "final only"),
        ("configured", "configured only"),
        ("rank", "best of the search only"),
        ("improve", "needs improvement"),
    )
    return h(
        "form",
        _select("f-detector", "Detector", [("", "all detectors"), *((d, d) for d in detectors)]),
        _select("f-symbol", "Symbol", [(s, s) for s in symbols]),
        _select("f-set", "Sets", sets),
        class_="filters",
        id="leader-filters",
    )


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> Markup:
    return h(
        "label",
        h("span", label),
        h("select", (h("option", text, value=value) for value, text in options), id=name),
    )


def _ranking(sweep: SweepFolder, rows: Sequence[Row]) -> Markup:
    """Return the top performers and those that need improvement, of the final sets."""
    final = [r for r in rows if r.role.startswith("final") and r.symbol == ALL]
    ranked = sorted(
        (r for r in final if r.metrics.get("trades", 0)), key=lambda r: -r.metrics["win_rate"]
    )
    weak = [r for r in reversed(ranked) if r.improve]
    best = [r for r in ranked if r.metrics["profit_factor"] > 1 and not r.improve][:TOP]
    return h(
        "div",
        _list(sweep, "Top performers", "by win rate, profit factor above 1", best),
        _list(
            sweep,
            "Needs improvement",
            f"win rate below {percent(NEEDS_IMPROVEMENT, 0)} and below its break-even",
            weak,
        ),
        class_="pair",
    )


def _list(sweep: SweepFolder, title: str, what: str, rows: Sequence[Row]) -> Markup:
    items = [
        h(
            "li",
            h("a", breakable(row.detector), href=f"#d-{row.detector}"),
            h(
                "span",
                f"{percent(row.metrics['win_rate'])} of {count(row.metrics['trades'])}, "
                f"break-even {percent(row.metrics['breakeven_win_rate'])}",
                class_="num",
            ),
            chip(verdict_of(sweep, row.detector)),
        )
        for row in rows
    ]
    return h(
        "section",
        h("h3", title, h("small", f" {what}, final sets, in sample")),
        h("ol", items, class_="ranking") if items else h("p", "none", class_="faint"),
        class_="panel",
    )
