"""How the objective depends on the parameters: maps of pairs to choose from, and slices."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup

from detectors.bars import Float, Int
from sweep.evidence.plateau import neighbours_among
from sweep.report.page.binning import (
    Axis,
    axes_of,
    grouped_median,
    grouped_quantiles,
    importance,
)
from sweep.report.page.markup import h
from sweep.report.page.plot import SMALL, Plot, figure
from sweep.report.page.scales import extent, percent, signed
from sweep.report.page.session_bars import packed
from sweep.report.page.source import SweepFolder, column

SHADES = 5  # on either side of zero


@dataclasses.dataclass(frozen=True)
class Landscape:
    """Evaluated sets of one detector.

    Attributes
    ----------
    axes
        Searched parameters.
    objective
        float64 [sets], finite.
    final
        Row of the final set, None where there is none.
    configured
        Configured value of every parameter.
    """

    axes: Sequence[Axis]
    objective: Float
    final: int | None
    configured: Mapping[str, float]

    @functools.cached_property
    def ranks(self) -> Float:
        """Return the ranks of the objective, equal values at the mean of theirs."""
        from scipy import stats  # noqa: PLC0415 - slow

        return np.asarray(stats.rankdata(self.objective), np.float64)

    @functools.cached_property
    def plateau(self) -> Int:
        """Return the rows whose results the final set was judged by: its nearest sets."""
        from scipy import spatial, stats  # noqa: PLC0415 - slow

        n = len(self.objective)
        if self.final is None or n < 3:
            return np.empty(0, np.int64)
        points = np.stack([axis.values for axis in self.axes], axis=1)
        ranks = (stats.rankdata(points, axis=0) - 1) / (n - 1)
        _, near = spatial.KDTree(ranks).query(ranks[self.final], k=neighbours_among(n) + 1)
        found = np.atleast_1d(near).astype(np.int64)
        others: Int = found[found != self.final]
        return others

    def ranked(self) -> list[tuple[float, Axis]]:
        """Return the axes with their importance, the most important one first."""
        weighed = [(importance(self.ranks, a.place, len(a.centres)), a) for a in self.axes]
        return sorted(weighed, key=lambda one: -one[0])


def slices(land: Landscape, name: str) -> list[Markup]:
    """Return one small chart a parameter: median and middle half of the objective by value."""
    found = []
    everything = [
        grouped_quantiles(land.objective, a.place, len(a.centres), (0.25, 0.5, 0.75))
        for a in land.axes
    ]
    shared = extent(np.concatenate([q.ravel() for q in everything]), zero=True, pad=0.08)
    quantiles = {a.name: q for a, q in zip(land.axes, everything, strict=True)}
    for weight, axis in land.ranked():
        found.append(_slice(land, axis, quantiles[axis.name], shared, weight, name))
    return found


def _slice(
    land: Landscape,
    axis: Axis,
    quantiles: Float,
    shared: tuple[float, float],
    weight: float,
    name: str,
) -> Markup:
    width = (float(axis.edges[0]), float(axis.edges[-1]))
    chart = Plot(SMALL, width, shared, left=48, bottom=40, log_x=axis.log)
    chart.grid(axis.name, name, y_count=4, x_count=4)
    low, mid, high = quantiles
    good = np.isfinite(mid)
    at = axis.centres[good]
    upper = [(chart.sx(x), chart.sy(y)) for x, y in zip(at, high[good], strict=True)]
    lower = [(chart.sx(x), chart.sy(y)) for x, y in zip(at, low[good], strict=True)]
    line = [(chart.sx(x), chart.sy(y)) for x, y in zip(at, mid[good], strict=True)]
    outline = "M" + "L".join(f"{x:g} {y:g}" for x, y in [*upper, *reversed(lower)]) + "Z"
    chart.add(h("path", d=outline, class_="band grey"))
    chart.add(h("path", d="M" + "L".join(f"{x:g} {y:g}" for x, y in line), class_="line grey"))
    chart.add(*(_value_mark(chart, axis, land)))
    return figure(
        f"{axis.name} ({percent(weight, 0)} of the variance)",
        chart.svg(f"{name} by {axis.name}, median {_ends(mid[good])}", "small"),
    )


def _ends(medians: Float) -> str:
    if len(medians) == 0:
        return "unknown"
    return f"from {signed(float(medians[0]))} at the low end to {signed(float(medians[-1]))}"


def _value_mark(chart: Plot, axis: Axis, land: Landscape) -> list[Markup]:
    """Return the marks of the plateau, the configured and the final value at the foot."""
    base = chart.size[1] - chart.bottom
    marks = [
        h("line", x1=x, x2=x, y1=base - 7, y2=base, class_="near")
        for x in (chart.sx(float(v)) for v in axis.values[land.plateau])
    ]
    value = land.configured.get(axis.name)
    if value is not None and axis.edges[0] <= value <= axis.edges[-1]:
        x = chart.sx(value)
        marks.append(h("path", d=f"M{x - 5:g} {base}h10l-5 -9z", class_="configured-mark"))
    if land.final is not None:
        x = chart.sx(float(axis.values[land.final]))
        marks.append(h("line", x1=x, x2=x, y1=chart.top, y2=base, class_="final-line"))
    return marks


def pair_grids(land: Landscape) -> dict[str, Any]:
    """Return what a reader needs to draw any pair of parameters, whatever the number of sets.

    Parameters
    ----------
    land
        Evaluated sets.

    Returns
    -------
    dict
        `axes` (name, edges and middles of the bins, values of the final set, of the configured
        one and of the plateau), `pairs` (places of two axes, share of the variance they explain,
        median and number of sets of each cell, first axis outermost), the telling ones first.
    """
    axes = [
        {
            "name": axis.name,
            "log": bool(axis.log),
            "edges": _rounded(axis.edges),
            "centres": _rounded(axis.centres),
            "final": None if land.final is None else _rounded(axis.values[[land.final]])[0],
            "configured": land.configured.get(axis.name),
            "near": _rounded(axis.values[land.plateau]),
        }
        for axis in land.axes
    ]
    pairs = []
    for (i, a), (j, b) in itertools.combinations(enumerate(land.axes), 2):
        cells = len(a.centres) * len(b.centres)
        place = a.place * len(b.centres) + b.place
        pairs.append(
            {
                "axes": [i, j],
                "share": round(importance(land.ranks, place, cells), 4),
                "median": _rounded(grouped_median(land.objective, place, cells)),
                "sets": np.bincount(place, minlength=cells).tolist(),
            }
        )
    return {"axes": axes, "pairs": sorted(pairs, key=lambda one: -one["share"])}


def _rounded(values: Float) -> list[float | None]:
    """Return values with five digits, None for NaN: what a screen can show."""
    return [float(f"{v:.5g}") if math.isfinite(v) else None for v in values.tolist()]


def shade(value: float, reach: float) -> str:
    """Return the class of a value: p1 to p5 above zero, n1 to n5 below, z at zero."""
    step = min(SHADES, math.ceil(abs(value) / reach * SHADES)) if reach > 0 else 0
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def landscape(sweep: SweepFolder, name: str) -> Markup | None:
    """Return maps of two parameters that the reader chooses, and a slice along each."""
    about, table = sweep.detectors[name], sweep.sets(name)
    objective = column(table, "objective")
    rows = np.isfinite(objective)
    axes = axes_of(about["space"], table, rows) if rows.sum() >= 8 else []
    if not axes:
        return None
    final_id = about["chosen"]["final"] or ""
    place = np.flatnonzero(pc.equal(table["set_id"], final_id).to_numpy()[rows])
    final = int(place[0]) if len(place) else None
    land = Landscape(axes, objective[rows], final, about["configured"]["parameters"])
    what = sweep.objectives[0]
    return h(
        "div",
        h("h4", "How the result depends on the parameters"),
        h(
            "p",
            f"Median {what} of {int(rows.sum()):,} sets, all sessions outside the hold-out. "
            "A set on a broad plateau is worth more than a peak. Small marks: the sets nearest to "
            "the final one, by whose median it was chosen.",
            class_="faint",
        ),
        _maps(land, what) if len(axes) > 1 else None,
        h(
            "details",
            h("summary", "Every parameter by itself"),
            h("div", slices(land, what), class_="grid three"),
        ),
    )


def _maps(land: Landscape, what: str) -> Markup:
    """Return the frame of two maps with their choices; `report.js` draws them."""
    frames = [
        h(
            "figure",
            h(
                "form",
                (
                    h(
                        "label",
                        h("span", text, h("span", f", map {k}", class_="hidden")),
                        h("select", class_=f"m-{axis}"),
                    )
                    for axis, text in (("x", "Across"), ("y", "Up"))
                ),
                class_="filters",
            ),
            h("div", class_="map", role="group", aria_label=f"Map {k}", aria_live="polite"),
            class_="chooser",
        )
        for k in (1, 2)
    ]
    return h(
        "div",
        h("p", "The maps need JavaScript.", class_="no-script"),
        h("div", frames, class_="grid"),
        h("script", packed(pair_grids(land)), type="text/plain"),
        class_="maps",
        data_what=what,
    )
