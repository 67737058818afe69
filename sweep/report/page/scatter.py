"""In sample against out of sample: whether what looked good stays good."""

import math

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from scipy.stats import rankdata

from detectors.bars import Float
from sweep.report.page.markup import h
from sweep.report.page.plot import NARROW, Plot, figure, legend, ring
from sweep.report.page.scales import extent, percent, signed
from sweep.report.page.source import Document, column

MOST_DOTS = 600
CELLS = 26


def scatter(folds: pa.Table | None, evidence: Document, final: str | None) -> Markup | None:
    """Return the scatter of all sets, averaged over folds; None without folds."""
    if folds is None or len(folds) == 0:
        return None
    ids, place = np.unique(np.array(folds["set_id"].to_pylist()), return_inverse=True)
    seen = _mean(column(folds, "in_sample_objective"), place, len(ids))
    after = _mean(column(folds, "out_of_sample_mean_r"), place, len(ids))
    known = np.isfinite(seen) & np.isfinite(after)
    if known.sum() < 3:
        return None
    x, y, names = seen[known], after[known], ids[known]
    chart = Plot(NARROW, _middle(x), _middle(y))
    chart.grid("objective in sample, mean of folds", "R a day out of sample")
    chart.add(*(_dots(chart, x, y) if len(x) <= MOST_DOTS else _density(chart, x, y)))
    mark = np.flatnonzero(names == final)
    if len(mark):
        where = (chart.sx(float(x[mark[0]])), chart.sy(float(y[mark[0]])))
        chart.add(ring(*where, 6))
    rank = _within_folds(folds)
    pbo = (evidence.get("overfitting") or {}).get("pbo")
    return figure(
        "In sample against out of sample",
        chart.svg(f"{len(x):,} sets; rank correlation {signed(rank, 2)}; PBO {percent(pbo, 0)}"),
        f"Rank correlation {signed(rank, 2)}, taken within each fold: dots are means over folds, "
        "and what is out of sample for one fold is in sample for the next. ",
        f"The probability of backtest overfitting is {percent(pbo, 0)}: how often the best set "
        "of one half of the days is below the median in the other half (about 50 % for noise)."
        if pbo is not None
        else "The probability of backtest overfitting could not be computed.",
        legend=legend(("dot", "a parameter set"), ("ring", "final set")),
    )


def _mean(values: Float, place: "np.typing.NDArray[np.int64]", n: int) -> Float:
    good = np.isfinite(values)
    counts = np.bincount(place[good], minlength=n)
    with np.errstate(invalid="ignore"):
        means: Float = np.bincount(place[good], weights=values[good], minlength=n) / counts
    return means


def _middle(values: Float) -> tuple[float, float]:
    """Return a range without the last half percent at either end, so that outliers stay out."""
    low, high = np.quantile(values, (0.005, 0.995))
    return extent([float(low), float(high)], zero=True, pad=0.06)


def _dots(chart: Plot, x: Float, y: Float) -> list[Markup]:
    inside = (x >= chart.x[0]) & (x <= chart.x[1]) & (y >= chart.y[0]) & (y <= chart.y[1])
    points = zip(x[inside].tolist(), y[inside].tolist(), strict=True)
    return [h("circle", cx=chart.sx(a), cy=chart.sy(b), r=2.6, class_="dot") for a, b in points]


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
                data_tip=f"{counts[i, j]:,.0f} sets",
            )
        )
    return cells


def _within_folds(folds: pa.Table) -> float:
    """Return the mean of the folds' rank correlations, over sets that traded in sample.

    Means over folds would agree in pure noise: windows of one fold hold the sessions that another
    one tests on.
    """
    seen, after = column(folds, "in_sample_objective"), column(folds, "out_of_sample_mean_r")
    fold = folds["fold"].to_numpy()
    usable = np.isfinite(seen) & np.isfinite(after) & (column(folds, "trades") > 0)
    found = [
        _rank_correlation(seen[mine], after[mine])
        for k in np.unique(fold)
        if (mine := usable & (fold == k)).sum() >= 3
    ]
    known = [rho for rho in found if not math.isnan(rho)]
    return float(np.mean(known)) if known else math.nan


def _rank_correlation(x: Float, y: Float) -> float:
    """Return Spearman's rho, equal values at the mean of their ranks; NaN where one is flat."""
    a, b = rankdata(x), rankdata(y)
    if a.std() == 0 or b.std() == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
