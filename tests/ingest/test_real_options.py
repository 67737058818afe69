"""Gamma on real option data: given open interest, given greeks, volume in place of interest."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from detectors.features.option_settings import OptionSettings
from sweep.ingest.backfill import backfill
from sweep.ingest.gamma.build import build_gamma
from sweep.ingest.gamma.spec import GammaSpec
from sweep.ingest.spec import BackfillSpec
from sweep.market.options.black76 import greeks
from sweep.market.options.contracts import parse_ticker
from sweep.market.options.exposure import chain_exposure
from sweep.market.options.implied_vol import implied_volatility
from sweep.market.options.smile import sigma_of_chain
from sweep.store.gamma import GammaStore

pytestmark = pytest.mark.market_data

YEAR_NS = 525_600 * 60e9
DAY = dt.date(2014, 6, 6)


def fill(source, store, symbols, **days):
    spec = BackfillSpec(
        source_root=source,
        storage_root=store,
        symbols=symbols,
        timeframes=("1m",),
        workers=1,
        **days,
    )
    assert backfill(spec).ok


@pytest.fixture(scope="module")
def chain(market_data):
    """AAPL near the money and the horizon, after the close of 2014-06-05, with given greeks."""
    folder = market_data / "lean_options_and_equity"
    rows = pd.read_csv(folder / "eod_chains.csv.gz", low_memory=False)
    rows = rows[(rows.underlying == "AAPL") & (rows.date == "2014-06-05")]
    closed = pd.Timestamp("2014-06-05 16:00", tz="America/New_York").value
    rows["years"] = (np.array([parse_ticker(t).expiry_ns for t in rows.ticker]) - closed) / YEAR_NS
    rows["spot"] = 647.35  # close of the last minute bar; `underlying_close` is stale
    near = (abs(rows.strike / rows.spot - 1) < 0.05) & rows.years.between(1e-9, 35 / 365)
    return rows[near & (rows.implied_volatility > 0) & (rows.gamma > 0)]


def test_given_gammas_follow_from_the_given_volatilities(chain):
    ours = greeks(
        chain.spot, chain.strike, chain.years, chain.implied_volatility, chain.right == "C"
    ).gamma
    away = ours / chain.gamma - 1
    # Another day count and an American model: 3.5 % less at the median, never 15 %.
    assert len(chain) > 60
    assert abs(np.median(away)) < 0.05
    assert np.abs(away).max() < 0.15


def test_the_given_volatilities_do_not_follow_from_the_given_prices(chain):
    """A call at 652.50, a week, closed at 7.70: that is 26 %, the file says 119 %."""
    call = (chain.right == "C").to_numpy()
    strike, spot = chain.strike.to_numpy(), chain.spot.to_numpy()
    usable = (call & (strike > spot)) | (~call & (strike < spot))
    usable &= (chain.volume > 100).to_numpy()
    ours = implied_volatility(
        chain.close.to_numpy()[usable],
        spot[usable],
        strike[usable],
        call[usable],
        chain.years.to_numpy()[usable],
    )
    assert usable.sum() > 10
    assert np.nanmin(ours) > 0.15
    assert np.nanmax(ours) < 0.35
    assert chain.implied_volatility[usable].median() > 1.0


def test_exposure_of_a_real_chain(market_data, tmp_path):
    folder = market_data / "lean_options_and_equity"
    fill(folder, tmp_path, ("AAPL",), first=DAY, last=DAY)
    report = build_gamma(
        GammaSpec(
            folder, tmp_path, ("AAPL",), DAY, DAY, open_interest=folder / "open_interest.csv.gz"
        )
    )
    quality = report.sessions[0]
    assert report.ok
    assert quality.contracts > 800
    assert quality.known == 390
    assert quality.priced_frac > 0.95
    table = GammaStore(tmp_path).read("AAPL").to_pandas()
    assert (table.is_0dte[:389] == 1).all()  # a Friday of weekly contracts
    assert table.minutes_to_expiry.iloc[389] == 7 * 1440
    assert set(table.call_wall) <= {645.0, 647.5, 650.0, 652.5, 655.0, 657.5, 660.0}
    assert table.opt_age_minutes.max() <= 15
    # The same from prices alone, by hand: out-of-the-money trades of minute 60 and before.
    assert table.gex[5:380].between(2e8, 5e9).all()


def test_a_vendor_snapshot(market_data):
    """Gamma of the vendor's own delta and gamma; its day-old prices imply about the same."""
    file = market_data / "massive_option_chain_snapshot"
    rows = pd.read_csv(file / "option_chain_snapshot_2025-11-10.csv.gz")
    rows = rows[rows.underlying == "QQQ"]
    taken = pd.Timestamp("2025-11-10 11:30", tz="America/New_York").value
    years = (np.array([parse_ticker(t).expiry_ns for t in rows.ticker]) - taken) / YEAR_NS
    spot = rows.underlying_price.iloc[0]
    near = (abs(rows.strike / spot - 1) < 0.05).to_numpy() & (years > 0) & (years < 35 / 365)
    rows, years = rows[near], years[near]
    call, strike = (rows.type == "C").to_numpy(), rows.strike.to_numpy()
    interest = rows.open_interest.to_numpy(float)
    sigma = sigma_of_chain(rows.delta.to_numpy(), rows.gamma.to_numpy(), spot, years)
    assert 0.05 < np.isnan(sigma).mean() < 0.25  # the vendor gives none deep in the money
    found = chain_exposure(spot, strike, call, interest, sigma, years)
    direct = np.nansum(np.where(call, 1, -1) * rows.gamma * interest * spot**2)
    assert found.total == pytest.approx(direct, rel=0.2)  # its model has rates, ours a forward
    assert abs(found.zero_gamma / spot - 1) < 0.01
    assert found.flip_count == 1
    assert (found.call_wall, found.put_wall) == (620.0, 600.0)
    prices = implied_volatility(
        rows.mid.to_numpy(float), np.full(len(rows), spot), strike, call, years
    )
    otm = np.where(call, strike >= spot, strike <= spot)
    assert np.nanmedian(np.abs(prices - sigma)[otm]) < 0.01


@pytest.mark.parametrize("symbol", ["SPY", "AAPL"])
def test_volume_in_place_of_open_interest(market_data, tmp_path, symbol):
    folder = market_data / "us_2014_12_to_2015_07"
    days = {"first": dt.date(2015, 2, 23), "last": dt.date(2015, 2, 27)}
    fill(folder, tmp_path, (symbol,), **days)
    report = build_gamma(
        GammaSpec(
            folder,
            tmp_path,
            (symbol,),
            **days,
            settings=OptionSettings(oi_source="decayed"),
        )
    )
    assert report.ok
    assert len(report.sessions) == 5
    assert {row.minutes for row in report.sessions} == {390}
    assert np.mean([row.known / row.minutes for row in report.sessions]) > 0.5
