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
        If the name is unknown; the text names the known ones and the nearest.
    """
    name = _SAME.get(text, text)
    if name in MINUTES:
        return name
    near = difflib.get_close_matches(str(text), [*MINUTES, *_SAME], n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"unknown timeframe {text!r}, known: {', '.join(MINUTES)} (60m = 1h){hint}")


def ordered(names: "tuple[str, ...] | list[str]") -> tuple[str, ...]:
    """Return normalised timeframes without repeats, finest first."""
    return tuple(sorted({normalise(name) for name in names}, key=MINUTES.__getitem__))
