"""What the value of a configuration key may be, in words and as a check."""

import dataclasses
import datetime as dt
import difflib
import math
import re
from collections.abc import Iterable
from typing import Protocol

from jobs.tickers import ticker_fault


class Rule(Protocol):
    """A kind of value; `fault` says what is wrong with one, None if it is legal."""

    def fault(self, value: object) -> str | None:
        """Return what a value breaks, with the legal values and the remedy."""
        ...


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `; did you mean ...?` with the known name closest to `name`, empty if none is.

    A number is no misprint of another: 10m is not close to 1m.
    """
    digits = re.findall(r"\d+", name)
    others = [other for other in known if re.findall(r"\d+", other) in ([], digits)]
    found = difflib.get_close_matches(name, others, n=1, cutoff=cutoff)
    return f"; did you mean {found[0]}?" if found else ""


def shown(value: object) -> str:
    """Return a value in the form of an override."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(shown(item) for item in value)}]"
    return str(value)


def _plain(number: float) -> str:
    """Return a bound as one would type it."""
    return str(int(number)) if number == int(number) else f"{number:g}"


@dataclasses.dataclass(frozen=True)
class Number:
    """A number in [low, high], or above `low` where `open_low`; None too where `nullable`."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    integer: bool = False
    open_low: bool = False
    nullable: bool = False

    def expects(self) -> str:
        """Return the rule in words."""
        noun = "a whole number" if self.integer else "a number"
        start = "above" if self.open_low else "from"
        if math.isfinite(self.high):
            bounds = f" {start} {_plain(self.low)} to {_plain(self.high)}"
        elif math.isfinite(self.low):
            low = _plain(self.low)
            bounds = f" above {low}" if self.open_low else f" of {low} or more"
        else:
            bounds = ""
        unit = f" {self.unit}" if self.unit else ""
        return f"must be {noun}{bounds}{unit}" + (", or null" if self.nullable else "")

    def fault(self, value: object) -> str | None:
        """Refuse other types, fractions of a whole number, NaN, infinity, values out of range."""
        if value is None and self.nullable:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.expects()
        if isinstance(value, float) and not math.isfinite(value):
            return self.expects()
        below = value <= self.low if self.open_low else value < self.low
        if below or value > self.high or (self.integer and value != int(value)):
            return self.expects()
        return None


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some words; None too where `nullable`."""

    values: tuple[str, ...]
    nullable: bool = False

    def fault(self, value: object) -> str | None:
        """Refuse everything that is not one of the words."""
        if value in self.values or (value is None and self.nullable):
            return None
        if len(self.values) == 1 and not self.nullable:
            return f"must be {self.values[0]}"
        words = ", ".join(self.values) + (", null" if self.nullable else "")
        return f"must be one of {words}{nearest(str(value), self.values)}"


@dataclasses.dataclass(frozen=True)
class Flag:
    """True or false."""

    def fault(self, value: object) -> str | None:
        """Refuse everything that is not a boolean."""
        return None if isinstance(value, bool) else "must be true or false"


@dataclasses.dataclass(frozen=True)
class Text:
    """A text that is not empty; None too where `nullable`."""

    what: str = "a text"
    nullable: bool = False

    def fault(self, value: object) -> str | None:
        """Refuse other types and the empty text."""
        if (isinstance(value, str) and value.strip()) or (value is None and self.nullable):
            return None
        return f"must be {self.what}" + (", or null" if self.nullable else "")


@dataclasses.dataclass(frozen=True)
class Texts:
    """A list of texts, empty allowed."""

    what: str

    def fault(self, value: object) -> str | None:
        """Refuse everything that is not a list of texts."""
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return None
        return f"must be a list, {self.what}"


class Metrics:
    """The name of a metric, or a list of names; which there are is checked with the settings."""

    def fault(self, value: object) -> str | None:
        """Refuse everything that is neither a text nor a list of texts."""
        names = value if isinstance(value, list) else [value]
        if names and all(isinstance(name, str) and name for name in names):
            return None
        return "must be the name of a metric or a list of names, such as [daily_lcb_r,trades]"


@dataclasses.dataclass(frozen=True)
class Date:
    """A New York session date; None too where `nullable`."""

    nullable: bool = True

    def fault(self, value: object) -> str | None:
        """Refuse everything that is not an ISO date of the calendar."""
        if value is None and self.nullable:
            return None
        try:
            if isinstance(value, str) and len(value) == len("2025-01-31"):
                dt.date.fromisoformat(value)
                return None
        except ValueError:
            pass
        return "must be a date of the calendar, written 2025-01-31" + (
            ", or null" if self.nullable else ""
        )


@dataclasses.dataclass(frozen=True)
class Symbols:
    """A list of symbols, or `all`. A symbol is text whatever it looks like."""

    def fault(self, value: object) -> str | None:
        """Name every element that is no symbol; YAML reads an unquoted ON or 1.5 as no text."""
        if value == "all":
            return None
        if not isinstance(value, list) or not value:
            return "must be all or a list of symbols, such as [SPY,QQQ]"
        faults = []
        for item in value:
            if not isinstance(item, str):
                faults.append(f"{item!r} is no text: quote the symbol in the file")
            elif fault := ticker_fault(item):
                faults.append(fault)
        return "; ".join(faults) or None


@dataclasses.dataclass(frozen=True)
class SymbolList:
    """A list of symbols that may be empty; `all` too where it means something."""

    or_all: bool = False

    def fault(self, value: object) -> str | None:
        """Name every element that is no symbol."""
        if value == [] or (value == "all" and self.or_all):
            return None
        if value == "all":
            return "must be a list of symbols, such as [NVDA]"
        return Symbols().fault(value)


@dataclasses.dataclass(frozen=True)
class Sweeps:
    """Ids of one or more sweeps, or null."""

    def fault(self, value: object) -> str | None:
        """Name every element that is no id of a sweep."""
        listed = value if isinstance(value, list) else [value]
        wrong = [str(name) for name in listed if not re.fullmatch(r"s[0-9a-f]{12}", str(name))]
        if value is None or (listed and not wrong):
            return None
        return (
            f"must be ids of sweeps, such as s193934bf8a3c (names below <storage.root>/results), "
            f"got {', '.join(wrong) or 'none'}"
        )


@dataclasses.dataclass(frozen=True)
class Timeframes:
    """A list of bar lengths."""

    def fault(self, value: object) -> str | None:
        """Name every unknown bar length."""
        from sweep.market import timeframes  # noqa: PLC0415 - not needed to print help

        known = ", ".join(timeframes.MINUTES)
        if not isinstance(value, list) or not value:
            return f"must be a list of {known}"
        faults = []
        for item in value:
            try:
                timeframes.normalise(item if isinstance(item, str) else str(item))
            except ValueError as error:
                faults.append(str(error))
        return "; ".join(faults) or None
