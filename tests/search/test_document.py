"""What a sweep says of itself."""

import datetime as dt
import json

from sweep.search.chosen_sets import evaluate_full
from sweep.search.document import document
from sweep.search.plan import make_plan


def test_counts_of_the_configured_set_are_whole_numbers(make_spec):
    spec = make_spec(
        detectors=("breakout_bullish",),
        parameters={"breakout_bullish": {"volume_surge_min": 0.3, "min_score": 0.0}},
    )
    plan = make_plan(spec)
    (one,) = plan.judged
    full = evaluate_full(spec, one, None)
    now = dt.datetime(2025, 1, 2, tzinfo=dt.UTC)
    about = document(plan, "running", "c", started=now, full={one.detector.name: full})
    configured = about["detectors"]["breakout_bullish"]["configured"]
    told = json.loads(json.dumps(configured["metrics"]))
    (result,) = full.results.values()
    assert told["trades"] == sum(len(each.columns["set"]) for each in result.block.trades) > 0
    exits = [name for name in told if name.startswith("exits_")]
    assert sum(told[name] for name in exits) == told["trades"]
    assert all(type(told[name]) is int for name in ("trades", "active_days", *exits))
    assert isinstance(told["win_rate"], float)
