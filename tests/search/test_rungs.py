"""Rungs read no session that a fold is judged on, and what cannot be screened is named."""

import itertools

import numpy as np
import pytest

from sweep.search.clashes import clash_faults
from sweep.search.folds import make_folds
from sweep.search.rungs import axis_of, rungs_of, screening_faults
from sweep.search.spec import FoldSettings, ScreeningSettings, SearchSettings

HALVING = ScreeningSettings("halving", factor=3, min_resources=4)


@pytest.mark.parametrize(
    "folds",
    [
        FoldSettings(),
        FoldSettings(anchored=True),
        FoldSettings(purge=3, embargo=2),
        FoldSettings(in_sample=60, out_of_sample=7, step=3),
        FoldSettings(in_sample=40, out_of_sample=5, step=20),
        FoldSettings(kind="split", fraction=0.4, purge=1),
    ],
)
def test_no_session_of_a_rung_is_out_of_sample_of_a_fold(folds):
    made = make_folds(140, folds)
    rungs = rungs_of(made, 140, HALVING)
    lengths = [len(rung) for rung in rungs]
    assert lengths[0] >= HALVING.min_resources > lengths[0] // 3
    assert all(n == after // 3 for n, after in itertools.pairwise(lengths))
    assert lengths[-1] == len(made.folds[0].in_sample)
    for rung in rungs:
        assert (np.diff(rung) > 0).all()
        for fold in made.folds:
            assert not set(rung.tolist()) & set(fold.out_of_sample.tolist())
            # Nor does it lie in the gap before it, nor after the first fold has chosen.
            assert rung.max() < fold.out_of_sample.min() - folds.purge


def test_sessions_of_a_rung_are_spread_evenly():
    first, *_ = rungs_of(make_folds(100, FoldSettings(kind="none")), 100, HALVING)
    assert (first[0], first[-1], len(first)) == (4, 95, 11)
    assert set(np.diff(first).tolist()) == {9, 10}


@pytest.mark.parametrize(
    ("folds", "n", "text"),
    [
        (FoldSettings(kind="combinatorial"), 120, "got 0 of 120 with folds=combinatorial"),
        (FoldSettings(), 8, "got 3 of 8 with folds=walk_forward; take more days, a longer"),
    ],
)
def test_folds_without_sessions_to_screen_on_are_refused(folds, n, text):
    with pytest.raises(ValueError, match=text):
        rungs_of(make_folds(n, folds), n, HALVING)


def test_an_axis_of_a_rung_keeps_its_sessions_in_order():
    axis = np.array([-1, 0, 1, -1, 2, 3, 4], np.int32)
    assert axis_of(axis, np.array([1, 4])).tolist() == [-1, -1, 0, -1, -1, -1, 1]


def test_settings_of_a_screening_are_refused_all_at_once():
    wrong = ScreeningSettings("halving", factor=1, min_resources=0, sample=0)
    assert [text.split()[0] for text in screening_faults(wrong)] == [
        "screening.factor",
        "screening.min_resources",
        "screening.sample",
    ]
    assert screening_faults(ScreeningSettings()) == []


def test_choices_that_exclude_each_other_are_named_once_each():
    search = SearchSettings(kind="tpe", objective=("daily_lcb_r", "max_drawdown_r"))
    adaptive, judged, several = clash_faults(search, "combinatorial", "halving")
    assert adaptive.count("tpe") == 1
    for part in ("folds=combinatorial (", "screening=halving (", "take search=random"):
        assert part in adaptive
    assert "screening=halving, folds=combinatorial" in judged
    assert "search.objective=[daily_lcb_r,max_drawdown_r]" in several
    assert len(clash_faults(search, "walk_forward", "halving")) == 2
    assert len(clash_faults(search, "combinatorial", "none")) == 1
    assert clash_faults(search, "walk_forward", "none") == []
    assert clash_faults(SearchSettings(kind="sobol"), "split", "halving") == []
