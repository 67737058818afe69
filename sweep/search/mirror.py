"""Mirror a finished sweep into SQL, a bounded number of rows in memory at a time.

The Parquet tables are the truth and hold every set. 100,000 sets take seconds
to be written as JSON rows, about what their evaluation takes, so of more SQL gets the best ones.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sweep.search.spec import SweepSpec
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.ledger import Ledger
from sweep.store.results import (
    FOLD_SCORES,
    PARAMETER_SETS,
    STALE,
    TRADES,
    Results,
    dataset,
    read_table,
)

MOST_SETS = 100_000
"""Sets of a sweep in SQL; of more, the best of every detector and the chosen ones."""

DETAILED = 1_000
"""Best sets of every detector whose fold scores are in SQL, beside the chosen ones."""

_ROWS = 20_000


def mirror(spec: SweepSpec, results: Results, about: Mapping[str, Any]) -> list[str]:
    """Write the tables of a sweep into SQL; a store that is away costs a note, never the sweep.

    Parameters
    ----------
    spec, results
        The sweep and its folder.
    about
        Content of `sweep.json`.

    Returns
    -------
    list of str
        Why it is not there; empty where it is.
    """
    from sweep.store import sweep_tables  # noqa: PLC0415 - slow, as below
    from sweep.store.database import Database  # noqa: PLC0415

    name = about["sweep_id"]
    wanted = None
    if about["counts"]["sets"] > MOST_SETS:
        wanted = _wanted(about, MOST_SETS // len(about["detectors"]))
    try:
        with contextlib.closing(Database.open(spec.store, spec.storage_root)) as db:
            db.upgrade()
            sweep_tables.record_sweep(db, about, stale=results.read_json(STALE) is not None)
            for piece in _pieces(results, wanted):
                sweep_tables.record_parameter_sets(db, name, piece)
            sweep_tables.record_fold_scores(db, name, _fold_scores(results, about))
            sweep_tables.record_trades(db, name, read_table(results.path, TRADES))
            ledger = Ledger(spec.storage_root)
            for detector in about["detectors"]:
                db.upsert("trial_ledger", ledger.rows(detector))
    except (StoreTransient, StoreTerminal) as error:
        return [f"not mirrored into SQL, run the same command again: {error}"]
    return []


def shared_tries(spec: SweepSpec, detectors: Sequence[str]) -> list[str]:
    """Count tries of other storages that share this Postgres; says why where it could not."""
    if spec.store != "postgres":
        return []
    from sweep.store.database import Database  # noqa: PLC0415
    from sweep.store.shared_tries import share_tries  # noqa: PLC0415

    try:
        with contextlib.closing(Database.open(spec.store, spec.storage_root)) as db:
            db.upgrade()
            share_tries(Ledger(spec.storage_root), db, detectors)
    except (StoreTransient, StoreTerminal) as error:
        return [f"tries of other storages are not counted, run the same command again: {error}"]
    return []


def mirror_notes(sets: int) -> list[str]:
    """Say that SQL holds a part of many sets."""
    if sets <= MOST_SETS:
        return []
    return [f"SQL holds the best {MOST_SETS:,} of {sets:,} sets; the Parquet tables hold all"]


def _wanted(about: Mapping[str, Any], best: int) -> ds.Expression:
    """Select the best sets of every detector and those that were chosen."""
    return (ds.field("rank") <= best) | ds.field("set_id").isin(_chosen(about))


def _chosen(about: Mapping[str, Any]) -> list[str]:
    found = set()
    for detector in about["detectors"].values():
        chosen = detector["chosen"]
        found |= {detector["configured"]["set_id"], chosen["final"], *chosen["folds"]}
    return sorted(found - {None})


def _pieces(results: Results, wanted: ds.Expression | None) -> Iterator[pa.Table]:
    batches = dataset(results.path / PARAMETER_SETS).to_batches(filter=wanted, batch_size=_ROWS)
    for batch in batches:
        if batch.num_rows:
            yield pa.Table.from_batches([batch])


def _fold_scores(results: Results, about: Mapping[str, Any]) -> pa.Table:
    """Return the fold scores of the best and the chosen sets."""
    ids = dataset(results.path / PARAMETER_SETS).to_table(
        columns=["set_id"], filter=_wanted(about, DETAILED)
    )["set_id"]
    return dataset(results.path / FOLD_SCORES).to_table(
        filter=pc.field("set_id").isin(ids.combine_chunks())
    )
