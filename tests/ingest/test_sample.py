import collections
import datetime as dt
import hashlib
import io
import json
import re
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest

from sweep.ingest.flatfiles import read_day
from sweep.ingest.products import INDICES, STOCKS
from sweep.ingest.sample import SampleSpec, generate_sample
from tests.ingest.sample_market import day_files, rows_in

NEW_YORK = ZoneInfo("America/New_York")
SESSIONS = 60
HALF_DAYS = {"2024-11-29", "2024-12-24"}
OPEN = 9 * 60 + 30


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The default sample: report, and the columns of every file by product and date."""
    root = tmp_path_factory.mktemp("sample") / "flat"
    report = generate_sample(SampleSpec(root))
    files = {
        product: {path.name[:10]: Columns(path) for path in day_files(root, product)}
        for product in ("us_stocks_sip", "us_indices")
    }
    return root, report, files


class Columns:
    """A day file as text columns, and its clock in minutes since midnight in New York."""

    def __init__(self, path):
        rows = rows_in(path)
        self.names = list(rows[0])
        self.text = {name: [row[name] for row in rows] for name in self.names}
        self.ticker = np.array(self.text["ticker"])
        self.ts = np.array([int(text) for text in self.text["window_start"]])
        noon = dt.datetime.fromisoformat(path.name[:10]).replace(hour=12, tzinfo=NEW_YORK)
        self.offset = noon.utcoffset()
        minutes, rest = np.divmod(self.ts - int(noon.timestamp()) * 10**9, 60 * 10**9)
        assert not rest.any()
        self.clock = minutes + 12 * 60

    def number(self, name):
        return np.array([float(text) for text in self.text[name]])


def digests(root):
    return {
        path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.suffix in {".gz", ".parquet"}
    }


def test_keys_and_headers_are_the_vendors(sample):
    root, report, files = sample
    stocks, indices = (day_files(root, product) for product in ("us_stocks_sip", "us_indices"))
    assert len(stocks) == len(indices) == SESSIONS
    assert report.files == 3 * SESSIONS + 1
    assert stocks[-1].relative_to(root).as_posix() == (
        "us_stocks_sip/minute_aggs_v1/2024/12/2024-12-31.csv.gz"
    )
    prices = ["open", "close", "high", "low"]
    for found in files["us_stocks_sip"].values():
        assert found.names == ["ticker", "volume", *prices, "window_start", "transactions"]
    for found in files["us_indices"].values():
        assert found.names == ["ticker", *prices, "window_start"]


def test_report_counts_what_lies_there(sample):
    root, report, files = sample
    options = sum(len(rows_in(path)) for path in day_files(root, "us_options_opra"))
    interest = pq.read_metadata(root / "open_interest.parquet").num_rows
    rows = sum(len(f.ts) for days in files.values() for f in days.values())
    assert report.rows == rows + options + interest
    written = [path for path in root.rglob("*") if path.is_file() and path.name != "sample.json"]
    assert report.bytes == sum(path.stat().st_size for path in written)
    assert (report.first, report.last) == (dt.date(2024, 10, 7), dt.date(2024, 12, 31))
    assert report.planted is None
    assert not report.reused


def test_tickers(sample):
    _, _, files = sample
    for found in files["us_stocks_sip"].values():
        assert set(found.ticker) == {"SPY", "QQQ", "AAPL"}
    for found in files["us_indices"].values():
        assert set(found.ticker) == {"I:SPX", "I:NDX"}


def test_every_row_is_good_and_single(sample):
    root, _, _ = sample
    for product in (STOCKS, INDICES):
        for path in day_files(root, product.name):
            day = dt.date.fromisoformat(path.name[:10])
            found = read_day(io.BytesIO(path.read_bytes()), product, day, None, path.name)
            for counts in found.counts.values():
                assert counts.duplicates == 0
                assert not counts.bad


def test_hours_follow_the_exchange_through_half_days_and_the_end_of_daylight_saving(sample):
    _, _, files = sample
    for day, found in files["us_indices"].items():
        close = 13 * 60 if day in HALF_DAYS else 16 * 60
        assert found.clock.min() >= OPEN
        assert found.clock.max() < close
        assert len(found.ts) >= 2 * (close - OPEN) - 12
    assert set(files["us_indices"]) >= HALF_DAYS
    offsets = {found.offset for found in files["us_indices"].values()}
    assert offsets == {dt.timedelta(hours=-4), dt.timedelta(hours=-5)}


def test_extended_hours_are_there_and_thin(sample):
    _, _, files = sample
    for day, found in files["us_stocks_sip"].items():
        close = 13 * 60 if day in HALF_DAYS else 16 * 60
        assert found.clock.min() >= 4 * 60
        assert found.clock.max() < close + 4 * 60
        assert 400 < np.sum(found.clock < OPEN) < 3 * 330
        assert 300 < np.sum(found.clock >= close) < 3 * 240


def test_few_regular_minutes_are_missing_and_some_are(sample):
    _, _, files = sample
    present = collections.Counter()
    for found in files["us_stocks_sip"].values():
        present.update(found.ticker[(found.clock >= OPEN) & (found.clock < 13 * 60)].tolist())
    whole = SESSIONS * 210
    for ticker in ("SPY", "QQQ", "AAPL"):
        assert 0.995 * whole < present[ticker] < whole


def test_row_order_is_not_promised(sample):
    _, _, files = sample
    habits = collections.Counter()
    for product in files.values():
        for found in product.values():
            rising = np.array_equal(np.lexsort((found.ts, found.ticker)), np.arange(len(found.ts)))
            runs = 1 + np.sum(found.ticker[1:] != found.ticker[:-1])
            assert (runs == len(set(found.ticker))) == rising
            habits["sorted" if rising else "runs" if runs < 9 else "shuffled"] += 1
    assert habits["sorted"] > habits["runs"] > 0
    assert habits["shuffled"] > 0


def test_numbers_look_like_the_vendors(sample):
    _, _, files = sample
    whole = fractional = 0
    for found in files["us_stocks_sip"].values():
        whole += sum(text.isdigit() for text in found.text["volume"])
        fractional += sum("." in text for text in found.text["volume"])
        assert all(text.isdigit() and text != "0" for text in found.text["transactions"])
        for name in ("open", "high", "low", "close"):
            decimals = [text.partition(".")[2] for text in found.text[name]]
            assert all(len(tail) <= 2 and not tail.endswith("0") for tail in decimals)
    assert whole > 10 * fractional > 0
    for text in next(iter(files["us_indices"].values())).text["close"]:
        assert re.fullmatch(r"\d+\.\d{2}0{10}", text)


def test_etf_follows_its_index(sample):
    _, _, files = sample
    for etf, index, units in (("SPY", "I:SPX", 10), ("QQQ", "I:NDX", 40)):
        moves = []
        for day, points in files["us_indices"].items():
            shares = files["us_stocks_sip"][day]
            a, b = (
                dict(zip(f.ts[f.ticker == name], f.number("close")[f.ticker == name], strict=True))
                for f, name in ((points, index), (shares, etf))
            )
            common = sorted(a.keys() & b.keys())
            prices = np.array([[a[ts], b[ts]] for ts in common])
            assert np.abs(prices[:, 0] / prices[:, 1] / units - 1).max() < 0.02
            moves.append(np.diff(np.log(prices), axis=0))
        assert np.corrcoef(np.concatenate(moves).T)[0, 1] > 0.99


def test_volume_is_u_shaped(sample):
    _, _, files = sample
    half_hours = np.zeros(13)
    for day, found in files["us_stocks_sip"].items():
        if day not in HALF_DAYS:
            slot = (found.clock - OPEN) // 30
            inside = (slot >= 0) & (slot < 13)
            np.add.at(half_hours, slot[inside], found.number("volume")[inside])
    middle = half_hours[5:8].mean()
    assert half_hours[0] > 1.5 * middle
    assert half_hours[12] > 1.2 * middle


def test_same_spec_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    spec = {"sessions": 15, "edge": "planted"}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):  # bars and open interest of options too
        generate_sample(SampleSpec(tmp_path / name, seed=seed, **spec))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    c = digests(tmp_path / "c")
    assert all(c[key] != digest for key, digest in digests(tmp_path / "a").items())


def test_the_same_sample_is_left_alone_and_another_replaces_it(tmp_path):
    seen = []
    first = generate_sample(SampleSpec(tmp_path, sessions=4), progress=lambda *at: seen.append(at))
    assert seen[-1] == (13, 13)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv.gz")}
    again = generate_sample(SampleSpec(tmp_path, sessions=4))
    assert again.reused
    assert (again.rows, again.bytes) == (first.rows, first.bytes)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.csv.gz")} == stamps
    fewer = generate_sample(SampleSpec(tmp_path, sessions=2))
    assert not fewer.reused
    assert len(list(tmp_path.rglob("*.csv.gz"))) == 6


def test_a_killed_run_is_written_anew(tmp_path):
    class KilledError(Exception):
        pass

    def kill(done, total):
        if done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        generate_sample(SampleSpec(tmp_path, sessions=4), progress=kill)
    assert not generate_sample(SampleSpec(tmp_path, sessions=4)).reused
    lost = day_files(tmp_path, "us_stocks_sip")[0]
    lost.unlink()
    assert not generate_sample(SampleSpec(tmp_path, sessions=4)).reused
    assert lost.is_file()


def test_planted_report_survives_the_manifest(tmp_path):
    spec = SampleSpec(tmp_path, sessions=30, edge="planted", edge_sharpe=5)
    written, found = generate_sample(spec), generate_sample(spec)
    assert found.planted == written.planted
    assert written.planted.detector == "breakout_bullish"
    assert written.planted.edge_sharpe == 5
    events = json.loads((tmp_path / "sample.json").read_text())["events"]
    assert written.planted.drifts == sum(event["drift_frac"] > 0 for event in events) > 0


def test_a_root_with_other_files_is_refused_untouched(tmp_path):
    other = tmp_path / "us_stocks_sip" / "minute_aggs_v1" / "2024" / "12" / "2024-12-31.csv.gz"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"theirs")
    with pytest.raises(ValueError, match=r"must be empty or hold an earlier sample.*2024-12-31"):
        generate_sample(SampleSpec(tmp_path, sessions=2))
    assert other.read_bytes() == b"theirs"
    assert not (tmp_path / "sample.json").exists()


def test_a_file_beside_a_sample_is_refused(tmp_path):
    generate_sample(SampleSpec(tmp_path, sessions=2))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"1 other files such as notes\.txt"):
        generate_sample(SampleSpec(tmp_path, sessions=3))


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "root").write_text("x")
    with pytest.raises(ValueError, match="must be a folder"):
        generate_sample(SampleSpec(tmp_path / "root", sessions=2))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"sessions": 0}, "sessions must lie in 1 to 2600, got 0"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"edge": "big"}, "edge must be none or planted, got 'big'"),
        ({"edge_sharpe": 99.0}, "edge_sharpe must lie in .* got 99"),
    ],
)
def test_values_outside_their_range_are_refused(tmp_path, wrong, text):
    with pytest.raises(ValueError, match=text):
        SampleSpec(tmp_path, **wrong)
