"""Out of sample in pieces: fold by fold with the set that each chose, and month by month."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import UNKNOWN, count, signed
from sweep.report.page.source import Stitched, SweepFolder, column
from sweep.report.page.surfaces import shade

_MONTHS = [dt.date(2000, month, 1).strftime("%b") for month in range(1, 13)]
_PALE = 3 / 5  # the strongest shade that text can be read on


def fold_table(sweep: SweepFolder, name: str) -> Markup | None:
    """Return one row a fold: what was chosen on which sessions, and what came after."""
    about, scores = sweep.detectors[name], sweep.fold_scores(name)
    folds, chosen = about["folds"], about["chosen"]["folds"]
    if not folds or not chosen or scores is None:
        return None
    days = sweep.days(name)
    rows = []
    for place, (fold, set_id) in enumerate(zip(folds, chosen, strict=True)):
        seen, after = ([days[k] for k in fold[part]] for part in ("in_sample", "out_of_sample"))
        objective, mean, trades = _scored(scores, set_id, place)
        cells = (signed(objective), signed(mean), signed(mean * len(after), 1), count(trades))
        rows.append(
            h(
                "tr",
                h("th", place + 1, scope="row", class_="num"),
                h("td", _range(seen)),
                h("td", _range(after)),
                h("td", h("code", set_id[:9] if set_id else UNKNOWN, title=set_id)),
                (h("td", cell, class_="num") for cell in cells),
            )
        )
    heads = (
        ("Fold", "num"),
        ("Chosen on", ""),
        ("Judged on", ""),
        ("Set", ""),
        ("Objective in sample", "num"),
        ("R a day out of sample", "num"),
        ("R in all", "num"),
        ("Trades", "num"),
    )
    head = h("tr", (h("th", t, scope="col", class_=kind or None) for t, kind in heads))
    return h("div", h("h4", "Fold by fold"), table("Folds", head, rows, kind="folds"))


def _range(days: list[dt.date]) -> str:
    if not days:
        return UNKNOWN
    return f"{days[0]} to {days[-1]}, {len(days)} sessions"


def _scored(scores: pa.Table, set_id: str | None, fold: int) -> tuple[float, ...]:
    """Return objective in sample, mean R a day and trades out of sample of a set in a fold."""
    mine = scores.filter(
        pc.and_(pc.equal(scores["set_id"], set_id or ""), pc.equal(scores["fold"], fold))
    )
    names = ("in_sample_objective", "out_of_sample_mean_r", "out_of_sample_trades")
    return tuple(float(column(mine, one)[0]) if len(mine) else math.nan for one in names)


def month_table(stitched: Stitched | None) -> Markup | None:
    """Return the out-of-sample R of every month, a row a year."""
    if stitched is None:
        return None
    found: dict[tuple[int, int], float] = {}
    for day, net in zip(stitched.days, stitched.net.tolist(), strict=True):
        found[day.year, day.month] = found.get((day.year, day.month), 0.0) + net
    reach = float(np.abs(list(found.values())).max()) / _PALE
    rows = []
    for year in sorted({year for year, _ in found}):
        cells = [found.get((year, month)) for month in range(1, 13)]
        rows.append(
            h(
                "tr",
                h("th", year, scope="row"),
                (
                    h("td", signed(v, 1), class_=f"num {shade(v, reach)}")
                    if v is not None
                    else h("td")
                    for v in cells
                ),
                h("td", signed(sum(v for v in cells if v is not None), 1), class_="num strong"),
            )
        )
    head = h(
        "tr",
        h("th", "Year", scope="col"),
        (h("th", text, scope="col", class_="num") for text in (*_MONTHS, "Year")),
    )
    return h(
        "div",
        h("h4", "Out of sample, R by month"),
        table("Out of sample, R by month", head, rows, kind="months"),
    )
