import datetime as dt
import gzip
import json
import logging
import threading
import time

import pytest

from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.coverage import coverage_report
from sweep.ingest.rest import API_KEY, RateLimit, RestClient, RestSettings
from sweep.ingest.rest_rows import RestMinutes
from sweep.ingest.sources import LocalFlatFiles
from sweep.market.calendar import as_dates, session_table
from sweep.market.splits import Split
from sweep.market.symbols import lookup
from sweep.store.coverage import CoverageStore
from sweep.store.database import Database
from sweep.store.lake import Lake
from sweep.store.retry import Retry
from sweep.store.splits import SplitStore
from tests.ingest.day_files import STOCK_HEADER, minute_lines, put
from tests.rest_server import KEY, RestServer

FIRST, LAST = dt.date(2015, 3, 26), dt.date(2015, 4, 7)
DAYS = as_dates(session_table(FIRST, LAST))
QUICK = Retry(tries=3, first_pause_s=0.01, longest_pause_s=0.02, limit_s=10.0)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv(API_KEY, KEY)
    with RestServer() as running:
        yield running


@pytest.fixture
def settings(server):
    return RestSettings(server.url, requests_per_s=1000.0, workers=2, retry=QUICK)


@pytest.fixture
def filled(server):
    for day in DAYS:
        server.put("SPY", day, 40, start=(9, 0))
        server.put("QQQ", day, 30)
    return server


@pytest.fixture
def order(tmp_path, settings):
    def build(*symbols, **options):
        options = {"timeframes": ("1m", "1d"), "source_kind": "rest", "workers": 1, **options}
        options = {"first": FIRST, "last": LAST, "rest": settings, **options}
        return BackfillSpec(
            options.pop("source_root", None), tmp_path / "store", symbols or ("SPY",), **options
        )

    return build


@pytest.fixture
def client(settings):
    with RestClient(settings) as opened:
        yield opened


def records(tmp_path, symbol):
    rows = CoverageStore(tmp_path / "store").read([symbol]).to_pylist()
    return {(row["session"], row["source"]): row for row in rows}


def test_rest_fills_the_store_and_a_second_run_asks_nothing(filled, order, tmp_path):
    report = backfill(order("SPY", "QQQ"))
    assert report.ok, report.lines()
    assert (report.sessions, report.rows, report.sessions_filled) == (8, 560, 16)
    assert len(filled.paths()) == 4  # two symbols, two months
    lake = Lake(tmp_path / "store")
    bars = lake.read("SPY", "1m", DAYS[0], DAYS[0])
    assert bars["phase"].to_pylist() == ["pre"] * 30 + ["regular"] * 10
    assert set(bars["source"].to_pylist()) == {"rest"}
    assert bars["open"].to_pylist()[:2] == [10.0, 10.01]
    assert bars["vwap"].to_pylist()[0] == pytest.approx(10.1)
    assert set(bars["vwap_basis"].to_pylist()) == {"minute_vwap"}
    assert bars["volume"].to_pylist()[0] == 100.5
    day = lake.read("QQQ", "1d", DAYS[0], DAYS[0]).to_pylist()[0]
    assert day["vwap"] == pytest.approx(10.1 + 0.145)
    record = records(tmp_path, "SPY")[DAYS[0], "rest"]
    assert record["state"] == "complete"
    assert record["key"] == "/v2/aggs/ticker/SPY/range/1/minute/2015-03-26/2015-03-31"
    assert coverage_report(tmp_path / "store").faults() == []
    count = len(filled.requests)
    again = backfill(order("SPY", "QQQ"))
    assert (again.requests, again.months, len(filled.requests)) == (0, 0, count)


def test_a_new_timeframe_needs_no_request(filled, order, tmp_path):
    backfill(order("SPY"))
    count = len(filled.requests)
    assert backfill(order("SPY", timeframes=("15m",))).months == 2
    assert len(filled.requests) == count
    assert len(Lake(tmp_path / "store").read("SPY", "15m")) == 8


def test_pages_are_followed_to_the_end_on_our_host_with_the_key(filled, client):
    filled.page_size = 100
    rows = client.minutes(lookup("SPY"), FIRST, LAST)
    assert len(rows) == 320
    assert len({row["t"] for row in rows}) == 320
    assert len(filled.paths()) == 4
    assert filled.keys == {f"Bearer {KEY}"}


