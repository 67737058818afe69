"""From the tables of a finished sweep to `evidence.json`."""

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from detectors.bars import Float
from sweep.search import choose
from sweep.search.chosen_sets import FullSets
from sweep.search.evidence_document import describe, headline
from sweep.search.identity import Keys, id_column, keys_of, set_ids
from sweep.search.in_sample import with_status
from sweep.search.judgement import Case, Measured, judge_sweep, measure
from sweep.search.measures import Plateau, measure_plateau
from sweep.search.merge import Merged
from sweep.search.plan import DetectorPlan, SweepPlan
from sweep.search.random_start import among_random
from sweep.search.range_edge import RangeEnd, range_ends
from sweep.search.screened import fair_sample, reservation
from sweep.search.stitching import set_series, stitch
from sweep.search.weighing import Heard
from sweep.store.ledger import Ledger, Tries, each_once
from sweep.store.place import Place
from sweep.store.results import (
    EVIDENCE,
    FOLD_SCORES,
    STITCHED,
    Results,
    daily_chunks,
    dataset,
)

NO_HOLDOUT = "There is no hold-out (holdout=none), so nothing is left to check the result on."
NO_FOLDS = "There are no folds (folds=none), so no result is out of sample."

OnSets = Callable[[int, int, str], None]
"""Told of how many sets, of how many, all is known that is asked, and what is at work."""

STITCHED_SCHEMA = pa.schema(
    [
        ("detector", pa.string()),
        ("session", pa.date32()),
        ("r_net", pa.float64()),
        ("r_gross", pa.float64()),
        ("trades", pa.int64()),
    ]
)
"""`stitched.parquet`: each fold's chosen set on the sessions it was not chosen by, in R."""


