"""Timeframes of stored bars and how their names are read."""

import difflib

#: Width of a bucket in minutes. `1d` is one session: wider than any, so one bucket holds it.
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440}

_SAME = {"60m": "1h"}


def normalise(text: str) -> str:
    """Return the stored name of a timeframe; `60m` is read as `1h`.

    Raises
    ------
    ValueError
        If the name is unknown; the text names the known ones and the nearest of the same number.
    """
    name = _SAME.get(text, text)
    if name in MINUTES:
        return name
    same = [known for known in (*MINUTES, *_SAME) if _number(known) == _number(text)]
    near = difflib.get_close_matches(text, same, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"unknown timeframe {text!r}, known: {', '.join(MINUTES)} (60m = 1h){hint}")


def ordered(names: "tuple[str, ...] | list[str]") -> tuple[str, ...]:
    """Return normalised timeframes without repeats, finest first."""
    return tuple(sorted({normalise(name) for name in names}, key=MINUTES.__getitem__))


def _number(name: str) -> str:
    """Return the digits of a name: 7m is no misprint of 5m, 15min one of 15m."""
    return "".join(filter(str.isdigit, name))
