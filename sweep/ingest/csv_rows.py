"""Parse CSV lines of a day file into typed columns, by header name.

The quick route lets Arrow type every column, and where all symbols are wanted a compiled parser
comes before it. A line that one refuses sends its block to the next, at last to the careful route,
which turns what is no number into null: such rows are counted later, never silently dropped.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sweep.ingest.inflate import BarsError
from sweep.ingest.products import Product

FLOATS = ("open", "high", "low", "close", "volume")
INTEGERS = ("window_start", "transactions")

#: Coded while it is parsed: coding 1.7M strings afterwards takes a fifth as long as parsing.
TICKERS = pa.dictionary(pa.int32(), pa.string())

_DECIMAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$|^[+-]?(?i:nan|inf|infinity)$"
#: Whole numbers below 9e18, so that they fit 64 bits.
_WHOLE = r"^[+-]?[0-8]?\d{1,18}$"


@dataclasses.dataclass(frozen=True)
class Header:
    """Columns of one file.

    Attributes
    ----------
    names
        All columns in the file's order.
    used
        Those that are read: the product's required ones and, where present, `transactions`.
    """

    names: tuple[str, ...]
    used: tuple[str, ...]

    @property
    def ticker_first(self) -> bool:
        """Tell whether a line begins with its ticker."""
        return self.names[0] == "ticker"


def read_header(line: bytes, product: Product, label: str) -> Header:
    """Read the header line.

    Raises
    ------
    BarsError
        If a required column is missing or named twice.
    """
    text = line.decode("utf-8-sig", errors="replace").strip()
    names = tuple(name.strip().strip('"') for name in text.split(","))
    missing = [name for name in product.required if names.count(name) != 1]
    if missing:
        raise BarsError(
            f"{label}: the header must name each of {', '.join(product.required)} once; "
            f"not so: {', '.join(missing)}; got {text[:200]!r}"
        )
    used = [name for name in names if name in product.required]
    if product.has_volume and names.count("transactions") == 1:
        used.append("transactions")
    return Header(names, tuple(used))


@dataclasses.dataclass
class ParsedRows:
    """Rows of one or more blocks.

    Attributes
    ----------
    tables
        Columns `ticker` dictionary of strings, `FLOATS` float64, `INTEGERS` int64, as far as the
        file has them; null where a field is empty or no number.
    misshapen
        Ticker -> lines with a wrong number of fields.
    compiled
        Whether the text is so much that a compiled parser is worth its loading.
    """

    tables: list[pa.Table]
    misshapen: collections.Counter[str]
    compiled: bool = False

    def add(self, text: bytearray, header: Header, label: str) -> None:
        """Parse whole lines and keep their rows.

        Raises
        ------
        BarsError
            If the lines are no CSV at all.
        """
        if self.compiled and (plain := _plain(text, header)) is not None:
            self.tables.append(plain)
            return
        misshapen: collections.Counter[str] = collections.Counter()
        if not text.isascii():  # Arrow cannot hand over a misshapen line that is no text
            text = bytearray(text.decode("utf-8", errors="replace"), "utf-8")
        try:
            table = _parse(text, header, _types(header), misshapen)
        except pa.ArrowInvalid:
            misshapen.clear()
            try:
                table = _careful(text, header, misshapen)
            except pa.ArrowInvalid as error:
                raise BarsError(f"{label}: lines that are no CSV ({error})") from error
        self.misshapen.update(misshapen)
        self.tables.append(table)

    def keep(self, tickers: Iterable[str]) -> None:
        """Drop rows of other tickers."""
        wanted = pa.array(sorted(tickers), pa.string())
        self.tables = [table.filter(_of(table["ticker"], wanted)) for table in self.tables]
        inside = set(wanted.to_pylist())
        for ticker in [name for name in self.misshapen if name not in inside]:
            del self.misshapen[ticker]


def join(tables: Sequence[pa.Table]) -> tuple[pa.Table, list[str]]:
    """Join tables; return with them the tickers that have a row, in the order of their codes."""
    joined = pa.concat_tables(tables)
    coded = joined["ticker"].combine_chunks()
    codes = coded.indices.to_numpy()
    used = np.bincount(codes, minlength=len(coded.dictionary)) > 0
    tickers: list[str] = coded.dictionary.filter(pa.array(used)).to_pylist()
    if not used.all():
        codes = (np.cumsum(used, dtype=np.int32) - np.int32(1))[codes]
    place = joined.column_names.index("ticker")
    return joined.set_column(place, "ticker", pa.array(codes)), tickers


def _of(column: pa.ChunkedArray, wanted: pa.Array) -> pa.Array:
    """Tell which rows have one of some tickers."""
    coded = column.combine_chunks()
    return pc.is_in(coded.dictionary, value_set=wanted).take(coded.indices)


def _types(header: Header) -> dict[str, pa.DataType]:
    kinds = {"ticker": TICKERS} | dict.fromkeys(FLOATS, pa.float64())
    kinds |= dict.fromkeys(INTEGERS, pa.int64())
    return {name: kinds[name] for name in header.used}


def _plain(text: bytearray, header: Header) -> pa.Table | None:
    """Parse lines without quotes, signs and gaps; None where one has any of it."""
    from sweep.ingest.row_kernel import SKIPPED, TICKER, parse_lines  # noqa: PLC0415 - compiled

    if not text.isascii():
        return None
    floats, integers = ([n for n in header.used if n in kind] for kind in (FLOATS, INTEGERS))
    places = {name: i for i, name in enumerate([*floats, *integers])} | {"ticker": TICKER}
    roles = np.array([places[n] if n in header.used else SKIPPED for n in header.names])
    count = text.count(b"\n")
    real, whole = np.empty((len(floats), count)), np.empty((len(integers), count), np.int64)
    runs, ends = np.empty(count, np.int32), np.empty((2, count), np.int64)
    rows, found = parse_lines(np.frombuffer(text, np.uint8), roles, real, whole, runs, ends)
    if rows < 0:
        return None
    codes: dict[bytes, int] = {}
    bounds = zip(*ends[:, :found].tolist(), strict=True)
    code = [codes.setdefault(bytes(text[begin:end]), len(codes)) for begin, end in bounds]
    tickers = pa.array([ticker.decode() for ticker in codes], pa.string())
    coded = np.array(code, np.int32)[runs] if len(codes) < found else runs
    columns = {"ticker": pa.DictionaryArray.from_arrays(pa.array(coded), tickers)}
    columns |= {name: pa.array(real[i]) for i, name in enumerate(floats)}
    columns |= {name: pa.array(whole[i]) for i, name in enumerate(integers)}
    return pa.table({name: columns[name] for name in header.used})


def _parse(
    text: bytearray,
    header: Header,
    types: dict[str, pa.DataType],
    misshapen: collections.Counter[str],
) -> pa.Table:
    place = header.names.index("ticker")

    def note(row: csv.InvalidRow) -> str:
        fields = (row.text or "").split(",")
        misshapen[fields[place].strip('"') if place < len(fields) else ""] += 1
        return "skip"

    return csv.read_csv(
        pa.BufferReader(pa.py_buffer(text)),
        read_options=csv.ReadOptions(
            column_names=list(header.names), use_threads=False, block_size=len(text) + 1
        ),
        parse_options=csv.ParseOptions(invalid_row_handler=note),
        convert_options=csv.ConvertOptions(
            include_columns=list(header.used),
            column_types=types,
            null_values=[""],
            strings_can_be_null=False,
        ),
    )


def _careful(text: bytearray, header: Header, misshapen: collections.Counter[str]) -> pa.Table:
    raw = _parse(text, header, dict.fromkeys(header.used, pa.binary()), misshapen)
    columns = {}
    for name, kind in _types(header).items():
        fields = [field.decode("utf-8", errors="replace") for field in raw[name].to_pylist()]
        column = pa.array(fields, pa.string())
        if name != "ticker":
            pattern = _WHOLE if name in INTEGERS else _DECIMAL
            legal = pc.match_substring_regex(column, pattern)
            column = pc.if_else(legal, column, pa.scalar(None, pa.string())).cast(kind)
        columns[name] = column if name != "ticker" else column.dictionary_encode()
    return pa.table(columns)
