"""The vendor's REST interface: minute bars and splits, page by page to the end.

Facts: massive.com/docs (aggregates, splits). `limit` counts base bars, so a month of minutes fits
one page; pages carry no key, the header goes along with every request.
"""

import dataclasses
import datetime as dt
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from sweep.market.splits import Split
from sweep.market.symbols import Symbol
from sweep.store.retry import TRANSIENT_STATUS, Retry, SourceTransient, retry_after

API_KEY = "MASSIVE_API_KEY"
BASE_URL = "https://api.massive.com"

_LIMIT, _SPLIT_LIMIT = 50_000, 1_000
_LARGEST_NUMBER, _LAST_MS, _MOST_TRADES = 1e300, 9e12, 2**53
#: Bytes of a page as text; 50,000 bars take about 6 MB.
_LARGEST_PAGE = 64 << 20
#: No answer has more pages than this: a month has 44,640 minutes.
_PAGES = 1_000
_GOOD = frozenset({"OK", "DELAYED"})
_NUMBERS = ("t", "o", "h", "l", "c")

# It names every request at level INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)

Page = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class RestSettings:
    """How the REST interface is asked.

    Attributes
    ----------
    base_url
        Scheme and host.
    requests_per_s
        Most requests a second of all workers of a run, above 0.
    workers
        Requests in flight at once, at least 1.
    retry
        How a request is tried again.
    """

    base_url: str = BASE_URL
    requests_per_s: float = 5.0
    workers: int = 4
    retry: Retry = dataclasses.field(default_factory=Retry)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.requests_per_s <= 0:
            raise ValueError(f"requests_per_s must be above 0, got {self.requests_per_s}")
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}")


