"""`python -m benchmarks.calibration`: make the sweeps that are missing, then show the table.

Rows are appended to `--out`, one line of JSON a sweep, so that a run goes on where it stopped.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

from benchmarks.calibration.sweeps import Run, make_sweep
from benchmarks.calibration.table import table
from detectors.registry import DETECTORS
from sweep.ingest.sample.spec import PLANTED_DETECTOR
from sweep.search.plan import BESIDE_BARS
from sweep.search.spec import ADAPTIVE_KINDS

NULL_SEEDS, PLANTED_SEEDS = 10_000, 20_000
"""First seeds: none of them had a part in tuning anything."""

POWER = (6.0, 4.0, 2.0, 8.0)
"""Strengths in the order they are run: what the verdict promises is known first."""

SEARCHES = ("random", "genetic", "tpe")
HEAD = """\
Whole sweeps on sample markets of 320 sessions and five symbols whose truth is known, made by
`python -m benchmarks.calibration --results benchmarks/calibration/RESULTS.md`. A run goes on
where it stopped (`--out`). No setting was chosen by these seeds. Random search: 200 sets a
detector without an edge, 1,000 with one; genetic and TPE: 100 and 170 for each of four folds,
the final set and the random baseline. Without an edge: three bars-only detectors a sweep, the
shipped ranges, a market for four sweeps."""
PER_SWEEP = 3  # detectors of a sweep without an edge
POOL_SETS = {"null": 200, "planted": 1000}
ADAPTIVE_SETS = {"null": 100, "planted": 170}
"""Budget a detector. An adaptive search has six parts (four folds, the final set, the random
baseline) of so many sets each: on a planted market about as many in all as a pool has."""


def null_runs(count: int, searches: tuple[str, ...]) -> list[Run]:
    """Return sweeps without an edge.

    Every market is swept once for each group of bars-only detectors; search and costs change from
    market to market.
    """
    names = [
        name
        for name, detector in sorted(DETECTORS.items())
        if not set(BESIDE_BARS).intersection(detector.hard_features)
    ]
    groups = [tuple(names[i : i + PER_SWEEP]) for i in range(0, len(names), PER_SWEEP)]
    runs = []
    for i in range(count):
        market, group = divmod(i, len(groups))
        search = searches[market % len(searches)]
        runs.append(
            Run(
                kind="null",
                seed=NULL_SEEDS + market,
                edge_sharpe=0.0,
                search=search,
                costs=("none", "default")[market // len(searches) % 2],
                detectors=groups[group],
                sessions=320,
                sets=_sets("null", search),
            )
        )
    return runs


def planted_runs(count: int, searches: tuple[str, ...]) -> list[Run]:
    """Return sweeps with an edge, `count` markets at each strength, each with every search."""
    return [
        Run(
            kind="planted",
            seed=PLANTED_SEEDS + i,
            edge_sharpe=sharpe,
            search=search,
            costs="default",
            detectors=(PLANTED_DETECTOR,),
            sessions=320,
            sets=_sets("planted", search),
        )
        for i in range(count)
        for sharpe in POWER
        for search in searches
    ]


def _sets(kind: str, search: str) -> int:
    return (ADAPTIVE_SETS if search in ADAPTIVE_KINDS else POOL_SETS)[kind]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--null", type=int, default=216, help="sweeps without an edge")
    parser.add_argument("--planted", type=int, default=10, help="sweeps at each strength")
    parser.add_argument("--search", nargs="+", default=list(SEARCHES), help="kinds of search")
    parser.add_argument("--minutes", type=float, default=600.0, help="start none after these")
    parser.add_argument("--out", type=Path, default=Path("data/calibration.jsonl"))
    parser.add_argument("--results", type=Path, help="file to write the table to, as Markdown")
    given = parser.parse_args()
    searches = tuple(given.search)
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    done = [json.loads(line) for line in lines]
    known = {_key(row) for row in done}
    wanted = _mixed(null_runs(given.null, searches), planted_runs(given.planted, searches))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * given.minutes
    for run in wanted:
        if _key(dataclasses.asdict(run)) in known:
            continue
        if time.monotonic() > end:
            break
        row = make_sweep(run)
        done.append(row)
        with given.out.open("a") as out:
            out.write(json.dumps(row) + "\n")
    made = {_key(row) for row in done}
    left = sum(_key(dataclasses.asdict(run)) not in made for run in wanted)
    text = f"{len(wanted) - left} of {len(wanted)} planned sweeps are made.\n\n{table(done)}"
    print(text)
    if given.results is not None:
        given.results.write_text(f"# Calibration\n\n{HEAD}\n\n{text}", encoding="utf-8")


def _key(row: dict) -> tuple:
    names = ("kind", "seed", "edge_sharpe", "search", "costs", "sessions", "sets")
    return (*(row[name] for name in names), tuple(sorted(row["detectors"])))


def _mixed(first: list[Run], second: list[Run]) -> list[Run]:
    """Interleave evenly, so that a run stopped early has some of each."""
    places = [
        ((i + 0.5) / len(runs), run) for runs in (first, second) for i, run in enumerate(runs)
    ]
    return [run for _, run in sorted(places, key=lambda placed: placed[0])]


if __name__ == "__main__":
    main()
