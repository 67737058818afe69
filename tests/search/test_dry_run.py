"""What a sweep would take: counted exactly, measured here, and nothing is left behind."""

import dataclasses
import re

import pytest

from sweep.search.dry_run import rehearse
from sweep.search.halving import rung_task
from sweep.search.plan import make_plan
from sweep.search.rungs import axis_of, rungs_of
from sweep.search.runner import task_of
from sweep.search.spec import (
    FoldSettings,
    HoldoutSettings,
    ScreeningSettings,
    SearchSettings,
)
from sweep.search.tables import Tables
from sweep.search.trial import Work, write_block
from sweep.search.work import build_table


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(make_spec):
    spec = make_spec(
        detectors=("breakout_bullish", "opening_drive_bullish"),
        search=SearchSettings(budget=5000, constraints=("trades>=5",)),
    )
    lines = rehearse(spec).splitlines()
    assert [path.name for path in spec.storage_root.iterdir()] == ["bars"]
    assert re.fullmatch(r"dry run of s[0-9a-f]{12}: nothing is fetched or written", lines[0])
    assert any("opening_drive_bullish: not evaluable: asset_class" in line for line in lines)
    about = next(line for line in lines if "candidates" in line)
    assert about.startswith("breakout_bullish: 5,000 distinct sets, ")
    effort = next(line for line in lines if line.startswith("about "))
    start, judging = re.search(
        r"\((\d+) s to start Ray.* ([\d.]+) s for tables and", effort
    ).groups()
    hours, minutes, seconds = map(int, re.match(r"about (\d+):(\d+):(\d+) on", effort).groups())
    assert 3600 * hours + 60 * minutes + seconds >= int(start) + float(judging) > int(start)
    # Walks of 62 sessions less the hold-out: 60 active days cannot be.
    verdict = lines[-1]
    found = re.fullmatch(
        r"breakout_bullish: (\d+) sessions: at most not_proven; about (\d+) needed .*", verdict
    )
    assert int(found[1]) < 60 <= int(found[2])


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"holdout": HoldoutSettings(0.0, 0)}, "holdout"),
        ({"folds": FoldSettings(kind="none")}, "folds"),
    ],
)
def test_a_dry_run_names_what_rules_a_verdict_out(make_spec, changes, missing):
    spec = make_spec(detectors=("breakout_bullish",), search=SearchSettings(budget=50), **changes)
    assert f"breakout_bullish: at most not_proven with {missing}=none; by luck" in rehearse(spec)


def test_adaptive_searches_are_counted_with_their_baseline(make_spec):
    spec = make_spec(
        detectors=("breakout_bullish",),
        search=SearchSettings(kind="genetic", budget=100, population=10),
        folds=FoldSettings(kind="split"),
    )
    # One fold, the final search, the baseline.
    assert "breakout_bullish: at most 300 distinct sets" in rehearse(spec)


def finish(plan, one, task, ranges, *, screens=False):
    """Do what a trial would do with some ranges of the pool."""
    costs = plan.spec.costs
    tables = [build_table(one, d, plan.spec.fills, costs[d.asset_class]) for d in one.symbols]
    work = Work(task, (), plan.spec.storage_root, plan.sweep_id, screens)
    write_block(work, Tables((tuple(tables),), list), ranges)


def test_a_dry_run_counts_the_rungs_of_a_screening(make_spec):
    spec = make_spec(
        detectors=("breakout_bullish",),
        search=SearchSettings(budget=900),
        screening=ScreeningSettings("halving", factor=3, min_resources=4, sample=50),
    )
    about, *_, verdict = (one for one in rehearse(spec).splitlines() if "breakout" in one)
    # 900 to 300 to 100, and of the 800 dropped 50.
    rungs = re.search(r"900 on (\d+) sessions, 300 on (\d+) sessions, 150 on all (\d+)\)", about)
    first, second, every = map(int, rungs.groups())
    assert 4 <= first == second // 3 < second < every
    assert "at most not_proven until screening=none has done the rest" in verdict
    assert "saves nothing" not in about
    sampled = dataclasses.replace(spec, screening=ScreeningSettings("halving", min_resources=4))
    assert "which saves nothing: screening.sample takes all" in rehearse(sampled)

    def shown():
        return next(line for line in rehearse(spec).splitlines() if "candidates" in line)

    # Of 900 sets 300 are done, so of the 150 that it will be about 50, whichever they are.
    plan = make_plan(spec)
    (one,) = plan.judged
    task, scored = task_of(spec, plan, one), rungs_of(one.folds, len(one.columns), spec.screening)
    finish(plan, one, task, [(0, 300)])
    assert re.search(r"300 of them finished \(screening: 900 on .*, 100 on all", shown())
    # Half of a rung, then all rungs: of those that were kept and drawn a third is done.
    for sessions, ranges in ((scored[0], [(0, 450)]), (scored[0], [(450, 900)])):
        on_rung = dataclasses.replace(one, axis=axis_of(one.axis, sessions))
        finish(plan, on_rung, rung_task(task, sessions), ranges, screens=True)
        left = (
            f"450 on {len(scored[0])} sessions, 300 on" if ranges[0][0] == 0 else "(screening: 300"
        )
        assert left in shown()
    on_rung = dataclasses.replace(one, axis=axis_of(one.axis, scored[1]))
    finish(plan, on_rung, rung_task(task, scored[1]), [(0, 900)], screens=True)
    left = int(re.search(r"300 of them finished \(screening: (\d+) on all", shown())[1])
    assert 75 <= left <= 125  # 100 and four standard deviations
