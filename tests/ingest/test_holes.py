import datetime as dt
import shutil
import socket

import pytest

from sweep.ingest import holes
from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.ingest.load import load_market
from sweep.ingest.products import STOCKS
from sweep.ingest.rest import API_KEY, RestSettings
from sweep.market.calendar import as_dates, session_table
from sweep.store.coverage import CoverageStore
from sweep.store.lake import Lake
from sweep.store.retry import Retry
from tests.ingest.day_files import STOCK_HEADER, compress, minute_lines, put
from tests.rest_server import KEY, RestServer

FIRST, LAST = dt.date(2015, 3, 26), dt.date(2015, 4, 7)
DAYS = as_dates(session_table(FIRST, LAST))


@pytest.fixture
def store(tmp_path):
    """SPY on all sessions but the third, which nobody looked for."""
    for day in DAYS:
        put(tmp_path / "vendor", day, [STOCK_HEADER, *minute_lines("SPY", day, 390)])
    for first, last in ((DAYS[0], DAYS[1]), (DAYS[3], DAYS[-1])):
        spec = BackfillSpec(
            tmp_path / "vendor",
            tmp_path / "store",
            ("SPY",),
            first=first,
            last=last,
            timeframes=("1m", "1d"),
            workers=1,
        )
        assert backfill(spec).ok
    return tmp_path / "store"


@pytest.fixture
def rest(monkeypatch):
    monkeypatch.setenv(API_KEY, KEY)
    with RestServer() as server:
        for day in DAYS:
            server.put("SPY", day, 390, price=20.0)
        server.settings = RestSettings(server.url, 1000.0, 2, Retry(2, 0.01, 0.01, 1.0))
        yield server


def load(store, first=FIRST, last=LAST, **options):
    return load_market(store, ("SPY",), first=first, last=last, bar_minutes=(15,), **options)


def cache(store, day, price):
    path = store / "cache/flatfiles" / STOCKS.key(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = compress([STOCK_HEADER, *minute_lines("SPY", day, 390, price=price)])
    (path.parent / f"{day}.0123abc.csv.gz").write_bytes(content)


def opened(store, day):
    return Lake(store).read("SPY", "1m", day, day)["open"].to_pylist()[:1]


def test_a_hole_is_named_with_the_command_that_fills_it(store):
    with pytest.raises(
        ValueError, match=r"never looked for: SPY: 1 sessions \(2015-03-30\)"
    ) as no:
        load(store)
    wanted = "'symbols=[SPY]' from=2015-03-26 to=2015-04-07"
    assert f"jobs.backfill source.root=FOLDER {wanted}" in str(no.value)
    with pytest.raises(ValueError, match=r"SPY: 1 sessions \(2015-03-30\)"):
        load(store, first=None, last=None)


def test_only_the_hole_comes_by_rest_and_once(store, rest):
    market = load(store, rest=rest.settings)
    [path] = rest.paths()
    assert "/SPY/range/1/minute/2015-03-30/2015-03-30?" in path
    assert "1 symbol-sessions came by REST (1 requests)" in market.notes
    assert opened(store, DAYS[2]) == [20.0]
    assert opened(store, DAYS[1]) == [10.0]
    assert len(Lake(store).read("SPY", "1d")) == 8
    assert len(market.data["SPY", 15].minutes) == 8 * 390
    assert load(store, rest=rest.settings).notes == ()
    assert len(rest.requests) == 1


def test_unfilled_holes_are_named_and_nothing_is_asked_or_written(store, rest):
    cache(store, DAYS[2], 30.0)
    market = load(store, rest=rest.settings, fill=False)
    assert market.notes[0].startswith(
        "SPY: 1 sessions are missing (2015-03-30); the run itself looks for them in day files at "
        "hand and by REST first"
    )
    assert market.notes[1:] == ("SPY: 1 sessions without bars (2015-03-30)",)
    assert len(market.data["SPY", 15].minutes) == 7 * 390
    assert (rest.requests, opened(store, DAYS[2])) == ([], [])


def test_the_cache_of_day_files_comes_before_rest(store, rest):
    cache(store, DAYS[2], 30.0)
    notes = load(store, rest=rest.settings).notes
    assert notes == ("SPY: 1 sessions came from day files at hand",)
    assert opened(store, DAYS[2]) == [30.0]
    assert rest.requests == []
    records = CoverageStore(store).read(["SPY"], DAYS[2], DAYS[2]).to_pylist()
    assert [(row["source"], row["version"]) for row in records] == [("flatfiles", "0123abc")]


def test_a_damaged_cached_file_is_passed_over(store, rest):
    cache(store, DAYS[2], 30.0)
    [path] = (store / "cache").rglob("*.gz")
    path.write_bytes(path.read_bytes()[:-20])
    notes = load(store, rest=rest.settings).notes
    (note,) = [note for note in notes if "truncated or damaged gzip" in note]
    assert note.count("2015-03-30") == 1
    assert opened(store, DAYS[2]) == [20.0]


def test_deleted_bars_come_from_staged_days(store, rest):
    shutil.rmtree(store / "coverage")
    (store / "bars/timeframe=1m/symbol=SPY/2015-04.parquet").unlink()
    (store / "bars/timeframe=1m/symbol=SPY/2015-03.parquet").unlink()
    load(store, rest=rest.settings)
    assert [opened(store, day) for day in DAYS] == [[10.0]] * 2 + [[20.0]] + [[10.0]] * 5


def test_a_refusal_is_in_the_error(store, rest):
    rest.answers = [(403, {}, b"{}")]
    with pytest.raises(ValueError, match=r"SPY: 1 sessions \(2015-03-30\).*refused \(403\)"):
        load(store, rest=rest.settings)


def test_a_symbol_that_is_not_stored_comes_by_rest(tmp_path, rest):
    market = load(tmp_path / "empty", rest=rest.settings)
    assert len(market.data["SPY", 15].minutes) == 8 * 390
    assert len(rest.requests) == 2


def test_an_end_is_an_error_only_where_it_was_asked_for(store, rest):
    load(store, rest=rest.settings)
    rest.bars.clear()
    rest.answers = [(403, {}, b"{}")] * 9
    early = dt.date(2015, 3, 20)
    with pytest.raises(ValueError, match=r"SPY: 4 sessions \(2015-03-20, "):
        load(store, first=early, rest=rest.settings)
    market = load(store, first=early, asked=(None, None), rest=rest.settings)
    assert any("SPY: 4 sessions without bars" in note for note in market.notes)


def test_a_full_store_asks_nobody(store, rest, monkeypatch):
    load(store, rest=rest.settings)
    count = len(rest.requests)

    def no_network(*_, **__):
        raise AssertionError("a full store needs no network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(holes, "_from_rest", no_network)
    assert load(store).notes == ()
    assert load(store, first=None, last=None).notes == ()
    assert len(rest.requests) == count


def test_a_session_known_to_be_absent_is_no_hole(store, rest, tmp_path):
    put(tmp_path / "vendor", DAYS[2], [STOCK_HEADER, *minute_lines("QQQ", DAYS[2], 3)])
    day = {"first": DAYS[2], "last": DAYS[2], "workers": 1}
    backfill(BackfillSpec(tmp_path / "vendor", store, ("SPY",), **day))
    assert load(store, rest=rest.settings).notes == ("SPY: 1 sessions without bars (2015-03-30)",)
    assert rest.requests == []


def test_bars_filled_by_other_means_are_taken_as_they_are(store, rest):
    shutil.rmtree(store / "coverage")
    assert load(store, rest=rest.settings).notes == ("SPY: 1 sessions without bars (2015-03-30)",)
    assert rest.requests == []
