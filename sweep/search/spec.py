"""What a sweep is asked to do: typed settings, built by `jobs.sweep`, read by `run_sweep`."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from sweep.evidence.criteria import Thresholds
from sweep.ingest.run_spec import RunSpec
from sweep.store.place import Place

SearchKind = Literal["grid", "random", "sobol", "genetic", "tpe", "cmaes"]
FoldKind = Literal["none", "split", "walk_forward", "combinatorial"]

SEARCH_KINDS: tuple[SearchKind, ...] = ("grid", "random", "sobol", "genetic", "tpe", "cmaes")
ADAPTIVE_KINDS: tuple[SearchKind, ...] = ("genetic", "tpe", "cmaes")
"""Searches that look at results: one per fold and one for the final set, and a random baseline."""

FOLD_KINDS: tuple[FoldKind, ...] = ("none", "split", "walk_forward", "combinatorial")

ScreeningKind = Literal["none", "halving"]
SCREENING_KINDS: tuple[ScreeningKind, ...] = ("none", "halving")


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How parameter sets are proposed and ranked (`search.*`).

    Attributes
    ----------
    kind
        Searcher.
    budget
        Parameter sets per detector; of an adaptive search per fold, for the final set, and of
        the random baseline. At least 1.
    seed
        Seed of the proposals, 0 or more.
    objective
        Metric maximised; a name of `objective.DIRECTIONS`, with `-` before it to minimise one
        that has no direction of its own. Of several the first ranks and chooses, all of them
        make the Pareto front, and `genetic` and `tpe` search for that front.
    constraints
        Texts such as `trades>=100`.
    grid_points
        Values that a grid takes of a range that is neither `step` nor `choice`, at least 2.
    population
        Sets of a generation of `genetic`, at least 2.
    crossover_prob, swapping_prob, mutation_prob
        `genetic`: share of children with two parents, of parameters taken from the second, and
        of parameters drawn anew (None: one of a set).
    batch, startup
        `tpe`, `cmaes`: sets proposed from one model; `tpe`: random ones before the first.
    """

    kind: SearchKind = "random"
    budget: int = 1000
    seed: int = 0
    objective: str | tuple[str, ...] = "daily_lcb_r"
    constraints: tuple[str, ...] = ("trades>=30",)
    grid_points: int = 5
    population: int = 50
    crossover_prob: float = 0.9
    swapping_prob: float = 0.5
    mutation_prob: float | None = None
    batch: int = 20
    startup: int = 50

    @property
    def objectives(self) -> tuple[str, ...]:
        """Return the texts of all objectives."""
        return (self.objective,) if isinstance(self.objective, str) else self.objective

    @property
    def adaptive(self) -> bool:
        """Return True where proposals depend on results."""
        return self.kind in ADAPTIVE_KINDS


@dataclasses.dataclass(frozen=True)
class FoldSettings:
    """How the session axis is cut into in-sample and out-of-sample ranges (`folds.*`).

    Attributes
    ----------
    kind
        Scheme.
    in_sample, out_of_sample
        Lengths in sessions; None: derived from `count` and `in_sample_ratio`.
    step
        Sessions from one fold to the next of a walk-forward, None = `out_of_sample`.
    anchored
        True: every in-sample window of a walk-forward begins at the first session.
    purge, embargo
        Sessions dropped before and after the start of an out-of-sample range; for
        `combinatorial` purge is dropped on both sides of it and embargo after it.
    count, in_sample_ratio
        Folds wanted and in-sample length in out-of-sample lengths, where lengths are None.
    fraction
        Share of sessions out of sample for `split`, in (0, 1).
    groups, out_groups
        `combinatorial`: blocks the axis is cut into, and how many are out of sample at a time.
    """

    kind: FoldKind = "walk_forward"
    in_sample: int | None = None
    out_of_sample: int | None = None
    step: int | None = None
    anchored: bool = False
    purge: int = 0
    embargo: int = 0
    count: int = 4
    in_sample_ratio: int = 3
    fraction: float = 0.3
    groups: int = 6
    out_groups: int = 2


@dataclasses.dataclass(frozen=True)
class HoldoutSettings:
    """Which sessions a sweep never reads (`holdout.*`).

    Attributes
    ----------
    fraction
        Share of the sessions with bars, the last ones; 0 = no hold-out.
    minimum
        At least this many sessions where there is a hold-out.
    """

    fraction: float = 0.2
    minimum: int = 20


