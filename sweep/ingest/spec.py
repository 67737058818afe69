"""What a backfill is asked to do, and what it did."""

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Collection, Mapping
from typing import Literal

from sweep.ingest.rest import RestSettings
from sweep.store.place import Place
from sweep.store.sql.connect import Kind

SOURCE_KINDS = ("flatfiles", "rest", "hybrid")

PIPELINES = ("auto", "local", "ray")

#: Called with what is being done, items done, items in all, items failed, bytes so far.
Progress = Callable[[str, int, int, int, int], None]

#: Failures that the sentences of a report name one by one.
_NAMED = 20


@dataclasses.dataclass(frozen=True)
class BackfillSpec:
    """What to fill the bar store with.

    Attributes
    ----------
    source_root
        Folder that holds the vendor's day files, or `s3://bucket`; None with `rest`.
    storage_root
        `storage.root`.
    symbols
        Names or vendor tickers; `all`: the watchlist; where it is empty, every symbol of the
        asset-class table found in a local folder, of a bucket or by REST the ETFs and indices.
    first, last
        New York dates, both included. `last` None: the newest day file, with REST the newest
        session that is over. `first` None: `days` before, else the oldest day file.
    days
        Calendar days ending at `last`, at least 1; not together with `first`.
    timeframes
        Names; `1m` is always stored.
    source_kind
        One of `SOURCE_KINDS`.
    keep_all_symbols
        Stage every name of a file that is read, so that a further symbol needs no second reading.
    workers
        Processes, at least 1; None: one per core.
    endpoint
        URL of the server of a bucket.
    cache_hours
        Hours that downloaded files are kept below `<storage.root>/cache/flatfiles`, 0 or more.
    downloads
        Files in flight at once, at least 1.
    pipeline
        What reads day files and merges months, one of `PIPELINES`: processes of this machine, Ray
        Data, or what suits the work.
    ray_address, ray_insecure
        The cluster, None for that of the environment; whether it may be one without tokens.
    rest
        How the REST interface is asked, for `rest` and `hybrid`.
    store
        SQL store that is told: `sqlite` or `postgres`.
    mirror_bars
        Copy the months of the range into its table `historical_bars` too.
    """

    source_root: str | os.PathLike[str] | None
    storage_root: str | Place
    symbols: tuple[str, ...] | Literal["all"]
    first: dt.date | None = None
    last: dt.date | None = None
    days: int | None = None
    timeframes: tuple[str, ...] = ("1m", "5m", "15m", "1h", "4h", "1d")
    source_kind: str = "flatfiles"
    keep_all_symbols: bool = False
    workers: int | None = None
    endpoint: str = "https://files.massive.com"
    cache_hours: float = 24.0
    downloads: int = 8
    pipeline: str = "auto"
    ray_address: str | None = None
    ray_insecure: bool = False
    rest: RestSettings = dataclasses.field(default_factory=RestSettings)
    store: Kind = "sqlite"
    mirror_bars: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without looking at files.

        Raises
        ------
        ValueError
            With rule, value and remedy.
        """
        if self.source_kind not in SOURCE_KINDS:
            known = ", ".join(SOURCE_KINDS)
            raise ValueError(f"unknown source {self.source_kind!r}, known: {known}")
        if self.pipeline not in PIPELINES:
            raise ValueError(f"unknown pipeline {self.pipeline!r}, known: {', '.join(PIPELINES)}")
        if self.source_kind != "rest" and self.source_root is None:
            raise ValueError("no source.root; give the folder of the day files, or s3://bucket")
        if self.source_kind == "rest" and self.first is None and self.days is None:
            raise ValueError("source=rest needs to know how far back: give days=90 or from=...")
        if not self.symbols:
            raise ValueError("no symbols asked for; give symbols=[SPY,QQQ] or symbols=all")
        if isinstance(self.symbols, str) and self.symbols != "all":
            raise ValueError(f"symbols must be a tuple of names or 'all', got {self.symbols!r}")
        if self.days is not None and self.first is not None:
            raise ValueError(f"give days or from, not both; got {self.days} and {self.first}")
        if self.days is not None and self.days < 1:
            raise ValueError(f"days must be at least 1, got {self.days}")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"from must not be after to, got {self.first} > {self.last}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}")
        if self.downloads < 1:
            raise ValueError(f"downloads must be at least 1, got {self.downloads}")


@dataclasses.dataclass(frozen=True)
class Failure:
    """A part of a backfill that did not work.

    Attributes
    ----------
    what
        File, or symbol and month.
    error
        Cause and remedy.
    """

    what: str
    error: str


@dataclasses.dataclass(frozen=True)
class BackfillReport:
    """What a backfill found and did.

    Attributes
    ----------
    first, last, sessions
        Resolved range and its number of exchange sessions.
    symbols
        Symbols asked for that the store now has, sorted.
    unknown
        Symbols without a row in any file of the range -> nearest names found there.
    files_read, files_absent, files_late
        Day files read now; files of the range that the source does not have; those that it does
        not have yet.
    bytes_read, text_bytes
        Compressed and inflated bytes of the files read now.
    rows
        Minutes kept of the files read now.
    bad_rows
        Reason -> rows refused in the files read now.
    duplicates
        Rows dropped for another one of the same minute, in the files read now.
    requests, splits
        REST requests made; splits that they brought.
    sessions_filled, sessions_absent, sessions_provisional
        Symbol-sessions merged; recorded as absent at the vendor; merged from REST until their
        flat file comes; all now.
    months
        Month files of symbols rebuilt now.
    changed
        Symbol -> sessions whose stored bars were replaced by other ones.
    notes
        Sentences on what was decided.
    failures
        What did not work; the rest was done.
    seconds
        Wall time.
    """

    first: dt.date
    last: dt.date
    sessions: int
    symbols: tuple[str, ...]
    unknown: Mapping[str, tuple[str, ...]]
    files_read: int
    files_absent: tuple[str, ...]
    files_late: tuple[str, ...]
    bytes_read: int
    text_bytes: int
    rows: int
    bad_rows: Mapping[str, int]
    duplicates: int
    sessions_filled: int
    sessions_absent: int
    sessions_provisional: int
    requests: int
    splits: int
    months: int
    changed: Mapping[str, Collection[dt.date]]
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether everything asked for is done."""
        return not self.failures and not self.unknown

    def lines(self) -> list[str]:
        """Return the report as sentences, faults last."""
        count = len(self.symbols)
        named = ", ".join(self.symbols) if count <= 8 else f"{count} symbols"
        what = f"sessions of {named}" if count else "sessions, and no bar of any symbol"
        text = [f"{self.first} to {self.last}: {self.sessions} {what}"]
        if self.files_read:
            text.append(
                f"read {self.files_read} files ({self.bytes_read / 1e6:,.1f} MB), "
                f"{self.rows:,} minutes, {self.duplicates} duplicates, "
                f"{sum(self.bad_rows.values())} bad rows, in {self.seconds:.1f} s"
            )
        if self.requests:
            text.append(
                f"{self.requests:,} REST requests, {self.splits} splits, "
                f"{self.rows:,} minutes in all"
            )
        text += self.notes
        if self.sessions_provisional:
            text.append(
                f"{self.sessions_provisional} symbol-sessions are provisional until their flat "
                "file comes"
            )
        if not self.months and not self.failures and not self.unknown:
            text.append("nothing was missing")
        text += [f"bad rows, {reason}: {count:,}" for reason, count in self.bad_rows.items()]
        if self.files_late:
            text.append(f"not published yet: {_few(self.files_late)}; run this again later")
        if self.files_absent:
            text.append(f"the source has no file on a trading day: {_few(self.files_absent)}")
        if self.sessions_absent:
            text.append(f"{self.sessions_absent} symbol-sessions are absent at the vendor")
        for name, near in self.unknown.items():
            hint = f"; nearest names: {', '.join(near)}" if near else ""
            text.append(f"no row of {name} in any file of the range{hint}")
        text += [f"{failure.what}: {failure.error}" for failure in self.failures[:_NAMED]]
        if len(self.failures) > _NAMED:
            text.append(f"... and {len(self.failures) - _NAMED} more failures")
        return text


def _few(keys: tuple[str, ...]) -> str:
    """Return the first keys of many as text."""
    shown = ", ".join(keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"
