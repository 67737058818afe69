"""Turn the composed configuration into the typed settings that `sweep` takes."""

import datetime as dt
import pathlib
from collections.abc import Mapping
from typing import Any

from detectors.features.settings import FeatureSettings
from sweep.engine.settings import Costs, FillSettings
from sweep.ingest.load import stored_range
from sweep.market import timeframes
from sweep.market.symbols import lookup
from sweep.store.lake import Lake

Config = Mapping[str, Any]


def symbols(config: Config) -> tuple[str, ...]:
    """Return the wanted symbols as stored; `all` is what the bar store has.

    Raises
    ------
    ValueError
        If `all` is asked of an empty store.
    """
    if config["symbols"] != "all":
        return tuple(dict.fromkeys(lookup(name).name for name in config["symbols"]))
    stored = Lake(storage_root(config)).symbols()
    if not stored:
        raise ValueError(
            f"No data found: the bar store in {storage_root(config)} is empty; fill it with "
            "python -m jobs.backfill"
        )
    return tuple(stored)


def dates(config: Config, newest: dt.date | None = None) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and last New York date, both included; None = as far as data go.

    Parameters
    ----------
    config
        With the keys days, from, to.
    newest
        Last date where `to` is not given; needed to count `days` back.
    """
    first = None if config["from"] is None else dt.date.fromisoformat(config["from"])
    last = None if config["to"] is None else dt.date.fromisoformat(config["to"])
    if config["days"] is None:
        return first, last
    end = last or newest
    if end is None:
        raise ValueError("days counts back from a last date; give to=2025-01-31")
    return end - dt.timedelta(days=config["days"] - 1), end


def stored_dates(config: Config, names: tuple[str, ...]) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and last date; `days` counts back from the newest stored session."""
    if config["days"] is None or config["to"] is not None:
        return dates(config)
    lake = Lake(storage_root(config))
    ends = [found[1] for name in names if (found := stored_range(lake, name)) is not None]
    return dates(config, max(ends, default=None))


def signal_minutes(config: Config) -> int | None:
    """Return the length of a signal bar in minutes, None for each detector's own."""
    name = config["bars"]["signal_timeframe"]
    return None if name is None else timeframes.MINUTES[timeframes.normalise(name)]


def features(config: Config) -> FeatureSettings:
    """Return the settings of the features."""
    values = dict(config["features"])
    return FeatureSettings(**{**values, "ema_bars": tuple(values["ema_bars"])})


def fills(config: Config) -> FillSettings:
    """Return the fill rules."""
    return FillSettings(**config["fills"])


def costs(config: Config) -> dict[str, Costs]:
    """Return the costs by asset class; a number for all classes replaces each one's own."""
    given = config["costs"]
    shared = {
        name: value
        for name, value in given.items()
        if value is not None and not isinstance(value, Mapping)
    }
    return {
        name.upper(): Costs(**{**own, **shared})
        for name, own in given.items()
        if isinstance(own, Mapping)
    }


def parameters(config: Config) -> dict[str, dict[str, float]]:
    """Return detector -> parameter -> configured value."""
    return {name: dict(values) for name, values in config["params"].items()}


def storage_root(config: Config) -> pathlib.Path:
    """Return the folder of everything that is written."""
    return pathlib.Path(config["storage"]["root"]).expanduser()
