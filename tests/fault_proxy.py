"""A small HTTP proxy before a real server that injects faults: cuts, refusals, slow streams."""

import contextlib
import http.client
import http.server
import threading
import time

_PIECE = 16 << 10


class Fault:
    """What happens to the next `times` requests that match; afterwards they pass unharmed.

    `status` answers instead of the server, `cut` ends the connection after so many bytes of the
    body, `slow` waits before every piece of it, `before` is called and the request goes on.
    """

    def __init__(
        self,
        match,
        times=1,
        *,
        method="GET",
        status=None,
        code="",
        headers=(),
        cut=None,
        slow=None,
        before=None,
    ):
        self.match, self.left, self.method = match, times, method
        self.status, self.code, self.headers = status, code, dict(headers)
        self.cut, self.slow, self.before = cut, slow, before


class FaultProxy:
    """The proxy; `requests` lists (method, path, range) of all that came."""

    def __init__(self, host, port):
        self.requests = []
        self.faults = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), _handler(self, host, port)
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, match, times=1, **fault):
        self.faults.append(Fault(match, times, **fault))

    def gets(self, text=""):
        """Return the requests for objects (not lists) whose path holds a text."""
        return [
            request
            for request in self.requests
            if request[0] == "GET" and "list-type" not in request[1] and text in request[1]
        ]

    def came(self, method, path, span):
        with self._lock:
            self.requests.append((method, path, span))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            for fault in self.faults:
                if fault.left and fault.method == method and fault.match in path:
                    fault.left -= 1
                    return fault
        return None

    def gone(self):
        with self._lock:
            self.in_flight -= 1


def _handler(proxy, host, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            fault = proxy.came(self.command, self.path, self.headers.get("Range"))
            try:
                with contextlib.suppress(ConnectionError):
                    self._answer(fault)
            finally:
                proxy.gone()

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class looks for them

        def log_message(self, *_):
            pass

        def _answer(self, fault):
            if fault is not None and fault.before is not None:
                fault.before()
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if fault is not None and fault.status is not None:
                self._refuse(fault)
                return
            upstream = http.client.HTTPConnection(host, port, timeout=30)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "connection":
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_header("Content-Length", str(size or 0))
            self.end_headers()
            self._send(content, fault)

        def _send(self, content, fault):
            if fault is not None and fault.cut is not None:
                self.wfile.write(content[: fault.cut])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            for begin in range(0, len(content), _PIECE):
                if fault is not None and fault.slow is not None:
                    time.sleep(fault.slow)
                self.wfile.write(content[begin : begin + _PIECE])

        def _refuse(self, fault):
            text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code></Error>".encode()
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler
