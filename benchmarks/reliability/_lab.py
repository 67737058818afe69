"""A cluster on one machine: nodes in network namespaces, S3 and Postgres behind relays.

Every node has its own address, temp folder and network cable that can be pulled. Needs root.
"""

import collections
import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NET, GATE = "10.77.0", "10.77.0.254"
NODES = ("h", "w1", "w2", "w3", "w4")
METRICS = 8080
SYSTEM = ("gcs_server", "raylet", "dashboard", "agent")
VERB = re.compile(rb"^(GET|PUT|POST|HEAD|DELETE) ", re.MULTILINE)


class Relay:
    """Forwards a port of the lab's network to a server on the loopback; can be closed."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.open = True
        self.bytes = self.connections = 0
        self.requests = collections.Counter()
        self._pairs = []
        self._listener = socket.create_server((GATE, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            near, _ = self._listener.accept()
            if not self.open:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.connections += 1
            self._pairs.append((near, far))
            for pair in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source, sink, asked):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                self.bytes += len(piece)
                if asked and (verb := VERB.match(piece)):
                    self.requests[verb.group(1).decode()] += 1
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Refuse new connections and end those that are."""
        self.open = False
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def mend(self):
        self.open = True


class Lab:
    """The network, the servers and the nodes; a context manager."""

    def __init__(self, s3, postgres_url):
        self.folder = Path(tempfile.mkdtemp(prefix="lab", dir="/tmp"))
        self.s3, self.sql = (
            Relay(s3.port),
            Relay(int(postgres_url.rpartition(":")[2].split("/")[0])),
        )
        self.token = secrets.token_hex(32)
        self.nodes = {}
        self._started = collections.Counter()
        base = postgres_url.replace("127.0.0.1", GATE)
        head, _, database = base.rpartition("/")
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", ""),
            "XDG_CACHE_HOME": str(Path.home() / ".cache"),
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            # Ray gives trials the lowest priority, and on a busy machine no time at all.
            "RAY_worker_niceness": "0",
            "MALLOC_ARENA_MAX": "1",  # as on the workers of cluster.yaml
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "15",  # a busy machine misses some
            "AWS_ACCESS_KEY_ID": s3.key,
            "AWS_SECRET_ACCESS_KEY": s3.secret,
            "DATABASE_URL": f"{head.rpartition(':')[0]}:{self.sql.port}/{database}",
            "MASSIVE_API_KEY": f"marker{secrets.token_hex(8)}",
            "MASSIVE_S3_ACCESS_KEY_ID": f"marker{secrets.token_hex(8)}",
            "MASSIVE_S3_SECRET_ACCESS_KEY": f"marker{secrets.token_hex(8)}",
        }

    @property
    def endpoint(self):
        return f"http://{GATE}:{self.s3.port}"

    def __enter__(self):
        try:
            for name in NODES:
                self.plug_in(name)
            self.start_head()
            self.have_workers(2)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_head(self):
        self._start("h", "--head", "--num-cpus=0", "--port=6379", "--dashboard-host=127.0.0.1")
        deadline = time.monotonic() + 240
        while self.api("/api/version") is None:
            assert time.monotonic() < deadline, "the head did not come up"
            time.sleep(1)

    def have_workers(self, count):
        """Start or end workers until there are so many, and wait until the head counts them."""
        for place, name in enumerate(NODES[1:]):
            if place < count and name not in self.nodes:
                self.start_worker(name)
            if place >= count and name in self.nodes:
                self.kill_node(name)
        deadline = time.monotonic() + 240
        alive = (
            f"import ray; ray.init(address='{NET}.1:6379', logging_level='ERROR'); "
            "print('alive', sum(node['Alive'] for node in ray.nodes()))"
        )
        while f"alive {1 + count}\n" not in self.run("python", "-c", alive, check=False):
            assert time.monotonic() < deadline, "nodes did not come or go"
            time.sleep(2)

    def plug_in(self, name):
        space, number = f"lab-{name}", 1 + NODES.index(name)
        for command in (
            f"ip netns add {space}",
            f"ip link add lab{name} type veth peer name eth0 netns {space}",
            f"ip link set lab{name} master lab0 up",
            f"ip -n {space} addr add {NET}.{number}/24 dev eth0",
            f"ip -n {space} link set eth0 up",
            f"ip -n {space} link set lo up",
        ):
            subprocess.run(command.split(), check=True)

    def start_worker(self, name):
        self._start(name, f"--address={NET}.1:6379", "--num-cpus=1")

    def _start(self, name, *options):
        number = 1 + NODES.index(name)
        self._started[name] += 1
        log = (self.folder / f"{name}.log").open("ab")
        self.nodes[name] = subprocess.Popen(
            [
                *self.inside(name),
                *(BIN / "ray", "start", "--block", f"--node-ip-address={NET}.{number}", *options),
                f"--temp-dir={self.folder}/{name}-{self._started[name]}",
                *("--object-store-memory=150000000", f"--metrics-export-port={METRICS}"),
            ],
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def inside(self, name):
        """Return the words before a command that run it on a node, with its own /tmp/ray."""
        hidden = 'mkdir -p /tmp/ray && mount -t tmpfs none /tmp/ray && exec "$@"'
        return ["ip", "netns", "exec", f"lab-{name}", "sh", "-c", hidden, "sh"]

    def run(self, *words, check=True, **more):
        """Run a command on the head and return its output."""
        done = subprocess.run(
            [*self.inside("h"), *words],
            env=self.environment | more,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def api(self, path, token=True):
        """Return an answer of the job interface, None without one."""
        header = ["-H", f"Authorization: Bearer {self.token}"] if token else []
        words = ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", *header]
        text = self.run(*words, f"http://127.0.0.1:8265{path}", check=False)
        body, _, status = text.rpartition("\n")
        return None if status == "000" else (int(status), body)

    def submit(self, name, *words, wait=True):
        """Submit a job as a user does."""
        flags = [] if wait else ["--no-wait"]
        return self.run(
            *("ray", "job", "submit", "--address", "http://127.0.0.1:8265", *flags),
            *("--submission-id", name, "--working-dir", str(self.folder / "empty"), "--", *words),
            check=False,
        )

    def kill_node(self, name):
        """End a node at once, as spot machines end."""
        node = self.nodes.pop(name)
        for pid in self._pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        node.wait()

    def metrics(self, name):
        """Return what a node says to Prometheus."""
        address = f"http://{NET}.{1 + NODES.index(name)}:{METRICS}/metrics"
        return self.run("curl", "-s", "-m", "5", address, check=False)

    def busy(self, name):
        """Return program -> processor seconds so far of what Ray runs on a node for itself."""
        found = collections.Counter()
        for pid in self._pids(name):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                what = next((w for w in SYSTEM if any(w.encode() in x for x in words[:3])), None)
                if what:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    ticks = int(fields[11]) + int(fields[12])
                    found[what] += ticks / os.sysconf("SC_CLK_TCK")
        return found

    def _pids(self, name):
        words = ["ip", "netns", "pids", f"lab-{name}"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()

    def cable(self, name, state):
        """Pull a node's cable (`down`) or plug it in again (`up`)."""
        subprocess.run(["ip", "link", "set", f"lab{name}", state], check=True)

    def __exit__(self, *_):
        for name in list(self.nodes):
            self.kill_node(name)
        time.sleep(1)
        for name in NODES:
            subprocess.run(["ip", "netns", "del", f"lab-{name}"], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def bridge():
    """Yield with the network that the nodes are plugged into."""
    subprocess.run(["ip", "link", "add", "lab0", "type", "bridge"], check=True)
    try:
        subprocess.run(["ip", "addr", "add", f"{GATE}/24", "dev", "lab0"], check=True)
        subprocess.run(["ip", "link", "set", "lab0", "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", "lab0"], check=False)
