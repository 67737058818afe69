import os
import signal
from pathlib import Path

import pytest

from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.ray_data import run_on_ray
from sweep.ingest.shards import runner
from sweep.ingest.sources import SourceFile
from sweep.store.lake import Lake
from tests.ingest.test_backfill import DAYS, STOCK_HEADER, minute_lines, put

pytestmark = pytest.mark.ray


def square_or_worse(task):
    """Refuse three; die at five and note it."""
    number, notes = task
    if number == 3:
        raise ValueError("three is refused")
    if number == 5:
        with Path(notes).open("a") as file:
            file.write("died\n")
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_every_task_has_one_outcome_whatever_becomes_of_it(ray_local, tmp_path, monkeypatch):
    from ray import cloudpickle  # noqa: PLC0415

    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["x"]))
    tasks = [(number, str(tmp_path / "deaths")) for number in range(8)]
    found = {o.task[0]: (o.result, o.error) for o in run_on_ray(square_or_worse, tasks)}
    assert found.pop(3) == (None, "three is refused")
    assert found.pop(5) == (None, "its worker died 3 times (out of memory?)")
    assert found == {n: (n * n, None) for n in (0, 1, 2, 4, 6, 7)}
    assert (tmp_path / "deaths").read_text() == "died\n" * 3


def test_ray_fills_the_same_store_and_one_bad_day_stops_no_other(ray_local, tmp_path):
    for day in DAYS:
        put(tmp_path / "vendor", day, [STOCK_HEADER, *minute_lines("SPY", day, 30)])
    path = put(tmp_path / "vendor", DAYS[2], [STOCK_HEADER, *minute_lines("SPY", DAYS[2], 30)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    stores = {}
    for pipeline in ("local", "ray"):
        stores[pipeline] = spec = BackfillSpec(
            *(tmp_path / "vendor", tmp_path / pipeline, ("SPY",)), workers=2, pipeline=pipeline
        )
        report = backfill(spec)
        assert [str(DAYS[2]) in one.what for one in report.failures] == [True]
        assert "truncated or damaged gzip" in report.failures[0].error
        assert report.sessions_filled == len(DAYS) - 1
    path.write_bytes(whole)
    report = backfill(stores["ray"])
    assert (report.ok, report.files_read) == (True, 1)
    backfill(stores["local"])
    for timeframe in stores["ray"].timeframes:
        one, two = (Lake(tmp_path / name).read("SPY", timeframe) for name in stores)
        assert one.equals(two)
        assert len(one) > 0


def test_a_run_that_ended_in_the_middle_goes_on_with_what_is_missing(ray_local, tmp_path):
    for day in DAYS:
        put(tmp_path / "vendor", day, [STOCK_HEADER, *minute_lines("SPY", day, 30)])
    spec, other = (
        BackfillSpec(tmp_path / "vendor", tmp_path / name, ("SPY",), workers=2, pipeline=name)
        for name in ("ray", "local")
    )

    def stop(stage, done, *_):
        if (stage, done) == ("day files", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill(spec, progress=stop)
    assert not (tmp_path / "ray/bars").exists()
    report = backfill(spec)
    assert report.ok
    assert report.files_read <= len(DAYS) - 3
    backfill(other)
    for name in spec.timeframes:
        one, two = (
            Lake(root).read("SPY", name) for root in (tmp_path / "ray", tmp_path / "local")
        )
        assert one.equals(two)
        assert len(one) > 0


@pytest.mark.parametrize(
    ("pipeline", "address", "size", "by_ray"),
    [
        ("auto", None, 10_000, False),
        ("auto", None, 50_000_000, True),
        ("auto", "127.0.0.1:6379", 10_000, True),
        ("local", "127.0.0.1:6379", 50_000_000, False),
        ("ray", None, 10_000, True),
    ],
)
def test_ray_is_taken_for_a_cluster_and_for_much_work(
    ray_local, tmp_path, pipeline, address, size, by_ray
):
    spec = BackfillSpec(tmp_path, tmp_path, ("SPY",), pipeline=pipeline, ray_address=address)
    tasks = [(SourceFile(None, day, "key", "version", size), ("SPY",)) for day in DAYS * 20]
    with runner(spec, tasks) as run:
        assert run.by_ray is by_ray
