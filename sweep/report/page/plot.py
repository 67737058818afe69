"""A chart's frame: axes with round ticks, a grid, marks in between, one SVG with a description."""

import dataclasses
from collections.abc import Callable, Sequence

from markupsafe import Markup

from sweep.report.page.markup import h, join
from sweep.report.page.scales import Scale, short

WIDE = (1100, 330)
NARROW = (460, 290)
SMALL = (300, 200)


@dataclasses.dataclass
class Plot:
    """A chart under construction.

    Attributes
    ----------
    size
        Width and height of the drawing, in its own units.
    x, y
        Data ranges.
    left, right, top, bottom
        Margins.
    log_x, log_y
        Whether an axis is logarithmic.
    """

    size: tuple[int, int]
    x: tuple[float, float]
    y: tuple[float, float]
    left: int = 52
    right: int = 12
    top: int = 12
    bottom: int = 44
    log_x: bool = False
    log_y: bool = False

    def __post_init__(self) -> None:
        """Make the scales."""
        width, height = self.size
        self.sx = Scale(*self.x, self.left, width - self.right, log=self.log_x)
        self.sy = Scale(*self.y, height - self.bottom, self.top, log=self.log_y)
        self._marks: list[Markup] = []

    def add(self, *marks: Markup | None) -> None:
        """Draw marks over what is there."""
        self._marks += [mark for mark in marks if mark is not None]

    def grid(
        self,
        x_title: str,
        y_title: str,
        *,
        x_ticks: Sequence[tuple[float, str]] | None = None,
        y_format: Callable[[float], str] = short,
        x_format: Callable[[float], str] = short,
        y_count: int = 5,
        x_count: int = 5,
        lines: bool = True,
    ) -> None:
        """Draw grid lines, tick labels and axis titles."""
        width, height = self.size
        base = height - self.bottom
        for value in self.sy.ticks(y_count):
            y = self.sy(value)
            kind = "zero" if value == 0 else "grid"
            if lines:
                self.add(h("line", x1=self.left, x2=width - self.right, y1=y, y2=y, class_=kind))
            self.add(
                h("text", y_format(value), x=self.left - 6, y=y + 4, class_="tick end"),
            )
        if x_ticks is None:
            x_ticks = [(value, x_format(value)) for value in self.sx.ticks(x_count)]
        for value, text in x_ticks:
            x = self.sx(value)
            self.add(
                h("line", x1=x, x2=x, y1=base, y2=base + 4, class_="grid"),
                h("text", text, x=x, y=base + 18, class_="tick mid"),
            )
        middle = (self.left + width - self.right) / 2
        turned = f"translate(13 {(self.top + base) / 2}) rotate(-90)"
        self.add(
            h("text", x_title, x=middle, y=height - 6, class_="title mid"),
            h("text", y_title, transform=turned, class_="title mid"),
        )

    def svg(self, label: str, kind: str = "narrow") -> Markup:
        """Return the chart; `label` says what it shows to those who do not see it."""
        width, height = self.size
        return h(
            "svg",
            join(self._marks),
            viewBox=f"0 0 {width} {height}",
            class_=f"chart {kind}",
            role="img",
            aria_label=label,
        )


def figure(
    title: str, chart: Markup, *caption: object, legend: Markup | None = None, level: int = 4
) -> Markup:
    """Return a chart with its heading, legend and a caption that says how to read it."""
    return h(
        "figure",
        h(f"h{level}", title),
        legend,
        h("div", chart, class_="scroll", tabindex="0", role="group", aria_label=title),
        h("figcaption", *caption) if caption else None,
    )


def ring(x: float, y: float, radius: float = 8) -> Markup:
    """Return the mark of the final set: a ring with a halo, seen on light and dark cells."""
    return join(h("circle", cx=x, cy=y, r=radius, class_=kind) for kind in ("halo", "ring"))


def legend(*entries: tuple[str, str]) -> Markup:
    """Return a legend: (class of the swatch, text)."""
    return h(
        "ul",
        (
            h("li", h("span", class_=f"key {kind}", aria_hidden="true"), text)
            for kind, text in entries
        ),
        class_="legend",
    )
