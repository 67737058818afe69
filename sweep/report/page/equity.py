"""Cumulative R: the stitched out-of-sample series with its band against what was seen."""

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from detectors.bars import Float
from sweep.evidence.bootstrap import stationary_bootstrap_indices
from sweep.report.page.markup import h, join
from sweep.report.page.plot import NARROW, WIDE, Plot, figure, legend
from sweep.report.page.scales import extent, path, plain, signed
from sweep.report.page.source import Stitched

RESAMPLES = 1_000
MOST_POINTS = 320
DEEP = 110
KINDS = ("out", "in", "configured", "other")
"""Looks of a line, told apart without colour too."""


def bootstrap_band(daily: Float) -> tuple[Float, Float]:
    """Return the 2.5 % and 97.5 % quantile of cumulative resampled series, a value a session."""
    indices = stationary_bootstrap_indices(len(daily), n_resamples=RESAMPLES)
    paths = np.cumsum(daily[indices], axis=1)
    low, high = np.quantile(paths, (0.025, 0.975), axis=0)
    return low, high


def equity(
    stitched: Stitched | None,
    days: Sequence[dt.date],
    final: Float | None,
    configured: Float | None,
) -> Markup | None:
    """Return the equity chart; None where nothing was traded.

    Parameters
    ----------
    stitched
        Out-of-sample series.
    days
        Dates of the detector's axis.
    final, configured
        Daily net R of the final and the configured set on that axis.
    """
    if stitched is None and final is None:
        return None
    order = {day: place for place, day in enumerate(days)}
    lines: list[tuple[str, Float, Float]] = []
    for kind, series in (("configured", configured), ("in", final)):
        if series is not None:
            lines.append((kind, np.arange(len(series), dtype=float), np.cumsum(series)))
    band: tuple[Float, Float, Float] | None = None
    if stitched is not None:
        at = np.array([order[day] for day in stitched.days], dtype=float)
        low, high = bootstrap_band(stitched.net)
        band = (at, low, high)
        lines.append(("out", at, np.cumsum(stitched.net)))
    spoken = _spoken(stitched, final)
    drawn = []
    for size, ticks, kind in ((WIDE, 7, "wide"), (NARROW, 3, "phone")):
        drawn.append(_draw(lines, band, days, size, ticks).svg(spoken, kind))
        if stitched is not None:
            drawn.append(
                _underwater(stitched.net, lines[-1][1], days, size).svg(_depth(stitched), kind)
            )
    return figure(
        "Equity in R",
        join(drawn),
        "Blue is what counts: every fold's set on sessions that its choice never saw. The band "
        "holds 95 % of 1,000 resamplings of those sessions; where it includes zero at the end, "
        "the gain could be luck. The dashed line was seen by the search and flatters it.",
        legend=legend(
            ("out", "out of sample, stitched"),
            ("band", "95 % bootstrap band"),
            ("in", "final set, all sessions (in sample)"),
            ("configured", "configured set"),
        ),
    )


def _draw(
    lines: Sequence[tuple[str, Float, Float]],
    band: tuple[Float, Float, Float] | None,
    days: Sequence[dt.date],
    size: tuple[int, int],
    months: int,
) -> Plot:
    """Draw the lines and the band, on a wide screen or a phone."""
    values = [series for _, _, series in lines] + ([band[1], band[2]] if band else [])
    chart = Plot(size, (0, max(len(days) - 1, 1)), extent(np.concatenate(values), zero=True))
    ticks = ticks_of(days, months)
    chart.grid("session", "cumulative net R", x_ticks=ticks)
    if band is not None:
        chart.add(_area(chart, *band))
    for kind, at, series in lines:
        chart.add(_line(chart, kind, at, series, days))
    return chart


def _underwater(net: Float, at: Float, days: Sequence[dt.date], size: tuple[int, int]) -> Plot:
    """Draw how far the out-of-sample series lies below its peak, on the axis of the equity."""
    depth = drawdown(net)
    chart = Plot((size[0], DEEP), (0, max(len(days) - 1, 1)), extent(depth, zero=True), bottom=10)
    chart.grid("", "below peak", x_ticks=(), y_count=3)
    chart.add(_area(chart, at, depth, np.zeros(len(depth)), "band loss"))
    return chart


