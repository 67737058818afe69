"""Where the trades of a set earn: by hour, weekday, symbol, regime, holding time and way out."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup
from scipy import special

from detectors.bars import Float
from sweep.report.page.markup import h, join
from sweep.report.page.plot import figure
from sweep.report.page.scales import Scale, count, extent, nice_ticks, percent, short, signed
from sweep.report.page.source import column

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
HOLDING = ((5, "under 5 min"), (15, "5 to 14 min"), (30, "15 to 29 min"), (60, "30 to 59 min"))
LONGER = ((120, "1 to 2 h"), (240, "2 to 4 h"), (math.inf, "4 h and more"))
_ROW, _LEFT, _RIGHT, _WIDTH = 26, 112, 88, 380


@dataclasses.dataclass(frozen=True)
class Group:
    """Trades that share something; `spread` is the half width of the 95 % interval, or NaN."""

    label: str
    trades: int
    win_rate: float
    mean: float
    spread: float


def grouped_trades(trades: pa.Table) -> list[tuple[str, str, list[Group]]]:
    """Return (title, how to read it, groups) of everything that trades alone tell."""
    net = column(trades, "r_net")
    entry = pc.local_timestamp(trades["entry_ts"].cast(pa.timestamp("us", "America/New_York")))
    hours = np.array(pc.hour(entry).to_pylist(), dtype=object)
    days = np.array(pc.day_of_week(entry).to_pylist(), dtype=object)
    minutes = np.array(pc.minutes_between(trades["entry_ts"], trades["exit_ts"]).to_pylist())
    held = np.array([_held(m) for m in minutes.tolist()], dtype=object)
    symbols = np.array(trades["symbol"].to_pylist(), dtype=object)
    reasons = np.array(trades["exit_reason"].to_pylist(), dtype=object)
    return [
        (
            "By hour of entry",
            "Hours of New York.",
            _groups(net, hours, [(k, f"{k:02d}:00 to {k:02d}:59") for k in range(9, 16)]),
        ),
        ("By weekday", "", _groups(net, days, list(enumerate(WEEKDAYS)))),
        ("By holding time", "", _groups(net, held, [(t, t) for _, t in (*HOLDING, *LONGER)])),
        ("By symbol", "", _groups(net, symbols, [(s, s) for s in sorted(set(symbols))])),
        ("By way out", "", _groups(net, reasons, [(r, words(r)) for r in sorted(set(reasons))])),
    ]


def from_breakdown(rows: pa.Table, by: str, set_id: str) -> list[Group]:
    """Return the groups of one set and dimension of `breakdowns.parquet`."""
    wanted = pc.and_(pc.equal(rows["by"], by), pc.equal(rows["set_id"], set_id))
    return [
        Group(words(r["value"]), r["trades"], r["win_rate"], r["expectancy_r"], math.nan)
        for r in rows.filter(wanted).to_pylist()
    ]


def chart(title: str, groups: Sequence[Group], note: str = "") -> Markup | None:
    """Return bars of mean net R, one a group; None where there is no trade."""
    if not groups:
        return None
    ends = [g.mean for g in groups]
    ends += [g.mean + s * g.spread for g in groups if g.trades >= 5 for s in (-1, 1)]
    low, high = extent(ends, zero=True)
    scale = Scale(low, high, _LEFT, _WIDTH - _RIGHT)
    height = _ROW * len(groups) + 44
    marks = [_bar(scale, group, 8 + _ROW * k) for k, group in enumerate(groups)]
    ticks = []
    for value in nice_ticks(low, high, 3):
        x = scale(value)
        kind = "zero" if value == 0 else "grid"
        ticks.append(h("line", x1=x, x2=x, y1=4, y2=height - 36, class_=kind))
        ticks.append(h("text", short(value), x=x, y=height - 20, class_="tick mid"))
    axis = h("text", "mean net R a trade", x=scale((low + high) / 2), y=height - 4)
    best = max(groups, key=lambda g: g.mean)
    spoken = f"{title}: best {best.label}, {signed(best.mean)} R over {best.trades} trades"
    svg = h(
        "svg",
        join(ticks),
        join(marks),
        h("g", axis, class_="title mid"),
        viewBox=f"0 0 {_WIDTH} {height}",
        class_="chart narrow",
        role="img",
        aria_label=spoken,
    )
    return figure(title, svg, note) if note else figure(title, svg)


def _bar(scale: Scale, group: Group, y: int) -> Markup:
    zero, end = scale(0.0), scale(group.mean)
    whisker = None
    if math.isfinite(group.spread) and group.trades >= 5:
        low, high = scale(group.mean - group.spread), scale(group.mean + group.spread)
        whisker = h("line", x1=low, x2=high, y1=y + 9, y2=y + 9, class_="whisker")
    tip = (
        f"{group.label}: {signed(group.mean)} R, {percent(group.win_rate, 0)} won, "
        f"{group.trades:,} trades"
    )
    return h(
        "g",
        h("text", group.label, x=_LEFT - 8, y=y + 13, class_="tick end"),
        h(
            "rect",
            x=min(zero, end),
            y=y + 2,
            width=round(max(abs(end - zero), 0.5), 2),
            height=14,
            class_="bar gain" if group.mean > 0 else "bar loss",
        ),
        whisker,
        h(
            "text",
            f"{percent(group.win_rate, 0)} of {count(group.trades)}",
            x=_WIDTH - 4,
            y=y + 13,
            class_="tick end",
        ),
        data_tip=tip,
    )


def words(name: str) -> str:
    """Return a name of the tables as words."""
    return name.replace("_", " ")


def _held(minutes: float) -> str:
    return next(text for most, text in (*HOLDING, *LONGER) if minutes < most)


def _groups(
    net: Float, labels: "np.typing.NDArray[np.object_]", names: Iterable[tuple[object, str]]
) -> list[Group]:
    found = []
    for key, text in names:
        mine = net[labels == key]
        n = len(mine)
        if n == 0:
            continue
        deviation = float(mine.std(ddof=1)) if n > 1 else math.nan
        spread = float(special.stdtrit(n - 1, 0.975)) * deviation / math.sqrt(n) if n > 1 else 0.0
        found.append(
            Group(text, n, float((mine > 0).mean()), float(mine.mean()), spread or math.nan)
        )
    return found
