"""One table for all symbols: asset class, vendor ticker, volume proxy, ticks; one normaliser.

A name is text and stays as typed: `NA`, `TRUE`, `NAN` and `BACpL` are tickers.
"""

import dataclasses
import functools
import re
from collections.abc import Collection
from urllib.parse import quote

ETF, STOCK, INDEX = "ETF", "STOCK", "INDEX"

#: Index -> volume proxy; None for a context index, on which no detector runs.
INDICES = {"SPX": "SPY", "NDX": "QQQ", "RUT": "IWM", "DJI": "DIA", "VIX": None}

ETFS = (
    *("SPY", "QQQ", "IWM", "DIA", "VOO", "SMH", "GLD", "SLV"),
    *("XLF", "XLE", "XLK", "XLV", "XLI", "XLP"),
)

#: Stocks of the table. Every other name is a stock too; `symbols=all` finds these (the sample's).
STOCKS = ("AAPL",)

#: What `symbols=all` looks for in a folder of flat files.
TABLE = (*INDICES, *ETFS, *STOCKS)

_SERIES = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT"}

_LEGAL = re.compile(r"(?:I:)?[A-Za-z0-9][A-Za-z0-9.\-]{0,30}")


@dataclasses.dataclass(frozen=True)
class Symbol:
    """One tradable or observed name.

    Attributes
    ----------
    name
        Name in the store, in results and on the command line.
    asset_class
        `ETF`, `STOCK` or `INDEX`.
    vendor_ticker
        Ticker in the vendor's files, e.g. `I:SPX`.
    proxy
        Symbol whose volume stands in, None where the symbol has its own or none is known.
    context
        True for an index that no detector runs on.
    ticks_per_unit
        Ticks per price unit at prices of 1 and above: 100 for cents.
    """

    name: str
    asset_class: str
    vendor_ticker: str
    proxy: str | None = None
    context: bool = False
    ticks_per_unit: int = 100


def normalise(text: str) -> str:
    """Return the name a ticker is known by: without `I:` and `$`, series roots as their index.

    Case is kept: `BACpL` and `BACPL` are two names.

    Raises
    ------
    TypeError, ValueError
        If `text` is not text, or cannot be a ticker (`../x`, blanks, an option contract).
    """
    bare = _checked(text).removeprefix("I:")
    return _SERIES.get(bare, bare)


def lookup(text: str, *, etfs: Collection[str] = ()) -> Symbol:
    """Return the table's row of a symbol; a name outside the table is a stock.

    Parameters
    ----------
    text
        Name or vendor ticker: `SPX`, `I:SPX`, `$SPX` and `SPXW` are the same index. An index
        outside the table is asked for by its vendor ticker and keeps it as name (`I:TRIN`: a
        stock is called TRIN too, and the two must not share a file).
    etfs
        Further names that are ETFs, from the configuration.

    Raises
    ------
    TypeError, ValueError
        As `normalise`.
    """
    name = normalise(text)
    if name in INDICES:
        proxy = INDICES[name]
        return Symbol(name, INDEX, f"I:{name}", proxy=proxy, context=proxy is None)
    if _checked(text).startswith("I:"):
        return Symbol(f"I:{name}", INDEX, f"I:{name}", context=True)
    return Symbol(name, ETF if name in ETFS or name in etfs else STOCK, name)


@functools.lru_cache(maxsize=65_536)
def from_vendor(ticker: str) -> str:
    """Return the stored name of a ticker found in a vendor file; remembered, files repeat them."""
    return lookup(ticker).name


def file_name(symbol: str) -> str:
    """Return the symbol as a part of a path, percent-encoded where a file system might object.

    Raises
    ------
    TypeError, ValueError
        As `normalise`: `../x` never becomes a path.
    """
    return quote(_checked(symbol), safe="")


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(
            f"a symbol must be text, got {text!r} ({type(text).__name__}); quote it: '{text}'"
        )
    bare = text.removeprefix("$")
    if bare.startswith("O:"):
        raise ValueError(f"{text!r} is an option contract; give its underlying instead")
    if not _LEGAL.fullmatch(bare):
        raise ValueError(
            f"a symbol starts with a letter or digit, followed by letters, digits, '.' or '-' "
            f"(at most 31), got {text!r}"
        )
    return bare