def test_delayed_is_data_and_no_results_is_empty(filled, client):
    filled.status = "DELAYED"
    assert len(client.minutes(lookup("SPY"), FIRST, FIRST)) == 40
    assert client.minutes(lookup("NVDA"), FIRST, FIRST) == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>busy</html>", "a page that is no JSON"),
        (b'{"status":"OK","results":[{"t":1', "a page that is no JSON"),
        (b"[]", "cannot be read"),
        (b'{"status":"OK","results":{}}', "cannot be read"),
        (b'{"status":"ERROR","error":"x"}', "a page of status 'ERROR'"),
        (b'{"status":"OK","results":[{"t":1,"o":1,"h":1,"l":1}]}', "a bar without c"),
        (b'{"status":"OK","results":[{"t":1,"o":"1","h":1,"l":1,"c":1}]}', "a bar without o"),
        (b'{"status":"OK","results":[1]}', "a bar that is no object"),
    ],
)
def test_a_page_that_cannot_be_read_is_an_error_and_not_the_end(filled, client, body, text):
    filled.page_size = 100
    bad = (200, JSON, body)
    filled.answers = [None, bad, bad, bad]
    with pytest.raises(OSError, match=f"gave up after 3 tries .*{text}"):
        client.minutes(lookup("SPY"), FIRST, LAST)
    filled.answers = [None, bad]
    assert len(client.minutes(lookup("SPY"), FIRST, LAST)) == 320


def test_a_page_beyond_all_reason_is_refused_while_it_is_read(filled, client):
    bomb = gzip.compress(b" " * (65 << 20))
    filled.answers = [(200, {**JSON, "Content-Encoding": "gzip"}, bomb)]
    with pytest.raises(OSError, match=r"REST /v2/aggs/.*: a page of more than 64 MiB"):
        client.minutes(lookup("SPY"), FIRST, FIRST)
    assert len(filled.requests) == 1
    filled.answers = [(200, {**JSON, "Content-Encoding": "gzip"}, b"no gzip")]
    assert len(client.minutes(lookup("SPY"), FIRST, FIRST)) == 40


def test_a_cut_page_is_asked_for_again(filled, client):
    whole = json.dumps(filled.page(f"/v2/aggs/ticker/SPY/range/1/minute/{FIRST}/{FIRST}?cursor=0"))
    cut = whole.encode()[:200]
    filled.answers = [(200, {**JSON, "Content-Length": str(len(whole))}, cut)]
    assert len(client.minutes(lookup("SPY"), FIRST, FIRST)) == 40
    assert len(filled.requests) == 2


def test_retry_after_is_waited_for(filled, client):
    filled.answers = [(429, {"Retry-After": "1"}, b"{}"), (503, {}, b"")]
    started = time.monotonic()
    assert len(client.minutes(lookup("SPY"), FIRST, FIRST)) == 40
    assert time.monotonic() - started >= 1.0
    assert len(filled.requests) == 3


def test_pages_in_a_circle_end(filled, client):
    page = {"status": "OK", "results": [], "next_url": "https://x.test/v2/aggs/again?cursor=1"}
    filled.answers = [(200, JSON, json.dumps(page).encode())] * 3
    with pytest.raises(OSError, match="its pages go in a circle"):
        client.minutes(lookup("SPY"), FIRST, FIRST)


def test_403_is_final_and_named_and_the_others_are_done(filled, order):
    filled.answers = [(403, JSON, b'{"status":"NOT_AUTHORIZED","message":"no"}')]
    report = backfill(order("QQQ", "SPY", rest=RestSettings(filled.url, 1000.0, 1, QUICK)))
    [failure] = report.failures
    assert failure.what == "QQQ 2015-03 by REST"
    assert "refused (403): symbol or dates are not in your plan" in failure.error
    assert report.sessions_filled == 12
    assert len(filled.paths()) == 4


def test_a_wrong_key_is_named_and_never_shown(filled, order, monkeypatch, caplog, settings):
    monkeypatch.setenv(API_KEY, "wrong-key-value")
    with caplog.at_level(logging.DEBUG, "sweep"):
        report = backfill(order("SPY"))
    text = " ".join(report.lines()) + caplog.text
    assert f"the key is not accepted (401); check {API_KEY}" in text
    assert "wrong-key-value" not in text + repr(RestClient(settings))


def test_a_missing_key_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv(API_KEY, raising=False)
    spec = BackfillSpec(None, tmp_path, ("SPY",), days=3, source_kind="rest")
    with pytest.raises(ValueError, match=f"environment variable {API_KEY} .*source=flatfiles"):
        backfill(spec)


def test_an_index_is_asked_with_its_prefix_and_has_no_volume(server, order, tmp_path):
    server.put("I:SPX", DAYS[0], 3, volume=0)
    for bar in server.bars["I:SPX"]:
        for name in ("v", "vw", "n"):
            del bar[name]
    assert backfill(order("SPX", last=DAYS[0])).ok
    assert "/v2/aggs/ticker/I:SPX/range/1/minute/2015-03-26/2015-03-26?" in server.paths()[0]
    bars = Lake(tmp_path / "store").read("SPX", "1m")
    assert bars["volume"].to_pylist() == [None] * 3
    assert bars["vwap"].to_pylist() == [None] * 3
    assert server.paths("splits") == []


