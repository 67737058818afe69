"""Writing and reading rows: the same on both databases, whichever way they are loaded."""

import datetime as dt
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from sweep.store.coverage import COVERAGE
from sweep.store.errors import StoreTerminal
from sweep.store.sql.write import COPY_FROM_ROWS

UTC = dt.UTC
MOMENT = dt.datetime(2015, 3, 9, 13, 30, 0, 123456, tzinfo=UTC)  # first session after the switch


def _bars(n, close=1.0, first=0):
    minutes = (1_425_907_800 + 60 * np.arange(first, first + n)) * 1_000_000_000
    return pa.table(
        {
            "symbol": ["SPY"] * n,
            "timeframe": ["1m"] * n,
            "timestamp": pa.array(minutes, pa.timestamp("ns", "UTC")),
            **{name: np.broadcast_to(close, n) for name in ("open", "high", "low", "close")},
            "volume": pa.array([None] * n, pa.float64()),
            "phase": ["regular"] * n,
            "source": ["test"] * n,
        }
    )


def _set(set_id="a", **values):
    row = {"sweep_id": "s1", "set_id": set_id, "detector": "d", "status": "ok"}
    return {**row, "parameters": {}, "metrics": {}, **values}


def test_every_kind_of_value_comes_back(sql_database):
    sql_database.upsert(
        "sweeps",
        [
            {
                "sweep_id": "TRUE",
                "status": "done",
                "sets": 2**53 + 1,
                "first_session": dt.date(2014, 12, 1),
                "started_at": MOMENT.astimezone(dt.timezone(dt.timedelta(hours=-4))),
                "stale": True,
                "document": {"a": [1, None, "x"], "ü": math.nan, "inf": -math.inf},
            }
        ],
    )
    (row,) = sql_database.read("sweeps").to_pylist()
    assert json.loads(row.pop("document")) == {"a": [1, None, "x"], "ü": None, "inf": "-Infinity"}
    recorded = row.pop("recorded_at")
    assert abs(dt.datetime.now(UTC) - recorded) < dt.timedelta(minutes=5)
    assert row == {
        "sweep_id": "TRUE",
        "status": "done",
        "sets": 2**53 + 1,
        "failed": None,
        "first_session": dt.date(2014, 12, 1),
        "last_session": None,
        "started_at": MOMENT,
        "finished_at": None,
        "stale": True,
    }


# Not -0.0: SQLite stores whole numbers as integers, whose zero has no sign.
@pytest.mark.parametrize("value", [0.1, 5e-324, 1.7976931348623157e308, math.inf, -math.inf])
@pytest.mark.parametrize("n", [1, COPY_FROM_ROWS])
def test_doubles_keep_every_bit_on_both_ways_of_loading(sql_database, value, n):
    sql_database.upsert("historical_bars", _bars(n, value))
    close = sql_database.read("historical_bars", columns=["close"])["close"].to_numpy()
    assert close.tobytes() == np.full(n, value).tobytes()


@pytest.mark.parametrize("n", [3, COPY_FROM_ROWS])
def test_same_rows_again_leave_the_same_rows(sql_database, n):
    assert sql_database.upsert("historical_bars", _bars(n)) == n
    before = sql_database.read("historical_bars")
    assert sql_database.upsert("historical_bars", _bars(n)) == n
    assert sql_database.read("historical_bars").equals(before)
    assert before.num_rows == n


