"""Whatever comes from outside ends in bars or in an error of our own, never in another one.

`FUZZ_EXAMPLES=200000 python -m pytest tests/fuzz` is the long run; docs/reliability.md says how
often it was done.
"""

import datetime as dt
import gzip
import io
import json
import math
import os
import resource

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.registry import DETECTORS
from sweep.ingest.flatfiles import read_day
from sweep.ingest.inflate import BarsError
from sweep.ingest.products import INDICES, STOCKS
from sweep.ingest.rest import API_KEY, RestClient, RestSettings
from sweep.ingest.rest_rows import RestMinutes
from sweep.market.calendar import midnight_ns
from sweep.market.schema import BARS
from sweep.market.symbols import file_name, lookup
from sweep.promotion.mirror import _promotion_row
from sweep.promotion.records import _KEYS, path_of, read_record
from sweep.report.page.promotions import write_promotions
from sweep.search.spaces import read_spaces
from sweep.store.folder import Folder
from sweep.store.retry import Retry

DAY = dt.date(2015, 3, 26)
MINUTE = midnight_ns(DAY) + 10 * 3_600_000_000_000
HEADER = b"ticker,volume,open,close,high,low,window_start,transactions"
FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    database=None,
)

cell = st.one_of(
    st.sampled_from([b"SPY", b"NA", b"", b"-1", b"nan", b"1e999", b"0x1", b" 1", b"\x00", b'"']),
    st.integers(-(10**25), 10**25).map(lambda n: str(n).encode()),
    st.floats().map(lambda x: repr(x).encode()),
    st.integers(-3, 3).map(lambda n: str(MINUTE + n * 60_000_000_000).encode()),
    st.binary(max_size=12),
)
good_row = st.builds(
    lambda n, p: f"SPY,{p},{p},{p},{p},{p},{MINUTE + n * 60_000_000_000},3".encode(),
    st.integers(0, 100),
    st.integers(1, 10**6),
)
line = st.one_of(good_row, st.lists(cell, max_size=10).map(b",".join), st.binary(max_size=80))
text = st.builds(
    lambda head, rows, end: b"\n".join([head, *rows]) + end,
    st.one_of(st.just(HEADER), st.permutations(HEADER.split(b",")).map(b",".join), line),
    st.lists(line, max_size=12),
    st.sampled_from([b"\n", b"", b"\r\n", b"\n\n"]),
)


@st.composite
def day_file(draw):
    """A day file: packed well, cut, with a byte changed, in members, or anything."""
    packed = gzip.compress(draw(text), 1)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return packed
    if kind == 1:
        return packed[: draw(st.integers(0, len(packed)))]
    if kind == 2:
        place = draw(st.integers(0, len(packed) - 1))
        changed = bytes([draw(st.integers(0, 255))])
        return packed[:place] + changed + packed[place + 1 :]
    if kind == 3:
        return packed + gzip.compress(draw(text), 1) + draw(st.binary(max_size=8))
    return draw(st.binary(max_size=200))


@FUZZ
@given(day_file(), st.sampled_from([STOCKS, INDICES]), st.booleans())
def test_a_day_file_is_read_or_refused(content, product, everything):
    wanted = None if everything else {"SPY": "SPY"}
    try:
        rows = read_day(io.BytesIO(content), product, DAY, wanted, "the file").table
    except BarsError as error:
        assert "the file" in str(error)  # noqa: PT017 - most inputs are refused
        return
    prices = [rows[name].to_numpy() for name in ("open", "high", "low", "close")]
    assert all(math.isfinite(price) and price > 0 for column in prices for price in column)
    stamps = rows["ts"].cast(pa.int64()).to_numpy()
    assert (
        (stamps >= midnight_ns(DAY)) & (stamps < midnight_ns(DAY + dt.timedelta(days=1)))
    ).all()


scalar = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=8)
)
anything = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=10,
)
number = st.one_of(st.integers(0, 10**13), st.floats(0, 1e6), scalar)
bar = st.fixed_dictionaries(
    {"t": st.one_of(st.just(MINUTE // 1_000_000), number)} | dict.fromkeys("ohlc", number),
    optional={"v": number, "vw": number, "n": number},
)
page = st.one_of(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["OK", "DELAYED", "ERROR", ["OK"]])},
        optional={
            "results": st.one_of(st.lists(st.one_of(bar, anything), max_size=5), anything),
            "next_url": st.one_of(st.just("https://elsewhere.example/v2/next?x=1"), anything),
        },
    ).map(lambda value: json.dumps(value).encode()),
    anything.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
    st.just(b"[" * 100_000),
)


