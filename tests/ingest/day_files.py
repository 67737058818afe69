"""Write day files in the vendor's layout, one trap at a time."""

import datetime as dt
import gzip
from zoneinfo import ZoneInfo

STOCK_HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
INDEX_HEADER = "ticker,open,close,high,low,window_start"


def window_start(day, clock):
    """Nanoseconds of a New York wall clock, e.g. `09:30`."""
    hour, minute = map(int, clock.split(":"))
    instant = dt.datetime(
        day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo("America/New_York")
    )
    return int(instant.timestamp()) * 1_000_000_000


def stock_line(ticker, day, clock, price=10.0, volume="100", trades=5):
    ts = clock if isinstance(clock, int) else window_start(day, clock)
    high, low = price + 1, price - 1
    return f"{ticker},{volume},{price},{price + 0.5},{high},{low},{ts},{trades}"


def index_line(ticker, day, clock, price="5000.12000000000000"):
    return f"{ticker},{price},{price},{price},{price},{window_start(day, clock)}"


def compress(lines, newline="\n"):
    return gzip.compress((newline.join(lines) + newline).encode(), mtime=0)


def put(root, day, lines, product="us_stocks_sip", raw=None):
    path = root / product / "minute_aggs_v1" / f"{day:%Y/%m}" / f"{day}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compress(lines) if raw is None else raw)
    return path


def minute_lines(ticker, day, count=390, price=10.0, start="09:30"):
    first = window_start(day, start)
    return [
        stock_line(ticker, day, first + i * 60_000_000_000, round(price + 0.01 * i, 2))
        for i in range(count)
    ]
