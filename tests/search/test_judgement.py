"""A verdict from daily results: an edge is found, luck and its many disguises are not."""

import dataclasses
import json
import math

import numpy as np
import pytest

from detectors.registry import DETECTORS
from sweep.engine.sets import every_parameter
from sweep.evidence.criteria import Thresholds
from sweep.evidence.sharpe import probabilistic_sharpe_ratio
from sweep.search.evidence_document import describe, headline
from sweep.search.judgement import Case, judge_sweep, measure
from sweep.search.measures import measure_matrix, measure_plateau
from sweep.search.range_edge import RangeEnd
from sweep.search.spaces import read_spaces
from sweep.search.weighing import SHARES
from tests.search.simulated_sweep import Simulated, judged, simulate


def missed(found):
    return {c.name for c in found.judgement.criteria if not c.met}


@pytest.fixture(scope="module")
def edge():
    """A market with an edge of annual Sharpe ratio 9 at its best, measured once."""
    return measure(simulate(2, sessions=320, sharpe=9.0).case())


def judge_one(measured, thresholds=None, **options):
    return judge_sweep({"one": measured}, thresholds or Thresholds(), **options)["one"]


def test_an_edge_holds_and_its_numbers_are_what_they_say(edge):
    found = judge_one(edge)
    assert (found.judgement.verdict, missed(found)) == ("holds", set())
    case, daily = edge.case, edge.case.final.daily
    sharpe = daily.mean() / daily.std(ddof=1)
    final = edge.final.sharpe
    assert final.moments.sharpe == pytest.approx(sharpe)
    assert final.psr == pytest.approx(
        probabilistic_sharpe_ratio(
            sharpe, 320, skew=final.moments.skew, kurtosis=final.moments.kurtosis
        )
    )
    # More tries, more luck to beat.
    assert 1 < edge.matrix.clusters.n_effective < case.tries
    assert final.psr > edge.final.at_effective.dsr > final.at_trials.dsr
    assert edge.matrix.spa.p_consistent < 0.01
    assert len(edge.matrix.stepm.superior) > 10
    assert edge.matrix.pbo.n_blocks == 16
    inside = edge.out_of_sample.expectancy
    outside = case.stitched.series
    assert inside.estimate == pytest.approx(outside.daily.sum() / outside.trades.sum())
    assert inside.low < inside.estimate < inside.high
    # 20 R are turned over a trade, so 1 bp a side costs 0.002 R; 0.02 R were paid.
    assert edge.out_of_sample.paid_bps == pytest.approx(10)
    assert edge.out_of_sample.breakeven_bps == pytest.approx(10 + inside.estimate / 0.002)


def test_markets_without_an_edge_prove_nothing():
    sweeps = [judged(simulate(seed, sets=150, sessions=128).case())[0] for seed in range(12)]
    verdicts = [found.judgement.verdict for found in sweeps]
    assert "holds" not in verdicts
    assert verdicts.count("not_proven") >= 9
    assert np.mean([found.measured.matrix.spa.p_consistent for found in sweeps]) > 0.3


def test_every_try_ever_made_is_counted(edge):
    more = measure(dataclasses.replace(edge.case, tries_ever=10**6))
    assert more.final.sharpe.at_trials.dsr < edge.final.sharpe.at_trials.dsr - 0.05
    assert more.final.backtest_length.years > edge.final.backtest_length.years


def test_the_spa_p_value_is_adjusted_for_the_detectors_of_the_sweep(edge):
    spa = dataclasses.replace(edge.matrix.spa, p_consistent=0.02)
    one = dataclasses.replace(edge, matrix=dataclasses.replace(edge.matrix, spa=spa), final=None)
    assert judge_one(one).judgement.verdict == "holds"
    untested = measure(Case(5, 5, [], 320))
    weaker = dataclasses.replace(
        one,
        matrix=dataclasses.replace(
            one.matrix, spa=dataclasses.replace(one.matrix.spa, p_consistent=0.03)
        ),
    )
    found = judge_sweep({"a": one, "b": weaker, "c": untested}, Thresholds())
    # Holm: 3 x 0.02, then at least that; shares of false findings would give 0.045.
    assert found["a"].spa_adjusted == pytest.approx(0.06)
    assert found["b"].spa_adjusted == pytest.approx(0.06)
    assert missed(found["a"]) == {"beats_luck"}
    assert found["c"].spa_adjusted is None


def test_thresholds_and_reservations_decide(edge):
    strict = judge_one(edge, Thresholds(trades_min=10**6))
    assert (strict.judgement.verdict, missed(strict)) == ("not_proven", {"trades"})
    without = judge_one(edge, reservations=("There is no hold-out.",))
    assert (without.judgement.verdict, missed(without)) == ("not_proven", {"reservation"})


