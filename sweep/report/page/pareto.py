"""The Pareto front of several objectives: sets that no other set beats in all of them."""

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from sweep.report.page.markup import h
from sweep.report.page.plot import NARROW, Plot, figure, legend, ring
from sweep.report.page.scales import extent, path, short
from sweep.report.page.source import column

MOST_DOTS = 500


def pareto(table: pa.Table, objectives: list[str], final: str | None) -> Markup | None:
    """Return all sets by the first two objectives with the front; None for a single objective.

    Parameters
    ----------
    table
        Sets of one detector.
    objectives
        Metrics; one with a hyphen before it is minimised.
    final
        Id of the final set.
    """
    if len(objectives) < 2 or "pareto" not in table.column_names:
        return None
    names = [text.removeprefix("-") for text in objectives[:2]]
    x, y = (column(table, name) for name in names)
    known = np.isfinite(x) & np.isfinite(y)
    front = column(table, "pareto") == 1
    if not (known & front).any():
        return None
    kept = np.flatnonzero(known & ~front)
    kept = kept[:: max(1, len(kept) // MOST_DOTS)]
    chart = Plot(NARROW, extent(x[known]), extent(y[known]))
    chart.grid(*names)
    for row in kept.tolist():
        chart.add(h("circle", cx=chart.sx(x[row]), cy=chart.sy(y[row]), r=2.6, class_="dot"))
    rows = np.flatnonzero(known & front)
    rows = rows[np.argsort(x[rows], kind="stable")]
    points = [(chart.sx(float(x[row])), chart.sy(float(y[row]))) for row in rows]
    chart.add(h("path", d=path(points), class_="front"))
    for row, (left, top) in zip(rows.tolist(), points, strict=True):
        tip = f"{names[0]} {short(float(x[row]))}, {names[1]} {short(float(y[row]))}"
        chart.add(h("circle", cx=left, cy=top, r=4, class_="front-dot", data_tip=tip))
    mine = np.flatnonzero(np.array(table["set_id"].to_pylist()) == final)
    if len(mine) and known[mine[0]]:
        where = (chart.sx(float(x[mine[0]])), chart.sy(float(y[mine[0]])))
        chart.add(ring(*where, 8))
    more = "" if len(objectives) == 2 else f" Of {len(objectives)} objectives two are drawn."
    return figure(
        "Pareto front",
        chart.svg(f"{len(rows)} sets on the front of {names[0]} and {names[1]}"),
        f"{len(rows)} sets are beaten by none in all objectives at once.{more}",
        legend=legend(("front", "on the front"), ("dot", "other sets"), ("ring", "final set")),
    )