@FUZZ
@given(st.lists(page, min_size=1, max_size=3))
def test_rest_pages_are_read_or_refused(pages):
    left = list(pages)

    def answer(request):
        assert request.url.host == "rest.example"
        return httpx.Response(200, content=left.pop(0) if left else b'{"status": "OK"}')

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(API_KEY, "marker-of-the-key")
        options = RestSettings(
            base_url="https://rest.example", requests_per_s=1e9, retry=Retry(tries=1)
        )
        client = RestClient(options)
        client._http.close()
        client._http = httpx.Client(
            base_url="https://rest.example", transport=httpx.MockTransport(answer)
        )
        with client:
            try:
                minutes = RestMinutes.of(client.minutes(lookup("SPY"), DAY, DAY))
                table, _ = minutes.of_day(lookup("SPY"), DAY)
            except OSError as error:
                assert "marker" not in str(error)  # noqa: PT017 - most inputs are refused
                return
    assert table.schema.equals(BARS)
    assert all(price > 0 for price in table["low"].to_pylist())


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(["breakout", "exit", "breakout_bullish", "none such", "factor_weights"]),
        st.dictionaries(
            st.sampled_from(["volume_surge_min", "min_score", "stop_atr", "_target_", "ratio"]),
            st.one_of(
                anything,
                st.lists(st.one_of(st.sampled_from(["uniform", "int", "step", "choice"]), scalar)),
            ),
        ),
    )
)
def test_a_space_is_read_or_refused(sections):
    detector = DETECTORS["breakout_bullish"]
    try:
        spaces = read_spaces([detector], sections)
    except ValueError as error:
        assert str(error).startswith("search space is not usable:\n  space.")  # noqa: PT017 - most inputs are refused
        return
    for dimension in spaces["breakout_bullish"].searched:
        assert math.isfinite(dimension.low)


@FUZZ
@given(st.text(max_size=20))
def test_a_symbol_is_a_file_name_or_refused(name):
    try:
        found = file_name(lookup(name).name)
    except ValueError:
        return
    assert "/" not in found
    assert found not in {".", ".."}
    assert not found.startswith(".")


@FUZZ
@given(st.data())
def test_a_damaged_month_file_is_refused_or_has_the_columns(tmp_path, data):
    buffer = io.BytesIO()
    pq.write_table(BARS.empty_table(), buffer)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "m.parquet").write_bytes(content)
    try:
        table = Folder(tmp_path).read("m.parquet", schema=BARS)
    except ValueError as error:
        assert "is not a readable file of this store" in str(error)  # noqa: PT017
        return
    assert table.schema.equals(BARS)


def test_a_small_file_of_very_many_rows_is_refused_before_it_is_read(tmp_path):
    many = pa.table({"x": pa.nulls(30_000_000, pa.int8())})
    pq.write_table(many, tmp_path / "bomb.parquet", compression="zstd", row_group_size=30_000_000)
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(ValueError, match="has 30,000,000 rows, 20,000,000 at most"):
        Folder(tmp_path).read("bomb.parquet", schema=many.schema)


def test_a_long_text_of_very_many_rows_is_refused_before_every_row_has_it(tmp_path):
    rows = pa.array(np.zeros(1_000_000, np.int32))
    text = pa.DictionaryArray.from_arrays(rows, pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"source": text}), tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    schema = pa.schema([("source", pa.string())])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="has a text of 1,000,000 bytes in source"):
        Folder(tmp_path).read("bomb.parquet", schema=schema)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


