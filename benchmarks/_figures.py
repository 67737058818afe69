"""A measured figure beside the one to reach, as one line of a suite's table."""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure of a suite.

    Attributes
    ----------
    what
        What was measured.
    value
        The figure; None where it could not be measured, `note` says why.
    unit
        Behind the number: `x`, `MB`, `rows/s`.
    must, reach
        Bounds of DESIGN.md 12 or of the issue; None where there is none.
    higher
        True where more is better.
    note
        The numbers behind it.
    """

    what: str
    value: float | None
    unit: str
    must: float | None = None
    reach: float | None = None
    higher: bool = False
    note: str = ""

    def state(self) -> str:
        """Return `reached`, `must met`, `MISSED`, or nothing where there is no bound."""
        if self.value is None:
            return "not measured"
        for bound, text in ((self.reach, "reached"), (self.must, "must met")):
            if bound is not None and (self.value >= bound if self.higher else self.value <= bound):
                return text
        return "" if self.must is None and self.reach is None else "MISSED"


def show(figures: Iterable[Figure]) -> None:
    """Print figures as a table."""
    rows = [("figure", "measured", "must", "reach", "", "")]
    for one in figures:
        value = "-" if one.value is None else f"{_number(one.value)} {one.unit}"
        bounds = ["-" if b is None else _number(b) for b in (one.must, one.reach)]
        rows.append((one.what, value, *bounds, one.state(), one.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip(), flush=True)


def _number(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f}M"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
