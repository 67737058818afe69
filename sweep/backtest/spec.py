"""What a backtest is asked to do, and what it answers."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Literal

from sweep.ingest.run_spec import RunSpec
from sweep.store.place import Place

Status = Literal["traded", "no_signal", "not_evaluable"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BacktestSpec(RunSpec):
    """One backtest."""


@dataclasses.dataclass(frozen=True)
class DetectorResult:
    """What one detector did.

    Attributes
    ----------
    detector
        Name.
    status
        `traded`, `no_signal` (evaluable, nothing fired or filled), `not_evaluable`.
    reason
        Why it could not be evaluated, and which symbols could not; empty where all could.
    symbols
        Those that were evaluated.
    sessions
        Evaluable sessions.
    volume_proxies
        symbol -> symbol whose volume stands in for its own.
    funnel
        (line, name, reason, bars) over all symbols and sessions (`sweep.engine.single_set`).
    metrics
        name -> value (`sweep.engine.metrics`), counts as int; empty unless evaluated.
    """

    detector: str
    status: Status
    reason: str = ""
    symbols: tuple[str, ...] = ()
    sessions: int = 0
    volume_proxies: Mapping[str, str] = dataclasses.field(default_factory=dict)
    funnel: tuple[tuple[str, str, str, int], ...] = ()
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
    folder: Place
    first: dt.date
    last: dt.date
    results: tuple[DetectorResult, ...]
    notes: tuple[str, ...]
