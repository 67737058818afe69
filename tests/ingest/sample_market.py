"""Sample markets for tests: files read by the standard library, or bars in memory."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from detectors.bars import MinuteBars
from detectors.features.build import build_features
from sweep.engine.symbol_data import SymbolData
from sweep.ingest.sample.clock import grid_of, last_sessions
from sweep.ingest.sample.generate import build
from sweep.ingest.sample.spec import SampleSpec
from sweep.market.symbols import lookup


def day_files(root, product):
    """Paths of a product's files, oldest first."""
    return sorted((root / product).rglob("*.csv.gz"))


def rows_in(path):
    """Rows of a day file as dictionaries of text, in the order of the file."""
    text = gzip.decompress(path.read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text)))


class InMemory:
    """A sample market that never was a file: minute bars, symbol data, what happened."""

    def __init__(self, **spec):
        self.spec = SampleSpec(Path("never-written"), **spec)
        self.grid = grid_of(last_sessions(self.spec.sessions, self.spec.last))
        self.markets, tickers = build(self.spec, self.grid)
        self.minutes = {rows.ticker.name.removeprefix("I:"): self._bars(rows) for rows in tickers}
        self.sessions = self.grid.sessions

    def _bars(self, rows):
        kept = self.grid.regular & rows.present
        cents = (rows.open, rows.high, rows.low, rows.close)
        volume = np.full(len(self.grid), np.nan) if rows.volume is None else rows.volume
        prices = [column[kept] / 100 for column in cents]
        return MinuteBars(self.grid.ts[kept], *prices, np.rint(volume[kept]))

    def data(self, name, bar_minutes):
        """Return what the engine reads of a symbol."""
        symbol = lookup(name)
        features = build_features(
            self.minutes[name],
            self.sessions,
            bar_minutes=bar_minutes,
            asset_class=symbol.asset_class,
            proxy=None if symbol.proxy is None else self.minutes[symbol.proxy],
            proxy_symbol=symbol.proxy,
        )
        return SymbolData(
            symbol=name,
            asset_class=symbol.asset_class,
            sessions=self.sessions,
            minutes=self.minutes[name],
            factor=np.ones(len(self.sessions)),
            features=features,
            bar_minutes=bar_minutes,
        )

    def for_detector(self, detector):
        """Return the data of all symbols of the detector's classes."""
        names = [
            name for name in self.minutes if lookup(name).asset_class in detector.asset_classes
        ]
        return [self.data(name, detector.signal_minutes) for name in sorted(names)]