DETECTOR = "breakout_bullish"
key = st.sampled_from([*_KEYS, "volume_surge_min", "min_score", "forced", "action", "none such"])
in_yaml = st.recursive(
    st.one_of(
        scalar, st.sampled_from([DETECTOR, "promote", "u0123456789ab", dt.date(2024, 1, 5)])
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(key | st.integers(0, 3), inner, max_size=8)
    ),
    max_leaves=12,
)
NEW = {
    "action": "promote",
    "promotion_id": "u000000000000",
    "at": "2024-01-05T10:00:00+00:00",
    "sweep_id": "s0123456789ab",
    "set_id": "a",
    "forced": False,
    "reason": None,
    "old": None,
    "new": {"volume_surge_min": 2.0},
    "replaces": None,
    "data": {"symbols": ["SPY"], "first": "2024-01-02", "last": "2024-01-04"},
    "evidence": {"verdict": "holds", "summary": "It holds.", "pbo": 0.1},
    "holdout": {"first": "2024-01-03", "last": "2024-01-04", "sessions": 2, "mean_r_new": 0.1},
}
GOOD = {
    "detector": DETECTOR,
    "revision": 1,
    "parameters": {"volume_surge_min": 2.0},
    "promotion_id": NEW["promotion_id"],
    "forced_ever": False,
    "history": [NEW],
}


def altered(good, odd):
    """Return the good mapping with some values replaced, or a key too many."""
    keys = st.sampled_from([*good, "none such"])
    return st.dictionaries(keys, odd, max_size=2).map(lambda changes: good | changes)


promotion = st.one_of(
    altered(GOOD, in_yaml).map(yaml.safe_dump),
    altered(NEW, in_yaml).map(lambda event: yaml.safe_dump(GOOD | {"history": [event, NEW]})),
    st.sampled_from(["data", "evidence", "holdout"]).flatmap(
        lambda part: altered(NEW[part], in_yaml).map(
            lambda found: yaml.safe_dump(GOOD | {"history": [NEW | {part: found}]})
        )
    ),
    st.dictionaries(key, st.floats(0, 100) | in_yaml, max_size=3).map(
        lambda values: yaml.safe_dump(GOOD | {"parameters": values})
    ),
    in_yaml.map(yaml.safe_dump),
    st.text(max_size=40),
    st.sampled_from(
        [
            "!!python/object/apply:os.system ['touch /tmp/owned']",
            "parameters: !!python/name:os.system",
            "[" * 5_000,
            "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]",
            "&a [*a]",
            "? {a: b}\n: 1",
            "9" * 5_000,
            "1:" * 200,
        ]
    ),
).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=40)


@FUZZ
@given(promotion)
def test_a_promotion_file_is_read_or_refused(tmp_path, content):
    file = path_of(tmp_path, DETECTOR)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    try:
        record = read_record(tmp_path, DETECTOR)
    except ValueError as error:
        assert str(file) in str(error)  # noqa: PT017 - most inputs are refused
        return
    assert all(math.isfinite(value) for value in (record.parameters or {}).values())
    assert isinstance(record.forced_ever, bool)
    if record.current is not None:
        assert record.undone("2024-01-06").history[:-1] == record.history
    assert all(_promotion_row(record, event)["promoted_at"] for event in record.history)
    if record.history:
        assert "Promotions" in write_promotions(tmp_path, [record.shown()]).read_text()


def test_a_bound_beyond_all_floats_is_refused_in_a_space():
    sections = {"breakout": {"volume_surge_min": ["uniform", 1, 10**400]}}
    with pytest.raises(ValueError, match=r"search space is not usable:\n  space\.breakout"):
        read_spaces([DETECTORS[DETECTOR]], sections)


def test_a_verdict_that_there_is_none_of_is_refused_in_a_record(tmp_path):
    file = path_of(tmp_path, DETECTOR)
    file.parent.mkdir()
    evidence = NEW["evidence"] | {"verdict": "perhaps"}
    file.write_text(yaml.safe_dump(GOOD | {"history": [NEW | {"evidence": evidence}]}))
    with pytest.raises(ValueError, match=r"event 1 of history: evidence.verdict has no legal"):
        read_record(tmp_path, DETECTOR)


def test_a_short_record_that_refers_to_very_many_values_is_refused(tmp_path):
    file = path_of(tmp_path, DETECTOR)
    file.parent.mkdir()
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    file.write_text("\n".join(["a0: &a0 [x]", *rows]))
    with pytest.raises(ValueError, match="16,777,216 characters or 1,000,000 values"):
        read_record(tmp_path, DETECTOR)
    file.write_bytes(b"#" * (16 * 1024**2 + 1))
    with pytest.raises(ValueError, match="has more than 16,777,216 characters"):
        read_record(tmp_path, DETECTOR)
