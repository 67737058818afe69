"""How the trades of a set end: a histogram of their net R."""

import math

import numpy as np
from markupsafe import Markup

from detectors.bars import Float
from sweep.report.page.markup import h
from sweep.report.page.plot import Plot, figure
from sweep.report.page.scales import count, percent, short, signed

_SIZE = (380, 226)
_WIDTHS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_BARS = 24
_TAIL = 0.005
"""Share of trades at either end that may share the outermost bar."""


def histogram(net: Float) -> Markup | None:
    """Return how many trades ended at which net R; None where there are too few to show a form.

    Parameters
    ----------
    net
        Net R, float64 [trades].
    """
    if len(net) < 5:
        return None
    low, high = (float(q) for q in np.quantile(net, (_TAIL, 1 - _TAIL)))
    width = next((w for w in _WIDTHS if (high - low) / w <= _BARS), (high - low) / _BARS)
    first, last = (
        math.floor(low / width),
        max(math.ceil(high / width), math.floor(low / width) + 1),
    )
    edges = np.arange(first, last + 1) * width
    held = np.clip(net, edges[0], np.nextafter(edges[-1], -math.inf))
    counts = np.histogram(held, edges)[0]
    chart = Plot(_SIZE, (float(edges[0]), float(edges[-1])), (0.0, float(counts.max()) * 1.05))
    chart.grid("net R of a trade", "trades", y_count=4)
    for begin, n in zip(edges[:-1].tolist(), counts.tolist(), strict=True):
        left, right = chart.sx(begin), chart.sx(begin + width)
        tip = f"{signed(begin, 2)} to {signed(begin + width, 2)} R: {count(n)} trades"
        chart.add(
            h(
                "rect",
                x=left + 0.5,
                y=chart.sy(n),
                width=round(max(right - left - 1, 0.5), 2),
                height=round(chart.sy(0) - chart.sy(n), 2),
                class_="bar gain" if begin >= -1e-9 else "bar loss",
                data_tip=tip,
            )
        )
    middle = float(np.median(net))
    chart.add(h("line", x1=chart.sx(middle), x2=chart.sx(middle), y1=12, y2=182, class_="zero"))
    spoken = f"Net R of {len(net):,} trades: median {signed(middle, 2)}"
    note = (
        f"Median {signed(middle, 2)} R, worst {signed(float(net.min()), 2)}, best "
        f"{signed(float(net.max()), 2)}; {percent(float((net < -1.05).mean()))} lost more than "
        f"the {short(1)} R at risk."
    )
    return figure("By result", chart.svg(spoken, "narrow"), note)
