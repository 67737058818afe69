"""Run configured detectors over stored bars and write what they did."""

import csv
import dataclasses
import datetime as dt
import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from detectors.contract import Detector, faults_of
from detectors.registry import get
from sweep.backtest.spec import BacktestReport, BacktestSpec, DetectorResult, Status
from sweep.engine.candidates import bounds_of
from sweep.engine.evaluability import evaluable_sessions as sessions_of
from sweep.engine.evaluability import session_axis
from sweep.engine.sets import ParameterSets, every_parameter
from sweep.engine.single_set import SingleResult, evaluate_single, totals
from sweep.engine.symbol_data import volume_proxies
from sweep.engine.trade_table import trade_columns
from sweep.ingest.load import Market, load_market
from sweep.market.calendar import as_dates
from sweep.store.place import Place
from sweep.store.results import FUNNEL, TRADES, Results
from sweep.store.tables import FUNNEL_ROWS, TRADE_ROWS, funnel_table

BACKTEST, BACKTEST_CSV = "backtest.json", "backtest.csv"
CONFIGURED = "configured"  # set_id of trades whose set belongs to no sweep
OnProgress = Callable[[str, int, int], None]


def run_backtest(spec: BacktestSpec, on_progress: OnProgress | None = None) -> BacktestReport:
    """Run a backtest.

    Parameters
    ----------
    spec
        What to run.
    on_progress
        Called with the stage in words, detectors done and wanted.

    Returns
    -------
    BacktestReport
        Results, also written to `<storage.root>/results/backtest-YYYY-MM-DD[-n]/`.

    Raises
    ------
    ValueError
        If a value is out of its legal range, bars are missing, or a detector named alone runs on
        none of the symbols.
    """
    detectors = [get(name) for name in spec.detectors]
    _refuse_values(spec, detectors)
    lengths = {spec.minutes_of(detector) for detector in detectors}
    report = on_progress or (lambda _stage, _done, _total: None)
    report("loading bars and features", 0, 0)
    market = load_market(
        spec.storage_root,
        spec.symbols,
        first=spec.first,
        last=spec.last,
        bar_minutes=lengths,
        settings=spec.features,
        flow_path=spec.flow_path,
    )
    outcomes: dict[str, tuple[DetectorResult, SingleResult | None]] = {}
    for done, detector in enumerate(detectors):
        report("backtest", done, len(detectors))
        outcomes[detector.name] = _evaluate(spec, detector, market)
    report("backtest", len(detectors), len(detectors))
    results = tuple(result for result, _ in outcomes.values())
    if len(results) == 1:
        only = results[0]
        if only.reason.startswith("asset_class"):
            raise ValueError(
                f"{only.detector} cannot run on any of the symbols: {only.reason}; choose other "
                f"symbols or run it on theirs: "
                f"asset_class_override={detectors[0].asset_classes[0]}"
            )
    singles = {name: single for name, (_, single) in outcomes.items() if single is not None}
    folder = _new_folder(spec.storage_root)
    _write_tables(folder, market, singles)
    _write_summary(folder, spec, market, results)
    days = as_dates(market.sessions)
    return BacktestReport(
        folder.path.name, folder.path, days[market.first], days[-1], results, market.notes
    )


def _refuse_values(spec: BacktestSpec, detectors: Sequence[Detector]) -> None:
    faults = [
        f"params.{detector.name}.{fault}"
        for detector in detectors
        for values in [spec.parameters.get(detector.name, {})]
        for fault in faults_of(every_parameter(detector), values)
    ]
    if faults:
        raise ValueError("; ".join(faults))


def _evaluate(
    spec: BacktestSpec, detector: Detector, market: Market
) -> tuple[DetectorResult, SingleResult | None]:
    """Evaluate one detector on the symbols it accepts."""
    own, foreign, reason = spec.shares(detector, market.data)
    if not own:
        return DetectorResult(detector.name, "not_evaluable", reason), None
    values = spec.parameters.get(detector.name, {})
    bounds = bounds_of(ParameterSets.of(detector, values, 1))
    axis = session_axis(
        [sessions_of(detector, data, bounds) for data in own], slice(market.first, None)
    )
    single = evaluate_single(
        detector,
        own,
        values,
        axis=axis,
        fills=spec.fills,
        costs=spec.costs,
        first=market.first,
        foreign=foreign,
    )
    reason = ", ".join(f"{symbol}: {why}" for symbol, why in single.unjudged.items())
    symbols = tuple(data.symbol for data in own if data.symbol not in single.unjudged)
    judged = DetectorResult(
        detector.name,
        "not_evaluable",
        reason,
        volume_proxies=volume_proxies(own),
        funnel=totals(single.funnel),
    )
    if not symbols:
        return judged, single
    metrics = {name: column[0].item() for name, column in single.block.metrics.items()}
    status: Status = "traded" if metrics["trades"] else "no_signal"
    sessions = int(axis.max(initial=-1)) + 1
    result = dataclasses.replace(
        judged, status=status, symbols=symbols, sessions=sessions, metrics=metrics
    )
    return result, single


def _new_folder(storage_root: Place) -> Results:
    """Make the next free folder of today; an earlier run is never overwritten."""
    today = dt.datetime.now(tz=dt.UTC).date()
    for number in itertools.count(1):
        name = f"backtest-{today}" if number == 1 else f"backtest-{today}-{number}"
        results = Results(storage_root, name)
        try:
            results.path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot write {results.path} ({error.strerror}); check storage.root and its "
                f"permissions",
            ) from error
        return results
    raise AssertionError  # count() has no end


def _write_tables(folder: Results, market: Market, singles: Mapping[str, SingleResult]) -> None:
    trades = [
        pa.table(trade_columns(name, recorded, [CONFIGURED]), schema=TRADE_ROWS)
        for name, single in singles.items()
        for recorded in single.block.trades
    ]
    folder.write_table(TRADES, trades, TRADE_ROWS)
    dates = as_dates(market.sessions)
    funnels = [
        funnel_table(name, dates, map(dataclasses.asdict, single.funnel))
        for name, single in singles.items()
    ]
    folder.write_table(FUNNEL, funnels, FUNNEL_ROWS)


def _write_summary(
    folder: Results, spec: BacktestSpec, market: Market, results: Sequence[DetectorResult]
) -> None:
    days = as_dates(market.sessions)
    rows: list[dict[str, Any]] = [
        {
            "detector": result.detector,
            "status": result.status,
            "reason": result.reason,
            "symbols": list(result.symbols),
            "sessions": result.sessions,
            "volume_proxies": dict(result.volume_proxies),
            **{name: _finite(value) for name, value in result.metrics.items()},
        }
        for result in results
    ]
    folder.write_json(
        BACKTEST,
        {
            "name": folder.path.name,
            "from": str(days[market.first]),
            "to": str(days[-1]),
            "symbols": list(spec.symbols),
            "notes": list(market.notes),
            "config": dict(spec.config),
            "results": rows,
        },
    )
    names = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows({**row, **_as_text(row)} for row in rows)
    folder.write_text(BACKTEST_CSV, text.getvalue())


def _as_text(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a row that are no single value."""
    proxies = (f"{symbol}:{proxy}" for symbol, proxy in row["volume_proxies"].items())
    return {"symbols": " ".join(row["symbols"]), "volume_proxies": " ".join(proxies)}


def _finite(value: float) -> float | None:
    """Return a number that JSON knows; infinity and NaN become null."""
    return value if math.isfinite(value) else None
