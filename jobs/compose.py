"""Compose a job's configuration outside `hydra.main`, and say which groups and options it has."""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from jobs.rules import nearest

JOBS = (
    "sample",
    "backfill",
    "coverage",
    "gamma",
    "backtest",
    "sweep",
    "report",
    "promote",
    "watch",
    "database",
)
"""Primary configurations, one per job."""

_RUNS_CODE = ("callbacks", "job_logging", "hydra_logging", "launcher", "sweeper")
"""Sections of Hydra's own configuration that it builds objects from."""


class Composer:
    """The configuration tree as one job sees it; a context manager, since Hydra is a singleton.

    Parameters
    ----------
    job
        Name of the primary configuration.
    config_dir
        Folder with further options, None for none.
    """

    def __init__(self, job: str, config_dir: str | None = None) -> None:
        self.job = job
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._folder = None if config_dir is None else Path(config_dir).resolve()
        if self._folder is not None and not self._folder.is_dir():
            raise ValueError(f"--config-dir {config_dir}: no such folder")

    def __enter__(self) -> Self:
        """Open the tree."""
        GlobalHydra.instance().clear()
        self._context = initialize_config_module("conf", version_base="1.3", job_name=self.job)
        self._context.__enter__()
        self._composed.clear()
        choices = self._load([])["hydra"]["runtime"]["choices"]
        self.groups = frozenset(name for name in choices if not name.startswith("hydra"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give Hydra back as it was."""
        self._context.__exit__(kind, error, trace)

    def _search_path(self) -> list[str]:
        return [] if self._folder is None else [f"hydra.searchpath=[file://{self._folder}]"]

    def _groups(self, job: str) -> frozenset[str]:
        loader = GlobalHydra.instance().config_loader()
        defaults = loader.compute_defaults_list(job, self._search_path(), RunMode.RUN)
        choices = defaults.overrides.known_choices
        return frozenset(name for name in choices if not name.startswith("hydra"))

    def _load(self, overrides: Sequence[str]) -> DictConfig:
        """Compose with Hydra's own configuration; the same overrides once, it takes 0.2 s."""
        texts = (*self._search_path(), *overrides)
        if texts not in self._composed:
            self._composed[texts] = compose(self.job, [*texts], return_hydra_config=True)
        return self._composed[texts]

    def compose(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Return the composed configuration as plain Python, interpolations resolved."""
        found = self._load(overrides)
        own = OmegaConf.masked_copy(found, [str(name) for name in found if name != "hydra"])
        plain: dict[str, Any] = OmegaConf.to_container(own, resolve=True)  # type: ignore[assignment]
        return plain

    def code_faults(self, overrides: Sequence[str]) -> list[str]:
        """Refuse what would make Hydra run code that a configuration names.

        Callbacks and log handlers are built from names of classes, also those in a folder that
        `--config-dir` brings in.
        """
        plain, given = (self._hydra(texts) for texts in ([], overrides))
        return [
            f"hydra.{name}: names code to be run, which a configuration must not; leave it out"
            for name in _RUNS_CODE
            if given.get(name) != plain.get(name)
        ]

    def _hydra(self, overrides: Sequence[str]) -> dict[str, Any]:
        found: Any = OmegaConf.to_container(self._load(overrides)["hydra"], resolve=False)
        return dict(found)

    def options(self, group: str) -> list[str]:
        """Return the options of a group."""
        loader = GlobalHydra.instance().config_loader()
        found: list[str] = loader.get_group_options(
            group, ObjectType.CONFIG, self.job, self._search_path()
        )
        if group == "detector":  # those that jobs.promote wrote into this checkout
            inside = self.options(f"{group}/promoted")
            found = [*found, *(f"promoted/{name}" for name in inside)]
        return sorted(found)

    def option_faults(self, group: str, chosen: object) -> list[str]:
        """Return what is wrong with a choice: an unknown option, or a list where one is wanted."""
        options = self.options(group)
        if chosen is None and group == "experiment":
            return []
        there_are = f"there are {', '.join(options)}"
        if isinstance(chosen, dict):
            return [
                f"{group} takes an option ({there_are}); set its keys by {group}.<key>=<value>"
            ]
        if isinstance(chosen, list) and group != "detector":
            return [f"{group} takes one option, {there_are}"]
        names = [str(name) for name in chosen] if isinstance(chosen, list) else [str(chosen)]
        if not names:
            return [f"{group} needs at least one option, {there_are}"]
        return [
            f"{group} has no option {name!r}; {there_are}{nearest(name, options)}"
            for name in names
            if name not in options
        ]

    def choices_with(self, key: str, group: str) -> list[str]:
        """Return the choices of a group, such as `screening=halving`, that bring a key."""
        if group not in self.groups:
            return []
        choices = [f"{group}={option}" for option in self.options(group)]
        return [one for one in choices if key in set(_names(self.compose([one])))]

    def elsewhere(self, key: str) -> str:
        """Return ` (a key of jobs.<name>)` where other jobs have the key or group."""
        found = [f"jobs.{job}" for job, keys in self._others.items() if key in keys]
        return f" (a key of {', '.join(found)})" if found else ""

    @functools.cached_property
    def _others(self) -> dict[str, set[str]]:
        """Keys, sections and groups of the other jobs."""
        others = {}
        for job in JOBS:
            if job != self.job:
                plain: Any = OmegaConf.to_container(compose(job))
                others[job] = {*self._groups(job), *_names(plain)}
        return others


def _names(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of sections and keys."""
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")
