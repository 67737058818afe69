import datetime as dt
import subprocess
import sys

import numpy as np
import pytest

from detectors.bars import MinuteBars, Sessions
from detectors.registry import DETECTORS
from sweep.engine.sets import ParameterSets
from sweep.search.identity import (
    block_name,
    canonical,
    id_column,
    keys_of,
    session_digests,
    set_ids,
    set_keys,
    sweep_id,
)
from sweep.search.spec import HoldoutSettings

BREAKOUT, BEARISH = DETECTORS["breakout_bullish"], DETECTORS["breakout_bearish"]
MINUTE = 60_000_000_000


def test_canonical_json_is_equal_where_the_meaning_is():
    assert canonical({"b": 2.0, "a": (1, None, True)}) == '{"a":[1,null,true],"b":2}'
    assert canonical(HoldoutSettings()) == '{"fraction":0.2,"minimum":20}'
    assert canonical([dt.date(2015, 1, 2), 0.1, np.float64(0.5)]) == '["2015-01-02",0.1,0.5]'
    with pytest.raises(ValueError, match="finite, got nan"):
        canonical({"a": float("nan")})
    with pytest.raises(TypeError, match="plain values, got set"):
        canonical({1})


def test_a_sweep_id_is_a_letter_and_twelve_digits():
    # sha256 of {"a":1}, by sha256sum.
    assert sweep_id({"a": 1.0}) == "s015abd7f5cc5"


def test_a_key_follows_the_values_the_detector_and_its_revision_alone():
    values = {"stop_atr": np.array([1.0, 2.0]), "cooldown_bars": np.array([0.0, -0.0])}
    sets = ParameterSets.of(BREAKOUT, values, 2)
    keys = set_keys(BREAKOUT, sets)
    turned = ParameterSets(dict(reversed(sets.values.items())))
    assert (set_keys(BREAKOUT, turned) == keys).all()
    assert (set_keys(BREAKOUT, sets.take(np.array([1, 0]))) == keys[::-1]).all()
    assert len({*keys, *set_keys(BEARISH, sets)}) == 4
    assert keys_of(set_ids(keys)).tolist() == keys.tolist()
    assert all(text[0] == "p" and len(text) == 17 for text in set_ids(keys))


def test_a_weight_ratio_of_one_is_no_part_of_an_id():
    plain = set_keys(BREAKOUT, ParameterSets.of(BREAKOUT, {}, 3))
    one = {"weight_mtf_alignment_ratio": np.array([1.0, 2.0, 1.0])}
    keys = set_keys(BREAKOUT, ParameterSets.of(BREAKOUT, one, 3))
    assert (keys == plain).tolist() == [True, False, True]
    two = one | {"weight_vwap_strength_ratio": np.array([1.0, 1.0, 3.0])}
    more = set_keys(BREAKOUT, ParameterSets.of(BREAKOUT, two, 3))
    assert (more == keys).tolist() == [True, True, False]
    assert len({*plain, *keys, *more}) == 3


def test_keys_are_the_same_in_another_process():
    code = (
        "from detectors.registry import DETECTORS as D\n"
        "from sweep.engine.sets import ParameterSets as P\n"
        "from sweep.search.identity import set_ids, set_keys\n"
        "b = D['breakout_bullish']\n"
        "print(set_ids(set_keys(b, P.of(b, {}, 1)))[0])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    mine = set_ids(set_keys(BREAKOUT, ParameterSets.of(BREAKOUT, {}, 1)))[0]
    assert printed.stdout.strip() == mine


def test_a_block_is_named_by_its_sets_in_any_order():
    keys = np.array([5, 1, 9], np.uint64)
    assert block_name("d", keys) == block_name("d", keys[::-1])
    assert block_name("d", keys) != block_name("d", keys[:2])


def minutes_and_sessions():
    opens = np.array([10_000, 20_000, 30_000]) * MINUTE
    sessions = Sessions(
        np.array(["2015-01-02", "2015-01-05", "2015-01-06"], "datetime64[D]"),
        opens,
        opens + 390 * MINUTE,
        np.ones(3, bool),
    )
    ts = np.concatenate([opens[0] + np.arange(3) * MINUTE, opens[2] + np.arange(2) * MINUTE])
    prices = np.arange(5.0)
    return MinuteBars(ts, prices, prices, prices, prices, np.full(5, np.nan)), sessions


def test_data_are_digested_by_session_and_one_changed_bar_changes_one_digest():
    minutes, sessions = minutes_and_sessions()
    before = session_digests(minutes, sessions, np.ones(3))
    assert list(before) == ["2015-01-02", "2015-01-06"]
    minutes.volume[4] = 7.0
    after = session_digests(minutes, sessions, np.ones(3))
    assert after["2015-01-02"] == before["2015-01-02"]
    assert after["2015-01-06"] != before["2015-01-06"]
    split = session_digests(minutes, sessions, np.array([0.5, 1, 1]))
    assert split["2015-01-02"] != before["2015-01-02"]
    assert split["2015-01-06"] == after["2015-01-06"]


def test_a_column_of_ids_holds_the_ids_of_its_keys():
    keys = np.random.default_rng(0).integers(0, 2**64, 999, np.uint64)
    keys[:3] = 0, 2**64 - 1, 0x0123456789ABCDEF
    column = id_column(keys)
    column.validate(full=True)
    assert column.to_pylist() == set_ids(keys)
    assert column[2].as_py() == "p0123456789abcdef"
    assert id_column(keys[:0]).to_pylist() == []
