import datetime as dt
import json
import os

import pytest
import sqlalchemy as sa

from sweep.ingest.backfill import BackfillSpec, backfill
from sweep.market.calendar import as_dates, session_table
from sweep.store.coverage import CoverageStore
from sweep.store.database import Database
from sweep.store.lake import Lake
from sweep.store.results import Results
from sweep.store.sweep_tables import record_sweep
from tests.ingest.day_files import STOCK_HEADER, minute_lines, put, stock_line

DAYS = as_dates(session_table(dt.date(2015, 3, 30), dt.date(2015, 4, 2)))
NAMES = ("QQQ", "SPY")


def publish(root, day, price=10.0, extra=()):
    lines = [line for name in NAMES for line in minute_lines(name, day, 30, price=price)]
    return put(root, day, [STOCK_HEADER, *lines, *extra])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def order(request, tmp_path):
    if request.param == "postgres":
        request.getfixturevalue("postgres_store")
    for day in DAYS:
        publish(tmp_path / "vendor", day, extra=["SPY,1,1,1,1,-1,0,0"] if day == DAYS[0] else ())

    def make(**options):
        options = {"timeframes": ("1m", "15m"), "workers": 1, "store": request.param, **options}
        return BackfillSpec(tmp_path / "vendor", tmp_path / "store", NAMES, **options)

    return make


def read(spec, table, **options):
    with Database.open(spec.store, spec.storage_root) as database:
        return database.read(table, **options).to_pylist()


def test_coverage_and_vendor_files_are_in_sql(order):
    spec = order()
    backfill(spec)
    records = CoverageStore(spec.storage_root).read(NAMES).to_pylist()
    rows = read(spec, "coverage", order_by=["symbol", "session"])
    assert len(rows) == len(DAYS) * 2
    for row, record in zip(rows, records, strict=True):
        row["bad_rows"], record["bad_rows"] = json.loads(row["bad_rows"]), json.loads(
            record["bad_rows"]
        )  # fmt: skip
        assert row == record
    files = read(spec, "vendor_files", where={"symbol": "SPY"}, order_by=["session"])
    assert [(row["session"], row["rows_kept"]) for row in files] == [(day, 30) for day in DAYS]
    assert json.loads(files[0]["bad_rows"]) == {"low_not_positive": 1}
    assert files[1]["path"] == f"us_stocks_sip/minute_aggs_v1/2015/03/{DAYS[1]}.csv.gz"
    path = spec.source_root / files[1]["path"]
    assert files[1]["size_bytes"] == path.stat().st_size


def test_a_replaced_file_is_a_second_version_and_makes_sweeps_stale(order):
    spec = order()
    backfill(spec)
    days = {str(day): "digest" for day in DAYS}
    sweeps = {"s00000000000a": {"SPY": days}, "s00000000000b": {"IWM": days}}
    with Database.open(spec.store, spec.storage_root) as database:
        for name, fingerprint in sweeps.items():
            document = {"sweep_id": name, "status": "done", "fingerprint": fingerprint}
            Results(spec.storage_root, name).write_json("sweep.json", document)
            record_sweep(database, document)
    publish(spec.source_root, DAYS[2], price=77.0)
    report = backfill(spec)
    assert report.changed == {"QQQ": {DAYS[2]}, "SPY": {DAYS[2]}}
    assert "bars changed below 1 sweeps, which are stale now: s00000000000a" in report.lines()
    assert len(read(spec, "vendor_files", where={"symbol": "SPY", "session": DAYS[2]})) == 2
    stale = {row["sweep_id"]: row["stale"] for row in read(spec, "sweeps")}
    assert stale == {"s00000000000a": True, "s00000000000b": False}
    results = Results(spec.storage_root, "s00000000000a")
    assert results.read_json("stale.json")["bars"] == {"SPY": [str(DAYS[2])]}
    assert Results(spec.storage_root, "s00000000000b").read_json("stale.json") is None
    # The sweep itself, still at work, knows nothing of it when it writes what it is.
    results.write_json("sweep.json", {**results.read_json(), "status": "done"})
    publish(spec.source_root, DAYS[0], price=78.0)
    backfill(spec)
    assert results.read_json("stale.json")["bars"] == {"SPY": [str(DAYS[0]), str(DAYS[2])]}


def test_a_file_that_came_again_with_the_same_bars_makes_nothing_stale(order):
    spec = order()
    backfill(spec)
    path = publish(spec.source_root, DAYS[2])
    os.utime(path, (1, 1))
    report = backfill(spec)
    assert (report.files_read, report.changed) == (1, {})


SEED_QUERY = (
    "SELECT symbol, timeframe, COUNT(*) AS bar_count, MIN(timestamp), MAX(timestamp) "
    "FROM historical_bars GROUP BY symbol, timeframe ORDER BY symbol, timeframe"
)


def test_bars_are_mirrored_once_and_replaced_as_a_month(order):
    spec = order(mirror_bars=True)
    report = backfill(spec)
    assert any("256 bars of 8 months are in SQL now" in line for line in report.lines())
    lake = Lake(spec.storage_root)

    def check():
        for timeframe in ("1m", "15m"):
            rows = read(
                spec,
                "historical_bars",
                where={"symbol": "SPY", "timeframe": timeframe},
                order_by=["timestamp"],
            )
            bars = lake.read("SPY", timeframe).to_pylist()
            assert [row["timestamp"] for row in rows] == [bar["ts"] for bar in bars]
            for name in ("open", "close", "volume", "vwap", "vwap_basis", "trades", "phase"):
                assert [row[name] for row in rows] == [bar[name] for bar in bars], name

    check()
    again = backfill(spec)
    assert any("0 bars of 0 months are in SQL now" in line for line in again.lines())
    put(spec.source_root, DAYS[-1], [STOCK_HEADER, stock_line("SPY", DAYS[-1], "09:30")])
    backfill(spec)
    check()
    with Database.open(spec.store, spec.storage_root) as database, database.transaction() as link:
        rows = link.execute(sa.text(SEED_QUERY)).all()
    assert [row[:3] for row in rows] == [
        *(("QQQ", "15m", 8), ("QQQ", "1m", 120)),
        *(("SPY", "15m", 7), ("SPY", "1m", 91)),
    ]


def test_a_mirror_asked_for_later_takes_what_is_stored(order):
    backfill(order())
    assert read(order(), "historical_bars") == []
    report = backfill(order(mirror_bars=True))
    assert report.files_read == 0
    assert len(read(order(), "historical_bars")) == 256


def test_a_database_that_is_away_is_a_note_and_with_a_mirror_a_failure(order, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    spec = order(store="postgres")
    report = backfill(spec)
    assert report.ok
    assert any(note.startswith("not recorded in SQL") for note in report.notes)
    (failure,) = backfill(order(store="postgres", mirror_bars=True)).failures
    assert failure.what == "mirror of bars in SQL"
    assert "is away" in failure.error
