"""What a backfill did so far."""

import collections
import dataclasses
import datetime as dt
from collections.abc import Iterable

from sweep.ingest.merge import MonthResult
from sweep.ingest.spec import Failure
from sweep.ingest.stage import Staged


@dataclasses.dataclass
class Tally:
    """Counts of a backfill; the fields are those of `BackfillReport`."""

    files_read: int = 0
    bytes_read: int = 0
    text_bytes: int = 0
    rows: int = 0
    duplicates: int = 0
    bad_rows: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    requests: int = 0
    splits: int = 0
    sessions_filled: int = 0
    sessions_absent: int = 0
    sessions_provisional: int = 0
    months: int = 0
    changed: dict[str, set[dt.date]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)

    def add_file(self, staged: Staged, symbols: Iterable[str]) -> None:
        """Count a file read now, for those of the symbols that were taken from it."""
        manifest = staged.manifest
        self.files_read += 1
        self.bytes_read += manifest.size
        self.text_bytes += manifest.text_bytes
        for name in set(staged.fresh) & set(symbols):
            counts = manifest.counts.get(name)
            if counts is not None:
                self.rows += counts.rows
                self.duplicates += counts.duplicates
                self.bad_rows.update(counts.bad)

    def add_month(self, result: MonthResult) -> None:
        """Count a month merged now."""
        self.months += 1
        if result.changed:
            self.changed.setdefault(result.symbol, set()).update(result.changed)
        self.sessions_filled += len(result.complete)
        self.sessions_absent += len(result.absent)
