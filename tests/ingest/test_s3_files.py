import datetime as dt
import gzip
import logging
import os
import pickle
import random
import threading
import time
import uuid

import pytest

from sweep.ingest import s3_files
from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.coverage import coverage_report
from sweep.ingest.inflate import BarsError
from sweep.ingest.products import STOCKS
from sweep.ingest.s3_files import S3FlatFiles, clean_cache
from sweep.market.calendar import as_dates, session_table
from sweep.store.coverage import CoverageStore
from sweep.store.lake import Lake
from sweep.store.retry import Retry
from tests.ingest.day_files import STOCK_HEADER, compress, minute_lines

pytestmark = pytest.mark.s3

DAYS = as_dates(session_table(dt.date(2015, 3, 26), dt.date(2015, 4, 7)))
QUICK = Retry(tries=4, first_pause_s=0.01, longest_pause_s=0.05, limit_s=20.0)


class Bucket:
    """The vendor's bucket on the real server, asked through the proxy."""

    def __init__(self, server, proxy, tmp_path):
        # Every bucket of the server takes volumes of its own: a folder each in one bucket.
        self.name = f"{server.BUCKET}/{uuid.uuid4().hex[:12]}"
        self.client = server.client()
        self.proxy = proxy
        self.store = tmp_path / "store"

    def put(self, day, content=None, price=10.0):
        lines = [
            STOCK_HEADER,
            *minute_lines("QQQ", day, 30),
            *minute_lines("SPY", day, 40, price=price),
        ]
        content = compress(lines) if content is None else content
        self.client.pipe_file(f"{self.name}/{STOCKS.key(day)}", content)
        return content

    def source(self, **options):
        options = {"endpoint": self.proxy.endpoint, "retry": QUICK, **options}
        cache = self.store / "cache" / "flatfiles"
        return S3FlatFiles.at(f"s3://{self.name}", cache, **options)

    def order(self, *symbols, **options):
        options = {"timeframes": ("1m", "1d"), "workers": 1, **options}
        return BackfillSpec(
            f"s3://{self.name}",
            self.store,
            symbols or ("SPY",),
            endpoint=self.proxy.endpoint,
            **options,
        )


@pytest.fixture
def bucket(s3_server, s3_proxy, tmp_path, monkeypatch):
    monkeypatch.setenv(s3_files.KEY_ID, s3_server.key)
    monkeypatch.setenv(s3_files.SECRET, s3_server.secret)
    monkeypatch.setattr(s3_files, "PATIENCE", QUICK)
    return Bucket(s3_server, s3_proxy, tmp_path)


@pytest.fixture
def filled(bucket):
    for day in DAYS:
        bucket.put(day)
    return bucket


def test_a_bucket_fills_the_store_and_a_second_run_reads_nothing(filled):
    seen = []
    report = backfill(filled.order("SPY", "QQQ"), progress=lambda *event: seen.append(event))
    assert report.ok, report.lines()
    assert (report.files_read, report.rows, report.sessions) == (8, 560, 8)
    assert len(Lake(filled.store).read("SPY", "1m")) == 320
    files = [event for event in seen if event[0] == "day files"]
    assert files[-1] == ("day files", 8, 8, 0, report.bytes_read)
    count = len(filled.proxy.gets())
    assert count == 8
    again = backfill(filled.order("SPY", "QQQ"))
    assert (again.files_read, again.months) == (0, 0)
    assert len(filled.proxy.gets()) == count


def test_coverage_looks_at_the_bucket(filled):
    backfill(filled.order("SPY"))
    report = coverage_report(filled.store, source=filled.source())
    assert report.faults() == []
    filled.put(DAYS[3], price=77.0)
    report = coverage_report(filled.store, source=filled.source())
    assert report.series[0].states["replaced"] == (DAYS[3],)


def test_a_second_symbol_is_read_from_the_cache(filled):
    backfill(filled.order("SPY"))
    report = backfill(filled.order("QQQ"))
    assert (report.files_read, len(filled.proxy.gets())) == (8, 8)
    assert len(Lake(filled.store).read("QQQ", "1m")) == 240


