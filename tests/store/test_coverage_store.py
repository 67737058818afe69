import datetime as dt

import pytest

from sweep.store.coverage import ABSENT, COMPLETE, COVERAGE, CoverageStore

FETCHED = dt.datetime(2015, 2, 1, tzinfo=dt.UTC)


def record(symbol, session, state=COMPLETE, source="flatfiles", **more):
    return {
        "symbol": symbol,
        "session": session,
        "source": source,
        "state": state,
        "minutes_present": 390,
        "bad_rows": "{}",
        "fetched_at": FETCHED,
        **more,
    }


@pytest.fixture
def store(tmp_path):
    store = CoverageStore(tmp_path)
    store.update_month("SPY", "2015-01", [record("SPY", dt.date(2015, 1, d)) for d in (2, 5)])
    store.update_month("SPY", "2015-02", [record("SPY", dt.date(2015, 2, 2))])
    store.update_month("NA", "2015-01", [record("NA", dt.date(2015, 1, 2), ABSENT)])
    return store


def sessions(table):
    return [str(day) for day in table["session"].to_pylist()]


def test_records_are_read_by_symbol_and_range(store):
    assert store.symbols() == ["NA", "SPY"]
    assert store.read().schema == COVERAGE
    assert len(store.read()) == 4
    assert sessions(store.read(["SPY"])) == ["2015-01-02", "2015-01-05", "2015-02-02"]
    assert sessions(store.read(["SPY"], dt.date(2015, 1, 5))) == ["2015-01-05", "2015-02-02"]
    assert sessions(store.read(["SPY"], last=dt.date(2015, 1, 4))) == ["2015-01-02"]
    assert len(store.read(["QQQ"])) == 0


def test_a_record_is_replaced_by_the_next_of_its_session_and_source(store):
    day = dt.date(2015, 1, 5)
    store.update_month("SPY", "2015-01", [record("SPY", day, version="b", minutes_present=1)])
    store.update_month("SPY", "2015-01", [record("SPY", day, source="rest")])
    rows = store.read(["SPY"], day, day).to_pylist()
    assert [(row["source"], row["version"], row["minutes_present"]) for row in rows] == [
        ("flatfiles", "b", 1),
        ("rest", None, 390),
    ]


@pytest.mark.parametrize(
    "text",
    ["[]", "5", '["x", "y"]', '{"SPY": 5}', '{"SPY": ["soon", "2015-01-02"]}', "{", '{"SPY": []}'],
)
def test_what_was_asked_is_unknown_where_its_file_has_another_shape(tmp_path, text, caplog):
    file = tmp_path / "coverage" / "asked.json"
    store, day = CoverageStore(tmp_path), dt.date(2015, 1, 2)
    assert (store.asked(), caplog.text) == ({}, "")
    file.parent.mkdir()
    file.write_text(text)
    assert store.asked() == {}
    assert str(file) in caplog.text
    store.note_asked(["SPY"], day, day)
    assert store.asked() == {"SPY": (day, day)}
