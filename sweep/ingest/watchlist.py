"""What `symbols=all` means where bars are fetched: the watchlist, else the table of symbols."""

import logging
import os

from sweep.ingest.products import product_of
from sweep.ingest.sources import LocalFlatFiles
from sweep.ingest.spec import BackfillSpec
from sweep.ingest.suggest import tickers_in
from sweep.market.symbols import ETFS, INDICES, TABLE, lookup
from sweep.store.database import Database
from sweep.store.errors import StoreTerminal, StoreTransient
from sweep.store.place import Place, place
from sweep.store.queue import IngestionQueue
from sweep.store.sql.connect import FILE_NAME, Kind

_log = logging.getLogger(__name__)


def watched(store: Kind, storage_root: str | Place) -> tuple[str, ...]:
    """Return the watchlist, sorted; empty where there is no database or none that answers."""
    root = place(storage_root)
    if store == "sqlite" and not (root / FILE_NAME).is_file():
        return ()
    try:
        with Database.open(store, root) as database:
            return IngestionQueue(database).watched()
    except (StoreTransient, StoreTerminal) as error:
        _log.warning("no watchlist, all symbols of the table are meant: %s", error)
        return ()


def default_symbols(spec: BackfillSpec) -> tuple[str, ...]:
    """Return what is watched where nothing was said.

    The ETFs and indices of the table; of a local folder every symbol of the table that the newest
    file of its product has.
    """
    where = os.fspath(spec.source_root or "")
    if spec.source_kind == "rest" or ("://" in where and not where.startswith("file://")):
        return (*INDICES, *ETFS)
    source = LocalFlatFiles.at(where)
    found: list[str] = []
    held: dict[str, set[str]] = {}
    for name in TABLE:
        symbol = lookup(name)
        product = product_of(symbol)
        if product.name not in held:
            days = source.days(product)
            file = source.find(product, days[-1]) if days else None
            held[product.name] = set() if file is None else set(tickers_in(source, file))
        if symbol.vendor_ticker in held[product.name]:
            found.append(name)
    return tuple(found)