def test_a_parameter_at_the_edge_of_its_range_is_flagged(edge):
    ends = tuple(
        RangeEnd(name, 3.0, "high", None, name == "stop_atr") for name in ("stop_atr", "x")
    )
    case = dataclasses.replace(edge.case, ends=ends)
    found = judge_one(dataclasses.replace(edge, case=case))
    assert (found.judgement.verdict, missed(found)) == ("not_proven", {"range_edge"})
    assert "better towards it: stop_atr;" in describe(found)["criteria"][7]["sentence"]
    assert describe(found)["range_edges"] == ["stop_atr"]


def test_an_edge_is_one_where_more_of_a_parameter_earns_more():
    """Planted: target_atr earns through to its end; stop_atr changes nothing."""
    detector = DETECTORS["breakout_bullish"]
    fixed = {p.name: p.default for p in every_parameter(detector)}
    ranges = fixed | {"stop_atr": ["uniform", 0.5, 3], "target_atr": ["uniform", 0.5, 5]}
    space = read_spaces([detector], {detector.name: ranges})[detector.name]
    for seed in (0, 1, 4):
        market = simulate(seed, sets=300, sessions=320, alike=0.1)
        share = market.parameters[:, 1].copy()
        market.daily += 0.4 * share[:, np.newaxis] * market.trades
        market.parameters = 0.5 + market.parameters * [2.5, 4.5]
        (found,) = judged(market.case(space=space))
        assert missed(found) == {"range_edge"}
        assert describe(found)["range_edges"] == ["target_atr"]
        # The same with its top inside: nothing to search further out for.
        hill = simulate(seed, sets=300, sessions=320, alike=0.1)
        hill.daily += (0.4 - 2.0 * (share - 0.7) ** 2)[:, np.newaxis] * hill.trades
        hill.parameters = market.parameters
        (found,) = judged(hill.case(space=space))
        assert describe(found)["range_edges"] == []


def test_a_set_that_shines_out_of_sample_only_is_not_chosen_more_often():
    """Planted in the first out-of-sample window alone: the choice for it must not change."""
    for seed in range(4):
        plain, planted = simulate(seed), simulate(seed)
        (window, *_) = (fold.out_of_sample for fold in plain.folds.folds)
        later = np.concatenate([f.in_sample for f in plain.folds.folds[1:]])
        assert np.isin(window, later).any()  # later folds may see it, the first must not
        star = int(np.argmin(np.abs(plain.parameters - 0.2).sum(axis=1)))
        planted.daily[star, window] += 3.0
        planted.trades[star, window] = 1
        before, after = plain.choose()[1], planted.choose()[1]
        assert after.folds[0] == before.folds[0]
        one, two = plain.case().stitched, planted.case().stitched
        first = np.isin(one.sessions, window)
        if before.folds[0] != star:
            assert two.series.daily[first].tolist() == one.series.daily[first].tolist()
        assert judged(planted.case())[0].judgement.verdict != "holds"


def test_one_lucky_day_proves_nothing():
    market = simulate(3, sets=100)
    market.daily -= 0.05 * market.trades
    day = 200  # out of sample
    market.daily[:, day] = 60.0
    market.trades[:, day] = 1
    (found,) = judged(market.case())
    assert found.measured.case.final.daily.mean() > 0.1
    assert found.judgement.verdict == "not_proven"
    assert {"out_of_sample", "plateau"} <= missed(found)
    assert found.measured.matrix.spa.p_consistent > 0.05


def test_21_trades_with_one_winner_prove_nothing():
    """Win rate 4.8 %: one trade of +40 R, 20 losers of 1 R, as once was shipped."""
    sessions, rng = 240, np.random.default_rng(0)
    trades = np.zeros((40, sessions), np.int64)
    daily = np.zeros((40, sessions))
    for row in range(40):
        days = rng.choice(sessions, 21, replace=False)
        trades[row, days], daily[row, days] = 1, -1.0
        daily[row, days[0]] = 40.0
    market = Simulated(daily, trades, rng.random((40, 2)), sessions, least_trades=5)
    (found,) = judged(market.case())
    assert found.measured.case.final.daily.sum() == 20
    assert found.judgement.verdict != "holds"
    assert {"trades", "active_days", "out_of_sample", "beats_luck"} <= missed(found)
    assert found.measured.final.sharpe.psr is None
    described = describe(found)
    assert (described["final"]["trades"], described["final"]["dsr_effective"]) == (21, None)