def test_a_bucket_gives_the_same_bars_as_a_folder(filled, tmp_path):
    backfill(filled.order("SPY", "QQQ"))
    for day in DAYS:
        path = tmp_path / "vendor" / STOCKS.key(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(filled.client.cat_file(f"{filled.name}/{STOCKS.key(day)}"))
    backfill(BackfillSpec(tmp_path / "vendor", tmp_path / "local", ("SPY", "QQQ"), workers=1))
    for symbol in ("SPY", "QQQ"):
        for timeframe in ("1m", "1d"):
            here = Lake(filled.store).read(symbol, timeframe)
            assert here.equals(Lake(tmp_path / "local").read(symbol, timeframe))


def test_several_days_are_in_flight(filled):
    filled.proxy.add(".csv.gz", 8, slow=0.3)
    assert backfill(filled.order(downloads=4)).ok
    assert filled.proxy.most_in_flight == 4


def test_a_big_file_comes_in_ranges_and_a_cut_costs_one_of_them(bucket, monkeypatch):
    monkeypatch.setattr(s3_files, "RANGE", 1000)
    content = bucket.put(DAYS[0], random.Random(1).randbytes(3500))
    bucket.proxy.add(str(DAYS[0]), 2, cut=400)
    source = bucket.source()
    file = source.find(STOCKS, DAYS[0])
    counts = []
    source.fetch(file, counts.append)
    with source.open(file) as stream:
        assert stream.read() == content
    assert counts == [1000, 1000, 1000, 500]
    spans = [span for _, _, span in bucket.proxy.gets()]
    assert spans == ["bytes=0-999"] * 3 + ["bytes=1000-1999", "bytes=2000-2999", "bytes=3000-3499"]
    names = [path.name for path in source.cache.rglob("*") if path.is_file()]
    assert sorted(names) == [f".{DAYS[0]}.lock", f"{DAYS[0]}.{file.version}.csv.gz"]


@pytest.mark.parametrize(
    ("status", "code"), [(429, "SlowDown"), (503, "ServiceUnavailable"), (500, "InternalError")]
)
def test_passing_refusals_are_tried_again(filled, status, code):
    filled.proxy.add(str(DAYS[1]), 3, status=status, code=code)
    filled.proxy.add("list-type", 1, status=status, code=code)
    report = backfill(filled.order())
    assert report.ok, report.lines()
    assert len(filled.proxy.gets(str(DAYS[1]))) == 4


def test_a_storm_ends_bounded_and_leaves_the_other_days_done(filled):
    filled.proxy.add(str(DAYS[1]), 99, status=503, code="SlowDown")
    report = backfill(filled.order())
    assert len(filled.proxy.gets(str(DAYS[1]))) == 4
    [failure] = report.failures
    assert str(DAYS[1]) in failure.what
    assert "gave up after 4 tries" in failure.error
    assert "503 SlowDown" in failure.error
    assert report.sessions_filled == 7
    filled.proxy.faults.clear()
    assert backfill(filled.order()).files_read == 1


def test_retry_after_is_waited_for_and_one_too_long_is_not(filled):
    filled.proxy.add(str(DAYS[0]), 1, status=429, code="SlowDown", headers={"Retry-After": "1"})
    filled.proxy.add(str(DAYS[1]), 1, status=429, code="SlowDown", headers={"Retry-After": "999"})
    source = filled.source()
    started = time.monotonic()
    source.fetch(source.find(STOCKS, DAYS[0]))
    assert time.monotonic() - started >= 1.0
    with pytest.raises(OSError, match="asked to wait 999 s"):
        source.fetch(source.find(STOCKS, DAYS[1]))
    assert len(filled.proxy.gets(str(DAYS[1]))) == 1


def test_403_on_get_while_list_works_is_final_and_named(filled):
    filled.proxy.add(str(DAYS[2]), 99, status=403, code="NOT_AUTHORIZED")
    report = backfill(filled.order())
    [failure] = report.failures
    assert failure.what == f"s3://{filled.name}/{STOCKS.key(DAYS[2])}"
    assert "403 NOT_AUTHORIZED" in failure.error
    assert "not in your plan" in failure.error
    assert len(filled.proxy.gets(str(DAYS[2]))) == 1
    assert report.sessions_filled == 7
    assert len(CoverageStore(filled.store).read(["SPY"])) == 7


def test_wrong_keys_are_named_without_their_values(filled, monkeypatch, caplog):
    monkeypatch.setenv(s3_files.SECRET, "wrong-secret-value")
    with caplog.at_level(logging.INFO), pytest.raises(PermissionError) as caught:
        backfill(filled.order())
    text = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert "the S3 keys are not accepted (403 SignatureDoesNotMatch)" in text
    assert "wrong-secret-value" not in text
    assert os.environ[s3_files.KEY_ID] not in text


def test_secrets_are_in_no_repr_and_no_pickle(filled):
    source = filled.source()
    source.days(STOCKS)
    for name in (s3_files.KEY_ID, s3_files.SECRET):
        assert os.environ[name] not in repr(source)
        assert os.environ[name].encode() not in pickle.dumps(source)
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    assert copy.find(STOCKS, DAYS[0]) == source.find(STOCKS, DAYS[0])


def test_missing_keys_are_named_with_what_they_are_for(tmp_path, monkeypatch):
    monkeypatch.setenv(s3_files.KEY_ID, "k")
    with pytest.raises(ValueError, match=f"variable {s3_files.SECRET} .*flat files.*local folder"):
        backfill(BackfillSpec("s3://flatfiles", tmp_path, ("SPY",)))


def test_no_server_and_no_bucket_say_so(bucket):
    with pytest.raises(ValueError, match=r"has no us_stocks_sip day files"):
        backfill(bucket.order())
    with pytest.raises(ValueError, match=r"has no bucket nowhere; check source\.root"):
        S3FlatFiles.at("s3://nowhere", bucket.store, endpoint=bucket.proxy.endpoint).days(STOCKS)
    with pytest.raises(OSError, match=r"gave up after 4 tries .*EndpointConnectionError"):
        bucket.source(endpoint="http://127.0.0.1:9").days(STOCKS)


def test_a_replaced_object_is_read_again(filled):
    backfill(filled.order("SPY", "QQQ"))
    filled.put(DAYS[3], price=77.0)
    report = backfill(filled.order("SPY"))
    assert (report.files_read, report.sessions_filled) == (1, 1)
    assert Lake(filled.store).read("SPY", "1m", DAYS[3], DAYS[3])["open"][0].as_py() == 77.0
    kept = (filled.store / "cache/flatfiles").rglob(f"{DAYS[3]}.*.csv.gz")
    assert len(list(kept)) == 1


def test_an_object_replaced_in_mid_download_is_never_mixed(bucket, monkeypatch):
    monkeypatch.setattr(s3_files, "RANGE", 1000)
    bucket.put(DAYS[0], random.Random(1).randbytes(3000))
    source = bucket.source()
    file = source.find(STOCKS, DAYS[0])
    pieces = []

    def tell(count):
        pieces.append(count)
        if len(pieces) == 1:
            bucket.put(DAYS[0], random.Random(2).randbytes(3000))

    with pytest.raises(BarsError, match="was replaced while it was read"):
        source.fetch(file, tell)
    assert pieces == [1000]
    assert not list(source.cache.rglob("*.gz"))
    assert not list(source.cache.rglob("*.tmp"))


def test_an_object_that_went_away_is_a_failure_of_its_day(filled):
    key = f"{filled.name}/{STOCKS.key(DAYS[0])}"
    filled.proxy.add(str(DAYS[0]), 1, before=lambda: filled.client.rm_file(key))
    [failure] = backfill(filled.order()).failures
    assert "is not there (404)" in failure.error


def test_a_missing_day_is_absent_and_a_recent_one_stays_a_hole(filled, monkeypatch):
    filled.client.rm_file(f"{filled.name}/{STOCKS.key(DAYS[3])}")
    filled.client.rm_file(f"{filled.name}/{STOCKS.key(DAYS[-1])}")

    now = dt.datetime(2015, 4, 8, 12, tzinfo=dt.UTC)
    monkeypatch.setattr("sweep.ingest.plan.utc_now", lambda: now)
    report = backfill(filled.order(last=DAYS[-1]))
    assert report.ok
    assert report.files_absent == (STOCKS.key(DAYS[3]),)
    assert report.files_late == (STOCKS.key(DAYS[-1]),)
    records = CoverageStore(filled.store).read(["SPY"]).to_pylist()
    states = {record["session"]: record["state"] for record in records}
    assert states[DAYS[3]] == "absent_at_vendor"
    assert DAYS[-1] not in states
    filled.put(DAYS[-1])
    assert backfill(filled.order(last=DAYS[-1])).sessions_filled == 1


def test_a_trickling_stream_is_given_up_and_asked_for_again(bucket, monkeypatch):
    monkeypatch.setattr(s3_files, "RANGE_TIMEOUT_S", 0.5)
    content = bucket.put(DAYS[0], gzip.compress(random.Random(3).randbytes(200_000)))
    bucket.proxy.add(str(DAYS[0]), 1, slow=0.2)
    source = bucket.source()
    with source.open(source.find(STOCKS, DAYS[0])) as stream:
        assert stream.read() == content
    assert len(bucket.proxy.gets()) == 2


def test_two_readers_of_one_file_download_it_once(filled):
    filled.proxy.add(str(DAYS[0]), 1, slow=0.3)
    source = filled.source()
    file = source.find(STOCKS, DAYS[0])
    threads = [threading.Thread(target=filled.source().fetch, args=(file,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(filled.proxy.gets()) == 1


def test_leavings_of_a_killed_download_go_with_the_next_one(filled):
    source = filled.source()
    file = source.find(STOCKS, DAYS[0])
    folder = source.cache / STOCKS.key(DAYS[0]).rpartition("/")[0]
    folder.mkdir(parents=True)
    (folder / f".{DAYS[0]}.abc.tmp").write_bytes(b"half")
    (folder / f"{DAYS[0]}.{file.version}.csv.gz").write_bytes(b"short")
    source.fetch(file)
    assert (folder / f"{DAYS[0]}.{file.version}.csv.gz").stat().st_size == file.size
    assert not list(folder.glob("*.tmp"))


def test_old_cache_files_are_cleaned(filled):
    backfill(filled.order())
    cache = filled.store / "cache" / "flatfiles"
    files = sorted(cache.rglob("*.csv.gz"))
    assert clean_cache(cache, 24.0) == 0
    os.utime(files[0], (0, time.time() - 25 * 3600))
    backfill(filled.order())
    assert sorted(cache.rglob("*.csv.gz")) == files[1:]


def test_all_symbols_of_a_bucket_are_the_etfs_and_indices(filled):
    endpoint = filled.proxy.endpoint
    spec = BackfillSpec(f"s3://{filled.name}", filled.store, "all", workers=1, endpoint=endpoint)
    assert backfill(spec).symbols == ("QQQ", "SPY")
