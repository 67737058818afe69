"""Two storage roots that share a database: every try of either counts on both, once."""

import hashlib
import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.search import mirror
from sweep.search.spec import SweepSpec
from sweep.store.ledger import Ledger, Tries
from sweep.store.shared_tries import TABLE, share_tries

NAME = "breakout_bullish"
DAYS = {"SPY": ["2024-01-02", "2024-01-03"]}


def tried(root, sweep, keys, detector=NAME):
    ledger = Ledger(root)
    about = {"revision": 1, "settings": "a", "sessions": DAYS, "sweep": sweep}
    ledger.append(detector=detector, keys=np.array(keys, np.uint64), **about)
    return ledger


def test_tries_of_both_count_on_both_and_each_once(tmp_path, sql_database):
    one = tried(tmp_path / "one", "s1", [1, 2, 3])
    two = tried(tmp_path / "two", "s2", [3, 4])
    tried(tmp_path / "two", "s3", [9], detector="breakout_bearish")
    assert share_tries(one, sql_database, [NAME]) == 0
    assert share_tries(two, sql_database, [NAME, "breakout_bearish"]) == 1
    assert share_tries(one, sql_database, [NAME]) == 1
    for ledger in (one, two):
        assert share_tries(ledger, sql_database, [NAME]) == 0
        assert ledger.count(NAME, DAYS) == Tries(distinct=4, sweeps=2)
    assert one.count("breakout_bearish", DAYS).distinct == 0  # it did not ask for them
    tried(tmp_path / "one", "s1", [5])
    share_tries(one, sql_database, [NAME])
    share_tries(two, sql_database, [NAME])
    assert two.count(NAME, DAYS) == Tries(distinct=5, sweeps=2)


def test_a_file_that_was_changed_is_refused_and_the_others_come(tmp_path, sql_database, caplog):
    one = tried(tmp_path / "one", "s1", [1, 2, 3])
    tried(tmp_path / "one", "s2", [4])
    share_tries(one, sql_database, [NAME])
    first, second = sql_database.read(TABLE).to_pylist()
    outside = f"../../{first['path']}"
    rows = [
        first | {"content": second["content"]},
        {"path": outside, "detector": NAME, "content": first["content"]},
        {"path": f"{NAME}-{'0' * 24}.parquet", "detector": NAME, "content": b"no parquet"},
    ]
    sql_database.upsert(TABLE, rows)
    two = Ledger(tmp_path / "two")
    assert share_tries(two, sql_database, [NAME]) == 1
    assert re.search("(?s)no name.*no ledger.*changed.*remove", caplog.text)
    assert [*two.files(NAME)] == [second["path"]]
    assert {path.parent.name for path in tmp_path.rglob("*.parquet")} == {"ledger"}


def forged(path, **changed):
    """Return name and content of a file whose name says what it holds, whatever that is."""
    about = {"detector": NAME, "revision": 1, "settings": "a", "sessions": DAYS, "sweep": "x"}
    text = json.dumps({k: v for k, v in (about | changed).items() if v is not None}).encode()
    keys = pa.array([7], pa.uint64())
    digest = hashlib.sha256(text + np.array([7], np.uint64).tobytes()).hexdigest()[:24]
    schema = pa.schema([("set_key", pa.uint64())], {b"detector-sweep": text})
    pq.write_table(pa.table([keys], schema=schema), path)
    return f"{changed.get('detector', NAME)}-{digest}.parquet", path.read_bytes()


def test_a_whole_file_is_taken(tmp_path):
    name, content = forged(tmp_path / "forged")
    ledger = Ledger(tmp_path)
    ledger.admit(NAME, name, content)
    assert ledger.count(NAME, DAYS) == Tries(distinct=1, sweeps=1)


@pytest.mark.parametrize(
    "changed",
    [
        {"detector": "../../evil"},
        {"detector": "breakout_bearish"},
        {"sessions": None},
        {"sessions": ["SPY"]},
        {"sessions": {"SPY": 5}},
        {"sessions": {"SPY": ["soon"]}},
        {"revision": "1"},
        {"settings": None},
        {"sweep": ["x"]},
    ],
    ids=str,
)
def test_no_file_of_a_shared_database_leaves_the_ledger_or_stops_a_count(
    tmp_path, sqlite_store, changed, caplog
):
    name, content = forged(tmp_path / "forged", **changed)
    sqlite_store.upsert(TABLE, [{"path": name, "detector": NAME, "content": content}])
    mine = tried(tmp_path / "deep" / "mine", "s1", [1, 2])
    before = {*tmp_path.rglob("*.parquet")}
    assert share_tries(mine, sqlite_store, [NAME]) == 0
    assert name in caplog.text
    caplog.clear()
    assert {*tmp_path.rglob("*.parquet")} == before
    if "detector" not in changed:  # as an earlier release would have taken it
        (mine.path / name).write_bytes(content)
        assert mine.count(NAME, DAYS) == Tries(distinct=2, sweeps=1, unread=(name,))
        assert len(mine.rows(NAME)) == 1
        assert [name in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.postgres
def test_sweeps_share_a_postgres_and_go_on_without_one(tmp_path, postgres_store, monkeypatch):
    specs = [
        SweepSpec(storage_root=tmp_path / n, symbols=("SPY",), detectors=(NAME,), store="postgres")
        for n in ("one", "two")
    ]
    for spec, keys in zip(specs, ([1, 2], [2, 3]), strict=True):
        tried(spec.storage_root, spec.storage_root.name, keys)
        assert mirror.shared_tries(spec, [NAME]) == []
    assert Ledger(tmp_path / "two").count(NAME, DAYS) == Tries(distinct=3, sweeps=2)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    (note,) = mirror.shared_tries(specs[0], [NAME])
    assert "tries of other storages are not counted" in note
    assert "secret" not in note


@pytest.mark.s3
def test_a_ledger_in_a_bucket_shares_like_one_in_a_folder(tmp_path, sqlite_store, s3_root):
    here, there = tried(tmp_path, "s1", [1, 2]), tried(s3_root, "s2", [2, 3])
    assert [share_tries(one, sqlite_store, [NAME]) for one in (there, here, there)] == [0, 1, 1]
    for ledger in (here, there):
        assert ledger.count(NAME, DAYS) == Tries(distinct=3, sweeps=2)
