"""Daily returns of published backtests, with statistics that others computed from them."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from sweep.evidence.bootstrap import sharpe_of_rows, statistic_interval
from sweep.evidence.drawdown import max_drawdown
from sweep.evidence.sharpe import sharpe_and_moments

pytestmark = pytest.mark.market_data

CELLS = (
    "qqq_first_pass_v1__corrected_execution__paper_ready__slip_0p0050",
    "qqq_first_pass_v1__official_sample_compatible__exploratory__slip_0p0000",
)


@pytest.fixture(scope="module")
def folder(market_data):
    return market_data / "reference_backtest_results"


def daily(folder, cell):
    rows = pd.read_csv(folder / f"{cell}.csv.gz", parse_dates=["session_date"])
    return rows[rows["is_evaluation"]].set_index("session_date")


@pytest.mark.parametrize("cell", CELLS)
def test_reported_sharpe_volatility_drawdown_and_hit_rate(folder, cell):
    experiment, _, cell_id = cell.partition("__")
    reported = json.loads((folder / f"{experiment}__reported_statistics.json").read_text())
    periods = [row for row in reported if row["cell_id"] == cell_id]
    assert len(periods) == 3
    rows = daily(folder, cell)
    for period in periods:
        returns = rows["ret"].loc[period["first"] : period["last"]].to_numpy()
        found = sharpe_and_moments(returns)
        assert found.n_obs == period["evaluation_sessions"]
        assert found.sharpe * math.sqrt(252) == pytest.approx(period["sharpe_calendar"], rel=1e-9)
        # The running sum of log returns falls by d where the compounded curve falls by 1 - e^-d.
        fall = math.expm1(-max_drawdown(np.log1p(returns)))
        assert fall == pytest.approx(period["max_drawdown"], rel=1e-9)
        traded = returns[returns != 0]
        assert np.mean(traded > 0) == pytest.approx(period["hit_rate_nonzero"], rel=1e-9)
        volatility = returns.std(ddof=1) * math.sqrt(252)
        assert volatility == pytest.approx(period["annual_volatility"], rel=1e-9)


@pytest.mark.parametrize("block", [1, 10, 40])
@pytest.mark.parametrize("period", ["pre_publication", "post_publication"])
def test_reported_bootstrap_intervals(folder, block, period):
    # Theirs is a circular block bootstrap with fixed blocks: the same spread, other draws. Their
    # own two methods differ by up to .13 at the ends of the short period.
    cell = next(folder.glob("qqq_with_dividends_v1__*.csv.gz")).name.removesuffix(".csv.gz")
    rows = daily(folder, cell)
    span = slice(None, "2024-04-30") if period == "pre_publication" else slice("2024-05-01", None)
    excess = (rows["ret"] - rows["cash_hurdle_ret"]).loc[span].to_numpy()
    summary = pd.read_csv(folder / "qqq_with_dividends_v1__bootstrap_summary.csv")
    theirs = summary.query(
        "method == 'circular_moving_block' and block_length_sessions == @block "
        "and period == @period and confidence_level == 0.95"
    ).iloc[0]
    found = statistic_interval(excess, sharpe_of_rows, mean_block=block)
    ends = np.array([found.estimate, found.low, found.high]) * math.sqrt(252)
    slack = 0.06 if period == "pre_publication" else 0.15
    assert ends[0] == pytest.approx(theirs["point"], abs=2e-3)
    assert ends[1:] == pytest.approx(theirs[["ci_low", "ci_high"]].to_numpy(float), abs=slack)
