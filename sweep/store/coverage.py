"""Coverage records: what is known of each (symbol, session, source), and so what is still a hole.

They lie beside the bars as `<root>/coverage/symbol=<s>/<year-month>.parquet`, replaced whole by
the one writer of that month.
"""

import datetime as dt
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from sweep.market.symbols import file_name
from sweep.store.atomic import replacing
from sweep.store.folder import Folder
from sweep.store.lease import lease
from sweep.store.place import Place

COMPLETE, ABSENT, PROVISIONAL = "complete", "absent_at_vendor", "provisional"

#: `version` is the file's version (null where there was no file), `key` its key or the REST range.
#: `bad_rows` is a JSON object, reason -> rows. Minutes are those of the regular session.
COVERAGE = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("session", pa.date32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("minutes_present", pa.int32()),
        pa.field("minutes_expected", pa.int32()),
        pa.field("extended_minutes", pa.int32()),
        pa.field("duplicates", pa.int32()),
        pa.field("bad_rows", pa.string()),
        pa.field("key", pa.string()),
        pa.field("version", pa.string()),
        pa.field("fetched_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)

_ASKED = ("coverage", "asked.json")
_log = logging.getLogger(__name__)
_MONTH = re.compile(r"(\d{4}-\d{2})\.parquet")


class CoverageStore:
    """Coverage records below a storage root.

    Parameters
    ----------
    root
        `storage.root`.
    """

    def __init__(self, root: str | Place) -> None:
        self._folder = Folder(root)

    def symbols(self) -> list[str]:
        """Return the symbols that have a record, sorted."""
        names = self._folder.names("coverage")
        return sorted(unquote(n.removeprefix("symbol=")) for n in names if n.startswith("symbol="))

    def months(self, symbol: str) -> list[str]:
        """Return the months of a symbol that have records, `YYYY-MM`, rising."""
        names = self._folder.names("coverage", f"symbol={file_name(symbol)}")
        return [match.group(1) for name in names if (match := _MONTH.fullmatch(name))]

    def read(
        self,
        symbols: Iterable[str] | None = None,
        first: dt.date | None = None,
        last: dt.date | None = None,
    ) -> pa.Table:
        """Read the records of symbols (None: all), sessions `first` to `last`, both included.

        Returns
        -------
        pyarrow.Table
            Columns of `COVERAGE`, by symbol, session, source.
        """
        tables = []
        for symbol in sorted(set(self.symbols() if symbols is None else symbols)):
            for name in self._folder.names("coverage", f"symbol={file_name(symbol)}"):
                match = _MONTH.fullmatch(name)
                if match is not None and _overlaps(match.group(1), first, last):
                    tables.append(self._month(symbol, name))
        table = pa.concat_tables(tables) if tables else COVERAGE.empty_table()
        if first is not None:
            table = table.filter(pc.greater_equal(table["session"], pa.scalar(first)))
        if last is not None:
            table = table.filter(pc.less_equal(table["session"], pa.scalar(last)))
        return table

    def update_month(
        self, symbol: str, year_month: str, records: Sequence[dict[str, object]]
    ) -> None:
        """Put records of one symbol and month; those of the same session and source are replaced.

        The caller holds the month's lease.
        """
        name = f"{year_month}.parquet"
        parts = ("coverage", f"symbol={file_name(symbol)}", name)
        old = self._month(symbol, name).to_pylist() if self._folder.exists(*parts) else []
        merged = {(row["session"], row["source"]): row for row in (*old, *records)}
        rows = [merged[key] for key in sorted(merged)]
        self._folder.replace(*parts, table=pa.Table.from_pylist(rows, schema=COVERAGE))

    def asked(self) -> dict[str, tuple[dt.date, dt.date]]:
        """Return symbol -> first and last session that backfills were asked for, ever."""
        file = self._folder.join(*_ASKED)
        try:
            asked = json.loads(file.read_text(encoding="utf-8"))
            return {
                symbol: (dt.date.fromisoformat(first), dt.date.fromisoformat(last))
                for symbol, (first, last) in asked.items()
            }
        except FileNotFoundError:
            return {}
        except (AttributeError, TypeError, ValueError) as error:
            _log.warning("%s is not symbol -> [first, last], nothing is known: %s", file, error)
            return {}

    def note_asked(self, symbols: Iterable[str], first: dt.date, last: dt.date) -> None:
        """Remember that sessions were asked for: those of them that failed have no record."""
        if not _widened(self.asked(), symbols, first, last):
            return
        with lease(self._folder.join("locks", "asked.lock")):
            known = self.asked()
            known |= _widened(known, symbols, first, last)
            text = {name: [str(day) for day in known[name]] for name in sorted(known)}
            with replacing(self._folder.join(*_ASKED)) as temporary:
                temporary.write_text(json.dumps(text, indent=0) + "\n", encoding="utf-8")

    def _month(self, symbol: str, name: str) -> pa.Table:
        return self._folder.read("coverage", f"symbol={file_name(symbol)}", name, schema=COVERAGE)


def _widened(
    known: Mapping[str, tuple[dt.date, dt.date]],
    symbols: Iterable[str],
    first: dt.date,
    last: dt.date,
) -> dict[str, tuple[dt.date, dt.date]]:
    """Return the ranges that grow."""
    grown = {}
    for name in symbols:
        begin, end = known.get(name, (first, last))
        wider = min(begin, first), max(end, last)
        if wider != known.get(name):
            grown[name] = wider
    return grown


def _overlaps(year_month: str, first: dt.date | None, last: dt.date | None) -> bool:
    after_first = first is None or year_month >= f"{first:%Y-%m}"
    return after_first and (last is None or year_month <= f"{last:%Y-%m}")
