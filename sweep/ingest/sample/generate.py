"""Write a sample market."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from sweep.ingest.products import INDICES, OPTIONS, STOCKS
from sweep.ingest.sample import manifest
from sweep.ingest.sample.clock import Grid, grid_of, last_sessions
from sweep.ingest.sample.edge import drift_atr
from sweep.ingest.sample.events import Market, script
from sweep.ingest.sample.files import write_day, write_rows, write_table
from sweep.ingest.sample.option_days import OptionDays
from sweep.ingest.sample.prices import TICKERS, Rows, rows_of
from sweep.ingest.sample.schedule import breakouts_of, episodes_of
from sweep.ingest.sample.spec import (
    PLANTED_DETECTOR,
    PLANTED_VALUES,
    Planted,
    SampleReport,
    SampleSpec,
)
from sweep.ingest.sample.walk import PROCESSES, Steps, steps_of
from sweep.market.calendar import as_dates

#: Independent streams of random numbers: an edge or an episode leaves the others as they are.
WALK, COINS, EPISODES, BREAKOUTS, ROWS, ORDER, INTEREST, TRADES, OPTION_ORDER = range(9)

#: Daily open interest of all options, below the root.
OPEN_INTEREST = "open_interest.parquet"


def generate_sample(
    spec: SampleSpec, *, progress: Callable[[int, int], None] | None = None
) -> SampleReport:
    """Write the sample market, unless the same one is there already.

    Parameters
    ----------
    spec
        What to write and where.
    progress
        Called with (files written, files in all) after every file.

    Returns
    -------
    SampleReport
        What lies in the root now.

    Raises
    ------
    ValueError
        If the root holds files of somebody else, or the calendar does not reach so far.
    """
    found = manifest.find(spec)
    if found is not None:
        return found
    grid = grid_of(last_sessions(spec.sessions, spec.last))
    days = as_dates(grid.sessions)
    products = (STOCKS, INDICES, OPTIONS) if spec.options else (STOCKS, INDICES)
    keys = [product.key(day) for day in days for product in products]
    keys += [OPEN_INTEREST] if spec.options else []
    manifest.clear(spec.root)
    manifest.write(spec, keys, None)
    markets, tickers = build(spec, grid)
    rows = size = 0
    for done, (more, stored) in enumerate(_files(spec, grid, markets, tickers), start=1):
        rows, size = rows + more, size + stored
        if progress is not None:
            progress(done, len(keys))
    report = SampleReport(
        root=spec.root,
        first=days[0],
        last=days[-1],
        files=len(keys),
        rows=rows,
        bytes=size,
        planted=_planted(spec, markets) if spec.edge == "planted" else None,
        reused=False,
    )
    manifest.write(spec, keys, report, _events(days, markets))
    return report


def build(spec: SampleSpec, grid: Grid) -> tuple[list[Market], list[Rows]]:
    """Walk all processes and price all tickers, in memory.

    Parameters
    ----------
    spec
        The sample; its root is not touched.
    grid
        Minutes of its sessions.

    Returns
    -------
    tuple
        One market per entry of `PROCESSES`, rows per entry of `TICKERS`.
    """
    steps = steps_of(grid, np.random.default_rng([spec.seed, WALK]))
    markets = [_market(spec, grid, i, steps[i]) for i in range(len(PROCESSES))]
    tickers = [
        rows_of(
            grid,
            ticker,
            steps[ticker.process],
            markets[ticker.process],
            np.random.default_rng([spec.seed, ROWS, i]),
        )
        for i, ticker in enumerate(TICKERS)
    ]
    return markets, tickers


def _market(spec: SampleSpec, grid: Grid, process: int, steps: Steps) -> Market:
    """Walk one process with the events that the spec asks for."""
    events = []
    if spec.episodes:
        events += episodes_of(
            grid,
            process,
            np.random.default_rng([spec.seed, EPISODES, process]),
            np.random.default_rng([spec.seed, COINS]),
        )
    if spec.edge == "planted":
        taken = {event.session for event in events}
        events += breakouts_of(grid, taken, np.random.default_rng([spec.seed, BREAKOUTS, process]))
    return script(grid, steps, events, drift_atr(spec.edge_sharpe))


def _files(
    spec: SampleSpec, grid: Grid, markets: Sequence[Market], tickers: Sequence[Rows]
) -> Iterator[tuple[int, int]]:
    """Write all files, yield rows and bytes of each."""
    stocks = [rows for rows in tickers if rows.volume is not None]
    indices = [rows for rows in tickers if rows.volume is None]
    order = np.random.default_rng([spec.seed, ORDER])
    options = OptionDays(spec, grid, markets, (INTEREST, TRADES)) if spec.options else None
    option_order = np.random.default_rng([spec.seed, OPTION_ORDER])
    for session, day in enumerate(as_dates(grid.sessions)):
        yield write_day(spec.root / STOCKS.key(day), grid, session, stocks, order)
        yield write_day(spec.root / INDICES.key(day), grid, session, indices, order)
        if options is not None:
            path = spec.root / OPTIONS.key(day)
            yield write_rows(path, options.columns(session), session, option_order)
    if options is not None:
        yield write_table(spec.root / OPEN_INTEREST, options.open_interest())


def _planted(spec: SampleSpec, markets: Sequence[Market]) -> Planted:
    upward = [
        happening
        for market in markets
        for happening in market.happenings
        if happening.kind == "breakout" and happening.jump_frac > 0
    ]
    return Planted(
        detector=PLANTED_DETECTOR,
        values=dict(PLANTED_VALUES),
        edge_sharpe=spec.edge_sharpe,
        events=len(upward),
        drifts=sum(happening.drift_frac > 0 for happening in upward),
    )


def _events(days: Sequence[dt.date], markets: Sequence[Market]) -> list[Mapping[str, object]]:
    """Describe what was scripted, by process and time."""
    return [
        {
            "process": process.name,
            **dataclasses.asdict(happening),
            "session": days[happening.session].isoformat(),
        }
        for process, market in zip(PROCESSES, markets, strict=True)
        for happening in market.happenings
    ]
