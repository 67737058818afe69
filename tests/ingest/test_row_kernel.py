"""The compiled parser against Arrow's: the same doubles to the last bit, odd text handed back."""

import collections
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.ingest import csv_rows
from sweep.ingest.csv_rows import ParsedRows, read_header
from sweep.ingest.products import INDICES, STOCKS

HEADERS = {
    "vendor": (STOCKS, "ticker,volume,open,close,high,low,window_start,transactions"),
    "more": (STOCKS, "ticker,otc,window_start,volume,open,close,high,low,transactions,x"),
    "index": (INDICES, "ticker,open,close,high,low,window_start"),
}


def usual(text, others):
    """Draw mostly one text: a block with several odd numbers is handed back at the first."""
    return st.integers(0, 9).flatmap(lambda place: others if place == 0 else st.just(text))


digits = st.text("0123456789", min_size=1, max_size=20)
decimals = st.one_of(
    digits,
    st.builds("{}.{}".format, digits, digits),
    # Around the largest mantissas that are exact.
    st.builds(
        lambda number, place: f"{str(number)[:place]}.{str(number)[place:]}",
        st.integers(2**53 - 9, 10**18 - 1),
        st.integers(1, 15),
    ),
    st.floats(0.0001, 1e6).map(lambda value: f"{value:.14f}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
plain = {
    "ticker": st.sampled_from(["A", "AA", "AAB", "AB", "BRK.B", "BACpL"]),
    "whole": usual("1764081000000000000", st.integers(-(2**63), 2**63 - 1).map(str)),
    "decimal": usual("12.5", st.one_of(decimals, decimals.map("-{}".format))),
}
odd = st.sampled_from(["", "1e5", "+1", ".5", "5.", "-", "--1", "1.2.3", "nan", '"7"', "1 ", " 1"])


@st.composite
def blocks(draw):
    product, names = HEADERS[draw(st.sampled_from(sorted(HEADERS)))]
    kinds = {"ticker": "ticker", "window_start": "whole", "transactions": "whole"}
    fields = [plain[kinds.get(name, "decimal")] for name in names.split(",")]
    lines = draw(st.lists(st.tuples(*fields).map(list), min_size=1, max_size=6))
    if draw(st.booleans()):
        line = draw(st.sampled_from(lines))
        line[draw(st.integers(0, len(line) - 1))] = draw(odd)
    if draw(st.integers(0, 9)) == 0:
        draw(st.sampled_from(lines)).append("1")
    text = "".join(",".join(line) + "\n" for line in lines)
    return product, names, text


def parse(product, names, text, *, compiled):
    header = read_header(names.encode(), product, "label")
    parsed = ParsedRows([], collections.Counter(), compiled=compiled)
    try:
        parsed.add(bytearray(text, "utf-8"), header, "label")
    except ValueError as error:
        return str(error)
    (table,) = parsed.tables
    return table.column_names, [column.to_pylist() for column in table.columns], parsed.misshapen


@settings(max_examples=200, deadline=None)  # the first example compiles
@given(blocks())
def test_both_parsers_read_the_same(block):
    # repr tells doubles of other bits apart, and NaN equals NaN.
    assert repr(parse(*block, compiled=True)) == repr(parse(*block, compiled=False))


def test_decimals_are_the_nearest_doubles():
    drawn = random.Random(7)
    for _ in range(300):
        text, place = str(drawn.randrange(2**52, 10**18)), drawn.randrange(1, 16)
        text = f"{text[:place]}.{text[place:]}"
        names = HEADERS["index"][1]
        _, columns, _ = parse(INDICES, names, f"A,{text},1,1,1,0\n", compiled=True)
        assert columns[1] == [float(text)]


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_plain_lines_need_no_other_parser(name, monkeypatch):
    product, names = HEADERS[name]
    values = {"ticker": "AA", "window_start": "1764081000000000000", "transactions": "-3"}
    values |= {"high": "69.86160000000000", "low": "0.0001", "x": "any thing", "otc": ""}
    rows = [
        [values.get(column, "12.5") for column in names.split(",")],
        ["A", *("7" for _ in names.split(",")[1:])],
    ]
    text = "".join(",".join(rows[i]) + "\n" for i in (0, 0, 1, 0))
    wanted = parse(product, names, text, compiled=False)
    monkeypatch.setattr(csv_rows, "_parse", None)
    assert parse(product, names, text, compiled=True) == wanted
    assert wanted[1][0] == ["AA", "AA", "A", "AA"]
