"""In sample against out of sample: whether what looked good stays good."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from detectors.bars import Float, Int
from sweep.report.page.markup import h, join
from sweep.report.page.plot import NARROW, Plot, figure, legend, ring
from sweep.report.page.scales import extent, percent, signed
from sweep.report.page.source import Document, column

MOST_DOTS = 2_000
CELLS = 26


def scatter(
    folds: pa.Table | None, evidence: Document, chosen: Sequence[str | None]
) -> Markup | None:
    """Return the scatter of every set in every fold; None without folds.

    A dot is one fold: means over folds would agree in pure noise, for windows of one fold hold
    the sessions that another one tests on.

    Parameters
    ----------
    folds
        Rows of `fold_scores.parquet`; sets that made no trade in sample leave no dot.
    evidence
        Of the detector.
    chosen
        Id of the set that each fold chose.
    """
    if folds is None:
        return None
    seen, after = column(folds, "in_sample_objective"), column(folds, "out_of_sample_mean_r")
    traded = column(folds, "trades") > 0
    known = np.isfinite(seen) & np.isfinite(after) & traded
    if known.sum() < 3:
        return None
    x, y, fold = seen[known], after[known], folds["fold"].to_numpy()[known]
    ids = folds["set_id"].filter(pa.array(known))
    rings = [
        row
        for k, name in enumerate(chosen)
        if name
        for row in np.flatnonzero((fold == k) & pc.equal(ids, name).to_numpy())
    ]
    chart = Plot(NARROW, _middle(x, x[rings]), _middle(y, y[rings]))
    chart.grid("objective in sample", "R a day out of sample")
    chart.add(_dots(chart, x, y) if len(x) <= MOST_DOTS else join(_density(chart, x, y)))
    chart.add(*(ring(chart.sx(float(x[row])), chart.sy(float(y[row])), 6) for row in rings))
    rank = _within_folds(x, y, fold)
    pbo = (evidence.get("overfitting") or {}).get("pbo")
    n_sets = pc.count_distinct(ids).as_py()
    spoken = (
        f"{n_sets:,} sets in {len(np.unique(fold))} folds; rank correlation within "
        f"folds {signed(rank, 2)}; PBO {percent(pbo, 0)}"
    )
    return figure(
        "In sample against out of sample",
        chart.svg(spoken),
        f"Rank correlation {signed(rank, 2)}, taken within each fold; near zero, the search's "
        "ranking says nothing about what follows. ",
        f"The probability of backtest overfitting is {percent(pbo, 0)}: how often the best set "
        "of one half of the days is below the median in the other half (about "
        "50\N{NO-BREAK SPACE}% for noise)."
        if pbo is not None
        else "The probability of backtest overfitting could not be computed.",
        legend=legend(("dot", "a set in a fold"), ("ring", "the set that a fold chose")),
    )


def _middle(values: Float, marked: Float) -> tuple[float, float]:
    """Return a range without the last half percent at either end, but with what is marked."""
    low, high = np.quantile(values, (0.005, 0.995))
    return extent([float(low), float(high), *marked.tolist()], zero=True, pad=0.06)


def _dots(chart: Plot, x: Float, y: Float) -> Markup:
    """Return the dots as one path, a tenth of the size of as many circles."""
    inside = (x >= chart.x[0]) & (x <= chart.x[1]) & (y >= chart.y[0]) & (y <= chart.y[1])
    points = zip(x[inside].tolist(), y[inside].tolist(), strict=True)
    marks = "".join(f"M{chart.sx(a):.1f} {chart.sy(b):.1f}h0" for a, b in points)
    return h("path", d=marks, class_="dots")


def _density(chart: Plot, x: Float, y: Float) -> list[Markup]:
    """Return cells, darker where more sets lie: ten thousand dots say less and cost more."""
    counts, xs, ys = np.histogram2d(x, y, bins=CELLS, range=[chart.x, chart.y])
    most = math.log1p(counts.max())
    cells = []
    for i, j in np.argwhere(counts > 0).tolist():
        left, right = chart.sx(float(xs[i])), chart.sx(float(xs[i + 1]))
        top, low = chart.sy(float(ys[j + 1])), chart.sy(float(ys[j]))
        share = math.log1p(counts[i, j]) / most
        cells.append(
            h(
                "rect",
                x=left,
                y=top,
                width=round(right - left, 2),
                height=round(low - top, 2),
                class_="dense",
                opacity=round(0.12 + 0.78 * share, 2),
                data_tip=f"{counts[i, j]:,.0f} dots",
            )
        )
    return cells


def _within_folds(x: Float, y: Float, fold: Int) -> float:
    """Return the mean of the folds' rank correlations."""
    found = [
        _rank_correlation(x[mine], y[mine])
        for k in np.unique(fold)
        if (mine := fold == k).sum() >= 3
    ]
    known = [rho for rho in found if not math.isnan(rho)]
    return float(np.mean(known)) if known else math.nan


def _rank_correlation(x: Float, y: Float) -> float:
    """Return Spearman's rho, equal values at the mean of their ranks; NaN where one is flat."""
    from scipy.stats import rankdata  # noqa: PLC0415 - slow

    a, b = rankdata(x), rankdata(y)
    if a.std() == 0 or b.std() == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
