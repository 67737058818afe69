"""Hostile REST pages, search spaces and promotion records, and what became of them."""

import datetime as dt
import json
import math
import os
import tempfile
from pathlib import Path

import httpx
import yaml

from detectors.registry import DETECTORS
from sweep.ingest.rest import API_KEY, RestClient, RestSettings
from sweep.ingest.rest_rows import RestMinutes
from sweep.market.calendar import midnight_ns
from sweep.market.symbols import lookup
from sweep.promotion.records import path_of, read_record
from sweep.report.page.promotions import write_promotions
from sweep.search.spaces import read_spaces
from sweep.store.retry import Retry

DAY = dt.date(2015, 3, 26)
MINUTE_MS = midnight_ns(DAY) // 1_000_000 + 10 * 3_600_000
DETECTOR = "breakout_bullish"
SCALARS = (
    *(None, True, False, 0, -1, 1.5, math.nan, math.inf, -math.inf, 1e308, 10**30, 10**400),
    *(
        "",
        "x",
        "\0",
        "uniform",
        "int",
        "step",
        "choice",
        "promote",
        DETECTOR,
        "x" * 5_000,
    ),
)


def anything(rng, depth=0):
    kind = rng.random()
    if depth > 3 or kind < 0.6:
        return rng.choice(SCALARS)
    if kind < 0.8:
        return [anything(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {str(rng.choice(SCALARS)): anything(rng, depth + 1) for _ in range(rng.randrange(4))}


def altered(rng, good):
    """Return a copy of nested values with one of them replaced, missing or added."""
    if isinstance(good, dict) and good and rng.random() < 0.9:
        found, key = dict(good), rng.choice(list(good))
        if rng.random() < 0.1:
            del found[key]
        elif rng.random() < 0.1:
            found["none such"] = anything(rng)
        else:
            found[key] = altered(rng, good[key])
        return found
    if isinstance(good, list) and good and rng.random() < 0.9:
        place = rng.randrange(len(good))
        return [*good[:place], altered(rng, good[place]), *good[place + 1 :]]
    return anything(rng)


def often(rng, good):
    for _ in range(rng.randrange(4)):
        good = altered(rng, good)
    return good


def cut(rng, content):
    if rng.random() < 0.1:
        return content[: rng.randrange(len(content) + 1)]
    return content


def page(rng):
    bar = {"t": MINUTE_MS, "o": 2.0, "h": 3.0, "l": 1.0, "c": 2.0, "v": 10, "vw": 2.1, "n": 3}
    rows = [bar | {"t": MINUTE_MS + 60_000 * rng.randrange(90)} for _ in range(rng.randrange(5))]
    good = {"status": rng.choice(("OK", "DELAYED")), "results": rows}
    if rng.random() < 0.2:
        good["next_url"] = "https://elsewhere.example/v2/next?x=1"
    return cut(rng, json.dumps(often(rng, good)).encode())


class Pages:
    """Reads pages by the client; the transport is in memory."""

    def __init__(self):
        os.environ[API_KEY] = "marker-of-the-key"
        self.left = []
        base, retry = "https://rest.example", Retry(tries=1)
        self.client = RestClient(RestSettings(base_url=base, requests_per_s=1e9, retry=retry))
        self.client._http.close()  # noqa: SLF001 - no network
        self.client._http = httpx.Client(  # noqa: SLF001
            base_url=base, transport=httpx.MockTransport(lambda _: self._answer())
        )

    def _answer(self):
        return httpx.Response(200, content=self.left.pop(0) if self.left else b'{"status": "OK"}')

    @staticmethod
    def make(rng):
        return [page(rng) for _ in range(rng.randint(1, 2))]

    def outcome(self, pages):
        self.left = list(pages)
        try:
            minutes = RestMinutes.of(self.client.minutes(lookup("SPY"), DAY, DAY))
            table, _ = minutes.of_day(lookup("SPY"), DAY)
        except OSError as error:
            assert "marker" not in str(error)  # noqa: PT017 - most are refused
            return "refused"
        assert all(price > 0 for price in table["low"].to_pylist())
        return "rows" if len(table) else "empty"


class Spaces:
    """Reads search spaces as they come from a composed configuration."""

    @staticmethod
    def make(rng):
        good = {
            "breakout": {"volume_surge_min": ["uniform", 1.2, 3.0], "cooldown_bars": 4},
            DETECTOR: {"breakout_lookback_bars": ["int", 8, 60]},
            "exit": {"stop_atr": ["loguniform", 0.5, 3.0], "min_score": ["choice", 50, 60]},
        }
        return often(rng, good)

    @staticmethod
    def outcome(sections):
        if not isinstance(sections, dict) or not all(
            isinstance(one, dict) for one in sections.values()
        ):
            return "no mapping"  # Hydra admits none
        try:
            spaces = read_spaces([DETECTORS[DETECTOR]], sections)
        except ValueError as error:
            assert str(error).startswith("search space is not usable:\n  space.")  # noqa: PT017 - most are refused
            return "refused"
        assert all(math.isfinite(one.low) for one in spaces[DETECTOR].searched)
        return "read"


class Records:
    """Reads promotion records and shows them on the page of promotions."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self.file = path_of(self.root, DETECTOR)
        self.file.parent.mkdir()

    @staticmethod
    def make(rng):
        event = {
            "action": "promote",
            "promotion_id": "u000000000000",
            "sweep_id": "s0123456789ab",
            "at": "2024-01-05T10:00:00+00:00",
            "set_id": "a",
            "forced": False,
            "reason": None,
            "old": {"volume_surge_min": 1.5},
            "new": {"volume_surge_min": 2.0},
            "replaces": None,
            "data": {"symbols": ["SPY"], "first": "2024-01-02", "last": "2024-01-04"},
            "evidence": {"verdict": "holds", "summary": "It holds.", "pbo": 0.1, "tries_ever": 9},
            "holdout": {"first": "2024-01-03", "last": "2024-01-04", "mean_r_new": 0.1},
        }
        good = {
            "detector": DETECTOR,
            "revision": 1,
            "parameters": {"volume_surge_min": 2.0},
            "promotion_id": event["promotion_id"],
            "forced_ever": False,
            "history": [event],
        }
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(often(rng, good), Dumper=dumper).encode("utf-8", "surrogatepass")
        return cut(rng, text)

    def outcome(self, content):
        self.file.write_bytes(content)
        try:
            record = read_record(self.root, DETECTOR)
        except ValueError as error:
            assert str(self.file) in str(error)  # noqa: PT017 - most are refused
            return "refused"
        assert all(math.isfinite(value) for value in (record.parameters or {}).values())
        write_promotions(self.root, [record.shown()])
        return "read"
