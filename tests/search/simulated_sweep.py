"""A sweep without a market: daily results of parameter sets drawn from a surface, then judged.

Sets live in the unit square of `stop_atr` and `target_atr`; their daily results share a market
factor, so that neighbours are alike, as in a real sweep.
"""

import dataclasses

import numpy as np

from sweep.evidence.criteria import Thresholds
from sweep.search.choose import InSample, choose, median_over_folds
from sweep.search.folds import make_folds
from sweep.search.judgement import Case, judge_sweep, measure
from sweep.search.measures import measure_plateau
from sweep.search.range_edge import range_ends
from sweep.search.spec import FoldSettings
from sweep.search.stitching import SetSeries, stitch


@dataclasses.dataclass
class Simulated:
    """Daily net R and trades [sets, sessions], parameters [sets, 2], folds."""

    daily: np.ndarray
    trades: np.ndarray
    parameters: np.ndarray
    sessions: int
    least_trades: int = 30

    @property
    def folds(self):
        return make_folds(self.sessions, FoldSettings())

    def series(self, row):
        daily, trades = self.daily[row], self.trades[row].astype(np.int64)
        # One R is 1,000 bp of what is bought and sold; a trade costs 0.02 R.
        return SetSeries(daily, trades, daily + 0.02 * trades, 20.0 * trades)

    def choose(self):
        """Choose as a sweep does: from in-sample slices only."""
        inside = [fold.in_sample for fold in self.folds.folds]
        values = np.stack([lower_bound(self.daily[:, part]) for part in inside], axis=1)
        counts = np.stack([self.trades[:, part].sum(axis=1) for part in inside], axis=1)
        share = len(inside[0]) / self.sessions
        known = InSample(
            np.arange(len(self.daily), dtype=np.uint64),
            self.parameters,
            values,
            np.maximum(self.least_trades * share - counts, 0.0),
            counts,
        )
        feasible = self.trades.sum(axis=1) >= self.least_trades
        return known, choose(known, feasible=feasible, with_folds=True)

    def case(self, *, tries_ever=None, space=None):
        known, chosen = self.choose()
        traded = self.trades.sum(axis=1) > 0
        daily = self.daily[traded].astype(np.float32)
        n = len(self.daily)
        case = Case(
            n,
            tries_ever or n,
            [daily[i : i + 300] for i in range(0, len(daily), 300)],
            self.sessions,
            stitched=stitch(
                self.folds, [None if row is None else self.series(row) for row in chosen.folds]
            ),
        )
        if chosen.final is None:
            return case
        values = np.where(known.trades > 0, known.objective, np.nan)
        objective, final = median_over_folds(values), chosen.final
        plateau = measure_plateau(self.parameters, objective, final)
        return dataclasses.replace(
            case,
            final_id=f"p{chosen.final}",
            final=self.series(chosen.final),
            ambiguous_frac=0.01,
            plateau=plateau,
            ends=() if space is None else self.ends(space, objective, final, plateau.score),
        )

    def ends(self, space, objective, row, score):
        """Judge the ends of a space of which `parameters` are the searched dimensions."""
        names = [dimension.name for dimension in space.searched]
        values = dict(zip(names, self.parameters[row].tolist(), strict=True))
        return range_ends(
            space,
            values,
            self.parameters,
            ~np.isnan(objective),
            row,
            score=score,
            daily=lambda sets: self.daily[sets],
        )


def lower_bound(daily):
    """Lower 95 % bound of the mean, near enough to Student's."""
    return daily.mean(axis=1) - 1.66 * daily.std(axis=1, ddof=1) / np.sqrt(daily.shape[1])


def simulate(seed, *, sets=300, sessions=240, sharpe=0.0, activity=0.7, alike=0.9):
    """Draw a sweep whose best region has this annual Sharpe ratio; 0 is a null market.

    Neighbours in the square share most of their days' luck (`alike`).
    """
    rng = np.random.default_rng(seed)
    parameters = rng.random((sets, 2))
    # Smooth random fields over the square, one a session: luck of neighbours.
    waves = rng.normal(0, 2.5, (12, 2))
    basis = np.cos(parameters @ waves.T + rng.uniform(0, 2 * np.pi, 12)) * np.sqrt(2 / 12)
    luck = basis @ rng.standard_normal((12, sessions))
    noise = np.sqrt(alike) * luck + np.sqrt(1 - alike) * rng.standard_normal((sets, sessions))
    hill = np.exp(-4 * ((parameters - 0.5) ** 2).sum(axis=1))
    trades = (rng.random(sessions) < activity)[np.newaxis] & (rng.random((sets, sessions)) < 0.95)
    daily = (noise + (sharpe / np.sqrt(252 * activity) * hill)[:, np.newaxis]) * trades
    return Simulated(daily, trades.astype(np.int64), parameters, sessions)


def judged(*cases, thresholds=None, reservations=()):
    """Judge cases as the detectors of one sweep."""
    measured = {f"d{i}": measure(case) for i, case in enumerate(cases)}
    found = judge_sweep(measured, thresholds or Thresholds(), reservations=reservations)
    return list(found.values())
