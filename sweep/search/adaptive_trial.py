"""The body of a Tune trial that is a whole adaptive search: ask, evaluate, tell, write parts.

A search runs in one place from its first generation to its last, for a generation is too short to
send anywhere; searches of folds and detectors run beside each other. Started again it asks the
same questions and finds the answers in the parts.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sweep.engine.candidates import CandidateTable
from sweep.search.adaptive import FINAL, AdaptiveSearch, Scores
from sweep.search.blocks import TARGET_S
from sweep.search.evaluation import BlockRows, Task, evaluate_sets
from sweep.search.identity import Keys, block_name, set_keys
from sweep.search.in_sample import told, told_columns
from sweep.store.results import Results

SEARCHES = "searches"
"""Kind of the parts that list what a search proposed."""

_ENDED = b"ended"
_FLUSH_S = 10.0  # a search that models long between short evaluations is written now and then


class Answers:
    """Scores of evaluated sets by key, for one search; sets of other searches are among them."""

    def __init__(self, task: Task, results: Results, fold: int) -> None:
        self._task, self._fold = task, fold
        self._rows: dict[int, tuple[Any, float]] = {}
        table = results.read_parts(task.detector.name, told_columns(task))
        if table is not None:
            self.add(table)

    def add(self, table: pa.Table) -> None:
        """Take in evaluated sets."""
        scores = told(self._task, table, self._fold)
        answers = zip(scores.objectives, scores.violation.tolist(), strict=True)
        self._rows |= dict(zip(table["key"].to_pylist(), answers, strict=True))

    def missing(self, keys: Keys) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which keys have no answer yet."""
        return np.array([key not in self._rows for key in keys.tolist()], np.bool_)

    def scores(self, keys: Keys) -> Scores:
        """Return what is known of some sets."""
        found = [self._rows[key] for key in keys.tolist()]
        return Scores(np.array([o for o, _ in found]), np.array([v for _, v in found]))


def run_search(
    task: Task, tables: Sequence[CandidateTable], results: Results, fold: int
) -> Iterator[dict[str, Any]]:
    """Run a search to its end.

    Yields
    ------
    dict
        What the driver hears after each part, the last one included: `sets` evaluated, `failed`
        of them, `seconds` in the engine, and `settled`, all proposals that have their answer.
    """
    search = AdaptiveSearch(task.space, task.search, fold, len(task.objectives))
    answers = Answers(task, results, fold)
    waiting: list[BlockRows] = []
    settled, begun = 0, time.monotonic()
    while (sets := search.ask()) is not None:
        keys = set_keys(task.detector, sets)
        new = answers.missing(keys)
        if new.any():
            rows = evaluate_sets(task, tables, sets.take(new))
            answers.add(rows.sets)
            waiting.append(rows)
        search.tell(answers.scores(keys))
        settled += len(keys)
        late = time.monotonic() - begun > _FLUSH_S
        if late or sum(rows.seconds for rows in waiting) > TARGET_S:
            yield {**_flush(task, results, search, fold, waiting), "settled": settled}
            waiting, begun = [], time.monotonic()
    last = _flush(task, results, search, fold, waiting, ended=True)
    yield {**last, "settled": settled}


def _flush(
    task: Task,
    results: Results,
    search: AdaptiveSearch,
    fold: int,
    waiting: Sequence[BlockRows],
    *,
    ended: bool = False,
) -> dict[str, Any]:
    """Write what was evaluated, then what was proposed: a proposal on file has its answer."""
    if waiting:
        keys = np.concatenate([rows.keys for rows in waiting])
        name = block_name(task.detector.name, keys)
        trades = [rows.trades for rows in waiting if rows.trades is not None]
        if trades:
            results.write_part(name, pa.concat_tables(trades), kind="trades")
        results.write_part(name, pa.concat_tables([rows.sets for rows in waiting]))
    scores, keys = search.scores, search.proposed
    columns = {"key": pa.array(keys), "violation": pa.array(scores.violation, pa.float64())}
    for k, objective in enumerate(task.objectives):
        values = pa.array(scores.objectives[:, k], pa.float64(), from_pandas=True)
        columns[f"told_{objective.metric}"] = values
    mark = {_ENDED: str(task.search.budget if ended else 0)}
    table = pa.table(columns).replace_schema_metadata(mark)
    results.write_part(search_name(task.detector.name, fold), table, kind=SEARCHES)
    return {
        "sets": sum(len(rows.keys) for rows in waiting),
        "failed": sum(rows.failed for rows in waiting),
        "seconds": sum(rows.seconds for rows in waiting),
        "best": max((rows.best for rows in waiting), default=-np.inf),
    }


def search_label(fold: int) -> str:
    """Return the name of a search in tables: `final` or `fold 0`."""
    return "final" if fold == FINAL else f"fold {fold}"


def search_name(detector: str, fold: int) -> str:
    """Return the file name of what a search proposed."""
    return f"{detector}-{search_label(fold).replace(' ', '')}.parquet"


def read_search(results: Results, detector: str, fold: int) -> tuple[pa.Table | None, int]:
    """Return what a search proposed so far, and the budget it ended with, 0 before its end."""
    table = results.read_part(search_name(detector, fold), kind=SEARCHES)
    if table is None:
        return None, 0
    return table, int(table.schema.metadata[_ENDED])


def proposed_by(task: Task, results: Results, fold: int) -> tuple[Keys, int]:
    """Return the keys of what a search proposed within the budget, and the budget it ended with.

    An earlier command may have had a larger budget; what it proposed first is what this one does.
    """
    table, ended = read_search(results, task.detector.name, fold)
    own = np.empty(0, np.uint64) if table is None else table["key"].to_numpy()
    return own[: task.search.budget], ended


def searches_of(task: Task) -> tuple[int, ...]:
    """Return the searches of a detector: none of a pool, else one per fold and the final one."""
    return (*range(len(task.folds)), FINAL) if task.search.adaptive else ()
