"""Cumulative R: the stitched out-of-sample series with its band against what was seen."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from detectors.bars import Float
from sweep.evidence.bootstrap import stationary_bootstrap_indices
from sweep.report.page.markup import h, join
from sweep.report.page.plot import NARROW, WIDE, Plot, figure, legend
from sweep.report.page.scales import extent, path, signed
from sweep.report.page.source import Stitched

RESAMPLES = 1_000
MOST_POINTS = 320


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
    drawn = [
        _draw(lines, band, days, size, months).svg(spoken, kind)
        for size, months, kind in ((WIDE, 7, "wide"), (NARROW, 3, "phone"))
    ]
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
    ticks = _months(days, months)
    chart.grid("session", "cumulative net R", x_ticks=ticks, y_format=lambda v: f"{v:g}")
    if band is not None:
        chart.add(_area(chart, *band))
    for kind, at, series in lines:
        chart.add(_line(chart, kind, at, series, days))
    return chart


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


def _area(chart: Plot, at: Float, low: Float, high: Float) -> Markup:
    kept = _thin(len(at))
    upper = [(chart.sx(at[k]), chart.sy(high[k])) for k in kept]
    lower = [(chart.sx(at[k]), chart.sy(low[k])) for k in reversed(kept)]
    return h("path", d=path([*upper, *lower]) + "Z", class_="band")


def _months(days: Sequence[dt.date], wanted: int) -> list[tuple[float, str]]:
    """Return about so many ticks at the first session of a month."""
    firsts = [k for k, day in enumerate(days) if k and day.month != days[k - 1].month]
    if len(firsts) < 2:
        return [(0.0, f"{days[0]:%d %b %Y}"), (len(days) - 1.0, f"{days[-1]:%d %b %Y}")]
    step = max(1, round(len(firsts) / wanted))
    return [
        (float(k), f"{days[k]:%b %Y}") for k in firsts[::step] if k < len(days) - len(days) // 20
    ]
