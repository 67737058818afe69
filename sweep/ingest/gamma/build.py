"""Build the gamma tables of underlyings, session by session, month files replaced whole."""

import dataclasses
import datetime as dt
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from detectors.bars import MINUTE_NS, Float, Int, MinuteBars, Sessions
from detectors.features.gamma import COLUMNS
from detectors.features.option_settings import OptionSettings
from sweep.ingest.gamma.arrange import Known, option_day
from sweep.ingest.gamma.inputs import (
    DailyInterest,
    OptionBars,
    Snapshots,
    option_bars,
    read_snapshots,
)
from sweep.ingest.gamma.spec import GammaReport, GammaSpec, SessionQuality
from sweep.ingest.inflate import BarsError
from sweep.ingest.pool import run_tasks
from sweep.ingest.products import OPTIONS
from sweep.ingest.sources import DaySource, LocalFlatFiles
from sweep.ingest.suggest import backfill_command
from sweep.market.calendar import as_dates, session_table
from sweep.market.options.session import gamma_minutes
from sweep.market.schema import TIMESTAMP
from sweep.store.gamma import ASSUMPTIONS, GAMMA, GammaStore
from sweep.store.lake import Lake

#: Called with what is being done, items done, items in all, items failed.
Progress = Callable[[str, int, int, int], None]

#: Sessions of volume that the proxies of open interest look back: 0.65 ** 20 is 0.0002.
HISTORY_SESSIONS = 20


def build_gamma(spec: GammaSpec, *, progress: Progress | None = None) -> GammaReport:
    """Build gamma tables and write them to the gamma store.

    Parameters
    ----------
    spec
        What to build.
    progress
        Called after every month of an underlying.

    Returns
    -------
    GammaReport
        `ok` is False where a file, or an underlying, failed; everything else was done.

    Raises
    ------
    ValueError
        If the order makes no sense: no option files in the range, no file of open interest for a
        source that needs one.
    """
    started = time.monotonic()
    source = LocalFlatFiles.at(os.fspath(spec.source_root))
    _check(spec)
    days = _days(spec, source)
    by_month = [tuple(of) for _, of in itertools.groupby(days, key=lambda day: f"{day:%Y-%m}")]
    tasks = [_Month(name, spec, source, of) for name in spec.underlyings for of in by_month]
    found: dict[tuple[str, dt.date], _Built] = {}
    failures: list[str] = []
    done = 0
    workers = spec.workers or os.cpu_count() or 1
    for outcome in run_tasks(_build_month, tasks, workers):
        task = outcome.task
        built = outcome.result
        if built is None:
            failures.append(f"{task.name} {task.days[0]:%Y-%m}: {outcome.error}")
        else:
            found[task.name, task.days[0]] = built
        done += len(task.days)
        if progress is not None:
            failed = len(failures) + sum(len(one.failures) for one in found.values())
            progress("sessions", done, len(days) * len(spec.underlyings), failed)
    ordered = [found[key] for task in tasks if (key := (task.name, task.days[0])) in found]
    quality = [row for built in ordered for row in built.quality]
    failures += [text for built in ordered for text in built.failures]
    failures += [
        f"{name}: no option bar in the files of the range"
        for name in spec.underlyings
        if not any(row.underlying == name for row in quality)
        and not any(text.startswith(f"{name} ") for text in failures)
    ]
    return GammaReport(tuple(quality), tuple(failures), time.monotonic() - started)


@dataclasses.dataclass(frozen=True)
class _Month:
    """The sessions of one underlying in one month: one task, one file."""

    name: str
    spec: GammaSpec
    source: LocalFlatFiles
    days: tuple[dt.date, ...]


@dataclasses.dataclass(frozen=True)
class _Built:
    """What became of a month."""

    quality: tuple[SessionQuality, ...]
    failures: tuple[str, ...]


def _build_month(task: _Month) -> _Built:
    """Build a month and write it."""
    spec = task.spec
    interest = None if spec.open_interest is None else DailyInterest(spec.open_interest)
    chains = None if spec.chains is None else read_snapshots(spec.chains)
    build = _Underlying(task.name, spec, task.source, interest, chains)
    quality, rows, failures = [], [], []
    for row, table, failure in build.sessions(task.days):
        if failure is not None:
            failures.append(failure)
        elif row is not None:
            quality.append(row)
            rows.append(table)
    if rows:
        _write(spec, task.name, f"{task.days[0]:%Y-%m}", pa.concat_tables(rows))
    return _Built(tuple(quality), tuple(failures))


def _check(spec: GammaSpec) -> None:
    source = spec.settings.oi_source
    if source in ("oi_file", "oi_plus") and spec.open_interest is None:
        raise ValueError(
            f"oi_source {source} needs a file of daily open interest; give one, or choose "
            "prev_volume, decayed, cum_volume or chain"
        )
    if source == "chain" and spec.chains is None:
        raise ValueError("oi_source chain needs a file of recorded snapshots; give one")


def _days(spec: GammaSpec, source: DaySource) -> list[dt.date]:
    """Return the sessions of the range that have an option file."""
    files = [
        day
        for day in source.days(OPTIONS)
        if (spec.first is None or day >= spec.first) and (spec.last is None or day <= spec.last)
    ]
    if files:
        days = set(as_dates(session_table(files[0], files[-1])))
        files = [day for day in files if day in days]
    if not files:
        wanted = f"{spec.first or 'the first'} to {spec.last or 'the last'}"
        raise ValueError(
            f"no option file like {OPTIONS.key(dt.date(2025, 1, 2))} of {wanted} below "
            f"{spec.source_root}"
        )
    return files


