import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

from sweep.search.folds import holdout_sessions, make_folds
from sweep.search.spec import FoldSettings, HoldoutSettings


def ranges(folds):
    return [
        (
            int(f.in_sample[0]),
            int(f.in_sample[-1]),
            int(f.out_of_sample[0]),
            int(f.out_of_sample[-1]),
        )
        for f in folds.folds
    ]


def walk(**settings):
    return FoldSettings(kind="walk_forward", **settings)


def combinatorial(groups, out_groups, **settings):
    return FoldSettings(kind="combinatorial", groups=groups, out_groups=out_groups, **settings)


def test_the_worked_walk_forward():
    settings = {"in_sample": 20, "out_of_sample": 8, "purge": 2}
    rolling = ranges(make_folds(50, walk(**settings)))
    assert rolling == [(0, 19, 22, 29), (8, 27, 30, 37), (16, 35, 38, 45)]
    anchored = ranges(make_folds(50, walk(**settings, anchored=True)))
    assert anchored == [(0, 19, 22, 29), (0, 27, 30, 37), (0, 35, 38, 45)]


@given(
    st.integers(20, 120),
    st.integers(2, 30),
    st.integers(1, 12),
    st.integers(0, 3),
    st.booleans(),
)
def test_walk_forward_agrees_with_skfolio(n, inside, outside, purge, anchored):
    if inside + purge + outside > n:
        return
    mine = make_folds(
        n, walk(in_sample=inside, out_of_sample=outside, purge=purge, anchored=anchored)
    )
    # Its window of training ends right before the purge, and grows instead of rolling if asked.
    theirs = WalkForward(
        test_size=outside, train_size=inside, expand_train=anchored, purged_size=purge
    ).split(np.zeros((n, 1)))
    for fold, (train, test) in zip(mine.folds, theirs, strict=True):
        assert fold.out_of_sample.tolist() == test.tolist()
        assert fold.in_sample.tolist() == train.tolist()


@given(st.data())
def test_combinatorial_agrees_with_skfolio(data):
    groups = data.draw(st.integers(3, 7))
    chosen = data.draw(st.integers(2, groups - 1))
    n = data.draw(st.integers(groups * 5, groups * 9))
    purge = data.draw(st.integers(0, 1))
    embargo = data.draw(st.integers(0, 1))
    theirs = CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=chosen, purged_size=purge, embargo_size=embargo
    )
    expected = list(theirs.split(np.zeros((n, 1))))
    settings = combinatorial(groups, chosen, purge=purge, embargo=embargo)
    if min(len(train) for train, _ in expected) < 2:
        with pytest.raises(ValueError, match="needs 2 in-sample sessions"):
            make_folds(n, settings)
        return
    mine = make_folds(n, settings)
    assert len(mine) == theirs.n_splits == math.comb(groups, chosen)
    for fold, (train, tests) in zip(mine.folds, expected, strict=True):
        assert fold.in_sample.tolist() == train.tolist()
        assert fold.out_of_sample.tolist() == np.concatenate(tests).tolist()
    assert mine.paths.shape == (theirs.n_test_paths, groups)
    assert mine.paths.T.tolist() == theirs.recombined_paths.tolist()


def test_the_published_combinatorial_case():
    mine = make_folds(20, combinatorial(4, 2, purge=1, embargo=1))
    assert [f.in_sample.tolist() for f in mine.folds] == [
        [12, 13, 14, 15, 16, 17, 18, 19],
        [7, 8, 17, 18, 19],
        [7, 8, 9, 10, 11, 12, 13],
        [0, 1, 2, 3, 17, 18, 19],
        [0, 1, 2, 3, 12, 13],
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
    ]
    assert mine.paths.shape == (3, 4)


@pytest.mark.parametrize(
    ("n", "k", "folds", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (8, 2, 28, 7)]
)
def test_counts_of_the_book(n, k, folds, paths):
    mine = make_folds(200, combinatorial(n, k))
    assert (len(mine), len(mine.paths)) == (folds, paths)


@given(st.integers(8, 400), st.integers(0, 2), st.integers(0, 2), st.booleans(), st.data())
def test_ranges_never_meet_and_keep_their_gaps(n, purge, embargo, anchored, data):
    kind = data.draw(st.sampled_from(["split", "walk_forward", "combinatorial"]))
    settings = FoldSettings(
        kind=kind, purge=purge, embargo=embargo, anchored=anchored, groups=4, out_groups=2
    )
    try:
        folds = make_folds(n, settings)
    except ValueError:
        return
    for fold in folds.folds:
        inside, outside = set(fold.in_sample.tolist()), set(fold.out_of_sample.tolist())
        assert inside
        assert outside
        assert max(inside | outside) < n
        for gap in range(purge + 1):
            assert not {x - gap for x in outside} & inside
        if kind == "combinatorial":
            for gap in range(purge + embargo + 1):
                assert not {x + gap for x in outside} & inside
        else:
            assert max(inside) + purge + embargo < min(outside)


