"""Turn the composed configuration into the typed settings that `sweep` takes."""

import datetime as dt
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import conf
from detectors.features.option_settings import OptionSettings
from detectors.features.settings import FeatureSettings
from detectors.registry import DETECTORS
from sweep.backtest.spec import BacktestSpec
from sweep.engine.settings import Costs, FillSettings
from sweep.evidence.criteria import Thresholds
from sweep.ingest.load import stored_range
from sweep.ingest.suggest import backfill_command
from sweep.market import timeframes
from sweep.market.symbols import lookup
from sweep.promotion.records import promoted_parameters
from sweep.search.spec import (
    ExecutionSettings,
    FoldSettings,
    HoldoutSettings,
    ResultSettings,
    ScreeningSettings,
    SearchSettings,
    SweepSpec,
)
from sweep.store.lake import Lake
from sweep.store.place import Place, place

if TYPE_CHECKING:  # each for one job, and slow
    from sweep.ingest.sources import DaySource
    from sweep.ingest.spec import BackfillSpec
    from sweep.ingest.watch import WatchSpec
    from sweep.promotion.promote import PromotionSpec

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
            f"No data found: the bar store in {storage_root(config)} is empty; fill it with: "
            f"{backfill_command(storage_root(config))}"
        )
    return tuple(stored)


def date(text: str | None) -> dt.date | None:
    """Return a date of the configuration."""
    return None if text is None else dt.date.fromisoformat(text)


def dates(config: Config, names: tuple[str, ...]) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and last New York date, both included; None = as far as the store goes.

    Without `to`, `days` counts back from the newest stored session of the symbols.
    """
    first, last, days = date(config["from"]), date(config["to"]), config["days"]
    if days is None:
        return first, last
    if last is None:
        lake = Lake(storage_root(config))
        ends = [found[1] for name in names if (found := stored_range(lake, name)) is not None]
        if not ends:
            return None, None  # loading says what is missing
        last = max(ends)
    return last - dt.timedelta(days=days - 1), last


def signal_minutes(config: Config) -> int | None:
    """Return the length of a signal bar in minutes, None for each detector's own."""
    name = config["bars"]["signal_timeframe"]
    return None if name is None else timeframes.MINUTES[timeframes.normalise(name)]


def features(config: Config) -> FeatureSettings:
    """Return the settings of the features."""
    values = {name: v for name, v in config["features"].items() if name != "flow_path"}
    values |= {"ema_bars": tuple(values["ema_bars"]), "options": options(config)}
    return FeatureSettings(**values)


def options(config: Config) -> OptionSettings:
    """Return the settings of the option features."""
    return OptionSettings(**config["options"])


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


def storage_root(config: Config) -> Place:
    """Return the place of everything that is written."""
    given = config["storage"]
    return place(given["root"], endpoint=given.get("endpoint"), region=given.get("region"))


def backfill(config: Config) -> "BackfillSpec":
    """Return what a backfill is asked to do."""
    from sweep.ingest.rest import RestSettings  # noqa: PLC0415 - slow
    from sweep.ingest.spec import BackfillSpec  # noqa: PLC0415 - slow

    source, wanted = config["source"], config["symbols"]
    options = {
        name: source[name]
        for name in ("pipeline", "keep_all_symbols", "endpoint", "cache_hours", "downloads")
        if name in source
    }
    if source["kind"] != "flatfiles":
        options["rest"] = RestSettings(
            base_url=source["base_url"],
            requests_per_s=source["requests_per_s"],
            workers=source["requests_at_once"],
        )
    return BackfillSpec(
        source_root=source.get("root"),
        storage_root=storage_root(config),
        symbols="all" if wanted == "all" else tuple(wanted),
        first=date(config["from"]),
        last=date(config["to"]),
        days=config["days"],
        timeframes=tuple(config["timeframes"]),
        source_kind=source["kind"],
        store=config["store"]["kind"],
        workers=config["ray"]["workers"],
        ray_address=config["ray"]["address"],
        ray_insecure=config["ray"]["insecure"],
        mirror_bars=config["store"]["mirror_bars"],
        **options,
    )