def drawdown(net: Float) -> Float:
    """Return cumulative R less its highest value so far, at most 0; the start counts as 0."""
    total = np.cumsum(net)
    fall: Float = total - np.maximum(np.maximum.accumulate(total), 0.0)
    return fall


def _depth(stitched: Stitched) -> str:
    deepest = -float(drawdown(stitched.net).min())
    return f"Out of sample, R below the peak; deepest {plain(deepest, 1)}"


def _spoken(stitched: Stitched | None, final: Float | None) -> str:
    parts = []
    if stitched is not None:
        parts.append(f"out of sample {signed(float(stitched.net.sum()), 1)} R")
    if final is not None:
        parts.append(f"final set in sample {signed(float(final.sum()), 1)} R")
    return "Cumulative net R by session: " + ", ".join(parts)


def _thin(n: int) -> list[int]:
    step = max(1, n // MOST_POINTS)
    return sorted({*range(0, n, step), n - 1})


def _line(chart: Plot, kind: str, at: Float, series: Float, days: Sequence[dt.date]) -> Markup:
    kept = _thin(len(series))
    points = [(chart.sx(at[k]), chart.sy(series[k])) for k in kept]
    steps = [f"{days[int(at[k])]} {signed(float(series[k]), 1)} R" for k in kept]
    return h(
        "path",
        d=path(points),
        class_=f"line {kind}",
        data_line="|".join(steps) if kind == "out" else None,
    )


def _area(chart: Plot, at: Float, low: Float, high: Float, kind: str = "band") -> Markup:
    kept = _thin(len(at))
    upper = [(chart.sx(at[k]), chart.sy(high[k])) for k in kept]
    lower = [(chart.sx(at[k]), chart.sy(low[k])) for k in reversed(kept)]
    return h("path", d=path([*upper, *lower]) + "Z", class_=kind)


def ticks_of(days: Sequence[dt.date], wanted: int) -> list[tuple[float, str]]:
    """Return about so many ticks: firsts of months, of weeks where there are few, else days."""
    later = range(1, len(days))
    months = [k for k in later if days[k].month != days[k - 1].month]
    weeks = [k for k in later if days[k].isocalendar().week != days[k - 1].isocalendar().week]
    form = "%b %Y" if len(months) >= 3 else "%d %b %Y"
    found = next((one for one in (months, weeks) if len(one) >= 3), range(len(days)))
    places = [k for k in found if k <= 0.95 * (len(days) - 1)]
    step = max(1, math.ceil(len(places) / wanted))
    return [(float(k), f"{days[k]:{form}}") for k in places[::step]]


def side_by_side(series: Sequence[tuple[str, Stitched]], title: str) -> Markup:
    """Return the out-of-sample series of several sweeps in one chart.

    Parameters
    ----------
    series
        Name of a sweep and its series; the first few are drawn, as many as there are `KINDS`.
    title
        What they have in common.
    """
    shown, others = series[: len(KINDS)], series[len(KINDS) :]
    days = sorted({day for _, one in shown for day in one.days})
    order = {day: place for place, day in enumerate(days)}
    lines = [
        (kind, np.array([order[day] for day in one.days], dtype=float), np.cumsum(one.net))
        for kind, (_, one) in zip(KINDS, shown, strict=False)
    ]
    drawn = [
        _draw(lines, None, days, size, ticks).svg(f"{title}: {_totals(shown)}", kind)
        for size, ticks, kind in ((WIDE, 7, "wide"), (NARROW, 3, "phone"))
    ]
    names = [(kind, name) for kind, (name, _) in zip(KINDS, shown, strict=False)]
    caption = [f"Not drawn: {_totals(others)}."] if others else []
    return figure(title, join(drawn), *caption, legend=legend(*names), level=3)


def _totals(series: Sequence[tuple[str, Stitched]]) -> str:
    return ", ".join(f"{name} {signed(float(one.net.sum()), 1)} R" for name, one in series)
