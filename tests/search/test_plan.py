import dataclasses
import datetime as dt
import json
import re

import numpy as np
import pytest

from sweep.engine.settings import Costs
from sweep.search.document import relatives
from sweep.search.identity import canonical
from sweep.search.plan import make_plan, spec_faults
from sweep.search.spec import (
    ExecutionSettings,
    FoldSettings,
    HoldoutSettings,
    SearchSettings,
)
from sweep.store.results import SWEEP, Results


def test_the_hold_out_is_the_end_and_never_loaded(make_spec):
    plan = make_plan(make_spec())
    # January to March 2024 has 61 sessions, 20 of them in March: a fifth is 13, but at least 20.
    assert len(plan.held_out) == 20
    assert (plan.held_out[0], plan.held_out[-1]) == ("2024-03-01", "2024-03-28")
    last = str(plan.market.sessions.date[-1])
    assert last < plan.held_out[0]
    for data in plan.market.data.values():
        assert data.minutes.ts[-1] < plan.market.sessions.close_ns[-1]
    assert set(plan.dates).isdisjoint(plan.held_out)
    assert all(day <= last for days in plan.fingerprint.values() for day in days)


def test_no_hold_out_reads_to_the_end(make_spec):
    plan = make_plan(make_spec(holdout=HoldoutSettings(fraction=0)))
    assert plan.held_out == ()
    assert plan.dates[-1] == max(plan.fingerprint["SPY"])


def test_axes_hold_evaluable_sessions_only(make_spec):
    plan = make_plan(make_spec())
    for one in plan.judged:
        on_axis = np.flatnonzero(one.axis >= 0)
        days = [str(day) for day in plan.market.sessions.date[on_axis]]
        assert [plan.dates[k] for k in one.columns] == days
        assert one.axis[on_axis].tolist() == list(range(len(on_axis)))
    # rel_volume needs five earlier sessions: the first ones are nobody's.
    assert plan.dates[0] > str(plan.market.sessions.date[4])


def test_a_foreign_asset_class_is_a_reason_and_not_an_error(make_spec):
    plan = make_plan(make_spec(detectors=("breakout_bullish", "opening_drive_bullish")))
    reasons = {one.detector.name: one.reason for one in plan.detectors}
    assert reasons["breakout_bullish"] == ""
    assert reasons["opening_drive_bullish"].startswith("asset_class (SPY is ETF, AAPL is STOCK")
    assert any("opening_drive_bullish: not evaluable: asset_class" in note for note in plan.notes)


def test_nothing_but_foreign_symbols_is_an_error(make_spec):
    with pytest.raises(
        ValueError, match=r"nothing can be judged: opening_drive_b\w+: asset"
    ) as no:
        make_plan(make_spec(detectors=("opening_drive_bullish", "opening_drive_bearish")))
    end = "; choose other symbols, or run on these: asset_class_override=INDEX"
    assert str(no.value).endswith(end)  # more days, or those held out, would not help


def test_all_faults_are_told_at_once(make_spec):
    spec = make_spec(
        detectors=("breakout_bulish", "breakout_bullish"),
        symbols=("../x",),
        first=dt.date(2024, 3, 1),
        last=dt.date(2024, 2, 1),
        space={"breakout": {"lookback": 3}},
        search=SearchSettings(budget=0, objective="sharp"),
        parameters={"breakout_bullish": {"stop_atr": 99, "zzz": 1}},
    )
    assert len(spec_faults(spec)) == 8
    with pytest.raises(ValueError, match="the sweep cannot run") as caught:
        make_plan(spec)
    assert len(str(caught.value).splitlines()) == 9


def test_folds_that_cannot_work_are_refused_before_anything_starts(make_spec):
    with pytest.raises(ValueError, match=r"breakout_bullish: a walk-forward needs .* 40 \+"):
        make_plan(make_spec(folds=FoldSettings(in_sample=40, out_of_sample=20)))


