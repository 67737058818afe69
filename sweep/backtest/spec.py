"""What a backtest is asked to do, and what it answers."""

import dataclasses
import datetime as dt
import pathlib
from collections.abc import Mapping
from typing import Literal

from detectors.features.settings import FeatureSettings
from sweep.engine.settings import DEFAULT_COSTS, Costs, FillSettings

Status = Literal["traded", "no_signal", "not_evaluable", "not_built"]


@dataclasses.dataclass(frozen=True)
class BacktestSpec:
    """One backtest.

    Attributes
    ----------
    storage_root
        Folder of everything written: lake, results.
    symbols
        Names as stored.
    detectors
        Names of the specification; those not built yet are listed as such.
    first, last
        New York session dates, both included; None = as far as the store goes.
    signal_minutes
        Length of a signal bar, None = each detector's own.
    features, fills, costs
        Settings of features and fills; costs by asset class.
    parameters
        detector -> parameter -> value, exits included; absent ones are defaults.
    asset_class_override
        Asset class that every detector accepts, None = only its own.
    config
        Resolved configuration without secrets, kept in `backtest.json` as it is.
    """

    storage_root: pathlib.Path
    symbols: tuple[str, ...]
    detectors: tuple[str, ...]
    first: dt.date | None = None
    last: dt.date | None = None
    signal_minutes: int | None = None
    features: FeatureSettings = dataclasses.field(default_factory=FeatureSettings)
    fills: FillSettings = dataclasses.field(default_factory=FillSettings)
    costs: Mapping[str, Costs] = dataclasses.field(default_factory=lambda: dict(DEFAULT_COSTS))
    parameters: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    asset_class_override: str | None = None
    config: Mapping[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DetectorResult:
    """What one detector did.

    Attributes
    ----------
    detector
        Name.
    status
        `traded`, `no_signal` (evaluable, nothing fired or filled), `not_evaluable`, `not_built`.
    reason
        Why it could not be evaluated, and which symbols could not; empty where all could.
    symbols
        Those that were evaluated.
    sessions
        Evaluable sessions.
    metrics
        name -> value (`sweep.engine.metrics`), counts as int; empty unless evaluated.
    """

    detector: str
    status: Status
    reason: str = ""
    symbols: tuple[str, ...] = ()
    sessions: int = 0
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class BacktestReport:
    """What a backtest found.

    Attributes
    ----------
    name, folder
        Id and results folder.
    first, last
        Range of sessions.
    results
        One per detector, in the order asked for.
    notes
        Sentences for the user.
    """

    name: str
    folder: pathlib.Path
    first: dt.date
    last: dt.date
    results: tuple[DetectorResult, ...]
    notes: tuple[str, ...]
