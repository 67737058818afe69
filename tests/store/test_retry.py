import datetime as dt
import pickle

import pytest

from sweep.store import retry
from sweep.store.retry import Retry, SourceTransient, retry_after

NOW = dt.datetime(2025, 1, 2, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("-3", 0.0),
        ("soon", None),
        ("Thu, 02 Jan 2025 12:00:30 GMT", 30.0),
        ("Thu, 02 Jan 2025 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after(text, NOW) == seconds


class Failing:
    def __init__(self, failures, wait=None):
        self.left, self.wait, self.calls = failures, wait, 0

    def __call__(self):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise SourceTransient("503", self.wait)
        return "done"


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr(retry.time, "sleep", found.append)
    return found


def test_pauses_double_with_jitter_up_to_the_longest(pauses):
    action = Failing(5)
    assert Retry(6, 1.0, 4.0, 300.0).run(action, "it") == "done"
    bounds = [1, 2, 4, 4, 4]
    assert all(b / 2 <= pause <= b for pause, b in zip(pauses, bounds, strict=True))
    assert len({pause / b for pause, b in zip(pauses, bounds, strict=True)}) > 1


def test_the_server_s_wish_replaces_the_pause(pauses):
    Retry(6, 1.0, 4.0, 300.0).run(Failing(2, 9.0), "it")
    assert pauses == [9.0, 9.0]


def test_tries_and_time_are_bounded(pauses):
    action = Failing(9)
    with pytest.raises(OSError, match=r"it: gave up after 3 tries in 0 s \(503\); run the same"):
        Retry(3, 1.0, 4.0, 300.0).run(action, "it")
    assert action.calls == 3
    slow = Failing(9, 10.0)
    with pytest.raises(OSError, match="asked to wait 10 s"):
        Retry(9, 1.0, 4.0, 9.0).run(slow, "it")
    assert slow.calls == 1


def test_other_errors_are_not_tried_again(pauses):
    def action():
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        Retry().run(action, "it")
    assert pauses == []


def test_it_pickles():
    copy = pickle.loads(pickle.dumps(SourceTransient("429", 3.0)))  # noqa: S301 - our own
    assert (str(copy), copy.retry_after_s) == ("429", 3.0)
