"""Rules between configuration keys, and between keys and the environment."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs.parameters import relation_faults, space_faults
from jobs.rules import Date, Number


def cross_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong between keys; values of a wrong type are skipped here."""
    yield from _date_faults(config)
    yield from _root_faults(config)
    if config.get("source", {}).get("kind") == "rest" and not (
        config.get("days") or config.get("from")
    ):
        yield "source=rest: needs to know how far back; give days=90 or from=2025-01-31"
    if config.get("store", {}).get("kind") == "postgres" and not os.environ.get("DATABASE_URL"):
        yield "store=postgres: the environment variable DATABASE_URL is not set; it has the server"
    yield from _feature_faults(config.get("features", {}))
    for name, values in config.get("params", {}).items():
        yield from relation_faults(name, values)
    yield from _search_faults(config.get("search", {}))
    if "space" in config:
        yield from space_faults(config)


def absent_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be given to run, though not to look at the configuration."""
    source = config.get("source", {})
    if config.get("list"):  # only shows the queue
        return
    if source.get("kind") in ("flatfiles", "hybrid") and source.get("root") is None:
        yield "source.root=null: must be the folder that holds us_stocks_sip/ and us_indices/"


def _feature_faults(features: Mapping[str, Any]) -> Iterator[str]:
    least, most = (features.get(f"baseline_{name}") for name in ("min_sessions", "sessions"))
    counts = Number(1, integer=True)
    if least is None or most is None or counts.fault(least) or counts.fault(most):
        return
    if least > most:
        yield (
            f"features.baseline_min_sessions={least}, features.baseline_sessions={most}: "
            "baseline_min_sessions must be <= baseline_sessions; lower the first or raise the "
            "second"
        )


def _search_faults(search: Mapping[str, Any]) -> Iterator[str]:
    objective, constraints = search.get("objective"), search.get("constraints")
    listed = constraints if isinstance(constraints, list) else []
    texts = [item for item in listed if isinstance(item, str)]
    from sweep.search.spec import SearchSettings  # noqa: PLC0415 - slow

    defaults = SearchSettings()
    if objective in {None, defaults.objective} and set(texts) <= {*defaults.constraints}:
        return  # saves the second that statistics take to import
    from sweep.search.objective import read_constraint, read_objective  # noqa: PLC0415 - slow

    for read, given in ((read_objective, [objective]), (read_constraint, texts)):
        for text in given:
            try:
                read(str(text))
            except ValueError as error:
                yield str(error)


def _date_faults(config: Mapping[str, Any]) -> Iterator[str]:
    days, first, last = (config.get(key) for key in ("days", "from", "to"))
    if days is not None and first is not None:
        yield f"days={days}, from={first}: both set the first session; give one of them"
    if first is None or last is None or Date().fault(first) or Date().fault(last):
        return
    if first > last:
        yield f"from={first}, to={last}: the first date lies after the last; swap them"


def _root_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Refuse relative roots in a Ray job, which throws its folder away."""
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        return
    for section in ("storage", "source"):
        root = config.get(section, {}).get("root")
        if isinstance(root, str) and "://" not in root and not Path(root).is_absolute():
            yield (
                f"{section}.root={root}: relative, and Ray throws the working directory of a job "
                f"away; give the absolute path, such as {section}.root={Path.home() / root}"
            )
