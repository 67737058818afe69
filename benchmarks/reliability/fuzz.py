"""Feed readers very many hostile inputs: `python -m benchmarks.reliability.fuzz N seed what`.

Hypothesis (tests/fuzz) makes better inputs, a few hundred a second; these are made of the same
pieces by a plain generator, for a million: `days` (files), `pages`, `spaces`, `records`. Anything
but what a reader may give, or an error of our own, ends the run, with the input in a file.
"""

import collections
import datetime as dt
import gzip
import io
import pickle
import random
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.reliability._hostile import Pages, Records, Spaces
from sweep.ingest.flatfiles import read_day
from sweep.ingest.inflate import BarsError
from sweep.ingest.products import INDICES, STOCKS
from sweep.market.calendar import midnight_ns

DAY = dt.date(2015, 3, 26)
FIRST, AFTER = midnight_ns(DAY), midnight_ns(DAY + dt.timedelta(days=1))
MINUTE = FIRST + 10 * 3_600_000_000_000
HEADER = b"ticker,volume,open,close,high,low,window_start,transactions"
ODD = (
    *(b"", b"-1", b"nan", b"inf", b"1e999", b"0x1", b" 1", b"\0", b'"', b'"a,b"', b"SPY", b"NA"),
    *(
        b"9" * 30,
        b"-9223372036854775808",
        b"1.5",
        b"\xff\xfe",
        b"\xc3\x28",
        b"true",
        b"x" * 70_000,
    ),
    *(b"18446744073709551616", b"1427378400", b"1427378400000", b"A" * 300, b"0", b"1e-320"),
)


def good_row(rng):
    price = b"%d" % rng.randint(1, 10**6)
    stamp = b"%d" % (MINUTE + rng.randint(0, 100) * 60_000_000_000)
    return b",".join((b"SPY", b"100", price, price, price, price, stamp, b"3"))


def line(rng):
    kind = rng.random()
    if kind < 0.6:
        return good_row(rng)
    if kind < 0.85:
        cells = good_row(rng).split(b",")
        cells[rng.randrange(8)] = rng.choice(ODD)
        return b",".join(cells)
    if kind < 0.95:
        return b",".join(rng.choice(ODD[:24]) for _ in range(rng.randrange(11)))
    return rng.randbytes(rng.randrange(80))


def text(rng):
    columns = HEADER.split(b",")
    if rng.random() < 0.2:
        rng.shuffle(columns)
    if rng.random() < 0.05:
        columns[rng.randrange(8)] = rng.choice(ODD[:16])
    rows = [line(rng) for _ in range(rng.randrange(12))]
    return b"\n".join([b",".join(columns), *rows]) + rng.choice((b"\n", b"", b"\r\n", b"\n\n"))


def day_file(rng):
    """Return a day file: whole, cut, with bytes changed, in members, or anything."""
    packed = gzip.compress(text(rng), 1, mtime=0)
    kind = rng.random()
    if kind < 0.6:
        return packed
    if kind < 0.75:
        return packed[: rng.randrange(len(packed) + 1)]
    if kind < 0.9:
        changed = bytearray(packed)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    if kind < 0.97:
        return packed + gzip.compress(text(rng), 1, mtime=0) + rng.randbytes(rng.randrange(9))
    return rng.randbytes(rng.randrange(200))


def outcome(content, product, wanted):
    """Return what became of an input: `rows`, `empty` or the error's first words."""
    try:
        rows = read_day(io.BytesIO(content), product, DAY, wanted, "the file").table
    except BarsError as error:
        return "refused" if str(error).startswith("the file") else "refused without a name"
    stamps = rows["ts"].cast(pa.int64()).to_numpy()
    assert ((stamps >= FIRST) & (stamps < AFTER)).all()
    for name in ("open", "high", "low", "close"):
        prices = rows[name].to_numpy()
        assert (np.isfinite(prices) & (prices > 0)).all()
    return "rows" if len(rows) else "empty"


class Days:
    """Reads day files."""

    @staticmethod
    def make(rng):
        """Return a file, its product and the symbols wanted."""
        product = STOCKS if rng.random() < 0.7 else INDICES
        return day_file(rng), product, None if rng.random() < 0.5 else {"SPY": "SPY"}

    @staticmethod
    def outcome(given):
        """Return what became of it."""
        return outcome(*given)


TARGETS = {"days": Days, "pages": Pages, "spaces": Spaces, "records": Records}


def main(inputs="1000000", seed="0", what="days"):
    rng, target = random.Random(int(seed)), TARGETS[what]()
    found = collections.Counter()
    target.outcome(target.make(rng))  # compiles
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, every = time.process_time(), min(50_000, max(1, int(inputs) // 4))
    for number in range(1, int(inputs) + 1):
        given = target.make(rng)
        try:
            found[target.outcome(given)] += 1
        except BaseException:
            Path("fuzz-input.pickle").write_bytes(pickle.dumps(given))
            print(f"{what}: input {number} of seed {seed}, kept as fuzz-input.pickle")
            raise
        if number % every == 0:
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - floor) / 1024
            said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.items()))
            print(
                f"{what}: {number:,} inputs: {said}; {more:.0f} MB more than at the first; "
                f"{1e3 * (time.process_time() - began) / number:.2f} ms each",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
