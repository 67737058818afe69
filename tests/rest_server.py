"""A small real HTTP server that speaks the vendor's REST interface, with faults on demand."""

import contextlib
import datetime as dt
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
KEY = "rest-key-of-the-tests"


class RestServer:
    """Bars by vendor ticker, split into pages of `page_size`; `answers` come first, one a request.

    An answer is (status, headers, bytes) or a function of the path; `requests` lists paths.
    """

    def __init__(self):
        self.bars = {}
        self.splits = []
        self.page_size = 50_000
        self.status = "OK"
        self.answers = []
        self.requests = []
        self.keys = set()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, ticker, day, count=390, price=10.0, start=(9, 30), volume=100.5):
        """Add minutes of a New York date; the shape is that of the vendor's own samples."""
        begin = dt.datetime(day.year, day.month, day.day, *start, tzinfo=NEW_YORK)
        first = int(begin.timestamp()) * 1000
        for i in range(count):
            at = round(price + 0.01 * i, 2)
            bar = {"v": volume, "vw": at + 0.1, "o": at, "c": at + 0.5, "h": at + 1, "l": at - 1}
            self.bars.setdefault(ticker, []).append({**bar, "t": first + 60_000 * i, "n": 5})

    def paths(self, text="/v2/aggs"):
        return [path for path in self.requests if text in path]

    def page(self, target):
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/stocks/v1/splits":
            rows = [split for split in self.splits if split["ticker"] == query["ticker"]]
            size = 2
        else:
            _, _, _, _, ticker, *_, first, last = parts.path.split("/")
            assert "cursor" in query or query["adjusted"] == "false"
            assert "cursor" in query or query["limit"] == "50000"
            low, high = (_midnight(text) for text in (first, last))
            end = high + 86_400_000 + 3_600_000
            rows = [
                bar
                for bar in self.bars.get(ticker, [])
                if low <= bar["t"] < end and _date(bar["t"]) <= last
            ]
            size = self.page_size
        begin = int(query.get("cursor", 0))
        page = {"status": self.status, "request_id": "1", "resultsCount": len(rows)}
        if rows:
            page["results"] = rows[begin : begin + size]
        if begin + size < len(rows):
            carry = f"&ticker={query['ticker']}" if "ticker" in query else ""
            page["next_url"] = (
                f"https://api.elsewhere.test{parts.path}?cursor={begin + size}{carry}"
            )
        return page


def _midnight(text):
    day = dt.date.fromisoformat(text)
    instant = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    return int(instant.timestamp()) * 1000


def _date(milliseconds):
    return str(dt.datetime.fromtimestamp(milliseconds / 1000, NEW_YORK).date())


def _handler(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            with contextlib.suppress(ConnectionError):
                self._answer()

        def log_message(self, *_):
            pass

        def _answer(self):
            server.requests.append(self.path)
            server.keys.add(self.headers.get("Authorization"))
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                self._send(401, {}, b'{"status":"ERROR","error":"Unknown API Key"}')
                return
            if server.answers:
                answer = server.answers.pop(0)
                if answer is not None:
                    self._send(*answer)
                    return
            self._send(200, {}, json.dumps(server.page(self.path)).encode())

        def _send(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

    return Handler