def test_a_symbol_without_any_bar_is_unknown_and_leaves_no_record(filled, order, tmp_path):
    report = backfill(order("SPY", "QQQQ"))
    assert not report.ok
    assert list(report.unknown) == ["QQQQ"]
    assert CoverageStore(tmp_path / "store").symbols() == ["SPY"]


def test_a_session_without_bars_is_absent_and_not_asked_again(filled, order, tmp_path):
    day = dt.datetime.combine(DAYS[2], dt.time(), dt.UTC).timestamp() * 1000
    filled.bars["SPY"] = [bar for bar in filled.bars["SPY"] if not 0 < bar["t"] - day < 86_400_000]
    backfill(order("SPY"))
    assert records(tmp_path, "SPY")[DAYS[2], "rest"]["state"] == "absent_at_vendor"
    assert backfill(order("SPY")).requests == 0


def test_bad_bars_and_duplicates_are_counted(server, order, tmp_path):
    server.put("SPY", DAYS[0], 3)
    twice = {**server.bars["SPY"][0], "v": 900.0, "vw": 10.7}
    wrong = {**server.bars["SPY"][1], "h": 1.0}
    server.bars["SPY"] += [twice, wrong, {**twice, "t": twice["t"] + 1}]
    report = backfill(order("SPY", last=DAYS[0]))
    assert (report.rows, report.duplicates) == (3, 1)
    assert report.bad_rows == {"off_minute": 1, "range": 1}
    bars = Lake(tmp_path / "store").read("SPY", "1m")
    assert bars["volume"].to_pylist() == [900.0, 100.5, 100.5]
    assert bars["vwap"].to_pylist()[0] == 10.7


def test_clock_changes_keep_the_new_york_date(server, order, tmp_path):
    days = [dt.date(2025, 3, 7), dt.date(2025, 3, 10)]  # clocks go forward on the 9th
    for day in days:
        server.put("SPY", day, 2, start=(4, 0))
        server.put("SPY", day, 2, start=(19, 58))
    backfill(order("SPY", first=days[0], last=days[1]))
    for day in days:
        bars = Lake(tmp_path / "store").read("SPY", "1m", day, day)
        assert bars["phase"].to_pylist() == ["pre", "pre", "post", "post"]


def at(monkeypatch, instant):
    for module in ("plan", "backfill"):
        monkeypatch.setattr(f"sweep.ingest.{module}.utc_now", lambda: instant)


def test_the_newest_session_is_provisional_until_its_file_is_due(
    filled, order, tmp_path, monkeypatch
):
    at(monkeypatch, dt.datetime(2015, 4, 7, 22, tzinfo=dt.UTC))
    report = backfill(order("SPY", last=None))
    assert (report.last, report.sessions_provisional) == (LAST, 1)
    assert records(tmp_path, "SPY")[LAST, "rest"]["state"] == "provisional"
    assert backfill(order("SPY", last=None)).sessions_provisional == 1
    at(monkeypatch, dt.datetime(2015, 4, 8, 16, tzinfo=dt.UTC))
    backfill(order("SPY"))
    assert records(tmp_path, "SPY")[LAST, "rest"]["state"] == "complete"
    assert backfill(order("SPY")).requests == 0


def test_a_newest_session_without_bars_stays_a_hole(filled, order, tmp_path, monkeypatch):
    at(monkeypatch, dt.datetime(2015, 4, 7, 22, tzinfo=dt.UTC))
    filled.bars["SPY"] = filled.bars["SPY"][:-40]
    backfill(order("SPY"))
    assert sorted(day for day, _ in records(tmp_path, "SPY")) == DAYS[:-1]


def test_rest_fills_a_session_whose_whole_file_was_missing(filled, order, tmp_path):
    vendor = tmp_path / "vendor"
    for day in (*DAYS[:2], *DAYS[3:]):
        put(vendor, day, [STOCK_HEADER, *minute_lines("SPY", day, 20)])
    backfill(order("SPY", source_kind="flatfiles", source_root=vendor))
    assert records(tmp_path, "SPY")[DAYS[2], "flatfiles"]["state"] == "absent_at_vendor"
    assert backfill(order("SPY")).sessions_filled == 1
    assert coverage_report(tmp_path / "store").faults() == []
    # The file comes after all: what REST filled is complete and is not called replaced.
    put(vendor, DAYS[2], [STOCK_HEADER, *minute_lines("SPY", DAYS[2], 20)])
    assert coverage_report(tmp_path / "store", source=LocalFlatFiles(vendor)).faults() == []


SPLITS = [
    {"execution_date": "2015-03-30", "split_from": 1, "split_to": 4, "ticker": "SPY"},
    {"execution_date": "2014-06-09", "split_from": 1, "split_to": 7, "ticker": "SPY"},
    {"execution_date": "2012-01-03", "split_from": 3, "split_to": 2, "ticker": "SPY"},
]


