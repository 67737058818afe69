"""Day files of the vendor's true size: 1.7M stock rows (98 MB of text), 5.5M option rows (366 MB).

Tickers, row counts, prices and times are drawn; form, sizes and skew are those of the real files.
"""

import datetime as dt
import gzip
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks.ingest.day import DAY, MINUTE_NS, NAMES, OPEN_NS

HEADER = b"ticker,volume,open,close,high,low,window_start,transactions\n"

STOCK_ROWS, STOCK_TICKERS = 1_700_000, 11_500
OPTION_ROWS, ROOT_ROWS = 5_500_000, 57_000
_FORM = 2  # raised when the generated text changes


def folder() -> Path:
    """Return the folder of generated files."""
    path = Path(tempfile.gettempdir()) / "detector-sweep-benchmarks"
    path.mkdir(exist_ok=True)
    return path


def stock_day() -> Path:
    """Return a day of stocks, made where missing."""
    return _kept(f"stocks-{_FORM}.csv.gz", _stocks)


def option_day() -> Path:
    """Return a day of options, made where missing."""
    return _kept(f"options-{_FORM}.csv.gz", _options)


def _kept(name: str, make: Callable[[], pa.Table]) -> Path:
    path = folder() / name
    if not path.exists():
        print(f"making {path} ...", flush=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        table = make()
        with tempfile.TemporaryFile() as text:
            options = csv.WriteOptions(include_header=False, quoting_style="none")
            csv.write_csv(table, text, options)
            text.seek(0)
            with gzip.open(temporary, "wb", compresslevel=6) as file:
                file.write(HEADER)
                shutil.copyfileobj(text, file, 1 << 20)
        temporary.replace(path)
    return path


def _stocks() -> pa.Table:
    rng = np.random.default_rng(1)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    drawn = {"".join(rng.choice(letters, rng.integers(2, 6))) for _ in range(2 * STOCK_TICKERS)}
    others = sorted({*drawn, "A", "AA", "NA", "TRUE", "BACpL"} - {*NAMES})
    others = [others[i] for i in sorted(rng.permutation(len(others))[: STOCK_TICKERS - 20])]
    share = rng.pareto(0.9, len(others)) + 0.02
    counts = np.minimum(share, np.quantile(share, 0.85))
    wanted = STOCK_ROWS - 20 * 900
    for _ in range(20):  # no name has more minutes than a day
        counts = np.minimum(counts * wanted / counts.sum(), 960)
    tickers = [*NAMES, *others]
    rows = np.concatenate([np.full(20, 900), np.maximum(counts, 1).astype(int)])
    order = np.argsort(np.array(tickers, object))
    return _table([tickers[i] for i in order], rows[order], rng, decimals=4)


def _options() -> pa.Table:
    rng = np.random.default_rng(2)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    drawn = {"".join(rng.choice(letters, rng.integers(1, 5))) for _ in range(6_000)}
    roots = sorted({*drawn, *NAMES, "SPY1", "SPXW"} - {"SPY"})
    share = (1 + rng.pareto(0.8, len(roots))).clip(max=3_000)
    per_root = np.maximum(share / share.sum() * (OPTION_ROWS - ROOT_ROWS), 1).astype(int)
    tickers: list[str] = []
    counts: list[np.ndarray] = []
    for root, total in sorted([*zip(roots, per_root, strict=True), ("SPY", ROOT_ROWS)]):
        size = max(int(total) // 14, 1)
        strikes = np.unique(rng.integers(5, 900, size) * 1000)
        dates = [f"{DAY + dt.timedelta(days=int(7 * k)):%y%m%d}" for k in range(12)]
        names = [f"O:{root}{dates[i % 12]}{'CP'[i % 2]}{s:08d}" for i, s in enumerate(strikes)]
        names.sort()
        part = np.maximum(rng.multinomial(int(total), np.full(len(names), 1 / len(names))), 1)
        tickers += names
        counts.append(np.minimum(part, 390))
    return _table(tickers, np.concatenate(counts), rng, decimals=2)


def _table(
    tickers: list[str], counts: np.ndarray, rng: np.random.Generator, *, decimals: int
) -> pa.Table:
    """Draw rows: minutes of each ticker rising, prices on a walk, small and skewed volumes."""
    total = int(counts.sum())
    which = np.repeat(np.arange(len(tickers), dtype=np.int32), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    place = np.arange(total) - first
    room = np.where(counts > 390, 960, 390)
    start = np.repeat(np.where(counts > 390, -330, 0), counts)
    step = np.maximum(np.repeat(room // np.maximum(counts, 1), counts), 1)
    minute = start + np.minimum(place * step, np.repeat(room, counts) - 1)
    base = np.repeat(np.exp(rng.normal(3, 1.2, len(tickers))), counts)
    price = base * np.exp(0.0005 * rng.standard_normal(total))
    move = np.abs(rng.standard_normal(total)) * 0.0004 * base
    quiet = rng.random(total) < 0.45
    move[quiet] = 0
    close = price + np.where(rng.random(total) < 0.5, move, -move)
    prices = [
        price,
        close,
        np.maximum(price, close) + move / 2,
        np.minimum(price, close) - move / 2,
    ]
    rounded = [np.maximum(np.round(column, decimals), 0.01) for column in prices]
    names = pa.DictionaryArray.from_arrays(pa.array(which), pa.array(tickers))
    volume = np.exp(rng.normal(4.5, 1.8, total)).astype(np.int64) + 1
    columns = {
        "ticker": names.cast(pa.string()),
        "volume": volume,
        "open": rounded[0],
        "close": rounded[1],
        "high": np.maximum.reduce(rounded),
        "low": np.minimum.reduce(rounded),
        "window_start": OPEN_NS + minute.astype(np.int64) * MINUTE_NS,
        "transactions": np.minimum(volume, 1 + volume // 40),
    }
    return pa.table(columns)
