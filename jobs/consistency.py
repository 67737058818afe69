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
    if "screening" in config:
        yield from _clash_faults(config)
    if "undo" in config:
        yield from _promotion_faults(config)
    if "space" in config:
        yield from space_faults(config)


def absent_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be given to run, though not to look at the configuration."""
    source = config.get("source", {})
    if config.get("list"):  # only shows the queue
        return
    if source.get("kind") in ("flatfiles", "hybrid") and source.get("root") is None:
        yield "source.root=null: must be the folder that holds us_stocks_sip/ and us_indices/"
    if "undo" in config and config["sweep"] is None and not (config["undo"] or config["pull"]):
        yield "sweep=null: name the sweep to promote from, such as sweep=s0123456789ab"


def _promotion_faults(config: Mapping[str, Any]) -> Iterator[str]:
    from detectors.registry import DETECTORS  # noqa: PLC0415 - not needed to print help

    every = set(config["params"]) == set(DETECTORS)
    if isinstance(config["sweep"], list):
        yield "sweep: one is promoted from at a time; give its id, such as sweep=s0123456789ab"
    if config["undo"] and config["pull"]:
        yield "undo=true, pull=true: two different things; give one of them"
    if config["force"] and (config["undo"] or config["pull"]):
        yield "force=true: there is no gate to overrule when undoing or pulling; leave it out"
    if config["force"] and not config["reason"]:
        yield "force=true: needs a reason, which is kept for ever; add 'reason=\"...\"'"
    if config["reason"] and not config["force"]:
        yield f"reason={config['reason']}: is recorded with force=true only; add it or drop this"
    if config["force"] and every:
        yield "force=true: name the detectors that it is for, such as detector=breakout_bullish"
    if config["undo"] and every and config["sweep"] is None:
        yield "undo=true: name the detectors or the sweep whose promotion is to be taken back"


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
    if objective in (None, defaults.objective) and set(texts) <= {*defaults.constraints}:
        return  # saves the second that statistics take to import
    from sweep.search.objective import read_constraint, read_objective  # noqa: PLC0415 - slow

    named = objective if isinstance(objective, list) else [objective]
    for read, given in ((read_objective, named), (read_constraint, texts)):
        for text in given:
            try:
                read(str(text))
            except ValueError as error:
                yield str(error)


def _clash_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield which choices exclude each other, before wrong values of theirs are mended."""
    from sweep.search.clashes import clash_faults  # noqa: PLC0415 - not needed to print help
    from sweep.search.spec import SearchSettings  # noqa: PLC0415 - as above

    search = config["search"]
    objective = search["objective"]
    named = tuple(map(str, objective)) if isinstance(objective, list) else str(objective)
    asked = SearchSettings(kind=search["kind"], objective=named)
    yield from clash_faults(asked, config["folds"]["kind"], config["screening"]["kind"])


def _date_faults(config: Mapping[str, Any]) -> Iterator[str]:
    days, first, last = (config.get(key) for key in ("days", "from", "to"))
    if days is not None and first is not None:
        yield f"days={days}, from={first}: both set the first session; give one of them"
    if first is None or last is None or Date().fault(first) or Date().fault(last):
        return
    if first > last:
        yield f"from={first}, to={last}: the first date lies after the last; swap them"


def _bucket_faults(config: Mapping[str, Any]) -> Iterator[str]:
    storage = config.get("storage", {})
    root = storage.get("root")
    if not isinstance(root, str):
        return
    if "://" not in root:
        given = [name for name in ("endpoint", "region") if storage.get(name) is not None]
        if given:
            yield (
                f"storage.{given[0]}={storage[given[0]]}: only a bucket has one, and "
                f"storage.root={root} is a folder; give storage.root=s3://bucket/prefix"
            )
        return
    from sweep.store.place import url_fault  # noqa: PLC0415 - slow

    if fault := url_fault(root):
        yield f"storage.root: {fault}"
    elif root.startswith("s3://") and config.get("store", {}).get("kind") == "sqlite":
        yield (
            f"storage.root={root}, store=sqlite: a SQLite file belongs to one machine; with a "
            "bucket give store=postgres (DATABASE_URL has the server)"
        )


def _root_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Refuse roots that cannot be read, and relative ones where Ray throws the folder away."""
    yield from _bucket_faults(config)
    for section in ("storage", "source"):
        root = config.get(section, {}).get("root")
        if isinstance(root, str) and "://" not in root and Path(root).is_file():
            yield f"{section}.root={root}: is a file; name a folder"
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        return
    for section in ("storage", "source"):
        root = config.get(section, {}).get("root")
        if isinstance(root, str) and "://" not in root and not Path(root).is_absolute():
            yield (
                f"{section}.root={root}: relative, and Ray throws the working directory of a job "
                f"away; give the absolute path, such as {section}.root={Path.home() / root}"
            )