@pytest.mark.parametrize("n", [3, COPY_FROM_ROWS])
@pytest.mark.parametrize("update", [True, False])
def test_rows_already_there_change_or_stay_and_new_ones_come(sql_database, n, update):
    sql_database.upsert("historical_bars", _bars(n, 1.0))
    sql_database.upsert("historical_bars", _bars(n, 2.0, first=n // 2), update=update)
    close = sql_database.read("historical_bars")["close"].to_pylist()
    overlap = n - n // 2
    assert close == [1.0] * (n // 2) + [2.0 if update else 1.0] * overlap + [2.0] * (n // 2)


def test_columns_not_given_stay_as_they_are(sql_database):
    sql_database.upsert("parameter_sets", [_set(trades=7, win_rate=0.5)])
    sql_database.upsert("parameter_sets", [_set(trades=8)])
    (row,) = sql_database.read("parameter_sets", columns=["trades", "win_rate"]).to_pylist()
    assert row == {"trades": 8, "win_rate": 0.5}


@pytest.mark.parametrize("n", [3, COPY_FROM_ROWS])
def test_of_rows_with_one_key_the_last_counts(sql_database, n):
    twice = pa.concat_tables([_bars(n, 1.0), _bars(n, 2.0), _bars(1, 3.0)])
    assert sql_database.upsert("historical_bars", twice) == n
    close = sql_database.read("historical_bars")["close"].to_pylist()
    assert close == [3.0] + [2.0] * (n - 1)


@pytest.mark.postgres
def test_unchanged_rows_are_not_written_again_on_postgres(postgres_store):
    for rows in (_bars(COPY_FROM_ROWS), _bars(5, first=COPY_FROM_ROWS), _bars(COPY_FROM_ROWS + 5)):
        postgres_store.upsert("historical_bars", rows)
    with postgres_store.transaction() as connection:
        (writers,) = connection.exec_driver_sql(
            "SELECT count(DISTINCT xmin::text) FROM historical_bars"
        ).one()
    assert writers == 2


def test_nan_becomes_null_on_both(sql_database):
    sql_database.upsert("parameter_sets", [_set(win_rate=math.nan, profit_factor=math.inf)])
    (row,) = sql_database.read("parameter_sets").to_pylist()
    assert row["win_rate"] is None
    assert row["profit_factor"] == math.inf


def test_load_that_fails_on_its_last_row_leaves_nothing(sql_database):
    n = 2 * COPY_FROM_ROWS
    with sql_database.transaction() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX close ON historical_bars (close)")
    closes = np.arange(n, dtype=float)
    closes[-1] = 0.0
    with pytest.raises(StoreTerminal, match=r"refused.*(close|constraint)"):
        sql_database.upsert("historical_bars", _bars(n, closes))
    assert sql_database.read("historical_bars").num_rows == 0


def test_instants_outside_of_what_a_database_keeps_are_refused(sql_database):
    late = pa.array([2**62], pa.timestamp("s", "UTC"))
    with pytest.raises(ValueError, match="timestamp takes"):
        sql_database.upsert("historical_bars", _bars(1).set_column(2, "timestamp", late))


def test_replace_takes_the_place_of_what_matches_and_of_nothing_else(sql_database):
    sql_database.upsert("parameter_sets", [_set("a"), _set("b"), _set("c", sweep_id="s2")])
    sql_database.replace("parameter_sets", [_set("d")], {"sweep_id": "s1"})
    ids = sql_database.read("parameter_sets")["set_id"].to_pylist()
    assert ids == ["d", "c"]
    assert sql_database.replace("parameter_sets", [], {"sweep_id": "s1"}) == 0
    assert sql_database.read("parameter_sets")["set_id"].to_pylist() == ["c"]
    with pytest.raises(ValueError, match="needs a condition"):
        sql_database.replace("parameter_sets", [_set()], {})


def test_read_selects_sorts_and_gives_typed_columns_even_when_empty(sql_database):
    sql_database.upsert("parameter_sets", [_set("b", trades=1), _set("a", trades=3), _set("c")])
    got = sql_database.read(
        "parameter_sets",
        columns=["set_id", "trades"],
        where={"sweep_id": "s1", "set_id": ["a", "b"]},
        order_by=["trades"],
    )
    assert got.to_pylist() == [{"set_id": "b", "trades": 1}, {"set_id": "a", "trades": 3}]
    nothing = sql_database.read("parameter_sets", where={"sweep_id": "'; DROP TABLE sweeps; --"})
    assert nothing.num_rows == 0
    assert nothing.schema.field("trades").type == pa.int64()
    assert sql_database.read("sweeps").schema.field("started_at").type == pa.timestamp("us", "UTC")


def test_key_texts_sort_bytewise_on_both(sql_database):
    names = ["BACpL", "NA", "A", "é", "_", "NAN", "a", "AA"]
    sql_database.upsert("watchlist", [{"symbol": name} for name in names])
    stored = sql_database.read("watchlist")["symbol"].to_pylist()
    assert stored == sorted(names, key=str.encode)


def test_bars_are_found_by_the_query_of_the_seed(sql_database):
    sql_database.upsert("historical_bars", _bars(390))
    with sql_database.transaction() as connection:
        (row,) = connection.exec_driver_sql(
            "SELECT symbol, timeframe, COUNT(*) AS bars, MIN(timestamp) AS first_bar, "
            "MAX(timestamp) AS last_bar FROM historical_bars "
            "GROUP BY symbol, timeframe ORDER BY symbol, timeframe"
        ).all()
    assert row[:3] == ("SPY", "1m", 390)
    first, last = (str(moment)[:19] for moment in row[3:])
    assert (first, last) == ("2015-03-09 13:30:00", "2015-03-09 19:59:00")


def test_coverage_records_go_in_as_they_are(sql_database):
    record = {
        "symbol": "SPY",
        "session": dt.date(2015, 3, 9),
        "source": "flatfiles",
        "state": "complete",
        "minutes_present": 389,
        "minutes_expected": 390,
        "extended_minutes": None,
        "duplicates": 0,
        "bad_rows": '{"negative price": 2}',
        "key": "us_stocks_sip/minute_aggs_v1/2015/03/2015-03-09.csv.gz",
        "version": None,
        "fetched_at": MOMENT,
    }
    records = pa.Table.from_pylist([record], schema=COVERAGE)
    for _ in range(2):
        sql_database.upsert("coverage", records)
    (row,) = sql_database.read("coverage").to_pylist()
    assert json.loads(row.pop("bad_rows")) == {"negative price": 2}
    assert row == {name: value for name, value in record.items() if name != "bad_rows"}


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("bars", [{}], "unknown table 'bars'; known: coverage, "),
        ("watchlist", [{"symbl": "A"}], "no column symbl; did you mean symbol"),
        ("watchlist", [{"added_at": MOMENT}], "need the column symbol"),
        ("watchlist", [{"symbol": None}], "symbol must not be null"),
        ("watchlist", [{"symbol": "A", "added_at": 5}], "instants with a zone, got int64"),
        ("watchlist", [{"symbol": "A", "added_at": MOMENT.replace(tzinfo=None)}], "with a zone"),
        ("parameter_sets", [_set(trades=1.5)], "trades takes int64, got double"),
        ("parameter_sets", [_set(win_rate="high")], "win_rate takes double, got string"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name(sql_database, table, rows, message):
    with pytest.raises(ValueError, match=message):
        sql_database.upsert(table, rows)


def test_no_rows_are_no_work(sql_database):
    assert sql_database.upsert("watchlist", []) == 0
    assert sql_database.upsert("historical_bars", _bars(0)) == 0


def test_rows_in_pieces_of_which_some_are_empty(sql_database):
    """What a filter leaves of a large table has pieces without a row."""
    bars = _bars(602)
    pieces = [bars.slice(0, 2), bars.slice(2, 0), bars.slice(2)]
    sql_database.upsert("historical_bars", pa.concat_tables(pieces))
    assert sql_database.read("historical_bars").num_rows == 602
