import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sweep.store.database import Database
from sweep.store.ledger import Ledger, Tries

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]


def append(ledger, keys, *, detector="breakout_bullish", revision=1, settings="a", **more):
    sessions = more.pop("sessions", {"SPY": DAYS})
    return ledger.append(
        detector=detector,
        revision=revision,
        settings=settings,
        keys=np.array(keys, np.uint64),
        sessions=sessions,
        sweep=more.pop("sweep", "s1"),
    )


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def count(ledger, detector="breakout_bullish", **sessions):
    return ledger.count(detector, sessions or {"SPY": DAYS}).distinct


def test_a_try_counts_once_however_often_it_is_recorded(ledger):
    first = append(ledger, [1, 2, 3])
    assert append(ledger, [3, 2, 1, 1]) == first
    assert append(ledger, [3, 4]) != first
    append(ledger, [4, 5], sweep="s2")
    assert ledger.count("breakout_bullish", {"SPY": DAYS}) == Tries(distinct=5, sweeps=2)


def test_other_settings_revisions_and_detectors_are_other_tries(ledger):
    append(ledger, [1, 2])
    append(ledger, [1, 2], settings="b")
    append(ledger, [1, 2], revision=2)
    append(ledger, [1, 2], detector="breakout_bearish")
    assert count(ledger) == 6
    assert count(ledger, "breakout_bearish") == 2
    assert count(ledger, "breakout") == 0


def test_only_sweeps_that_share_a_symbol_session_count(ledger):
    append(ledger, [1, 2])
    append(ledger, [3], sessions={"QQQ": DAYS})
    append(ledger, [4], sessions={"SPY": ["2023-01-03"], "QQQ": DAYS[:1]})
    assert count(ledger) == 2
    assert count(ledger, QQQ=DAYS[1:]) == 1
    assert count(ledger, QQQ=DAYS[:1], SPY=["2023-01-03"]) == 2
    assert count(ledger, IWM=DAYS) == 0


def test_no_try_is_no_file_and_an_empty_ledger_counts_nothing(ledger):
    assert append(ledger, []) is None
    assert count(ledger) == 0
    assert not ledger.path.exists()


def test_sql_has_a_row_per_file_whose_range_and_count_it_says(tmp_path, ledger):
    first = append(ledger, [1, 2, 3])
    append(ledger, [4], settings="b", sessions={"QQQ": DAYS[1:], "SPY": DAYS[:2]}, sweep="s2")
    append(ledger, [5], detector="breakout_bearish")
    rows = ledger.rows("breakout_bullish")
    with Database.open("sqlite", tmp_path) as db:
        db.upgrade()
        db.upsert("trial_ledger", rows)
        db.upsert("trial_ledger", ledger.rows("breakout_bullish"))
        stored = {row["path"]: row for row in db.read("trial_ledger").to_pylist()}
    assert len(stored) == 2
    row = stored[f"ledger/{first.name}"]
    assert (row["tries"], row["settings_hash"], row["sweep_id"]) == (3, "a", "s1")
    (other,) = (row for row in stored.values() if row["tries"] == 1)
    assert [str(other[name]) for name in ("first_session", "last_session")] == [DAYS[0], DAYS[2]]


ABOUT = {
    "detector": "breakout_bullish",
    "revision": 1,
    "settings": "a",
    "sessions": {"SPY": DAYS},
    "sweep": "s9",
}


def forged(keys=(7, 8), **changes):
    """Return name and content of a file that says what a ledger would not write."""
    text = json.dumps(ABOUT | changes, sort_keys=True, separators=(",", ":"))
    keys = pa.array(keys, pa.uint64())
    sink = pa.BufferOutputStream()
    schema = pa.schema([("set_key", pa.uint64())], {b"detector-sweep": text.encode()})
    pq.write_table(pa.table([keys], schema=schema), sink)
    digest = hashlib.sha256(text.encode() + keys.drop_null().to_numpy().tobytes()).hexdigest()
    return f"breakout_bullish-{digest[:24]}.parquet", sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"revision": 10**300}, "revision must be in 0..1000000, is 10000"),
        ({"revision": -1}, "revision must be in"),
        ({"sweep": "s\0"}, "sweep must be 1 to 64 letters and digits"),
        ({"settings": ""}, "settings must be 1 to 64 letters and digits"),
        ({"keys": (None, 3)}, "set_key has nulls"),
    ],
)
def test_a_forged_file_is_refused_and_counts_nothing(tmp_path, ledger, caplog, changes, said):
    append(ledger, [1, 2])
    name, content = forged(**changes)
    with pytest.raises(ValueError, match=f"{name} is no ledger file: .*{said}"):
        ledger.admit("breakout_bullish", name, content)
    (tmp_path / "ledger" / name).write_bytes(content)
    assert count(ledger) == 2
    assert said in caplog.text


def test_an_honest_file_of_another_ledger_is_admitted(ledger):
    ledger.admit("breakout_bullish", *forged())
    assert count(ledger) == 2


def test_a_page_damaged_behind_a_good_footer_is_told_and_left_out(tmp_path, ledger, caplog):
    append(ledger, [1, 2])
    name, content = forged(range(5_000))
    damaged = bytearray(content)
    damaged[20:2_000] = bytes(1_980)
    (tmp_path / "ledger" / name).write_bytes(damaged)
    assert count(ledger) == 2
    assert f"{name} is no ledger file" in caplog.text


def test_tries_that_cannot_be_read_are_named(ledger):
    append(ledger, [1, 2])
    lost = append(ledger, [3, 4])
    lost.write_bytes(lost.read_bytes()[:200])
    (lost.parent / "breakout_bullish-notes.parquet").write_text("not of the ledger")
    found = ledger.count("breakout_bullish", {"SPY": DAYS})
    assert found == Tries(distinct=2, sweeps=1, unread=(lost.name,))