def test_splits_come_into_parquet_and_sql(filled, order, tmp_path):
    filled.splits = SPLITS
    report = backfill(order("SPY", "QQQ"))
    assert (report.ok, report.splits) == (True, 3)
    store = SplitStore(tmp_path / "store")
    assert store.read(["SPY", "QQQ"]) == [
        Split("SPY", dt.date(2012, 1, 3), 3.0, 2.0),
        Split("SPY", dt.date(2014, 6, 9), 1.0, 7.0),
        Split("SPY", dt.date(2015, 3, 30), 1.0, 4.0),
    ]
    assert store.knows("QQQ")
    with Database.open("sqlite", tmp_path / "store") as database:
        rows = database.read("splits").to_pylist()
    assert [(row["symbol"], row["split_to"]) for row in rows] == [
        ("SPY", 2.0),
        ("SPY", 7.0),
        ("SPY", 4.0),
    ]


def test_hybrid_takes_files_up_to_the_newest_and_rest_after_it(
    filled, order, tmp_path, monkeypatch
):
    at(monkeypatch, dt.datetime(2015, 4, 7, 22, tzinfo=dt.UTC))
    vendor = tmp_path / "vendor"
    for day in DAYS[:6]:
        if day != DAYS[2]:  # a file that never came
            put(vendor, day, [STOCK_HEADER, *minute_lines("SPY", day, 20)])
    spec = order("SPY", source_kind="hybrid", source_root=vendor, last=None)
    report = backfill(spec)
    assert report.ok, report.lines()
    assert any(line.startswith("hybrid: day files where") for line in report.lines())
    lake = Lake(tmp_path / "store")
    sources = [set(lake.read("SPY", "1m", day, day)["source"].to_pylist()) for day in DAYS]
    files, rest = {"flatfiles"}, {"rest"}
    assert sources == [files, files, rest, files, files, files, rest, rest]
    assert len(lake.read("SPY", "1m")) == 5 * 20 + 3 * 40
    states = {key: row["state"] for key, row in records(tmp_path, "SPY").items()}
    assert states[DAYS[2], "rest"] == "complete"
    assert states[DAYS[7], "rest"] == "provisional"
    # The next file comes: its bars take the place of the provisional ones, none twice.
    put(vendor, DAYS[6], [STOCK_HEADER, *minute_lines("SPY", DAYS[6], 20)])
    backfill(spec)
    assert len(lake.read("SPY", "1m")) == 6 * 20 + 2 * 40
    assert records(tmp_path, "SPY")[DAYS[6], "flatfiles"]["state"] == "complete"
    assert coverage_report(tmp_path / "store", source=LocalFlatFiles(vendor)).faults() == []


def test_hybrid_takes_a_damaged_day_from_rest(filled, order, tmp_path):
    vendor = tmp_path / "vendor"
    for day in DAYS:
        put(vendor, day, [STOCK_HEADER, *minute_lines("SPY", day, 20)])
    put(vendor, DAYS[1], None, raw=b"no gzip")
    report = backfill(order("SPY", source_kind="hybrid", source_root=vendor))
    assert report.ok
    assert any("taken from REST instead" in line for line in report.lines())
    bars = Lake(tmp_path / "store").read("SPY", "1m", DAYS[1], DAYS[1])
    assert set(bars["source"].to_pylist()) == {"rest"}


def test_the_rate_is_shared_by_all_threads():
    limit = RateLimit(50.0)
    started = time.monotonic()
    threads = [threading.Thread(target=lambda: [limit.wait() for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started >= 19 / 50.0


def test_the_vendor_s_own_sample_is_read(market_data):
    name = "v2_aggs_ticker_AAPL_range_1_day_2005-04-01_2005-04-04.json"
    page = json.loads((market_data / "massive_rest_samples" / name).read_text())
    minutes = RestMinutes.of(page["results"])
    table, counts = minutes.of_day(lookup("AAPL"), dt.date(2005, 4, 4))
    assert (counts.rows, counts.bad) == (1, {})
    bar = table.to_pylist()[0]
    assert (bar["open"], bar["high"], bar["vwap"], bar["trades"]) == (
        1.4639,
        1.4754,
        1.4589,
        65543,
    )


def test_impossible_settings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"requests_per_s must be above 0, got 0"):
        RestSettings(requests_per_s=0)
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        RestSettings(workers=0)
    with pytest.raises(ValueError, match="needs to know how far back"):
        BackfillSpec(None, tmp_path, ("SPY",), source_kind="rest")
    with pytest.raises(ValueError, match=r"no source\.root"):
        BackfillSpec(None, tmp_path, ("SPY",), source_kind="hybrid")
