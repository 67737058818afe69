"""One sweep of the experiment: market, search, choice, evidence and verdict, in this process.

Everything is what `jobs.sweep` does but for Ray: the blocks are evaluated here, by the function
that trials call, and left as parts; `run_sweep` then finds nothing left to evaluate.
"""

import dataclasses
import functools
import json
import tempfile
import time
from pathlib import Path
from unittest import mock

import yaml

import conf
from benchmarks.calibration.market import write_market
from detectors.registry import DETECTORS, FAMILIES
from sweep.engine.settings import DEFAULT_COSTS, Costs
from sweep.ingest.sample.spec import SampleSpec
from sweep.search import runner
from sweep.search.adaptive_trial import run_search, searches_of
from sweep.search.plan import make_plan
from sweep.search.searchers import make_searcher
from sweep.search.spec import ResultSettings, SearchSettings, SweepOutcome, SweepSpec
from sweep.search.tables import Tables
from sweep.search.trial import Work, write_block
from sweep.search.work import build_table
from sweep.store.results import EVIDENCE, PARAMETER_SETS, SWEEP, Results, read_table


@dataclasses.dataclass(frozen=True)
class Run:
    """A sweep to make.

    Attributes
    ----------
    kind
        `null`: martingale minutes without an episode; `planted`: an edge in breakout_bullish.
    seed
        Of the market and of the search.
    edge_sharpe
        Net annual daily Sharpe of the planted edge at its parameters, 0 for `null`.
    search
        Kind of search.
    costs
        `default`, or `none`: without costs the null market's expectation is exactly nil.
    detectors
        Names.
    sessions, sets
        Length of the market, and budget per detector: sets of a pool, of an adaptive search
        those of each of its searches and of its random baseline.
    """

    kind: str
    seed: int
    edge_sharpe: float
    search: str
    costs: str
    detectors: tuple[str, ...]
    sessions: int
    sets: int


def searched_ranges() -> dict[str, dict[str, object]]:
    """Return the searched ranges that are shipped."""
    folder = Path(conf.__file__).parent / "space"
    names = {"exit", *FAMILIES}
    files = (file for file in folder.glob("*.yaml") if file.stem in names)
    return {file.stem: yaml.safe_load(file.read_text()) for file in files}


def make_sweep(run: Run) -> dict[str, object]:
    """Make a sweep and return its row, one entry a detector under `detectors`."""
    started = time.process_time()
    market, symbols = _market(run.kind == "planted", run.sessions, run.seed, run.edge_sharpe)
    with tempfile.TemporaryDirectory(prefix="calibration-") as folder:
        root = Path(folder)
        (root / "bars").symlink_to(Path(market.name) / "bars")
        free = {asset_class: Costs() for asset_class in DEFAULT_COSTS}
        spec = SweepSpec(
            storage_root=root,
            symbols=symbols,
            detectors=run.detectors,
            costs=DEFAULT_COSTS if run.costs == "default" else free,
            space=searched_ranges(),
            search=SearchSettings(kind=run.search, budget=run.sets, seed=run.seed),
            results=ResultSettings(detail=0),
        )
        outcome = run_inline(spec)
        found = json.loads((outcome.folder / EVIDENCE).read_text())["detectors"]
        about = json.loads((outcome.folder / SWEEP).read_text())
        rows = {name: _row(outcome.folder, name, one) for name, one in found.items()}
    seconds = time.process_time() - started
    made = {"commit": about["git_commit"], "finished_at": about["timings"]["finished_at"]}
    return dataclasses.asdict(run) | {"detectors": rows, "cpu_s": round(seconds, 2)} | made


@functools.lru_cache(maxsize=2)  # one of each kind, whose runs take turns
def _market(
    planted: bool, sessions: int, seed: int, edge_sharpe: float
) -> tuple[tempfile.TemporaryDirectory, tuple[str, ...]]:
    """Write a market for the sweeps on it; its folder goes when it is no longer kept."""
    folder = tempfile.TemporaryDirectory(prefix="calibration-market-")
    spec = SampleSpec(
        Path(folder.name) / "never-written",
        sessions=sessions,
        seed=seed,
        edge="planted" if planted else "none",
        edge_sharpe=edge_sharpe,
        episodes=planted,
    )
    return folder, write_market(Path(folder.name), spec)


def run_inline(spec: SweepSpec) -> SweepOutcome:
    """Run a sweep in this process: pool or random baseline first, then adaptive searches."""
    plan = make_plan(spec)
    results = Results(spec.storage_root, plan.sweep_id)
    for one in plan.judged:
        task = runner.task_of(spec, plan, one)
        built = tuple(
            build_table(one, data, spec.fills, spec.costs[data.asset_class])
            for data in one.symbols
        )
        tables = Tables((built,), tuple)
        work = Work(task, (), str(spec.storage_root), plan.sweep_id)
        write_block(work, tables, [(0, make_searcher(task.space, task.search).total)])
        for fold in searches_of(task):
            for _ in run_search(task, tables, results, fold):
                pass
    with mock.patch.object(runner, "make_plan", return_value=plan):
        outcome = runner.run_sweep(spec)
    if outcome.evaluated or outcome.status != "done":
        raise RuntimeError(f"the sweep was to find all blocks done, got {outcome}")
    return outcome


def _row(folder: Path, name: str, found: dict) -> dict[str, object]:
    """Return what is kept of one detector."""
    final, outside = found["final"] or {}, found["out_of_sample"] or {}
    sets = read_table(folder, PARAMETER_SETS, detector=name)
    parameters = [f"param.{p.name}" for p in DETECTORS[name].parameters]
    parameters += [c for c in sets.column_names if c.startswith("param.") and c not in parameters]
    chosen = [row for row in sets.to_pylist() if row["set_id"] == final.get("set_id")]
    return {
        "verdict": found["verdict"],
        "missed": [c["name"] for c in found["criteria"] if not c["met"]],
        "values": {c["name"]: c["value"] for c in found["criteria"]},
        "traded": found["tries"]["traded"],
        "dsr": (final.get("dsr_effective") or {}).get("dsr"),
        "spa_p": (found["superiority"] or {}).get("p_adjusted"),
        "pbo": (found["overfitting"] or {}).get("pbo"),
        "lower_r": (outside.get("daily_mean_r") or {}).get("lower_bound"),
        "final": {c.removeprefix("param."): chosen[0][c] for c in parameters} if chosen else None,
        "final_sharpe": final.get("sharpe_annual"),
    }