@dataclasses.dataclass(frozen=True)
class ScreeningSettings:
    """Which sets are evaluated in full (`screening.*`); no part of a sweep's identity.

    Attributes
    ----------
    kind
        `none`: all; `halving`: those that are best on ever more sessions, by successive halving.
    factor
        Of the sets of a rung one in so many goes on, to so many times the sessions; 2 or more.
    min_resources
        Sessions of the first rung, at least; 2 or more.
    sample
        Dropped sets that are evaluated in full all the same, to tell what was lost; 1 or more.
    """

    kind: ScreeningKind = "none"
    factor: int = 3
    min_resources: int = 20
    sample: int = 2000


@dataclasses.dataclass(frozen=True)
class ExecutionSettings:
    """How the work is cut, never what it yields (`sweep.*`, `ray.*`).

    Attributes
    ----------
    block_size
        Parameter sets per Tune trial, None = measured.
    dry_run
        True: say what it would take, and stop.
    max_failure_rate
        Share of failed sets, of those evaluated, past which the sweep stops; in [0, 1].
    workers
        Trials at a time, None = the processors there are.
    address
        None = a private Ray on this machine, or the cluster whose job this is; `auto` or
        `host:port` = that cluster.
    insecure
        True: use a cluster without token authentication.
    """

    block_size: int | None = None
    dry_run: bool = False
    max_failure_rate: float = 0.1
    workers: int | None = None
    address: str | None = None
    insecure: bool = False


@dataclasses.dataclass(frozen=True)
class ResultSettings:
    """What is kept beside the tables of all sets (`results.*`).

    Attributes
    ----------
    trades
        Trades of the chosen and configured sets, or of all sets.
    detail
        Best sets of a detector whose results are broken down by symbol, time of day, regime and
        way out, beside the chosen and configured ones; 0 or more.
    """

    trades: Literal["chosen", "all"] = "chosen"
    detail: int = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepSpec(RunSpec):
    """One sweep; its detectors are built ones, and a configured set is evaluated beside the rest.

    Attributes
    ----------
    space
        section -> parameter -> `[kind, args...]` or a number; sections are detectors, families
        and `exit`, in this order of precedence. What no section names takes its default range.
    search, folds, holdout, screening, execution, results
        See their classes.
    verdict
        Thresholds of the verdict: how results are read, so no part of the sweep's id.
    store
        SQL store that mirrors the tables.
    """

    space: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)
    search: SearchSettings = dataclasses.field(default_factory=SearchSettings)
    folds: FoldSettings = dataclasses.field(default_factory=FoldSettings)
    holdout: HoldoutSettings = dataclasses.field(default_factory=HoldoutSettings)
    screening: ScreeningSettings = dataclasses.field(default_factory=ScreeningSettings)
    execution: ExecutionSettings = dataclasses.field(default_factory=ExecutionSettings)
    results: ResultSettings = dataclasses.field(default_factory=ResultSettings)
    verdict: Thresholds = dataclasses.field(default_factory=Thresholds)
    store: Literal["sqlite", "postgres"] = "sqlite"


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a running sweep is; handed to `on_progress`.

    Attributes
    ----------
    stage
        What is being done, in words.
    done, total
        Parameter sets finished (earlier runs included) and wanted; 0 of 0 before they are known.
    failed
        Sets that failed.
    note
        What else there is to say: the best objective of this run so far, or what is at work.
    """

    stage: str
    done: int = 0
    total: int = 0
    failed: int = 0
    note: str = ""


@dataclasses.dataclass(frozen=True)
class SweepOutcome:
    """What came of a sweep.

    Attributes
    ----------
    sweep_id
        Its id, the name of its results folder.
    status
        `interrupted` after Ctrl-C or SIGTERM; what was finished is kept.
    folder
        Results folder.
    sets, failed
        Rows of the table of parameter sets, and those of status failed.
    evaluated
        Sets evaluated by this run; 0 where everything was there already.
    notes
        Sentences for the user: rows not evaluable, cut grids, short data, a store that is away.
    reason
        Why it is not done, empty where it is.
    """

    sweep_id: str
    status: Literal["done", "failed", "interrupted"]
    folder: Place
    sets: int
    failed: int
    evaluated: int
    notes: tuple[str, ...] = ()
    reason: str = ""
