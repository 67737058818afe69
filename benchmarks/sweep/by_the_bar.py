"""The common work by backtesting.py, which calls Python at every bar; no project code."""

import os
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # no bars of progress among the figures

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.sweep.work import FEE, SIZES, Float, bars_of, sets_of

CASH = 1e15  # it buys whole shares: so many that the rest is nothing


class _Rules(Strategy):
    d = r = v = a = b = 0.0
    h = 0
    bars: dict[str, Float] | None = None
    last: Any = None

    def init(self) -> None:
        self.entered = self.closed = 0

    def next(self) -> None:
        i, bars = len(self.data) - 1, self.bars
        ended, self.closed = len(self.closed_trades) > self.closed, len(self.closed_trades)
        if self.position:
            entered = self.trades[0].entry_bar
            if i + 1 >= min(entered + self.h, self.last[entered]):
                self.position.close()  # at the next open, before stop and target
            return
        if ended or i + 1 >= self.last[i]:
            return
        if bars["dev"][i] > self.d and bars["rsi"][i] < self.r and bars["rvol"][i] > self.v:
            entry, atr = bars["open"][i + 1], bars["atr"][i]
            self.buy(sl=entry - self.a * atr, tp=entry + self.b * atr)


def backtesting_sweep(size: str, kind: str, n: str, count: str) -> dict[str, Any]:
    """Evaluate the first `count` of n sets, one after the other; trades and total return."""
    every, per_session = sets_of(kind, int(n)), 390 // SIZES[size].bar_minutes
    trades, returns = [], []
    for bars in bars_of(size):
        row = np.arange(len(bars["close"]))
        names = {name.title(): bars[name] for name in ("open", "high", "low", "close", "volume")}
        table = pd.DataFrame(names, index=pd.Timestamp(0) + row * pd.Timedelta(minutes=1))
        last = row - row % per_session + per_session - 1
        test = Backtest(table, _Rules, cash=CASH, commission=FEE)
        for k in range(int(count)):
            some = {name: float(column[k]) for name, column in every.items()}
            found = test.run(**some, bars=bars, last=last)
            trades.append(int(found["# Trades"]))
            returns.append(float(found["Return [%]"]) / 100)
    return {"trades": trades, "returns": returns}
