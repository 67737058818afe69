import datetime as dt
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from market.options.day_of_options import option_day

from detectors.features.gamma import COLUMNS
from detectors.features.option_settings import OptionSettings
from detectors.features.settings import FeatureSettings
from sweep.ingest.backfill import backfill
from sweep.ingest.gamma.build import build_gamma
from sweep.ingest.gamma.inputs import DailyInterest, option_bars, snapshot_minutes
from sweep.ingest.gamma.load import load_gamma
from sweep.ingest.gamma.spec import GammaSpec
from sweep.ingest.line_scan import TickerScan
from sweep.ingest.load import load_market
from sweep.ingest.products import INDICES, OPTIONS
from sweep.ingest.sources import LocalFlatFiles
from sweep.ingest.spec import BackfillSpec
from sweep.market.calendar import session_table
from sweep.market.options.session import gamma_minutes
from sweep.store.gamma import GammaStore

DAYS = (dt.date(2025, 11, 24), dt.date(2025, 11, 25))
MINUTE = 60_000_000_000


def write_lines(root, product, day, header, lines):
    path = root / product.key(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))


def write_day(root, day, options):
    t, tickers = options.trades, options.contracts.tickers
    rows = [
        f"{tickers[k]},{v!r},{p!r},{p!r},{p!r},{p!r},{options.open_ns + m * MINUTE},1"
        for k, m, p, v in zip(t.contract, t.minute, t.price.tolist(), t.volume.tolist(),
                              strict=True)
    ]  # fmt: skip
    after = options.close_ns + 5 * MINUTE
    rows += [
        f"O:SPXW1{day:%y%m%d}C06000000,9,1,1,1,1,{options.open_ns},1",  # adjusted deliverable
        f"O:SPY{day:%y%m%d}C00600000,9,1,1,1,1,{options.open_ns},1",
        f"{tickers[0]},99999,1,1,1,1,{after},1",  # after the close
    ]
    header = "ticker,volume,open,close,high,low,window_start,transactions"
    write_lines(root, OPTIONS, day, header, rows)
    index = [
        f"I:SPX,{s!r},{s!r},{s!r},{s!r},{options.open_ns + m * MINUTE}"
        for m, s in enumerate(options.spot.tolist())
    ]
    write_lines(root, INDICES, day, "ticker,open,close,high,low,window_start", index)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Two option days as flat files, open interest as Parquet, minutes of the index stored."""
    root = tmp_path_factory.mktemp("options")
    days, interest = [], []
    for seed, day in enumerate(DAYS):
        expiries = (f"{day:%y%m%d}", "251128")
        options = option_day(seed=seed, day=day, expiries=expiries, share=0.1, noise=0.02)
        keep = options.trades.price >= 0.01
        for name in ("contract", "minute", "price", "volume"):
            object.__setattr__(options.trades, name, getattr(options.trades, name)[keep])
        write_day(root / "files", day, options)
        days.append(options)
        interest += [
            (ticker, day, value)
            for ticker, value in zip(options.contracts.tickers, options.interest.before.tolist(),
                                     strict=True)
        ]  # fmt: skip
    contract, date, value = zip(*interest, strict=True)
    file = root / "interest.parquet"
    pq.write_table(pa.table({"contract": contract, "date": date, "open_interest": value}), file)
    backfill(
        BackfillSpec(
            source_root=root / "files",
            storage_root=root / "store",
            symbols=("SPX",),
            timeframes=("1m",),
            workers=1,
        )
    )
    return root, days


def spec(root, **changes):
    given = {"open_interest": root / "interest.parquet"} | changes
    return GammaSpec(root / "files", root / "store", ("SPX",), **given)


def assert_same(one, other):
    for name in one.column_names:
        np.testing.assert_array_equal(one[name].to_numpy(), other[name].to_numpy(), name)


def test_files_become_the_table_that_the_kernels_give(market):
    root, days = market
    seen = []
    report = build_gamma(spec(root), progress=lambda *state: seen.append(state))
    assert report.ok
    assert seen[-1] == ("sessions", 2, 2, 0)
    assert [(row.day, row.minutes) for row in report.sessions] == [(d, 390) for d in DAYS]
    table = GammaStore(root / "store").read("SPX")
    assert table.num_rows == 780
    assert "gex known in 7" in report.lines()[0]
    for k, options in enumerate(days):
        expected = gamma_minutes(options, OptionSettings())
        for name in COLUMNS:
            found = table[name].to_numpy()[390 * k : 390 * (k + 1)]
            np.testing.assert_allclose(found, expected[name], rtol=1e-12, err_msg=name)


def test_one_day_alone_gives_the_same_and_keeps_its_month(market):
    root, _ = market
    build_gamma(spec(root))
    before = GammaStore(root / "store").read("SPX")
    build_gamma(spec(root, first=DAYS[1], last=DAYS[1]))
    assert_same(GammaStore(root / "store").read("SPX"), before)


def test_the_table_is_not_among_the_bars(market):
    root, _ = market
    build_gamma(spec(root))
    folders = {path.name for path in (root / "store").iterdir()}
    assert "gamma" in folders
    assert {path.name for path in (root / "store" / "gamma").iterdir()} == {"symbol=SPX"}


def test_features_read_it_under_the_same_assumptions_only(market):
    root, days = market
    build_gamma(spec(root))
    sessions = session_table(*DAYS)
    whole = np.ones(len(sessions))
    found = load_gamma(root / "store", "SPX", sessions, OptionSettings(), whole)
    assert found.ts[0] == days[0].open_ns
    half = load_gamma(root / "store", "SPX", sessions, OptionSettings(), whole / 2)
    np.testing.assert_array_equal(half.values["call_wall"], found.values["call_wall"] / 2)
    np.testing.assert_array_equal(half.values["gex"], found.values["gex"])
    assert load_gamma(root / "store", "SPY", sessions, OptionSettings(), whole) is None
    with pytest.raises(ValueError, match=r"has sign_model naive, this run wants all_short"):
        load_gamma(root / "store", "SPX", sessions, OptionSettings(sign_model="all_short"), whole)


def test_backtests_and_sweeps_read_it_by_the_market_s_settings(market):
    root, _ = market
    build_gamma(spec(root))
    stored = GammaStore(root / "store").read("SPX")
    days = {"first": DAYS[0], "last": DAYS[1], "bar_minutes": (5,)}
    table = load_market(root / "store", ("SPX",), **days).data["SPX", 5].features
    np.testing.assert_array_equal(table["gex"], stored["gex"].to_numpy()[4::5])
    other = FeatureSettings(options=OptionSettings(pin_source="max_oi"))
    with pytest.raises(ValueError, match="has pin_source max_pain, this run wants max_oi"):
        load_market(root / "store", ("SPX",), settings=other, **days)


def test_other_assumptions_replace_the_month(market):
    root, _ = market
    build_gamma(spec(root))
    build_gamma(spec(root, first=DAYS[1], settings=OptionSettings(oi_source="cum_volume")))
    table = GammaStore(root / "store").read("SPX")
    assert table.num_rows == 390
    assert table["oi_source"].unique().to_pylist() == ["cum_volume"]


def test_the_interest_of_tomorrow_is_not_read(market):
    root, _ = market
    build_gamma(spec(root))
    before = GammaStore(root / "store").read("SPX", DAYS[0], DAYS[0])
    given = pq.read_table(root / "interest.parquet")
    first = np.array(given["date"].to_pylist()) == DAYS[0]
    value = np.where(first, given["open_interest"].to_numpy(), 7e6)
    pq.write_table(
        given.set_column(2, "open_interest", pa.array(value)), root / "tomorrow.parquet"
    )
    build_gamma(spec(root, open_interest=root / "tomorrow.parquet"))
    store = GammaStore(root / "store")
    assert_same(store.read("SPX", DAYS[0], DAYS[0]), before)
    gex = store.read("SPX", DAYS[1], DAYS[1])["gex"].to_numpy()
    build_gamma(spec(root))
    assert not np.array_equal(gex, store.read("SPX", DAYS[1])["gex"].to_numpy())


def test_volume_of_the_day_before_stands_in_for_interest(market):
    root, days = market
    settings = OptionSettings(oi_source="prev_volume")
    report = build_gamma(spec(root, open_interest=None, settings=settings))
    assert [row.known > 0 for row in report.sessions] == [False, True]
    table = GammaStore(root / "store").read("SPX", DAYS[1])
    # Today's expiry did not trade yesterday; the next one did.
    assert np.isnan(table["max_pain"].to_numpy()[:389]).all()
    volume = np.zeros(len(days[0].contracts))
    np.add.at(volume, days[0].trades.contract, days[0].trades.volume)
    yesterday = dict(zip(days[0].contracts.tickers, volume, strict=True))
    pain = {
        k: sum(
            yesterday[f"O:SPXW251128{right}{at * 1000:08d}"] * max(sign * (k - at), 0)
            for at in range(5600, 6400, 20)
            for right, sign in (("C", 1), ("P", -1))
        )
        for k in range(5600, 6400, 20)
    }
    assert table["max_pain"].to_numpy()[389] == min(pain, key=pain.get)
    assert np.isfinite(table["gex"].to_numpy()[30:300]).any()


def test_snapshots_count_from_their_recording(market):
    root, days = market
    options = days[0]
    n = len(options.contracts)
    at = options.open_ns + 100 * MINUTE - 1
    file = root / "chains.csv"
    rows = [
        f"{ticker[2:]},{np.datetime64(at, 'ns')}Z,500,0.2" for ticker in options.contracts.tickers
    ]
    file.write_text("\n".join(["contract,recorded_at,open_interest,implied_volatility", *rows]))
    settings = OptionSettings(oi_source="chain")
    build_gamma(spec(root, last=DAYS[0], chains=file, settings=settings))
    gex = GammaStore(root / "store").read("SPX", DAYS[0])["gex"].to_numpy()
    assert n
    assert np.isnan(gex[:99]).all()
    assert np.isfinite(gex[99:300]).all()


def test_recording_instants_become_minutes():
    opened = 1_000 * MINUTE
    recorded = opened + np.array([-5 * MINUTE, 0, 1, MINUTE, MINUTE + 1, 2 * MINUTE])
    assert snapshot_minutes(recorded, opened).tolist() == [-6, -1, 0, 0, 1, 1]


def test_only_contracts_of_the_roots_are_read(market):
    root, days = market
    bars = option_bars(LocalFlatFiles.at(str(root / "files")), DAYS[0], "SPX")
    assert set(bars.tickers) <= set(days[0].contracts.tickers)
    assert len(bars.ts) == len(days[0].trades.minute) + 1
    scan = TickerScan((), ["O:SPX"])
    block = b"O:SPXW251124C06000000,1\nO:SPY251124C00600000,1\nO:SPX251219C06000000,1\n"
    whole = bytearray(block + bytes(8))
    found = scan.select(memoryview(whole)[:-8])
    assert [bytes(part)[:6] for part in found] == [b"O:SPXW", b"O:SPX2"]


def test_interest_files_are_read_with_either_name(tmp_path):
    file = tmp_path / "interest.csv"
    file.write_text("ticker,date,open_interest\nSPY150102C00200000,2015-01-02,7\n"
                    "O:SPY150102P00200000,2015-01-02,\n")  # fmt: skip
    assert DailyInterest(file).of(dt.date(2015, 1, 2)) == {"O:SPY150102C00200000": 7.0}
    assert DailyInterest(file).of(dt.date(2015, 1, 5)) is None
    bad = tmp_path / "bad.csv"
    bad.write_text("ticker,oi\nx,1\n")
    with pytest.raises(ValueError, match=r"needs the column open_interest, it has ticker, oi"):
        DailyInterest(bad)


def test_orders_that_make_no_sense_are_refused(market):
    root, _ = market
    with pytest.raises(ValueError, match="oi_source oi_file needs a file of daily open interest"):
        build_gamma(spec(root, open_interest=None))
    with pytest.raises(ValueError, match="oi_source chain needs a file of recorded snapshots"):
        build_gamma(spec(root, settings=OptionSettings(oi_source="chain")))
    with pytest.raises(ValueError, match="no option file like"):
        build_gamma(spec(root, first=dt.date(2026, 1, 5)))


def test_an_underlying_without_minutes_is_named(market):
    root, _ = market
    report = build_gamma(
        GammaSpec(root / "files", root / "store", ("SPY", "QQQ"), last=DAYS[0],
                  settings=OptionSettings(oi_source="cum_volume"))
    )  # fmt: skip
    assert not report.ok
    assert "SPY 2025-11-24: no minutes of the underlying" in report.failures[0]
    assert report.failures[1] == "QQQ: no option bar in the files of the range"