def test_a_range_too_short_says_what_took_its_sessions_and_whom_it_concerns(make_spec):
    both = ("breakout_bullish", "mean_reversion_long")
    with pytest.raises(ValueError, match="needs 7 sessions") as no:
        # January 2024 has 21 sessions and February begins on the 1st: 29 until the 12th.
        make_plan(make_spec(detectors=both, last=dt.date(2024, 2, 12)))
    lines = str(no.value).splitlines()
    named = [name for line in lines for name in line.partition(":")[0].split(", ")]
    assert sorted(named) == sorted(both)
    for line in lines:
        left = int(re.search(r"got (\d+);", line)[1])
        assert line.endswith(
            "take a longer range, or folds=split or folds=none. Of 29 sessions the hold-out took "
            "20 (holdout=none gives them back) and warm-up, missing input or window took "
            f"{29 - 20 - left}"
        )


def test_where_the_hold_out_leaves_no_session_it_is_named(make_spec):
    with pytest.raises(ValueError, match=r"no session is evaluable.* Of 22 sessions") as no:
        make_plan(make_spec(detectors=("breakout_bullish",), last=dt.date(2024, 2, 1)))
    assert "; choose more days. Of" in str(no.value)


def test_an_unknown_symbol_names_the_command_that_fills_the_store(make_spec):
    with pytest.raises(ValueError, match=r"no bars of IWM .* python -m jobs.backfill"):
        make_plan(make_spec(symbols=("SPY", "IWM")))


def plan_id(spec):
    return make_plan(spec).sweep_id


@pytest.mark.parametrize(
    "changes",
    [
        {"detectors": ("breakout_bullish",)},
        {"symbols": ("SPY",)},
        {"last": dt.date(2024, 3, 15)},
        {"holdout": HoldoutSettings(fraction=0.4)},
        {"folds": FoldSettings(anchored=True)},
        {"search": SearchSettings(seed=1, constraints=("trades>=5",))},
        {"search": SearchSettings(kind="grid", constraints=("trades>=5",))},
        {"search": SearchSettings(objective="daily_mean_r", constraints=("trades>=5",))},
        {"search": SearchSettings(constraints=("trades>=6",))},
        {"space": {"exit": {"min_score": 3}}},
        {"costs": {"ETF": Costs(slippage_bps=2), "STOCK": Costs()}},
    ],
    ids=str,
)
def test_what_decides_a_number_decides_the_id(make_spec, changes):
    assert plan_id(make_spec(**changes)) != plan_id(make_spec())


def test_what_decides_no_number_does_not(make_spec):
    base = make_spec()
    other = dataclasses.replace(
        base,
        storage_root=make_spec("elsewhere").storage_root,
        symbols=("AAPL", "SPY", "$SPY"),
        detectors=tuple(reversed(base.detectors)),
        search=SearchSettings(budget=999, grid_points=9, constraints=("trades>=5",)),
        execution=ExecutionSettings(workers=7, block_size=1),
        parameters={"breakout_bullish": {"stop_atr": 2}},
        config={"anything": 1},
    )
    assert plan_id(other) == plan_id(base)


def test_a_stored_sweep_that_differs_in_dates_only_is_named(make_spec):
    earlier = make_plan(make_spec(last=dt.date(2024, 3, 15)))
    about = {"identity": json.loads(canonical(earlier.identity)), "holdout": earlier.held_out}
    Results(earlier.spec.storage_root, earlier.sweep_id).write_json(SWEEP, about)
    (note,) = relatives(make_plan(make_spec()))
    assert earlier.sweep_id in note
    assert "dates only; go on with it: the same command with from=2024-01-02 to=2024-03-15" in note
    assert relatives(make_plan(make_spec(search=SearchSettings(seed=5)))) == []


def test_what_an_adaptive_search_cannot_do_is_said_with_everything_else(make_spec):
    spec = make_spec(
        detectors=("breakout_bullish",),
        search=SearchSettings(kind="cmaes", objective=("daily_lcb_r", "trades"), budget=0),
        folds=FoldSettings(kind="combinatorial"),
    )
    with pytest.raises(ValueError, match="the sweep cannot run") as refusal:
        make_plan(spec)
    text = str(refusal.value)
    for fault in (
        "search.budget must be a whole number of 1 or more, got 0",
        "search=cmaes maximises one number, got daily_lcb_r, trades",
        "looks at results and cannot go with folds=combinatorial",
        "breakout_lookback_bars is a choice",
    ):
        assert fault in text