class RateLimit:
    """One token bucket for all threads: a request starts at the earliest 1/rate after another."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._free = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may start."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free)
            self._free = start + self._gap
        time.sleep(max(start - now, 0.0))


class RestClient:
    """A connection to the REST interface, for several threads; its key is shown nowhere.

    Parameters
    ----------
    settings
        How to ask.

    Raises
    ------
    ValueError
        If `MASSIVE_API_KEY` is not in the environment.
    """

    def __init__(self, settings: RestSettings) -> None:
        key = os.environ.get(API_KEY)
        if not key:
            raise ValueError(
                f"REST bars and splits need the environment variable {API_KEY} (the key of your "
                "dashboard); set it, or use source=flatfiles"
            )
        self.settings = settings
        self.requests = 0
        self._limit = RateLimit(settings.requests_per_s)
        self._count = threading.Lock()
        self._http = httpx.Client(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(60.0, connect=15.0),
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._http.close()

    def __repr__(self) -> str:
        """Return the place."""
        return f"RestClient({self.settings.base_url!r})"

    def minutes(self, symbol: Symbol, first: dt.date, last: dt.date) -> list[Page]:
        """Return all one-minute bars of New York dates, both included, raw prices, as they came.

        Raises
        ------
        PermissionError
            If the key is refused, or the symbol or dates are not in the plan; final.
        OSError
            If a page cannot be had or read within the bounds: never a part of the bars.
        """
        params = {"adjusted": "false", "sort": "asc", "limit": str(_LIMIT)}
        return list(self._results(minutes_path(symbol, first, last), params, _bar_fault))

    def splits(self, symbol: Symbol) -> list[Split]:
        """Return all splits of a symbol, rising by date; errors as `minutes`."""
        params = {"ticker": symbol.vendor_ticker, "limit": str(_SPLIT_LIMIT)}
        found = {
            dt.date.fromisoformat(row["execution_date"]): row
            for row in self._results("/stocks/v1/splits", params, _split_fault)
            if row["ticker"] == symbol.vendor_ticker
        }
        return [
            Split(symbol.name, day, float(row["split_from"]), float(row["split_to"]))
            for day, row in sorted(found.items())
        ]

    def _results(self, path: str, params: Mapping[str, str], fault: Any) -> Iterator[Page]:  # noqa: ANN401 - a function
        """Yield the results of all pages."""
        url, query = path, dict(params)
        seen: set[str] = set()
        for _ in range(_PAGES):
            page = self.settings.retry.run(lambda: self._page(url, query, fault), f"REST {path}")  # noqa: B023 - called at once
            yield from page.get("results") or ()
            following = page.get("next_url")
            if not following:
                return
            # The path of the next page on our own host: the key goes to no other one.
            parts = urlsplit(following)
            url, query = f"{parts.path}?{parts.query}" if parts.query else parts.path, {}
            if url in seen:
                raise OSError(f"REST {path}: its pages go in a circle; nothing of it was kept")
            seen.add(url)
        raise OSError(f"REST {path}: more than {_PAGES} pages; nothing of it was kept")

    def _page(self, url: str, query: Mapping[str, str], fault: Any) -> Page:  # noqa: ANN401 - a function
        self._limit.wait()
        with self._count:
            self.requests += 1
        place = url.partition("?")[0]
        try:
            with self._http.stream("GET", url, params=query or None) as answer:
                content = _bounded(answer, place)
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            raise SourceTransient(type(error).__name__) from None
        if answer.status_code in TRANSIENT_STATUS:
            raise SourceTransient(
                str(answer.status_code), retry_after(answer.headers.get("retry-after"))
            )
        if answer.status_code in (401, 403):
            raise _refused(answer.status_code, place)
        if answer.status_code != 200:
            raise OSError(f"REST {place}: the server answered {answer.status_code}")
        try:
            page = json.loads(content)
        except (ValueError, RecursionError):
            raise SourceTransient("a page that is no JSON") from None
        status = page.get("status") if isinstance(page, dict) else None
        if status == "NOT_AUTHORIZED":
            raise _refused(status, place)
        rows = page.get("results") if isinstance(page, dict) else None
        answered = isinstance(status, str) and status in _GOOD
        if not answered or not isinstance(rows, list | None):
            raise SourceTransient(f"a page of status {str(status)[:40]!r} that cannot be read")
        if not isinstance(page.get("next_url"), str | None):
            raise SourceTransient("a page whose next_url is no text")
        for row in rows or ():
            what = fault(row)
            if what is not None:
                raise SourceTransient(f"a page with {what}")
        good: Page = page
        return good


def _bounded(answer: httpx.Response, place: str) -> bytes:
    """Return the text of an answer, inflated piece by piece so that a hostile one ends early."""
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LARGEST_PAGE:
            raise OSError(
                f"REST {place}: a page of more than {_LARGEST_PAGE >> 20} MiB, more than any "
                "honest one; nothing of it was kept; check source.base_url"
            )
    return bytes(content)


def minutes_path(symbol: Symbol, first: dt.date, last: dt.date) -> str:
    """Return the path of a symbol's minutes; the key of their coverage records."""
    ticker = quote(symbol.vendor_ticker, safe=":")
    return f"/v2/aggs/ticker/{ticker}/range/1/minute/{first}/{last}"


def _refused(status: object, place: str) -> PermissionError:
    if status == 401:
        return PermissionError(f"REST {place}: the key is not accepted (401); check {API_KEY}")
    return PermissionError(
        f"REST {place}: refused ({status}): symbol or dates are not in your plan; leave them out"
    )


def _bar_fault(row: object) -> str | None:
    """Say what keeps a result from being a bar: prices and time are numbers, the rest may lack."""
    if not isinstance(row, dict):
        return "a bar that is no object"
    for name in _NUMBERS:
        if not _is_number(row.get(name)):
            return f"a bar without {name}"
    for name in ("v", "vw", "n"):
        if row.get(name) is not None and not _is_number(row[name]):
            return f"a bar whose {name} is no number"
    # What does not fit into 64 bits is no instant, and no count either.
    if abs(row["t"]) > _LAST_MS or abs(row.get("n") or 0) > _MOST_TRADES:
        return "a bar whose t or n is out of range"
    return None


def _split_fault(row: object) -> str | None:
    if not isinstance(row, dict) or not isinstance(row.get("ticker"), str):
        return "a split without ticker"
    for name in ("split_from", "split_to"):
        if not _is_number(row.get(name)) or row[name] <= 0:
            return f"a split whose {name} is no number above 0"
    try:
        dt.date.fromisoformat(row["execution_date"])
    except (KeyError, TypeError, ValueError):
        return "a split without execution_date"
    return None


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < _LARGEST_NUMBER  # NaN is not
