"""What a backtest and a sweep share: which bars are read, and what a signal and a trade are worth.

Built from the configuration in one place, `jobs.settings.run`.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from detectors.contract import Detector
from detectors.features.settings import FeatureSettings
from sweep.engine.settings import DEFAULT_COSTS, Costs, FillSettings
from sweep.engine.symbol_data import SymbolData
from sweep.market.symbols import lookup
from sweep.store.place import Place


class Shares(NamedTuple):
    """Symbols of one detector in a run.

    Attributes
    ----------
    own
        Those that it is judged on.
    foreign
        The others, of an asset class that it does not accept or there as context only.
    reason
        Why there are none of its own, empty where there are.
    """

    own: tuple[SymbolData, ...]
    foreign: tuple[SymbolData, ...]
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run of detectors over stored bars.

    Attributes
    ----------
    storage_root
        Folder of everything written: lake, results, ledger.
    symbols
        Names as stored.
    detectors
        Names of the specification.
    first, last
        New York session dates, both included; None = as far as the store goes.
    signal_minutes
        Length of a signal bar, None = each detector's own.
    features, fills, costs
        Settings of features and fills; costs by asset class.
    flow_path
        Parquet file of order flow (`sweep.ingest.flow`), None for none.
    parameters
        detector -> parameter -> configured value, exits included; absent ones are defaults.
    asset_class_override
        Lifts the refusal of foreign symbols where it names their class, or one that the detector
        runs on (INDEX: index detectors on SPY); None = a detector takes its own classes only.
    config
        Resolved configuration without secrets, kept with the results as it is.
    """

    storage_root: Place
    symbols: tuple[str, ...]
    detectors: tuple[str, ...]
    first: dt.date | None = None
    last: dt.date | None = None
    signal_minutes: int | None = None
    features: FeatureSettings = dataclasses.field(default_factory=FeatureSettings)
    flow_path: str | None = None
    fills: FillSettings = dataclasses.field(default_factory=FillSettings)
    costs: Mapping[str, Costs] = dataclasses.field(default_factory=lambda: dict(DEFAULT_COSTS))
    parameters: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    asset_class_override: str | None = None
    config: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def minutes_of(self, detector: Detector) -> int:
        """Return the length of a detector's signal bar in this run, minutes."""
        return self.signal_minutes or detector.signal_minutes

    def shares(self, detector: Detector, loaded: Mapping[tuple[str, int], SymbolData]) -> Shares:
        """Divide the loaded symbols, keyed by name and bar minutes, for one detector."""
        length = self.minutes_of(detector)
        there = [data for (_, minutes), data in loaded.items() if minutes == length]
        override, classes = self.asset_class_override, detector.asset_classes
        own = tuple(
            data
            for data in there
            if (data.asset_class in (*classes, override) or override in classes)
            and not lookup(data.symbol).context
        )
        names = {data.symbol for data in own}
        foreign = tuple(data for data in there if data.symbol not in names)
        return Shares(own, foreign, "" if own else _foreign_class(detector, there))


def _foreign_class(detector: Detector, loaded: Iterable[SymbolData]) -> str:
    named = ", ".join(f"{data.symbol} is {data.asset_class}" for data in loaded)
    return f"asset_class ({named}; it runs on {', '.join(detector.asset_classes)})"