class _Underlying:
    """Builds the sessions of one underlying in order and remembers their volumes."""

    def __init__(
        self,
        name: str,
        spec: GammaSpec,
        source: DaySource,
        interest: DailyInterest | None,
        chains: Snapshots | None,
    ) -> None:
        self._name, self._spec, self._source = name, spec, source
        self._interest, self._chains = interest, chains
        self._lake = Lake(spec.storage_root)
        self._volumes: dict[dt.date, Mapping[str, float]] = {}

    def sessions(
        self, days: Sequence[dt.date]
    ) -> Iterator[tuple[SessionQuality | None, pa.Table, str | None]]:
        """Yield quality and rows of every session with option bars, or what failed."""
        nothing = GAMMA.empty_table()
        for day in days:
            try:
                session = session_table(day, day)
                bars = option_bars(self._source, day, self._name)
                if bars is None or not len(bars.ts):
                    yield None, nothing, None
                    continue
                minutes = self._lake.minute_bars(self._name, session)
                if not len(minutes):
                    yield (
                        None,
                        nothing,
                        (
                            f"{self._name} {day}: no minutes of the underlying in the bar store; "
                            f"fill it with: {backfill_command(self._lake.root, [self._name])}"
                        ),
                    )
                    continue
                yield *self._session(day, session, minutes, bars), None
            except BarsError as error:
                yield None, nothing, f"{self._name} {day}: {error}"

    def _session(
        self, day: dt.date, session: Sessions, minutes: MinuteBars, bars: OptionBars
    ) -> tuple[SessionQuality, pa.Table]:
        known = Known(
            bars=bars,
            interest=None if self._interest is None else self._interest.of(day),
            volumes=self._earlier(day),
            snapshots=_of_session(self._chains, session),
        )
        settings = self._spec.settings
        inputs = option_day(self._name, session, minutes, known, settings)
        found = gamma_minutes(inputs, settings)
        self._volumes[day] = bars.volume_by_ticker()
        ts = inputs.open_ns + np.arange(inputs.minutes) * MINUTE_NS
        gex, priced = found["gex"], found["opt_priced_frac"]
        quality = SessionQuality(
            underlying=self._name,
            day=day,
            contracts=len(inputs.contracts),
            trades=len(inputs.trades.minute),
            minutes=inputs.minutes,
            known=int(np.isfinite(gex).sum()),
            priced_frac=float(priced[~np.isnan(priced)].mean()) if np.any(priced >= 0) else np.nan,
        )
        return quality, _rows(ts, found, settings)

    def _earlier(self, day: dt.date) -> list[Mapping[str, float]]:
        """Return the volumes of the sessions before, the latest first, read where needed."""
        before = as_dates(session_table(day - dt.timedelta(days=40), day - dt.timedelta(days=1)))
        needed = {"prev_volume": 1, "decayed": HISTORY_SESSIONS}
        depth = needed.get(self._spec.settings.oi_source, 0)
        volumes: list[Mapping[str, float]] = []
        for past in before[::-1][:depth]:
            if past not in self._volumes:
                bars = option_bars(self._source, past, self._name)
                self._volumes[past] = {} if bars is None else bars.volume_by_ticker()
            volumes.append(self._volumes[past])
        return volumes if volumes and volumes[0] else []


def _of_session(chains: Snapshots | None, session: Sessions) -> Snapshots | None:
    """Return the snapshots recorded on the session's New York date before its close."""
    if chains is None:
        return None
    begin = session.open_ns[0] - 12 * 60 * MINUTE_NS
    inside = (chains.recorded_ns >= begin) & (chains.recorded_ns < session.close_ns[0])
    return chains.take(np.flatnonzero(inside)) if inside.any() else None


def _rows(ts: Int, found: Mapping[str, Float], settings: OptionSettings) -> pa.Table:
    columns = {"ts": pa.array(ts).cast(TIMESTAMP)}
    columns |= {name: pa.array(found[name], from_pandas=False) for name in COLUMNS}
    columns |= {
        name: pa.array([getattr(settings, name)] * len(ts), pa.string()) for name in ASSUMPTIONS
    }
    return pa.table(columns, schema=GAMMA)


def _write(spec: GammaSpec, name: str, month: str, rows: pa.Table) -> None:
    """Replace a month; its other sessions stay where they were computed with the same settings."""
    store = GammaStore(spec.storage_root)
    first = dt.date.fromisoformat(f"{month}-01")
    after = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    stored = store.read(name, first, after)
    same = all(
        stored[key].unique().to_pylist() in ([], [getattr(spec.settings, key)])
        for key in ASSUMPTIONS
    )
    if same and stored.num_rows:
        days = session_table(first, after)
        new = np.searchsorted(days.open_ns, rows["ts"].cast(pa.int64()).to_numpy(), side="right")
        old = np.searchsorted(days.open_ns, stored["ts"].cast(pa.int64()).to_numpy(), side="right")
        kept = stored.filter(pa.array(~np.isin(old, new)))
        rows = pa.concat_tables([kept, rows]).sort_by("ts")
    store.replace_month(name, month, rows)
