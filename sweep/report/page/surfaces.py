"""How the objective depends on the parameters: slices, and maps of the pairs that matter most."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from scipy import spatial, stats

from detectors.bars import Float, Int
from sweep.evidence.plateau import neighbours_among
from sweep.report.page.binning import Axis, grouped_median, grouped_quantiles, importance
from sweep.report.page.markup import h
from sweep.report.page.plot import NARROW, SMALL, Plot, figure, legend, ring
from sweep.report.page.scales import extent, percent, short, signed

MAPS = 4
SHADES = 5  # on either side of zero


@dataclasses.dataclass(frozen=True)
class Landscape:
    """Evaluated sets of one detector.

    Attributes
    ----------
    axes
        Searched parameters.
    objective
        float64 [sets].
    final
        Row of the final set, None where there is none.
    configured
        Configured value of every parameter.
    """

    axes: Sequence[Axis]
    objective: Float
    final: int | None
    configured: Mapping[str, float]

    def plateau(self) -> Int:
        """Return the rows whose results the final set was judged by: its nearest sets."""
        known = np.flatnonzero(np.isfinite(self.objective))
        if self.final is None or len(known) < 3 or self.final not in known:
            return np.empty(0, np.int64)
        points = np.stack([axis.values[known] for axis in self.axes], axis=1)
        ranks = (stats.rankdata(points, axis=0) - 1) / max(len(known) - 1, 1)
        mine = ranks[np.searchsorted(known, self.final)]
        _, near = spatial.KDTree(ranks).query(mine, k=neighbours_among(len(known)) + 1)
        found = known[np.atleast_1d(near)]
        others: Int = found[found != self.final]
        return others

    def ranked(self) -> list[tuple[float, Axis]]:
        """Return the axes with their importance, the most important one first."""
        weighed = [(importance(self.objective, a.place, len(a.centres)), a) for a in self.axes]
        return sorted(weighed, key=lambda one: -one[0])


def slices(land: Landscape, name: str) -> list[Markup]:
    """Return one small chart a parameter: median and middle half of the objective by value."""
    plateau = land.plateau()
    found = []
    everything = [
        grouped_quantiles(land.objective, a.place, len(a.centres), (0.25, 0.5, 0.75))
        for a in land.axes
    ]
    shared = extent(np.concatenate([q.ravel() for q in everything]), zero=True, pad=0.08)
    quantiles = {a.name: q for a, q in zip(land.axes, everything, strict=True)}
    for weight, axis in land.ranked():
        found.append(_slice(land, axis, quantiles[axis.name], shared, weight, plateau, name))
    return found


def _slice(
    land: Landscape,
    axis: Axis,
    quantiles: Float,
    shared: tuple[float, float],
    weight: float,
    plateau: Int,
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
    chart.add(*(_value_mark(chart, axis, land, plateau)))
    return figure(
        f"{axis.name} ({percent(weight, 0)} of the variance)",
        chart.svg(f"{name} by {axis.name}, median {_ends(mid[good])}", "small"),
    )


def _ends(medians: Float) -> str:
    if len(medians) == 0:
        return "unknown"
    return f"from {signed(float(medians[0]))} at the low end to {signed(float(medians[-1]))}"


def _value_mark(chart: Plot, axis: Axis, land: Landscape, plateau: Int) -> list[Markup]:
    """Return the marks of the plateau, the configured and the final value at the foot."""
    base = chart.size[1] - chart.bottom
    marks = [
        h("line", x1=x, x2=x, y1=base - 7, y2=base, class_="near")
        for x in (chart.sx(float(v)) for v in axis.values[plateau])
    ]
    value = land.configured.get(axis.name)
    if value is not None and axis.edges[0] <= value <= axis.edges[-1]:
        x = chart.sx(value)
        marks.append(h("path", d=f"M{x - 5:g} {base}h10l-5 -9z", class_="configured-mark"))
    if land.final is not None:
        x = chart.sx(float(axis.values[land.final]))
        marks.append(h("line", x1=x, x2=x, y1=chart.top, y2=base, class_="final-line"))
    return marks


def maps(land: Landscape, name: str) -> list[Markup]:
    """Return maps of the pairs of parameters that explain most of the objective."""
    pairs = []
    for a, b in itertools.combinations(land.axes, 2):
        cell = a.place * len(b.centres) + b.place
        pairs.append((importance(land.objective, cell, len(a.centres) * len(b.centres)), a, b))
    pairs.sort(key=lambda one: -one[0])
    plateau = land.plateau()
    return [_map(land, a, b, name, plateau) for _, a, b in pairs[:MAPS]]


def _map(land: Landscape, a: Axis, b: Axis, name: str, plateau: Int) -> Markup:
    wide, tall = len(a.centres), len(b.centres)
    cells = grouped_median(land.objective, a.place * tall + b.place, wide * tall)
    counts = np.bincount(a.place * tall + b.place, minlength=wide * tall)
    chart = Plot(
        NARROW,
        (float(a.edges[0]), float(a.edges[-1])),
        (float(b.edges[0]), float(b.edges[-1])),
        left=64,
        log_x=a.log,
        log_y=b.log,
    )
    reach = float(np.nanquantile(np.abs(cells), 0.95)) if np.isfinite(cells).any() else 1.0
    for i, j in itertools.product(range(wide), range(tall)):
        value = float(cells[i * tall + j])
        if not math.isnan(value):
            chart.add(_cell(chart, a, b, (i, j), value, reach, int(counts[i * tall + j]), name))
    chart.grid(a.name, b.name, lines=False)
    for row in plateau.tolist():
        chart.add(
            h("circle", cx=chart.sx(a.values[row]), cy=chart.sy(b.values[row]), r=3, class_="near")
        )
    if land.final is not None:
        where = (chart.sx(float(a.values[land.final])), chart.sy(float(b.values[land.final])))
        chart.add(ring(*where, 8))
    best = int(np.nanargmax(cells)) if np.isfinite(cells).any() else 0
    spoken = (
        f"Median {name} by {a.name} and {b.name}; best cell {signed(float(cells[best]))} at "
        f"{short(float(a.centres[best // tall]))}, {short(float(b.centres[best % tall]))}"
    )
    return figure(f"{a.name} and {b.name}", chart.svg(spoken), legend=shade_legend(reach))


def _cell(
    chart: Plot,
    a: Axis,
    b: Axis,
    at: tuple[int, int],
    value: float,
    reach: float,
    n: int,
    name: str,
) -> Markup:
    left, right = chart.sx(float(a.edges[at[0]])), chart.sx(float(a.edges[at[0] + 1]))
    low, top = chart.sy(float(b.edges[at[1]])), chart.sy(float(b.edges[at[1] + 1]))
    where = f"{a.name} {short(float(a.centres[at[0]]))}, {b.name} {short(float(b.centres[at[1]]))}"
    return h(
        "rect",
        x=left,
        y=top,
        width=round(right - left, 2),
        height=round(low - top, 2),
        class_=f"cell {shade(value, reach)}",
        data_tip=f"{where}: median {name} {signed(value)} of {n:,} sets",
    )


def shade(value: float, reach: float) -> str:
    """Return the class of a value: p1 to p5 above zero, n1 to n5 below, z at zero."""
    step = min(SHADES, math.ceil(abs(value) / reach * SHADES)) if reach > 0 else 0
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def shade_legend(reach: float) -> Markup:
    """Return the legend of a map."""
    steps = [*(f"n{k}" for k in range(SHADES, 0, -1)), *(f"p{k}" for k in range(1, SHADES + 1))]
    bar = h("span", (h("i", class_=step) for step in steps), class_="ramp", aria_hidden="true")
    return h(
        "div",
        h("span", signed(-reach, 2), class_="num"),
        bar,
        h("span", signed(reach, 2), class_="num"),
        legend(("ring", "final set"), ("near", "its plateau")),
        class_="shades",
    )
