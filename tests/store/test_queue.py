import concurrent.futures
import time

import pytest

from sweep.store import queue as queues
from sweep.store.database import Database
from sweep.store.queue import IngestionQueue


@pytest.fixture
def queue(sql_database):
    return IngestionQueue(sql_database)


def states(queue):
    return {(entry.symbol, entry.task): entry.state for entry in queue.entries()}


def test_a_symbol_added_is_enqueued_once_and_removed_with_its_entries(queue):
    assert queue.add(["NVDA", "TRUE", "NVDA"]) == ("NVDA", "TRUE")
    assert queue.add(["NVDA"]) == ()
    assert queue.watched() == ("NVDA", "TRUE")
    assert states(queue) == {("NVDA", "backfill"): "queued", ("TRUE", "backfill"): "queued"}
    assert queue.remove(["NVDA", "AMD"]) == ("NVDA",)
    assert states(queue) == {("TRUE", "backfill"): "queued"}


def test_a_claim_is_nobody_elses_and_is_closed_by_its_owner_only(queue):
    queue.add(["NVDA"])
    (entry,) = queue.claim("one", 60.0)
    assert (entry.symbol, entry.task, entry.attempts) == ("NVDA", "backfill", 1)
    assert queue.claim("two", 60.0) == []
    assert queue.finish(entry) == "done"
    assert queue.finish(entry, "late") is None
    (row,) = queue.entries()
    assert (row.state, row.error, row.lease_owner) == ("done", None, None)
    assert row.finished_at is not None


def test_claims_of_one_call_are_all_of_one_task(queue):
    queue.add(["A", "AA", "SPY"])
    queue.enqueue("session:2025-11-25", ["A", "AA"])
    assert [entry.symbol for entry in queue.claim("one", 60.0, 2)] == ["A", "AA"]
    assert {entry.task for entry in queue.claim("two", 60.0, 9)} == {"backfill"}
    rest = queue.claim("three", 60.0, 9)
    assert [(e.symbol, e.task) for e in rest] == [
        ("A", "session:2025-11-25"),
        ("AA", "session:2025-11-25"),
    ]


def test_a_lease_that_ran_out_is_taken_over_and_one_renewed_is_not(queue):
    queue.add(["NVDA"])
    (entry,) = queue.claim("one", 0.3)
    for _ in range(4):
        time.sleep(0.15)
        assert queue.renew("one", 0.3) == 1
        assert queue.claim("two", 60.0) == []
    time.sleep(0.4)
    (taken,) = queue.claim("two", 60.0)
    assert taken.attempts == 2
    assert queue.renew("one", 60.0) == 0
    assert queue.finish(entry) is None
    assert queue.finish(taken) == "done"


def test_an_entry_that_kills_every_worker_is_given_up(queue):
    queue.add(["NVDA"])
    for _ in range(queues.MOST_ATTEMPTS):
        assert queue.claim("one", -1.0)
    assert queue.claim("one", 60.0) == []
    (row,) = queue.entries()
    assert row.state == "failed"
    assert "worker died" in row.error


def test_a_passing_fault_is_tried_again_later_and_bounded(queue, monkeypatch):
    monkeypatch.setattr(queues, "FIRST_PAUSE_S", 0.2)
    queue.add(["NVDA"])
    (entry,) = queue.claim("one", 60.0)
    assert queue.finish(entry, "429", again=True) == "queued"
    assert queue.claim("one", 60.0) == []
    time.sleep(0.25)
    (entry,) = queue.claim("one", 60.0)
    assert entry.attempts == 2
    monkeypatch.setattr(queues, "FIRST_PAUSE_S", 0.0)
    for attempt in range(3, queues.MOST_ATTEMPTS + 1):
        assert queue.finish(entry, "429", again=True) == "queued"
        (entry,) = queue.claim("one", 60.0)
        assert entry.attempts == attempt
    assert queue.finish(entry, "429", again=True) == "failed"
    assert queue.entries()[0].error == "429"


def test_a_failed_symbol_can_be_queued_again(queue):
    queue.add(["NVDA", "AMD"])
    for entry in queue.claim("one", 60.0, 2):
        queue.finish(entry, "no bars came")
    assert queue.retry(["NVDA", "SPY"]) == ("NVDA",)
    assert states(queue) == {("AMD", "backfill"): "failed", ("NVDA", "backfill"): "queued"}
    assert queue.add(["AMD"]) == ()
    assert states(queue)["AMD", "backfill"] == "queued"
    (entry, _) = queue.claim("one", 60.0, 2)
    assert (entry.attempts, entry.error) == (1, None)


def test_a_session_is_enqueued_once_and_again_when_it_is_done(queue):
    assert queue.enqueue("session:2025-11-25", ["SPY", "QQQ"]) == 2
    assert queue.enqueue("session:2025-11-25", ["SPY", "QQQ"]) == 0
    first, second = queue.claim("one", 60.0, 2)
    queue.finish(first)
    queue.finish(second, "no bars came")
    assert queue.enqueue("session:2025-11-25", ["SPY", "QQQ"]) == 1
    assert states(queue) == {
        ("QQQ", "session:2025-11-25"): "queued",
        ("SPY", "session:2025-11-25"): "failed",
    }


def test_a_session_that_failed_has_another_chance_later(queue, monkeypatch):
    queue.enqueue("session:2025-11-25", ["SPY"])
    (entry,) = queue.claim("one", 60.0)
    queue.finish(entry, "no bars came: 2025-11-25 is not published yet")
    assert queue.enqueue("session:2025-11-25", ["SPY"]) == 0
    monkeypatch.setattr(queues, "SECOND_CHANCE_S", 0.0)
    assert queue.enqueue("session:2025-11-25", ["SPY"]) == 1
    (entry,) = queue.claim("one", 60.0)
    assert (entry.attempts, entry.error) == (1, None)


def test_a_worker_that_stops_gives_its_claims_back(queue):
    queue.add(["NVDA", "AMD"])
    queue.claim("one", 60.0, 2)
    assert queue.release("one") == 2
    assert [entry.attempts for entry in queue.claim("two", 60.0, 2)] == [1, 1]


def test_a_hundred_entries_and_four_workers_each_entry_once(queue, tmp_path):
    queue.add([f"S{i}" for i in range(100)])

    def work(name):
        mine = []
        while claimed := queue.claim(name, 60.0, 3):
            mine += [entry.symbol for entry in claimed]
            assert all(queue.finish(entry) == "done" for entry in claimed)
        return mine

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(work, ("one", "two", "three", "four")))
    done = [symbol for share in shares for symbol in share]
    assert len(done) == len(set(done)) == 100


@pytest.mark.postgres
def test_an_entry_wakes_a_waiting_worker_of_postgres(postgres_store):
    queue = IngestionQueue(postgres_store)
    with queue.listener() as listener, Database.open("postgres", ".") as other:
        assert listener.wait(0.1) is False
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(listener.wait, 30.0)
            started = time.monotonic()
            IngestionQueue(other).add(["NVDA"])
            assert waiting.result() is True
            assert time.monotonic() - started < 10
        IngestionQueue(other).enqueue("session:2025-11-25", ["NVDA"])
        assert listener.wait(30.0) is True


def test_a_wait_without_word_ends_in_time(sqlite_store):
    started = time.monotonic()
    with IngestionQueue(sqlite_store).listener() as listener:
        assert listener.wait(0.2) is False
    assert 0.2 <= time.monotonic() - started < 5
