"""One parameter set in full: metrics, every trade and the funnel down to the last lost signal."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.contract import Detector
from detectors.evaluate import Evaluation, evaluate
from detectors.funnel import count_funnel
from sweep.engine.block import BlockResult, evaluate_block
from sweep.engine.candidates import bounds_of, build_candidates, variants_of
from sweep.engine.evaluability import why_not
from sweep.engine.sets import ParameterSets
from sweep.engine.settings import Costs, FillSettings
from sweep.engine.symbol_data import SymbolData
from sweep.engine.trade import DROPS, TAKEN


@dataclasses.dataclass(frozen=True)
class FunnelLine:
    """Signal bars of one session that share a fate.

    Attributes
    ----------
    symbol, session
        Name; index into the sessions of the market.
    line
        `in_window`, `not_evaluable`, `evaluable`, `passed`, `alone`, `below_score`, `signals`, a
        name of `sweep.engine.trade.DROPS`, or `trades`.
    name
        Condition or feature, empty where the line has none.
    reason
        Why a feature is unknown, else empty.
    bars
        Count, above 0.
    """

    symbol: str
    session: int
    line: str
    name: str
    reason: str
    bars: int


@dataclasses.dataclass(frozen=True)
class SingleResult:
    """What one set did.

    Attributes
    ----------
    block
        Metrics, daily series and trades; one row.
    funnel
        Lines by symbol, session and stage, sessions off the axis included.
    unjudged
        symbol -> why none of its sessions could be judged, `feature: reason`.
    """

    block: BlockResult
    funnel: tuple[FunnelLine, ...]
    unjudged: dict[str, str]


def evaluate_single(
    detector: Detector,
    market: Sequence[SymbolData],
    values: Mapping[str, float],
    *,
    axis: NDArray[np.int32],
    fills: FillSettings,
    costs: Mapping[str, Costs],
    first: int = 0,
    foreign: Sequence[SymbolData] = (),
) -> SingleResult:
    """Evaluate one parameter set on one or more symbols, keeping everything.

    Parameters
    ----------
    detector, market
        Registry entry and symbols, at least one.
    values
        Parameter name -> value; absent ones take their default.
    axis
        int32 [sessions], column of the session axis, -1 for sessions outside it.
    fills, costs
        Settings; costs by asset class.
    first
        First session that the funnel tells of; those before it only warm features up.
    foreign
        Symbols of other asset classes: asked for, listed as not evaluable.
    """
    sets = ParameterSets.of(detector, values, 1)
    tables = [
        build_candidates(
            detector,
            data,
            bounds=bounds_of(sets),
            variants=variants_of(detector, sets),
            axis=axis,
            fills=fills,
            costs=costs[data.asset_class],
        )
        for data in market
    ]
    block = evaluate_block(detector, tables, sets, trades=True)
    lines: list[FunnelLine] = []
    unjudged = {}
    for data in foreign:
        unjudged[data.symbol] = foreign_reason(detector, data)
        for session, count in _counted(_from(data, first)):
            asset_class = ("symbol", "asset_class", count)
            lines.append(FunnelLine(data.symbol, session, "in_window", "", "", count))
            lines.append(FunnelLine(data.symbol, session, "not_evaluable", *asset_class))
    for data, recorded in zip(market, block.trades, strict=True):
        evaluation = evaluate(detector, data.features, sets.row(0))
        in_range = data.features.bars.session >= first
        if not (evaluation.evaluable & in_range).any():
            unjudged[data.symbol] = why_not(detector, evaluation, in_range)
        lines += _signal_lines(detector, data, evaluation, first)
        sessions = data.features.bars.session[recorded.table.row]
        for code, line in ((TAKEN, "trades"), *enumerate(DROPS)):
            for session, count in _counted(sessions[recorded.fate[0] == code]):
                lines.append(FunnelLine(data.symbol, session, line, "", "", count))
    return SingleResult(block, tuple(lines), unjudged)


def totals(lines: Iterable[FunnelLine]) -> tuple[tuple[str, str, str, int], ...]:
    """Add a funnel up over symbols and sessions: (line, name, reason, bars), in its own order."""
    found: dict[tuple[str, str, str], int] = {}
    for one in lines:
        key = (one.line, one.name, one.reason)
        found[key] = found.get(key, 0) + one.bars
    return tuple((*key, bars) for key, bars in found.items())


def foreign_reason(detector: Detector, data: SymbolData) -> str:
    """Say that a symbol is of an asset class the detector does not run on."""
    return f"asset_class ({data.asset_class}; it runs on {', '.join(detector.asset_classes)})"


def _from(data: SymbolData, first: int) -> NDArray[np.int32]:
    """Return the session of every signal bar from session `first` on."""
    sessions = data.features.bars.session
    return sessions[sessions >= first]


def _counted(sessions: NDArray[np.int32]) -> list[tuple[int, int]]:
    found, counts = np.unique(sessions, return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def _signal_lines(
    detector: Detector, data: SymbolData, evaluation: Evaluation, first: int
) -> list[FunnelLine]:
    """Return the lines from the window down to the signals."""
    funnel = count_funnel(detector, evaluation, data.features.bars.session, len(data.sessions))
    stages = [
        ("in_window", "", "", funnel.in_window),
        *(("not_evaluable", *key, counts) for key, counts in funnel.unknown.items()),
        ("evaluable", "", "", funnel.evaluable),
        *(("passed", name, "", counts) for name, counts in funnel.passed.items()),
        *(("alone", name, "", counts) for name, counts in funnel.alone.items()),
        ("below_score", "", "", funnel.below_score),
        ("signals", "", "", funnel.signals),
    ]
    return [
        FunnelLine(data.symbol, session, line, name, reason, int(counts[session]))
        for line, name, reason, counts in stages
        for session in (first + np.flatnonzero(counts[first:])).tolist()
    ]
