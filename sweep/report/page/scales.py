"""Axes: from values to pixels, round tick values, and numbers as text."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"


@dataclasses.dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from [low, high] to pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of a value, two decimals."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, 1e-300))
        share = 0.5 if high == low else (at - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round values inside the range, about `count` of them."""
        if self.log and self.low > 0 and self.high / self.low > 4:
            return _log_ticks(self.low, self.high)
        return nice_ticks(self.low, self.high, count)


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between two values."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda one: abs(math.log(one / raw)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]
    return found if len(found) <= 7 else found[:: math.ceil(len(found) / 6)]


def extent(
    values: Iterable[float], *, zero: bool = False, pad: float = 0.05
) -> tuple[float, float]:
    """Return a padded range of the finite values, with 0 in it where wanted."""
    finite = [value for value in values if math.isfinite(value)]
    if zero or not finite:
        finite.append(0.0)
    low, high = min(finite), max(finite)
    if low == high:
        return low - 1.0, high + 1.0
    room = (high - low) * pad
    return low - room, high + room


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign, a dash where it is unknown."""
    text = plain(value, digits)
    return f"+{text}" if value is not None and round(value, digits) > 0 else text


def plain(value: float | None, digits: int = 2) -> str:
    """Return a number with some decimals and thousands separators."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    return f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", MINUS)  # never minus zero


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%".replace("-", MINUS)


def short(value: float | None) -> str:
    """Return a number as briefly as it can be told, for ticks and parameters."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:,.6g}".replace("-", MINUS) if math.isfinite(value) else plain(value)


def count(value: float | None) -> str:
    """Return a whole number."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:,.0f}"


def instant(stamp: str | None) -> str:
    """Return an instant of the tables (ISO, UTC) to the minute."""
    return UNKNOWN if not stamp else stamp[:16].replace("T", " ")


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return an SVG path through points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""