def test_a_peak_without_a_plateau_does_not_hold(edge):
    market = simulate(1, sets=200)
    peak = int(np.argmin(np.abs(market.parameters - 0.5).sum(axis=1)))
    values = market.daily.mean(axis=1) * 0.1 + 0.1
    values[peak] = 0.9
    spike = measure_plateau(market.parameters, values, peak)
    assert (spike.objective, spike.peak_ratio) == (0.9, pytest.approx(0.9 / spike.score))
    case = dataclasses.replace(edge.case, plateau=spike)
    found = judge_one(dataclasses.replace(edge, case=case))
    assert (found.judgement.verdict, missed(found)) == ("not_proven", {"plateau"})


def test_a_clamped_radicand_is_no_evidence(edge):
    clamped = dataclasses.replace(edge.final.at_effective, dsr=1.0, radicand_clamped=True)
    final = dataclasses.replace(edge.final, at_effective=clamped)
    spa = dataclasses.replace(edge.matrix.spa, p_consistent=0.5)
    matrix = dataclasses.replace(edge.matrix, spa=spa)
    found = judge_one(dataclasses.replace(edge, final=final, matrix=matrix))
    assert missed(found) == {"beats_luck"}
    assert describe(found)["final"]["dsr_effective"]["dsr"] is None


@pytest.mark.parametrize(("sessions", "blocks"), [(63, 14), (64, 16), (500, 16), (9, 2), (8, 2)])
def test_the_cross_validation_takes_as_many_blocks_as_there_are_sessions_for(sessions, blocks):
    rng = np.random.default_rng(sessions)
    assert measure_matrix([rng.standard_normal((5, sessions))]).pbo.n_blocks == blocks


def test_what_cannot_be_computed_is_null_and_never_proves():
    nothing = measure(Case(3, 3, [], 300))
    alone = measure_matrix([np.random.default_rng(0).standard_normal((1, 40))])
    assert (alone.n_sets, alone.pbo) == (1, None)
    assert measure_matrix([np.ones((3, 7))]).spa is None
    found = judge_one(nothing)
    assert found.judgement.verdict == "not_proven"
    described = describe(found)
    assert [described[key] for key in ("final", "overfitting", "superiority", "plateau")] == [
        None
    ] * 4
    assert headline(described)["dsr"] is None
    json.dumps(described, allow_nan=False)


def test_evidence_is_json_without_infinities_and_does_not_depend_on_the_parts(edge):
    matrix = np.concatenate(edge.case.returns)
    parts = [matrix[:7], matrix[7:8], matrix[8:]]
    again = judge_one(measure(dataclasses.replace(edge.case, returns=parts)))
    first, second = (
        json.loads(json.dumps(describe(one), allow_nan=False)) for one in (judge_one(edge), again)
    )
    for name in ("overfitting", "superiority", "tries"):
        assert first[name] == pytest.approx(second[name], rel=1e-9)
    spike = dataclasses.replace(edge.case.plateau, peak_ratio=math.inf)
    endless = judge_one(
        dataclasses.replace(edge, case=dataclasses.replace(edge.case, plateau=spike))
    )
    assert missed(endless) == {"plateau"}
    assert describe(endless)["plateau"]["peak_ratio"] is None
    assert "its neighbours do not" in endless.judgement.summary


def test_progress_rises_to_all_of_the_work_statistic_by_statistic():
    assert sum(share for share, _ in SHARES.values()) == pytest.approx(1)
    parts = [*np.random.default_rng(2).standard_normal((4, 700, 64))]
    heard = []
    measure_matrix(parts, None, lambda *now: heard.append(now))
    assert list(dict.fromkeys(name for name, _ in heard)) == [*SHARES]
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert (shares[0] < 0.02, shares[-1]) == (True, pytest.approx(1))
    ends = dict(heard)
    begin = 0.0
    for name, (share, passes) in SHARES.items():
        reached = (ends[name] - begin) / share
        begin += share
        # Families take as many passes as they need; of the others none is left out.
        assert reached == pytest.approx(1) or (name.startswith("families") and passes == 7)


def test_beside_an_adaptive_search_luck_is_measured_by_the_random_sets():
    rng = np.random.default_rng(5)
    drawn = rng.standard_normal((60, 240)).astype(np.float32)
    # The search crowds: near copies of one set, so that little varies.
    crowd = drawn[:1] + rng.standard_normal((300, 240)).astype(np.float32) * 1e-3
    every = [np.concatenate([drawn, crowd])]
    alone, beside = measure_matrix(every), measure_matrix(every, [drawn])
    assert beside.n_sets == alone.n_sets == 360
    assert beside.spa.p_consistent == alone.spa.p_consistent
    assert beside.pbo.pbo == alone.pbo.pbo
    assert beside.moments.sharpe.shape == (60,)
    assert beside.moments.sharpe.std() > 1.5 * alone.moments.sharpe.std()
    none = measure_matrix(every, [])
    assert none.moments is None
    assert none.clusters is None
    assert none.spa.p_consistent == alone.spa.p_consistent
