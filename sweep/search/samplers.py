"""Samplers that learn from results: NSGA-II, TPE and CMA-ES through Optuna's ask and tell.

A sampler is asked for a whole generation and then told of it in the same order, so nothing
depends on which set was evaluated first. Objectives are maximised; a set is feasible where its
violation is 0.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.engine.sets import ParameterSets
from sweep.search.dimensions import Dimension
from sweep.search.spaces import Space
from sweep.search.spec import SearchSettings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

WORST = 1e6
"""Violation of a set that has no value at all: invalid, failed, or without a trade."""

_FLOOR = -1e18  # where CMA-ES, which knows no constraints, sees infeasible sets
_GENERATION = "NSGAIISampler:generation"


class Sampler:
    """One adaptive search on one space.

    Parameters
    ----------
    space
        What is searched; at least one parameter.
    settings
        Kind of the search and its keys.
    seed
        32 bits.
    n_objectives
        Numbers maximised together.
    """

    def __init__(
        self, space: Space, settings: SearchSettings, seed: int, n_objectives: int = 1
    ) -> None:
        self._space = space
        self._kind = settings.kind
        self._n_objectives = n_objectives
        self._distributions = {d.name: _distribution(d) for d in space.searched}
        genetic = settings.kind == "genetic"
        self._size = settings.population if genetic else settings.batch
        self._sampler = _make(settings, seed)
        self._study = self._new_study()
        self._asked: list[Trial] = []

    def ask(self) -> ParameterSets:
        """Propose the next generation."""
        with _quiet():
            self._asked = [self._study.ask(self._distributions) for _ in range(self._size)]
        columns = {
            d.name: _values(d, [trial.params[d.name] for trial in self._asked])
            for d in self._space.searched
        }
        return self._space.sets(columns, len(self._asked))

    def tell(self, objectives: Float, violation: Float) -> None:
        """Hear what became of the last generation.

        Parameters
        ----------
        objectives
            float64 [generation, objectives], NaN where there is no value.
        violation
            float64 [generation], 0 where all constraints hold.
        """
        missing = np.any(~np.isfinite(objectives), axis=1, keepdims=True)
        broken = np.minimum(violation + missing[:, 0], WORST)
        values = np.where(missing, -WORST, objectives)
        finished = []
        with _quiet():
            for trial, value, away in zip(
                self._asked, values.tolist(), broken.tolist(), strict=True
            ):
                if self._kind == "cmaes":
                    told = value if away == 0.0 else [_FLOOR * (1.0 + away)]
                else:
                    trial.set_constraint("violation", away)
                    told = value
                finished.append(self._study.tell(trial, told))
            self._forget(finished)

    def _new_study(self) -> "Study":
        import optuna  # noqa: PLC0415 - slow

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _quiet():
            return optuna.create_study(
                sampler=self._sampler, directions=["maximize"] * self._n_objectives
            )

    def _forget(self, generation: "list[FrozenTrial]") -> None:
        """Go on in a study of what the next generation descends from.

        Samplers go over all trials for every proposal, which makes NSGA-II quadratic: 47 CPU s for
        10,000 proposals. CMA-ES needs its last generation, NSGA-II that and its parents; TPE
        models everything that it has seen.
        """
        if self._kind == "tpe":
            return
        kept = list(generation)
        if self._kind == "genetic":
            kept += self._parents()
            for trial in kept:
                trial.system_attrs[_GENERATION] = 0
        self._study = self._new_study()
        self._study.add_trials(kept)

    def _parents(self) -> "list[FrozenTrial]":
        """Return the parents of the generation that was told: none of the first one."""
        first = self._study.get_trials(deepcopy=False)[0]
        if first.number == self._asked[0].number:
            return []
        parents: list[FrozenTrial] = self._sampler.get_parent_population(self._study, 1)  # type: ignore[attr-defined]
        return parents


def _make(settings: SearchSettings, seed: int) -> "BaseSampler":
    from optuna import samplers  # noqa: PLC0415 - slow

    with _quiet():
        if settings.kind == "genetic":
            return samplers.NSGAIISampler(
                population_size=settings.population,
                crossover_prob=settings.crossover_prob,
                swapping_prob=settings.swapping_prob,
                mutation_prob=settings.mutation_prob,
                seed=seed,
            )
        if settings.kind == "tpe":
            return samplers.TPESampler(
                n_startup_trials=settings.startup, multivariate=True, seed=seed
            )
        return samplers.CmaEsSampler(
            popsize=settings.batch,
            with_margin=True,
            warn_independent_sampling=False,
            seed=seed,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from saying that what is used here may change; versions are locked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="optuna")
        warnings.filterwarnings("ignore", message=".*(experimental|Experimental).*")
        yield


def _distribution(dimension: Dimension) -> "BaseDistribution":
    """Return a dimension as Optuna knows it; steps are counted, for they are not binary."""
    from optuna import distributions  # noqa: PLC0415 - slow

    logarithmic = dimension.kind in ("logint", "loguniform")
    if dimension.kind == "choice":
        return distributions.CategoricalDistribution(dimension.choices)
    if dimension.kind == "step":
        return distributions.IntDistribution(0, len(dimension.values(0)) - 1)
    if dimension.whole:
        low, high = math.ceil(dimension.low), math.floor(dimension.high)
        return distributions.IntDistribution(low, high, log=logarithmic)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=logarithmic)


def _values(dimension: Dimension, proposed: Sequence[float]) -> Float:
    """Return proposals as values of the dimension, in the digits that all searches use."""
    if dimension.kind == "step":
        places: NDArray[np.int64] = np.array(proposed, np.int64)
        return dimension.values(0)[places]
    return dimension.rounded(np.array(proposed, np.float64))
