"""The vendor's flat-file products: where their day files lie and which columns they must have."""

import dataclasses
import datetime as dt

from sweep.market.symbols import INDEX, Symbol

_PRICES = ("ticker", "open", "close", "high", "low", "window_start")


@dataclasses.dataclass(frozen=True)
class Product:
    """One product of the vendor's bucket.

    Attributes
    ----------
    name
        First part of the key; names the stage folder too.
    required
        Columns a file must have, in any order; others are ignored.
    has_volume
        False for indices: a volume column is not read there.
    """

    name: str
    required: tuple[str, ...]
    has_volume: bool

    def key(self, day: dt.date) -> str:
        """Return the key of a day's minute file."""
        return f"{self.name}/minute_aggs_v1/{day:%Y/%m}/{day}.csv.gz"


STOCKS = Product("us_stocks_sip", (*_PRICES, "volume"), has_volume=True)
INDICES = Product("us_indices", _PRICES, has_volume=False)
OPTIONS = Product("us_options_opra", (*_PRICES, "volume"), has_volume=True)

PRODUCTS = {product.name: product for product in (STOCKS, INDICES, OPTIONS)}


def product_of(symbol: Symbol) -> Product:
    """Return the product whose files hold the bars of a symbol."""
    return INDICES if symbol.asset_class == INDEX else STOCKS
