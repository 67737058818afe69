import string

from hypothesis import given
from hypothesis import strategies as st

from sweep.ingest.inflate import SLACK
from sweep.ingest.line_scan import TickerScan

# Few letters: names that begin with other names, and many of one length.
SHORT = st.text("AB", min_size=1, max_size=4)
TICKERS = SHORT | st.text(string.ascii_letters + string.digits + ".:-", min_size=1, max_size=12)
RESTS = st.sampled_from([",1", ",", ",9,9,9,-68400000000000", ",100,10.5,11,12,9,1,7"])


@given(
    pool=st.lists(TICKERS, min_size=1, max_size=30, unique=True),
    lines=st.lists(st.tuples(st.integers(0, 29), RESTS), min_size=1, max_size=60),
    wanted=st.sets(st.integers(0, 29), min_size=1, max_size=29),
)
def test_exactly_the_lines_of_wanted_tickers_are_selected(pool, lines, wanted):
    """Tickers of more than 7 characters may bring others with the same first 8."""
    names = {pool[i % len(pool)] for i in wanted}
    text = [(pool[i % len(pool)], rest) for i, rest in lines]
    block = "".join(f"{ticker}{rest}\n" for ticker, rest in text).encode()
    stretches = TickerScan(names).select(memoryview(block + bytes(SLACK))[:-SLACK])
    got = b"".join(bytes(s) for s in stretches).decode().splitlines()
    heads = {f"{name},"[:8] for name in names}
    expected = [t + rest for t, rest in text if (t + rest)[: len(f"{t},")][:8] in heads]
    assert got == expected
    assert all(f"{t}{rest}" in got for t, rest in text if t in names)


def test_each_of_many_tickers_of_one_length_is_found():
    names = [a + b for a in "ABCDE" for b in "ABCDE"]
    scan = TickerScan(names)
    for name in names:
        block = f"ZZ,1\n{name},1\nZZZ,1\n".encode()
        found = scan.select(memoryview(block + bytes(SLACK))[:-SLACK])
        assert [bytes(s) for s in found] == [f"{name},1\n".encode()]