def test_lengths_follow_from_the_number_of_folds_wanted():
    # (40 - 0) // (4 + 3) = 5 out of sample, three times that in sample.
    assert ranges(make_folds(40, FoldSettings())) == [
        (0, 14, 15, 19),
        (5, 19, 20, 24),
        (10, 24, 25, 29),
        (15, 29, 30, 34),
        (20, 34, 35, 39),
    ]


def test_a_split_is_one_fold_and_none_is_none():
    assert ranges(make_folds(10, FoldSettings(kind="split", purge=1))) == [(0, 5, 7, 9)]
    assert len(make_folds(10, FoldSettings(kind="none"))) == 0


@pytest.mark.parametrize(
    ("n", "settings", "says"),
    [
        (30, walk(in_sample=25, out_of_sample=8), r"got 25 \+ 0 \+ 0 \+ 8 .* on 30 sessions"),
        (5, walk(), r"4 folds needs 7 sessions or more \(folds.in_sample_ratio 3 \+ .* got 5;"),
        (5, walk(), "take a longer range, or folds=split or folds=none$"),
        (25, walk(in_sample=22), r"needs 26 sessions or more \(in_sample 22 \+ .* got 25"),
        (50, walk(in_sample=20, out_of_sample=8, step=0), "with step 0"),
        (50, walk(in_sample=1, out_of_sample=8), "needs 2 in-sample sessions, got 1"),
        (50, walk(purge=-1), "folds.purge must be 0 or more, got -1"),
        (3, FoldSettings(kind="split", purge=2), "no in-sample session: 3 sessions, 1 out"),
        (3, FoldSettings(kind="split", purge=2), "take a longer range, or folds=none$"),
        (9, FoldSettings(kind="split", fraction=1.0), "between 0 and 1, got 1.0"),
        (9, combinatorial(4, 4), "out_groups 4, groups 4, sessions 9"),
        (3, combinatorial(4, 2), "sessions 3"),
        (8, combinatorial(4, 3, purge=1), "in-sample sessions, got 0"),
        (0, FoldSettings(kind="none"), "no session to test on"),
        (9, FoldSettings(kind="loo"), "got 'loo'"),
    ],
)
def test_folds_that_cannot_work_are_refused_with_numbers(n, settings, says):
    with pytest.raises(ValueError, match=says):
        make_folds(n, settings)


@pytest.mark.parametrize(
    ("least", "settings"),
    [(7, walk()), (12, walk(purge=2, embargo=3)), (26, walk(in_sample=22)), (6, walk(count=3))],
)
def test_the_number_of_sessions_that_is_asked_for_is_enough(least, settings):
    assert len(make_folds(least, settings)) == settings.count
    with pytest.raises(ValueError, match=f"needs {least} sessions or more"):
        make_folds(least - 1, settings)


def test_the_hold_out_is_a_fifth_and_at_least_twenty_sessions():
    assert [holdout_sessions(n, HoldoutSettings()) for n in (40, 100, 101, 320)] == [
        20,
        20,
        21,
        64,
    ]
    assert holdout_sessions(40, HoldoutSettings(fraction=0.0)) == 0
    with pytest.raises(ValueError, match=r"hold-out of 20 sessions .* leaves nothing of 20"):
        holdout_sessions(20, HoldoutSettings())
    with pytest.raises(ValueError, match=r"to below 1, got 1\.0"):
        holdout_sessions(40, HoldoutSettings(fraction=1.0))


def test_the_reference_case_of_the_repository_neighbour(market_data):
    cases = json.loads((Path(market_data).parent / "reference/stats_reference.json").read_text())
    (case,) = [c for c in cases["cases"] if c["id"] == "pub-cpcv"]
    given, wanted = case["input"], case["expected"]
    mine = make_folds(
        given["n_obs"],
        combinatorial(
            given["n_folds"],
            given["n_test_folds"],
            purge=given["purged_size"],
            embargo=given["embargo_size"],
        ),
    )
    assert [f.in_sample.tolist() for f in mine.folds] == wanted["train"]
    assert [f.out_of_sample.tolist() for f in mine.folds] == [
        [day for block in blocks for day in block] for blocks in wanted["test"]
    ]
    assert (len(mine), len(mine.paths)) == (wanted["n_splits"], wanted["n_test_paths"])