@dataclasses.dataclass(frozen=True)
class TradedSets:
    """Daily net R of the sets with a trade; each iteration reads the files again.

    `only` are the keys of the sets wanted, None: all.
    """

    folder: Place
    detector: str
    only: Keys | None = None

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 [sets, sessions of the detector's axis]."""
        only = None if self.only is None else id_column(self.only)
        for ids, values in daily_chunks(self.folder, self.detector):
            wanted = values.any(axis=1)
            if only is not None:
                wanted &= pc.is_in(ids, value_set=only).to_numpy(zero_copy_only=False)
            traded = values[wanted]
            if len(traded):
                yield traded


def tried_keys(merged: Merged | None, full: FullSets) -> Keys:
    """Return the keys of all sets of a detector that count as tries, the configured one too."""
    keys = [keys_of(list(full.values))]
    if merged is not None:
        keys.append(merged.keys[~with_status(merged.sets, "invalid")])
    return each_once(np.concatenate(keys))


def write_evidence(
    plan: SweepPlan,
    results: Results,
    merged: Mapping[str, Merged],
    full: Sequence[tuple[DetectorPlan, FullSets]],
    heard: OnSets,
    screening: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Judge every detector and write `evidence.json`, after the tables, ledger and daily results.

    `heard` is told how far it is: a million sets take a minute. `screening` is what halvings saved
    and may have lost, of the detectors that have one.

    Returns
    -------
    dict
        detector -> verdict and main numbers.
    """
    thresholds, ledger = plan.spec.verdict, Ledger(plan.spec.storage_root)
    measured: dict[str, Measured] = {}
    done, total = 0, sum(len(one.keys) for one in merged.values())
    for one, sets in full:
        name = one.detector.name
        n = len(merged[name].keys) if name in merged else 0
        told = _told(heard, name, done, n, total)
        told("neighbours, random entries", 0.0)
        case = _case(plan, one, results, merged.get(name), sets, ledger)
        case = dataclasses.replace(case, screening=screening.get(name))
        measured[name] = measure(case, told)
        done += n
    heard(done, total, "")
    write_stitched(plan, results, measured)
    reservations = () if plan.held_out else (NO_HOLDOUT,)
    if plan.spec.folds.kind == "none":
        reservations = (*reservations, NO_FOLDS)
    judged = judge_sweep(measured, thresholds, reservations=reservations)
    described = {name: describe(one) for name, one in judged.items()}
    results.write_json(
        EVIDENCE,
        {
            "sweep_id": plan.sweep_id,
            "thresholds": dataclasses.asdict(thresholds),
            "detectors": described,
        },
    )
    return {name: headline(one) for name, one in described.items()}


def _told(heard: OnSets, name: str, before: int, n: int, total: int) -> Heard:
    """Return what hears of the share of a detector's n sets, `before` are those of others."""
    return lambda what, share: heard(before + int(share * n), total, f"{name}: {what}")


def write_stitched(plan: SweepPlan, results: Results, measured: Mapping[str, Measured]) -> None:
    """Write `stitched.parquet`: every detector's out-of-sample series, session by session."""
    axes = {one.detector.name: one.columns for one in plan.judged}

    def pieces() -> Iterator[pa.Table]:
        for name, one in sorted(measured.items()):
            stitched = one.case.stitched
            if stitched is None:
                continue
            days = [plan.dates[k] for k in axes[name][stitched.sessions].tolist()]
            columns = [
                pa.array([name] * len(days)),
                pa.array([dt.date.fromisoformat(day) for day in days], pa.date32()),
                pa.array(stitched.series.daily),
                pa.array(stitched.series.gross),
                pa.array(stitched.series.trades),
            ]
            yield pa.table(columns, schema=STITCHED_SCHEMA)

    results.write_table(STITCHED, pieces(), STITCHED_SCHEMA)


def _unread(ever: Tries) -> tuple[str, ...]:
    """Return why nothing is proven where tries may be missing from the count."""
    if not ever.unread:
        return ()
    return (
        (
            f"Nobody knows how many tries there were: {', '.join(ever.unread)} in ledger/ cannot "
            "be read; restore it from a copy, or remove it where no sweep of yours wrote it, and "
            "run the same command again."
        ),
    )


def _case(
    plan: SweepPlan,
    one: DetectorPlan,
    results: Results,
    merged: Merged | None,
    full: FullSets,
    ledger: Ledger,
) -> Case:
    name = one.detector.name
    ever = ledger.count(name, plan.sessions(one))
    case = Case(
        tries=len(tried_keys(merged, full)),
        tries_ever=ever.distinct,
        sweeps_ever=ever.sweeps,
        returns=TradedSets(results.path, name),
        n_sessions=len(one.columns),
        reservations=_unread(ever),
    )
    if merged is None:
        return case
    if (fair := fair_sample(merged)) is not None:
        # Sets that were kept for what they did on some of these sessions say nothing of luck.
        returns = TradedSets(results.path, name, fair)
        said = (*case.reservations, reservation(merged))
        case = dataclasses.replace(case, returns=returns, reservations=said)
    if merged.selected.rival is not None:
        drawn = TradedSets(results.path, name, merged.keys[merged.selected.baseline])
        case = dataclasses.replace(case, drawn=drawn)
    ids = merged.chosen_ids
    series = [None if name is None else set_series(full.results[name].block) for name in ids]
    stitched = stitch(one.folds, series[1:])
    case = dataclasses.replace(
        case, stitched=stitched, random_entry=among_random(one, full, ids[0], ids[1:], stitched)
    )
    final = ids[0]
    if final is None or merged.chosen.final is None:
        return case
    share = float(full.results[final].block.metrics["ambiguous_frac"][0])
    plateau, ends = _plateau(one, results, merged, merged.chosen.final, full.values[final])
    return dataclasses.replace(
        case,
        final_id=final,
        final=series[0],
        ambiguous_frac=None if math.isnan(share) else share,
        plateau=plateau,
        ends=ends,
    )


def _plateau(
    one: DetectorPlan,
    results: Results,
    merged: Merged,
    final: int,
    chosen: Mapping[str, float],
) -> tuple[Plateau | None, tuple[RangeEnd, ...]]:
    """Compare the final set with its neighbours by what it was chosen by."""
    rows = merged.selected.candidates
    searched = [merged.values[d.name][rows] for d in one.space.searched]
    if not searched:
        return None, ()
    values, trades = _in_sample(one, results, merged, rows)
    values = np.where((trades > 0) & np.isfinite(values), values, np.nan)
    parameters, objective = np.stack(searched, axis=1), choose.median_over_folds(values)
    row = int(np.searchsorted(rows, final))
    plateau = measure_plateau(parameters, objective, row)
    ends = range_ends(
        one.space,
        chosen,
        parameters,
        ~np.isnan(objective),
        row,
        score=plateau.score,
        daily=lambda sets: _daily_of(results, one.detector.name, merged.keys[rows[sets]]),
    )
    return plateau, ends


def _daily_of(results: Results, detector: str, keys: Keys) -> NDArray[np.float32]:
    """Return the daily results of a few evaluated sets, in the order of their keys given."""
    places = {name: place for place, name in enumerate(set_ids(keys))}
    found: dict[int, NDArray[np.float32]] = {}
    for ids, values in daily_chunks(results.path, detector):
        rows = zip(ids.to_pylist(), values, strict=True)
        found |= {places[name]: row for name, row in rows if name in places}
        if len(found) == len(places):
            break
    return np.stack([found[place] for place in range(len(places))])


def _in_sample(
    one: DetectorPlan, results: Results, merged: Merged, rows: NDArray[np.int64]
) -> tuple[Float, Float]:
    """Return objective and trades of some evaluated sets, float64 [sets, folds]."""
    if not len(one.folds):
        found = (merged.sets[column].to_numpy()[rows] for column in ("objective", "trades"))
        objective, trades = (np.asarray(column, np.float64)[:, np.newaxis] for column in found)
        return objective, trades
    evaluated = np.flatnonzero(with_status(merged.sets, "ok", "infeasible"))
    places = np.searchsorted(evaluated, rows)
    # Rows lie by set, then fold, as `write_fold_scores` put them.
    table = dataset(results.path / FOLD_SCORES).head(
        (int(places[-1]) + 1) * len(one.folds),
        columns=["in_sample_objective", "trades"],
        filter=ds.field("detector") == one.detector.name,
    )
    objective, trades = (
        table[column].cast("float64").to_numpy().reshape(-1, len(one.folds))[places]
        for column in ("in_sample_objective", "trades")
    )
    return objective, trades