def day_source(config: Config) -> "DaySource | None":
    """Return the vendor's files that a report looks at, None where none are named."""
    from sweep.ingest.s3_files import day_files  # noqa: PLC0415 - slow

    given = config["source"]
    if given["root"] is None:
        return None
    return day_files(given["root"], storage_root(config), given["endpoint"])


def watch(config: Config) -> "WatchSpec":
    """Return what a watcher is asked to do."""
    from sweep.ingest.watch import WatchSpec  # noqa: PLC0415 - slow

    return WatchSpec(
        backfill=backfill({"from": None, "to": None, **config}),
        **{name: config[name] for name in ("interval_s", "refresh_s", "lease_s", "once")},
    )


def run(config: Config) -> dict[str, Any]:
    """Return what a backtest and a sweep share: the fields of `RunSpec` save the detectors."""
    names = symbols(config)
    first, last = dates(config, names)
    return {
        "storage_root": storage_root(config),
        "symbols": names,
        "first": first,
        "last": last,
        "signal_minutes": signal_minutes(config),
        "features": features(config),
        "flow_path": config["features"]["flow_path"],
        "fills": fills(config),
        "costs": costs(config),
        "parameters": parameters(config),
        "asset_class_override": config["asset_class_override"],
        "config": config,
    }


def parameters(config: Config) -> dict[str, dict[str, float]]:
    """Return the parameter set of every chosen detector, the promoted one where it is wanted."""
    found = {name: dict(values) for name, values in config["params"].items()}
    if config["parameters"] == "promoted":
        promoted = promoted_parameters(storage_root(config))
        found |= {name: values for name, values in promoted.items() if name in found}
    return found


def promotion_note(config: Config) -> str:
    """Return which of the chosen detectors run as promoted, empty where that is not wanted."""
    if config["parameters"] != "promoted":
        return ""
    root = storage_root(config)
    there = [name for name in promoted_parameters(root) if name in config["params"]]
    if not there:
        return f"nothing is promoted in {root}: configured parameters are used"
    return f"promoted in {root}: {', '.join(there)}; others use configured parameters"


def promotion(config: Config) -> "PromotionSpec":
    """Return how to promote."""
    from sweep.promotion.promote import PromotionSpec  # noqa: PLC0415 - slow

    return PromotionSpec(
        storage_root=storage_root(config),
        conf=pathlib.Path(conf.__file__).parent,
        store=config["store"]["kind"],
        force=config["force"],
        reason=config["reason"],
    )


def swept(config: Config, about: Mapping[str, Any]) -> SweepSpec:
    """Return the settings that a finished sweep ran under, on the storage of this command.

    Raises
    ------
    ValueError
        If they cannot be made from what the sweep kept.
    """
    kept = dict(about["config"])
    judged = {name for one in about["detectors"].values() for name in one["symbols"]}
    kept |= {"storage": config["storage"], "symbols": sorted(judged), "parameters": "configured"}
    try:
        return sweep(kept)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"sweep={about['sweep_id']}: its configuration does not fit this version ({error}); "
            "sweep again"
        ) from error


def among(chosen: tuple[str, ...], there: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the chosen detectors; of all of them, those that are there."""
    return tuple(there) if set(chosen) == set(DETECTORS) else chosen


def backtest(config: Config) -> BacktestSpec:
    """Return what a backtest is asked to do."""
    return BacktestSpec(detectors=tuple(config["params"]), **run(config))


def _search(config: Config) -> SearchSettings:
    given = dict(config["search"])
    objective = given["objective"]
    if isinstance(objective, list):
        given["objective"] = objective[0] if len(objective) == 1 else tuple(objective)
    return SearchSettings(**{**given, "constraints": tuple(given["constraints"])})


def sweep(config: Config) -> SweepSpec:
    """Return what a sweep is asked to do."""
    return SweepSpec(
        detectors=tuple(config["params"]),
        space=config["space"],
        search=_search(config),
        folds=FoldSettings(**config["folds"]),
        holdout=HoldoutSettings(**config["holdout"]),
        screening=ScreeningSettings(**config.get("screening", {})),
        execution=ExecutionSettings(**config["sweep"], **config["ray"]),
        results=ResultSettings(**config["results"]),
        verdict=Thresholds(**config["verdict"]),
        store=config["store"]["kind"],
        **run(config),
    )
