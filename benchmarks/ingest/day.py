"""The day of the generated files and the names of the task."""

import datetime as dt

DAY = dt.date(2025, 11, 25)
OPEN_NS = 1_764_081_000_000_000_000  # 09:30 New York of that day
MINUTE_NS = 60_000_000_000

#: The twenty symbols of the task: busy names, full sessions.
NAMES = (
    *("AAPL", "AMD", "AMZN", "AVGO", "BAC", "DIA", "GLD", "GOOGL", "INTC", "IWM"),
    *("META", "MSFT", "NFLX", "NVDA", "PLTR", "QQQ", "SLV", "SPY", "TSLA", "XLF"),
)
